//! `spotloom run CLIP.recipe.json`: a clip or picture made again from the recipe that came with it, and held against its hash; or
//! all the clips whose recipes a delivery's `manifest.json` holds.

mod compare;
mod plan;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Serialize;
use serde_json::{Value, json};

use crate::agent::{Machinery, now};
use crate::artifacts::{hash_bytes, hash_file};
use crate::engine::Engine;
use crate::error::{Diagnostic, Diagnostics};
use crate::host::HostOptions;
use crate::ids::JobId;
use crate::ledger::TaskView;
use crate::studio::Studio;
use crate::studio::planning::Planned;

use self::compare::{Difference, differences};
use super::exit::{Done, Exit};
use super::progress;
use super::run::listed;
use super::term::Term;

/// The largest file of recipes; the manifest of a delivery has all checks of all its masters.
pub(super) const MAX_BYTES: u64 = 32 << 20;

/// The recipes in a file: the file is one, or lists some. Nothing when it is something else, such as a brief.
pub(super) fn recognise(bytes: &[u8]) -> Option<Vec<Value>> {
    let value: Value = serde_json::from_slice(bytes).ok()?;
    if value.get("spotloom-recipe").is_some() {
        return Some(vec![value]);
    }
    let list = value.get("recipes")?.as_array()?;
    let recipes: Vec<Value> = list.iter().filter(|r| r.get("spotloom-recipe").is_some()).cloned().collect();
    (!recipes.is_empty()).then_some(recipes)
}

/// A clip that was made again.
#[derive(Serialize)]
struct Clip {
    file: PathBuf,
    sha256: String,
    expected: String,
    identical: bool,
    /// What this run had other than the recipe says; empty when the clips are the same.
    differs: Vec<Difference>,
}

pub(super) async fn run(studio: Studio, file: &Path, recipes: &[Value], out: Option<&Path>, term: Term) -> Done {
    let engine = Engine::start(&studio, HostOptions::for_one_job()).await?;
    let done = again(&engine, &studio, file, recipes, out, term).await;
    engine.stop(Duration::ZERO).await;
    done
}

async fn again(
    engine: &Engine,
    studio: &Studio,
    file: &Path,
    recipes: &[Value],
    out: Option<&Path>,
    term: Term,
) -> Done {
    let m = &engine.machinery;
    let plan = plan::plan(studio, engine, file, recipes)?;
    let Some(id) = finish(engine, plan, file, recipes, term).await? else { return Ok(Exit::Cancelled) };
    let (view, tasks) = m.ledger(move |l| Ok((l.job(id)?, l.tasks(id)?))).await?;
    if let Some(cause) = view.and_then(|view| view.cause) {
        let mut problem = Diagnostic::new(&cause.failure.code, cause.failure.message);
        problem.hint = cause.failure.hint;
        term.problems(&vec![problem]);
        return Ok(Exit::StageFailed);
    }
    let folder = folder(file, recipes.len(), out);
    let mut clips = Vec::new();
    for (index, recipe) in recipes.iter().enumerate() {
        let key = plan::key(index, recipes.len());
        let task = tasks.iter().find(|t| t.key == key);
        let task = task.ok_or_else(|| Diagnostic::new("no-clip", format!("job {id} has no task {key}")))?;
        clips.push(clip(m, task, recipe, &folder, &plan::name(file, recipes, index))?);
    }
    Ok(tell(id, &clips, term))
}

/// Runs the job to its end; nothing when it was interrupted.
async fn finish(
    engine: &Engine,
    plan: crate::pipeline::plan::Plan,
    file: &Path,
    recipes: &[Value],
    term: Term,
) -> Result<Option<JobId>, super::exit::Problem> {
    let m = &engine.machinery;
    let name = file.file_name().map_or_else(|| "recipe.json".into(), |n| n.to_string_lossy().into_owned());
    let sha256 = hash_bytes(json!(recipes).to_string().as_bytes());
    let total = plan.tasks.len();
    let planned = Planned { plan, series: format!("recipes/{}", plan::stem(file)), stakeholders: json!([]) };
    let mut job = planned.into_job(&name, sha256, "run");
    let intake = format!("recipe\0{name}\0{}\0{}", now().0, std::process::id());
    job.intake_id = hash_bytes(intake.as_bytes()).0[..20].into();
    let updates = engine.updates();
    let submitted = m.ledger(move |l| l.submit(&job, now())).await?;
    m.wake.notify_one();
    tokio::select! {
        () = progress::follow(submitted.job, total, m, updates, term) => Ok(Some(submitted.job)),
        defect = engine.broken() => Err(super::exit::Problem::defect(defect)),
        _ = tokio::signal::ctrl_c() => {
            m.ledger(move |l| l.cancel(submitted.job, "interrupted at the terminal", now())).await?;
            Ok(None)
        }
    }
}

