//! What was made from what, and what was checked: `manifest.json` for machines and `report.html` for people.
//!
//! Purpose: [`gather`] joins brief, [`materials`], what was [`made`] by recipes, masters, checks and checklists into one document; [`page`] makes
//! the page of it, [`plot`] its drawings, [`picture`] its pictures, [`verdict`] what follows of failed checks. The template lies in `templates/report/`.
//!
//! A report in which a check failed is a refusal: it is made and kept like any other, and nothing is delivered.
//!
//! Invariants: the page is one file that loads nothing (a master beside it plays when it is there) and runs no script;
//! whatever comes from a brief is escaped; the same inputs and version give the same bytes: no clock, no attempt, no
//! number of the ledger.

mod checklist;
mod gather;
mod made;
mod materials;
mod page;
mod picture;
mod plot;
mod verdict;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use spotloom_plugin_sdk::api::Output;
use spotloom_plugin_sdk::prelude::*;

/// What the report tells besides its files.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Params {
    /// The brief, as data: `{{ brief }}`.
    pub brief: Map<String, Value>,
    /// The name of the pipeline that made it.
    #[serde(default)]
    pub pipeline: Option<String>,
}

/// The stage `report`.
#[derive(Default)]
pub struct Report;

impl Stage for Report {
    type Params = Params;

    fn about() -> About {
        About::new("report", env!("CARGO_PKG_VERSION"), "Tells what was made from what, and what was checked")
            .input(input("masters", "The files that are delivered").required().many())
            .input(input("checks", "What `check` found").many().media("application/json"))
            .input(input("pictures", "Pictures of `check`: contact sheets and places").many().media("image/*"))
            .input(input("posters", "A still for each aspect and language").many().media("image/png"))
            .input(input("recipes", "What the shots were made of").many().media("application/json"))
            .input(
                input("materials", "The files that the brief gives: music, recordings, sounds, footage, pictures")
                    .many(),
            )
            .input(input("presets", "What the masters were made for").many().resource(Resource::Preset))
            .output("report", "A page for people, complete in itself", "text/html")
            .output("manifest", "The same for machines", "application/json")
            .outputs("plots", "Loudness of each master over time", "image/svg+xml")
            .outputs("evidence", "The places that stop the job, when a check failed", "image/png")
    }

    fn run(&mut self, params: Params, run: &Run) -> Result<Outputs, Failure> {
        run.require("masters")?;
        run.progress(0, 2, "gathering");
        let document = gather::document(&params, run)?;
        let write = |name: &str, text: &str| {
            let path = run.scratch().join(name);
            std::fs::write(&path, text).map_err(|e| io_failure("write", &path, &e)).map(|()| path)
        };
        let manifest = write("manifest.json", &format!("{document:#}\n"))?;
        run.check_cancelled()?;
        run.progress(1, 2, "writing the page");
        let report = write("report.html", &page::render(&document, run)?)?;
        // Both belong to the folder they lie in, which has the version in its name.
        let facts = json!({"fixed-name": true}).as_object().cloned().unwrap_or_default();
        let output = |path, name: &str, media: &str| Output {
            path,
            media: media.into(),
            name: name.into(),
            facts: facts.clone(),
        };
        let outputs = Outputs::new()
            .output("report", output(report, "report.html", "text/html"))
            .output("manifest", output(manifest, "manifest.json", "application/json"));
        let outputs = page::plots(&document, run, outputs)?;
        let wrong = verdict::failed(&document);
        if wrong.is_empty() {
            return Ok(outputs);
        }
        Ok(verdict::evidence(&wrong, run, outputs)?.refused(verdict::failure(&wrong)))
    }
}

export_stage!(Report);
