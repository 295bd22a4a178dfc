//! Names of a brief that can't be planned yet: what they lead to is asked all the same, so that everything that is wrong
//! with a brief is told at once.

use spotloom_plugin_api::Resource;

use super::catalog::Catalog;
use super::check::not_found;
use super::given;
use super::model::Pipeline;
use super::plugins::Plugins;
use crate::brief::{Named, names};
use crate::error::{Diagnostic, Diagnostics};
use crate::yaml::{Mistakes, Node};

/// A brief's mistakes, and the names in it that lead nowhere: its pipeline, brand, presets and files; and what is wrong
/// under `with`, where `pipeline` is the one it names. Where there is a mistake already nothing is added.
#[must_use]
pub fn with_names(
    mistakes: Diagnostics,
    brief: &Node,
    catalog: &dyn Catalog,
    pipelines: &[&str],
    pipeline: Option<&Pipeline>,
) -> Diagnostics {
    let mut wrong = Diagnostics::new();
    for name in names(brief) {
        let (text, place) = (name.name.as_str(), name.node.place());
        if mistakes.iter().any(|m| m.place.as_ref() == Some(&place)) {
            continue;
        }
        let lost = match name.of {
            Named::Pipeline => (!pipelines.contains(&text)).then(|| {
                Diagnostic::new("unknown-pipeline", format!("there is no pipeline `{text}`"))
                    .suggest(text, pipelines.iter().copied())
            }),
            Named::Brand => catalog.brand(text).err().map(|reason| not_found(Some(Resource::Brand), text, &reason)),
            Named::Preset => catalog.preset(text).err().map(|reason| not_found(Some(Resource::Preset), text, &reason)),
            Named::Asset => catalog.has_asset(text).err().map(|reason| not_found(None, text, &reason)),
        };
        wrong.extend(lost.map(|lost| lost.at(place)));
    }
    let mut all = Mistakes::new();
    all.extend(mistakes);
    all.extend(wrong);
    if let Some(pipeline) = pipeline {
        // A broken plugin is no mistake of the brief.
        let plugins = Plugins::load(catalog, pipeline.stages.iter().map(|s| s.uses.as_str()), &mut Diagnostics::new());
        all.extend(given::mistakes(pipeline, brief, catalog, &plugins));
    }
    all.into_diagnostics()
}
