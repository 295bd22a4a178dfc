//! The stage `check`.

use serde_json::{Map, Value, json};
use spotloom_plugin_sdk::api::{Artifact, Level, Output};
use spotloom_plugin_sdk::prelude::*;

use crate::check::{Check, Verdict};
use crate::layout::Layout;
use crate::params::{OnFail, Params};
use crate::pass::{self, Held};
use crate::preset::Preset;

/// Sentences that a failure names one by one.
const MOST_SENTENCES: usize = 12;

/// Checks masters.
#[derive(Default)]
pub struct CheckStage;

impl Stage for CheckStage {
    type Params = Params;

    fn about() -> About {
        About::new("check", env!("CARGO_PKG_VERSION"), "Checks finished masters before anything is delivered, or shots")
            .cpu(0)
            .input(
                input("masters", "The files to check")
                    .many()
                    .media("video/*")
                    .media("application/mxf")
                    .media("image/*"),
            )
            .input(input("clips", "Generated shots to check instead, each as one scene").many().media("video/*"))
            .input(input("presets", "What they were made for").many().resource(Resource::Preset))
            .input(input("layout", "Where texts stand, as compose says").media("application/json"))
            .output("checks", "What was checked, measured and allowed", "application/json")
            .outputs(
                "pictures",
                "Every place that failed as PNG, and a contact sheet of every master as JPEG",
                "image/png",
            )
    }

    fn run(&mut self, params: Params, run: &Run) -> Result<Outputs, Failure> {
        params.check()?;
        let shot = !run.inputs("clips").is_empty();
        if shot != run.inputs("masters").is_empty() {
            return Err(Failure::new("missing-input", "there is nothing to check, or masters and shots at once")
                .hint("give either `masters` or `clips` under this stage's `with:` in the pipeline"));
        }
        let presets = run.inputs("presets").iter().map(Preset::read).collect::<Result<Vec<_>, _>>()?;
        let layout = run.input("layout").map(|a| Layout::read(&a.path)).transpose()?;
        let files = run.inputs(if shot { "clips" } else { "masters" });
        let masters: Vec<&Artifact> = files.iter().filter(|a| moves(&a.media)).collect();
        let total = masters.len() as u64 * 1000;
        let (mut documents, mut outputs, mut wrong) = (Vec::new(), Outputs::new(), Vec::new());
        for (i, master) in masters.iter().enumerate() {
            run.check_cancelled()?;
            let preset = preset_of(master, &presets);
            let held = Held { params: &params, preset, layout: layout.as_ref(), shot };
            let seconds = master.facts.get("seconds").and_then(Value::as_f64).unwrap_or(15.0).max(0.1);
            let tell = |at: f64| {
                let done = i as u64 * 1000 + ((at / seconds).clamp(0.0, 1.0) * 1000.0) as u64;
                run.progress(done, total, format!("checking {}", master.name));
            };
            tell(0.0);
            let result = pass::check((&master.path, &master.name, &master.media), &held, run, &tell)?;
            for check in result.checks.iter().filter(|c| c.verdict != Verdict::Pass) {
                run.log(Level::Warn, format!("{}: {}", master.name, check.sentence));
                if check.verdict == Verdict::Fail {
                    wrong.push((master.name.clone(), check.clone()));
                }
            }
            let (media_png, media_jpeg) = ("image/png", "image/jpeg");
            for path in &result.pictures {
                let jpeg = path.extension().is_some_and(|e| e == "jpg");
                outputs = outputs.output(
                    "pictures",
                    Output {
                        path: path.clone(),
                        media: if jpeg { media_jpeg } else { media_png }.into(),
                        name: path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default(),
                        facts: Map::new(),
                    },
                );
            }
            documents.push(json!({
                "file": master.name, "sha256": master.sha256,
                "preset": preset.map(|p| &p.name), "platform": preset.map(|p| &p.platform),
                "aspect": preset.map(|p| &p.aspect), "facts": result.facts, "sheet": result.sheet,
                "loudness": result.sound, "checks": result.checks,
            }));
        }
        let count = |verdict: Verdict| -> usize {
            let named = serde_json::to_value(verdict).unwrap_or_default();
            let all = documents.iter().filter_map(|d| d["checks"].as_array()).flatten();
            all.filter(|c| c["verdict"] == named).count()
        };
        let (passed, warned) = (count(Verdict::Pass), count(Verdict::Warn));
        let path = run.scratch().join("checks.json");
        let text = format!("{:#}\n", json!({"spotloom-checks": 1, if shot { "clips" } else { "masters" }: documents}));
        std::fs::write(&path, text).map_err(|e| io_failure("write", &path, &e))?;
        let outputs = outputs
            .output("checks", Output { path, media: "application/json".into(), name: String::new(), facts: Map::new() })
            .fact("passed", passed)
            .fact("warnings", warned)
            .fact("failed", wrong.len());
        let stops = !wrong.is_empty() && params.on_fail != OnFail::Report;
        Ok(if stops { outputs.refused(failed(&wrong, shot)) } else { outputs })
    }
}

/// Whether a file is a master: stills are handed on beside them.
fn moves(media: &str) -> bool {
    media.starts_with("video/") || ["application/mxf", "image/gif", "image/webp"].contains(&media)
}

/// The preset a master was made for: by its own facts, or the only one there is.
fn preset_of<'a>(master: &Artifact, presets: &'a [Preset]) -> Option<&'a Preset> {
    match master.facts.get("preset").and_then(Value::as_str) {
        Some(name) => presets.iter().find(|p| p.name == name),
        None => presets.first().filter(|_| presets.len() == 1),
    }
}

fn failed(wrong: &[(String, Check)], shot: bool) -> Failure {
    let mut message = match wrong.len() {
        1 => "a check failed".to_owned(),
        n => format!("{n} checks failed"),
    };
    let mut last = "";
    for (file, check) in wrong.iter().take(MOST_SENTENCES) {
        let sep = if file == last { " " } else { "; " };
        let named = if file == last { String::new() } else { format!("{file}: ") };
        message.push_str(if last.is_empty() { ": " } else { sep });
        message.push_str(&named);
        message.push_str(&check.sentence);
        last = file;
    }
    if wrong.len() > MOST_SENTENCES {
        message.push_str(&format!(" And {} more.", wrong.len() - MOST_SENTENCES));
    }
    Failure::new("check-failed", message).hint(if shot {
        "the model made this of the scene's words and seed. Change the words or the seed and drop the brief again; to go on \
         in spite of it, say `with: {failed_checks: warn}` in the brief, or `severity` of this check alone"
    } else {
        "nothing was delivered. Mend what is named in the brief, the look or the preset and drop the brief again; to \
         deliver in spite of a check, set it to `warn` under `severity` of the stage `check` in the pipeline"
    })
}
