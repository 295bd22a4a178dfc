//! The stage `captions`.

use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::json;
use spotloom_plugin_sdk::api::{Level, Output};
use spotloom_plugin_sdk::prelude::*;

use crate::cues::{self, Cue};
use crate::params::Params;
use crate::{given, write};

/// The largest file that is read, in bytes.
const LARGEST: u64 = 4 << 20;

/// Makes caption files.
#[derive(Debug, Default)]
pub struct Captions;

/// What the stage `voice` writes; what else is in it is not for us.
#[derive(Deserialize)]
struct Timings {
    sentences: Vec<Cue>,
}

impl Stage for Captions {
    type Params = Params;

    fn about() -> About {
        About::new("captions", env!("CARGO_PKG_VERSION"), "What is said as SRT, WebVTT and cues to burn in")
            .input(input("timings", "When the voice says what").media("application/json"))
            .input(
                input("script", "A given SRT or WebVTT file, in place of everything else")
                    .resource(Resource::Asset)
                    .media("application/x-subrip")
                    .media("text/*"),
            )
            .output("cues", "What is read when", "application/json")
            .output("srt", "SubRip captions", "application/x-subrip")
            .output("vtt", "WebVTT captions", "text/vtt")
            .outputs("chapters", "The scenes' headlines as WebVTT chapters, when asked for", "text/vtt")
    }

    fn run(&mut self, params: Params, run: &Run) -> Result<Outputs, Failure> {
        let whole = params.scenes.iter().map(|s| s.seconds).sum::<f64>() + params.end_card_seconds;
        let until = if whole > 0.0 { whole } else { f64::INFINITY };
        let cues = match (run.input("script"), run.input("timings")) {
            (Some(file), _) => from_file(&file.path)?,
            (None, Some(file)) => {
                let text = read(&file.path)?;
                let timings: Timings = serde_json::from_str(&text)
                    .map_err(|e| Failure::new("bad-timings", format!("the voice's times can't be read: {e}")))?;
                cues::readable(timings.sentences, params.line, until)
            }
            (None, None) => {
                let (cues, warnings) = cues::by_reading(&params);
                warnings.iter().for_each(|w| run.log(Level::Warn, w));
                cues::readable(cues, params.line, until)
            }
        };
        if cues.is_empty() {
            return Err(Failure::new("nothing-to-say", "there are no words to caption")
                .hint("give a scene `say`, or the brief `captions: {script: assets/….srt}`, or leave this stage out"));
        }
        let late = cues.last().filter(|c| c.start >= until);
        if let Some(cue) = late {
            let message = format!("the captions reach to {:.1} s and the spot ends after {until:.1} s", cue.end);
            return Err(Failure::new("captions-too-long", message).hint("is it the file of another cut?"));
        }
        let facts = json!({"locale": params.locale, "cues": cues.len()});
        let facts = facts.as_object().cloned().unwrap_or_default();
        let save = |end: &str, media: &str, text: String| -> Result<Output, Failure> {
            let path: PathBuf = run.scratch().join(format!("captions.{end}"));
            std::fs::write(&path, text).map_err(|e| io_failure("write", &path, &e))?;
            let name = format!("{}_{}.{end}", params.name, params.locale);
            Ok(Output { path, media: media.into(), name, facts: facts.clone() })
        };
        let mut outputs = Outputs::new()
            .output(
                "cues",
                save("json", "application/json", json!({"locale": params.locale, "cues": cues}).to_string())?,
            )
            .output("srt", save("srt", "application/x-subrip", write::srt(&cues, params.line))?)
            .output("vtt", save("vtt", "text/vtt", write::vtt(&cues, params.line))?);
        if params.chapters {
            let chapters = chapters(&params);
            if !chapters.is_empty() {
                outputs = outputs.output("chapters", save("chapters.vtt", "text/vtt", write::vtt(&chapters, 200))?);
            }
        }
        Ok(outputs.fact("cues", cues.len()))
    }
}

/// A chapter for each scene with a headline, until the next one.
fn chapters(params: &Params) -> Vec<Cue> {
    let mut chapters: Vec<Cue> = Vec::new();
    let mut at = 0.0;
    for scene in &params.scenes {
        match scene.headline.as_deref().map(str::trim).filter(|h| !h.is_empty()) {
            Some(text) => chapters.push(Cue { start: at, end: at + scene.seconds, text: text.into() }),
            None => chapters.iter_mut().rev().take(1).for_each(|c| c.end = at + scene.seconds),
        }
        at += scene.seconds;
    }
    chapters
}

fn from_file(path: &Path) -> Result<Vec<Cue>, Failure> {
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    given::parse(&read(path)?)
        .map_err(|mistakes| Failure::new("bad-captions", format!("{name}: {}", mistakes.join("; "))))
}

fn read(path: &Path) -> Result<String, Failure> {
    let size = path.metadata().map_err(|e| io_failure("read", path, &e))?.len();
    if size > LARGEST {
        return Err(Failure::new("too-large", format!("{} has {size} bytes; at most {LARGEST}", path.display())));
    }
    let bytes = std::fs::read(path).map_err(|e| io_failure("read", path, &e))?;
    String::from_utf8(bytes).map_err(|_| {
        Failure::new("bad-captions", format!("{} is not UTF-8", path.display())).hint("save it again as UTF-8")
    })
}
