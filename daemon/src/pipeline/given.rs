//! What a brief gives to the inputs of its pipeline, held against the pipeline and against what the stages do with it.
//!
//! Needs no plan: a brief with other mistakes is told about these too. What a stage gets as it stands, like
//! `model: "{{ inputs.model }}"`, is looked up and checked here; what an expression makes of it shows in the plan.

use serde_json::{Map, Value as Json};

use super::catalog::Catalog;
use super::check::{find, not_found};
use super::model::{Input, Pipeline, Stage};
use super::plugins::Plugins;
use super::template::single;
use crate::error::{Diagnostic, Diagnostics};
use crate::yaml::{self, Entry, Kind, Node};

/// Every mistake under `with` of a brief; of what a value is to several stages, what the first of them says.
pub(super) fn mistakes(pipeline: &Pipeline, brief: &Node, catalog: &dyn Catalog, plugins: &Plugins) -> Diagnostics {
    let given = brief.get("with").and_then(Node::as_mapping).unwrap_or_default();
    let wrong = given.iter().flat_map(|entry| {
        let Some(input) = pipeline.inputs.iter().find(|input| *input.name == *entry.key) else {
            return vec![unknown(pipeline, entry)];
        };
        let value = entry.value.to_json();
        if !input.kind.accepts(&value) {
            return vec![of_wrong_type(input, &value).at(entry.value.place())];
        }
        passed_on(pipeline, &input.name, entry, catalog, plugins)
    });
    wrong.collect()
}

fn unknown(pipeline: &Pipeline, entry: &Entry) -> Diagnostic {
    let message = format!("the pipeline `{}` has no input `{}`", pipeline.name, entry.key);
    let mistake = Diagnostic::new("unknown-input", message).at(entry.key_node.place());
    match pipeline.inputs.as_slice() {
        [] => mistake.hint("it takes none"),
        inputs => mistake.suggest(&entry.key, inputs.iter().map(|i| i.name.as_str())),
    }
}

/// A value that the input does not take.
pub(super) fn of_wrong_type(input: &Input, value: &Json) -> Diagnostic {
    let what = match value {
        Json::Null => "nothing".into(),
        Json::Array(_) => "a list".into(),
        Json::Object(_) => "a mapping".into(),
        Json::String(text) => format!("the text `{text}`"),
        other => other.to_string(),
    };
    let message = format!("the input `{}` is {what}", input.name);
    let mistake = Diagnostic::new("wrong-type", message).expected(input.kind.expected());
    match (&input.default, value) {
        (Some(_), Json::Null) => mistake.hint("give it a value, or take it out of `with`: then the default holds"),
        _ => mistake,
    }
}

/// What the first stage that gets the input as it stands and has something to say would say of it.
fn passed_on(
    pipeline: &Pipeline,
    input: &str,
    entry: &Entry,
    catalog: &dyn Catalog,
    plugins: &Plugins,
) -> Vec<Diagnostic> {
    let takers = pipeline.stages.iter().flat_map(|stage| takers(stage, input).map(move |name| (stage, name)));
    let mut said = takers.map(|(stage, name)| {
        let Some(plugin) = plugins.get(&stage.uses) else { return Vec::new() };
        if let Some(port) = plugin.input(name) {
            let names = match entry.value.kind() {
                Kind::Sequence(items) => items.iter().collect(),
                _ => vec![&entry.value],
            };
            let missing = names.into_iter().filter_map(|node| {
                let name = node.as_text()?;
                let reason = find(catalog, port.resource, name).err()?;
                Some(not_found(port.resource, name, &reason).at(node.place()))
            });
            return missing.collect();
        }
        let params = Json::Object(Map::from_iter([(name.to_owned(), entry.value.to_json())]));
        // What else the stage must get is not the brief's business.
        let errors =
            plugin.schema.errors(&params).into_iter().filter(|e| e.path.first().is_some_and(|step| step == name));
        let located = errors.map(|error| {
            let (node, _) = entry.value.follow(error.path.iter().skip(1).map(String::as_str));
            let key = node.as_mapping().unwrap_or_default().iter().find(|e| Some(&*e.key) == error.property.as_deref());
            let place = key.map_or_else(|| node.place(), |entry| entry.key_node.place());
            let what = format!("`{}` of the stage `{}`", yaml::dotted(&error.path), stage.name);
            Diagnostic { place: Some(place), ..error.into_diagnostic(&what) }
        });
        located.collect()
    });
    said.find(|said| !said.is_empty()).unwrap_or_default()
}

/// Ports and parameters of a stage that are the input and nothing else: what a filter makes of it is another value.
fn takers<'a>(stage: &'a Stage, input: &str) -> impl Iterator<Item = &'a str> {
    let whole = format!("inputs.{input}");
    let entries = stage.with.as_ref().and_then(Node::as_mapping).unwrap_or_default();
    let is_it = move |node: &Node| node.as_text().and_then(single).is_some_and(|inner| inner.text.trim() == whole);
    entries.iter().filter(move |entry| is_it(&entry.value)).map(|entry| &*entry.key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_passed_on_as_it_stands_is_judged_here() {
        let check = |value: &str, expected: bool| {
            let text = format!(
                "name: p\ndescription: d\ninputs: {{look: {{type: string}}, looks: {{type: string}}}}\nstages: {{s: {{uses: x, with: {{look: \"{value}\"}}}}}}\n"
            );
            let pipeline = Pipeline::parse("p.yaml", text.as_bytes()).expect("a pipeline");
            assert_eq!(takers(&pipeline.stages[0], "look").count() == 1, expected, "{value}");
        };
        check("{{ inputs.look }}", true);
        check(" {{inputs.look}} ", true);
        check("{{ inputs.look | upper }}", false);
        check("{{ inputs.look ~ '-dark' }}", false);
        check("{{ inputs.looks }}", false);
        check("look", false);
    }
}
