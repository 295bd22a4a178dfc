//! The smallest real stage: reads its files, writes a text. What the machinery costs is measured with it, and what
//! survives a crash is shown with it.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;
use spotloom_plugin_sdk::prelude::*;

/// What to write.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Params {
    /// Written after the content of all files.
    text: String,
    /// Seconds to take over it.
    #[serde(default)]
    seconds: f64,
    /// A file to note each run in: one line with the text, so that a test can count.
    #[serde(default)]
    tally: Option<PathBuf>,
}

#[derive(Default)]
struct Trivial;

impl Stage for Trivial {
    type Params = Params;

    fn about() -> About {
        About::new("trivial", "1.0.0", "Joins texts").input(input("files", "Texts to begin with").many()).output(
            "text",
            "All of it",
            "text/plain",
        )
    }

    fn run(&mut self, params: Params, run: &Run) -> Result<Outputs, Failure> {
        let mut text = Vec::new();
        for file in run.inputs("files") {
            text.extend(fs::read(&file.path).map_err(|e| io_failure("read", &file.path, &e))?);
        }
        text.extend(params.text.as_bytes());
        let steps = (params.seconds / 0.02) as u64;
        for step in 0..steps {
            run.check_cancelled()?;
            run.progress(step, steps, "writing");
            std::thread::sleep(Duration::from_millis(20));
        }
        if let Some(tally) = &params.tally {
            let mut file =
                OpenOptions::new().create(true).append(true).open(tally).map_err(|e| io_failure("open", tally, &e))?;
            writeln!(file, "{}", params.text).map_err(|e| io_failure("write", tally, &e))?;
        }
        let path = run.scratch().join("text.txt");
        fs::write(&path, &text).map_err(|e| io_failure("write", &path, &e))?;
        Ok(Outputs::new().file("text", path, "text/plain"))
    }
}

export_stage!(Trivial);
