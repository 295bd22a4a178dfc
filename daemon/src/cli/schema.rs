//! `spotloom schema`: JSON Schemas for editors.

use schemars::generate::SchemaSettings;

use crate::config::Config;
use crate::error::Diagnostic;
use crate::studio::Installation;

use super::args::SchemaOf;
use super::exit::{Done, Exit};
use super::term::Term;

pub(super) fn print(of: SchemaOf, term: Term) -> Done {
    let file = match of {
        SchemaOf::Config => {
            let schema = SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<Config>();
            term.document(&schema);
            return Ok(Exit::Done);
        }
        SchemaOf::Brief => "brief",
        SchemaOf::Pipeline => "pipeline",
        SchemaOf::Brand => "brand",
        SchemaOf::Preset => "preset",
        SchemaOf::Model => "model",
        SchemaOf::Voice => "model-piper",
    };
    let path = Installation::find()?.share().join(format!("pipelines/schemas/{file}.schema.json"));
    let unreadable = |e: &dyn std::fmt::Display| Diagnostic::new("not-installed", format!("{}: {e}", path.display()));
    let text = std::fs::read_to_string(&path).map_err(|e| unreadable(&e))?;
    let value: serde_json::Value = serde_json::from_str(&text).map_err(|e| unreadable(&e))?;
    term.document(&value);
    Ok(Exit::Done)
}