/// Hands a clip out and holds it against its recipe.
fn clip(m: &Machinery, task: &TaskView, recipe: &Value, folder: &Path, name: &str) -> Result<Clip, Diagnostic> {
    let output = |port: &str| {
        let made = task.outputs.get(port).and_then(|files| files.first());
        made.ok_or_else(|| Diagnostic::new("no-clip", format!("{} has made no {port}", task.key)))
    };
    let product = plan::product(recipe);
    let made = output(product.port)?;
    let file = hand_out(&m.store.path(&made.sha256), folder, name, product.ending)?;
    let expected = recipe[product.port]["sha256"].as_str().unwrap_or_default().to_owned();
    let identical = made.sha256.as_str() == expected;
    let here = fs::read(m.store.path(&output("recipe")?.sha256)).ok();
    let here: Value = here.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default();
    let differs = if identical { Vec::new() } else { differences(recipe, &here) };
    Ok(Clip { file, sha256: made.sha256.to_string(), expected, identical, differs })
}

fn tell(id: JobId, clips: &[Clip], term: Term) -> Exit {
    let same = clips.iter().all(|clip| clip.identical);
    term.give(&json!({"job": id, "identical": same, "clips": clips}));
    if term.json {
        return if same { Exit::Done } else { Exit::StageFailed };
    }
    term.say(listed(&clips.iter().map(|clip| clip.file.clone()).collect::<Vec<_>>()));
    if same {
        term.say(match clips.len() {
            1 => "It is the one of the recipe, bit for bit.".into(),
            count => format!("All {count} are those of the recipes, bit for bit."),
        });
        return Exit::Done;
    }
    let problems: Diagnostics = clips.iter().filter(|clip| !clip.identical).map(refusal).collect();
    term.problems(&problems);
    Exit::StageFailed
}

/// Says that a clip is another one, and what was other than the recipe says.
fn refusal(clip: &Clip) -> Diagnostic {
    let file = clip.file.display();
    let message = match clip.differs.as_slice() {
        [] => format!("{file} is not what the recipe made, and nothing that a recipe records is different"),
        list => {
            let list: Vec<String> = list.iter().map(ToString::to_string).collect();
            format!("{file} is not what the recipe made. What differs: {}", list.join("; "))
        }
    };
    Diagnostic::new("recipe-differs", message).expected(format!("sha256 {}, made {}", clip.expected, clip.sha256)).hint(
        "another version of ONNX Runtime, another provider or another kind of processor rounds differently; \
         run it where it was made",
    )
}

/// Where clips go: where `--out` says, else one beside its recipe, several into a folder beside their file.
fn folder(file: &Path, count: usize, out: Option<&Path>) -> PathBuf {
    let beside = file.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    match (out, count) {
        (Some(out), _) => out.into(),
        (None, 1) => beside.into(),
        (None, _) => beside.join("shots"),
    }
}

/// Copies a clip into a folder; a different file of that name stays.
fn hand_out(made: &Path, folder: &Path, name: &str, ending: &str) -> Result<PathBuf, Diagnostic> {
    let failed =
        |e: std::io::Error| Diagnostic::new("not-writable", format!("{} can't be written: {e}", folder.display()));
    fs::create_dir_all(folder).map_err(failed)?;
    let wanted = hash_file(made).map_err(failed)?.0;
    let mut number = 1;
    loop {
        let suffix = if number == 1 { String::new() } else { format!("-{number}") };
        let path = folder.join(format!("{name}{suffix}.{ending}"));
        if !path.exists() {
            fs::copy(made, &path).map_err(failed)?;
            return Ok(path);
        }
        if hash_file(&path).is_ok_and(|(sha, _)| sha == wanted) {
            return Ok(path);
        }
        number += 1;
    }
}
