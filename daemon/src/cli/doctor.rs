//! `spotloom doctor`: every requirement, found or missing, and the command that mends it.

use serde::Serialize;
use spotloom_plugin_api::Resource;

use crate::artifacts::disk;
use crate::engine;
use crate::host::{HostOptions, HostPool};
use crate::ledger::{Ledger as _, LedgerError};
use crate::registry::State;
use crate::studio::{Installation, Studio, planning};

use super::exit::{Done, Exit, Problem};
use super::term::Term;

/// One requirement.
#[derive(Serialize)]
struct Check {
    name: &'static str,
    ok: bool,
    found: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    mend: Option<String>,
}

impl Check {
    fn ok(name: &'static str, found: impl Into<String>) -> Self {
        Self { name, ok: true, found: found.into(), mend: None }
    }

    fn bad(name: &'static str, found: impl Into<String>, mend: impl Into<String>) -> Self {
        Self { name, ok: false, found: found.into(), mend: Some(mend.into()) }
    }
}

pub(super) async fn doctor(studio: Result<Studio, Problem>, term: Term) -> Done {
    let mut checks = vec![Check::ok("spotloom", env!("CARGO_PKG_VERSION"))];
    match Installation::find() {
        Ok(install) => {
            checks.push(Check::ok("installation", install.prefix.display().to_string()));
            checks.push(onnx_runtime(&install));
            checks.push(guide_voice());
        }
        Err(d) => checks.push(Check::bad("installation", d.message, d.hint.unwrap_or_default())),
    }
    match studio {
        Ok(studio) => in_studio(&studio, &mut checks).await,
        Err(problem) => {
            let d = problem.diagnostics.into_iter().next();
            let (found, mend) = d.map(|d| (d.message, d.hint.unwrap_or_default())).unwrap_or_default();
            checks.push(Check::bad("studio", found, mend));
        }
    }
    let all_well = checks.iter().all(|c| c.ok);
    term.give(&serde_json::json!({ "ok": all_well, "checks": checks }));
    for check in &checks {
        term.say(format!("{}  {:<14} {}", if check.ok { "ok     " } else { "PROBLEM" }, check.name, check.found));
        if let Some(mend) = &check.mend {
            term.say(format!("{:24}mend: {mend}", ""));
        }
    }
    Ok(if all_well { Exit::Done } else { Exit::Input })
}

/// The daemon never loads it; it only looks where the plugin will look first.
fn onnx_runtime(install: &Installation) -> Check {
    let named = std::env::var_os("SPOTLOOM_ONNXRUNTIME").or_else(|| std::env::var_os("ORT_DYLIB_PATH"));
    let path = named.map_or_else(|| install.prefix.join("lib/spotloom/libonnxruntime.so"), Into::into);
    match path.canonicalize() {
        Ok(real) => Check::ok("onnx runtime", real.display().to_string()),
        Err(_) => Check::bad(
            "onnx runtime",
            format!("{} is not there", path.display()),
            "run `make build` in the source tree, or set SPOTLOOM_ONNXRUNTIME to libonnxruntime.so",
        ),
    }
}

/// Speaks the words of briefs that have no recording of them.
fn guide_voice() -> Check {
    let path = std::env::var_os("PATH").unwrap_or_default();
    match std::env::split_paths(&path).map(|folder| folder.join("espeak-ng")).find(|file| file.is_file()) {
        Some(file) => Check::ok("guide voice", file.display().to_string()),
        None => Check::bad(
            "guide voice",
            "espeak-ng is not there; briefs with `audio.voiceover` and without a recording fail",
            "apt-get install espeak-ng",
        ),
    }
}

async fn in_studio(studio: &Studio, checks: &mut Vec<Check>) {
    checks.push(Check::ok("studio", studio.root.display().to_string()));
    let needed = studio.config.limits.min_free_disk_mb.saturating_mul(1_000_000);
    checks.push(match disk::free_bytes(&studio.root) {
        Ok(free) if free >= needed => Check::ok("disk", format!("{} free", disk::human(free))),
        Ok(free) => Check::bad(
            "disk",
            format!("only {} free, {} are needed before work starts", disk::human(free), disk::human(needed)),
            "free some space, or lower limits.min-free-disk-mb in spotloom.yaml",
        ),
        Err(e) => Check::bad("disk", e.to_string(), "check that the studio's disk is mounted"),
    });
    checks.push(match engine::open_ledger(studio) {
        Ok(ledger) => match ledger.verify() {
            Ok(()) => Check::ok("ledger", studio.ledger().display().to_string()),
            Err(e) => ledger_problem(&e),
        },
        Err(d) => {
            let d = d.into_iter().next();
            let (found, mend) = d.map(|d| (d.message, d.hint.unwrap_or_default())).unwrap_or_default();
            Check::bad("ledger", found, mend)
        }
    });
    plugins(studio, checks).await;
    let models = planning::names(studio, Resource::Model);
    checks.push(if models.is_empty() {
        Check::bad("models", "none", "put a model folder with its model.yaml into models/")
    } else {
        Check::ok("models", models.join(", "))
    });
}

fn ledger_problem(e: &LedgerError) -> Check {
    let d = e.diagnostic();
    Check::bad("ledger", d.message, d.hint.unwrap_or_default())
}

async fn plugins(studio: &Studio, checks: &mut Vec<Check>) {
    let hosts = HostPool::new(HostOptions::default());
    if let Ok(registry) = engine::open_registry(studio, &hosts).await {
        checks.push(Check::ok("plugins", registry.ids().join(", ")));
        for entry in registry.list() {
            let why = match &entry.state {
                State::Trusted(_) | State::Duplicate { .. } => continue,
                State::Untrusted(_) => "it is not trusted, or has changed since".to_owned(),
                State::Missing => "it is in the lock file, but not in the folder".to_owned(),
                State::Quarantined(d) | State::Refused(d) => d.message.clone(),
            };
            checks.push(Check::bad(
                "plugin",
                format!("{}: {why}", entry.path.display()),
                "look at it with `spotloom plugins check`, then `spotloom plugins trust`",
            ));
        }
    }
    hosts.shutdown().await;
}
