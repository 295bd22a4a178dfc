//! What expressions see besides stages: the brief, the pipeline's inputs, the brand, presets and aspects.

use minijinja::value::Value;
use serde_json::{Map, Value as Json, json};
use spotloom_plugin_api::Resource;

use super::catalog::{Catalog, NotFound};
use super::check::not_found;
use super::given;
use super::model::Pipeline;
use super::template::Language;
use super::value::to_value;
use crate::brief::{self, Brief, Named};
use crate::error::Diagnostic;

/// The context that is the same for all stages.
pub(super) struct Facts {
    pub brief: Value,
    pub inputs: Value,
    pub brand: Value,
    pub presets: Value,
    pub aspects: Value,
    /// The files that the brief names, each once.
    pub files: Value,
}

impl Facts {
    /// Looks everything up that the brief names. Mistakes are at places of the brief.
    pub(super) fn gather(
        pipeline: &Pipeline,
        brief: &Brief,
        catalog: &dyn Catalog,
        language: &Language,
        mistakes: &mut Vec<Diagnostic>,
    ) -> Self {
        let mut missing = |place, kind, name: &str, reason: &NotFound| {
            mistakes.push(not_found(kind, name, reason).at(place));
        };
        let brand = catalog.brand(&brief.brand).unwrap_or_else(|reason| {
            missing(brief.place(&["brand"]), Some(Resource::Brand), &brief.brand, &reason);
            Map::new()
        });
        let forbidden = brand.get("forbidden-words").and_then(Json::as_array).into_iter().flatten();
        let forbidden: Vec<&str> = forbidden.filter_map(Json::as_str).collect();
        let spoken = brand.get("name").and_then(Json::as_str).unwrap_or(&brief.brand);
        let forbidden = brief::forbidden(brief, &forbidden, spoken);
        let mut presets = Vec::new();
        for (i, name) in brief.outputs.iter().enumerate() {
            match catalog.preset(name) {
                Ok(mut preset) => {
                    preset.insert("name".into(), Json::from(name.as_str()));
                    presets.push(preset);
                }
                Err(reason) => {
                    missing(brief.place(&["outputs", &i.to_string()]), Some(Resource::Preset), name, &reason)
                }
            }
        }
        let mut files: Vec<String> = Vec::new();
        for file in brief.names().into_iter().filter(|name| name.of == Named::Asset) {
            if let Err(reason) = catalog.asset(&file.name) {
                missing(file.node.place(), None, &file.name, &reason);
            }
            if !files.contains(&file.name) {
                files.push(file.name);
            }
        }
        mistakes.extend(forbidden);
        let aspects = aspects(&presets);
        let (brief_value, brand) = (to_value(&brief.to_json()), to_value(&Json::Object(brand)));
        let inputs = inputs(pipeline, brief, language, &brief_value, &brand, mistakes);
        Self {
            brief: brief_value,
            inputs,
            brand,
            presets: presets.into_iter().map(|p| to_value(&Json::Object(p))).collect(),
            aspects: to_value(&Json::Array(aspects)),
            files: files.into_iter().map(Value::from).collect(),
        }
    }

    /// The context of an expression.
    pub(super) fn context(&self, stages: &Value, each: Option<&Value>) -> Value {
        let mut pairs = vec![
            ("brief", self.brief.clone()),
            ("inputs", self.inputs.clone()),
            ("brand", self.brand.clone()),
            ("presets", self.presets.clone()),
            ("aspects", self.aspects.clone()),
            ("files", self.files.clone()),
            ("stages", stages.clone()),
        ];
        pairs.extend(each.map(|each| ("each", each.clone())));
        Value::from_pairs(pairs)
    }
}

/// The pipeline's inputs: defaults, and the brief's `with` over them, which is judged in [`given`].
fn inputs(
    pipeline: &Pipeline,
    brief: &Brief,
    language: &Language,
    brief_value: &Value,
    brand: &Value,
    mistakes: &mut Vec<Diagnostic>,
) -> Value {
    let context = Value::from_pairs([("brief", brief_value.clone()), ("brand", brand.clone())]);
    let mut values = Vec::new();
    for input in &pipeline.inputs {
        let value = match (brief.with.get(&input.name), &input.default) {
            (Some(value), _) => value.clone(),
            (None, Some(default)) => match language.evaluate(default, &context).map(|v| v.into_json()) {
                // A default of null means: none unless the brief gives one.
                Ok(Ok(value)) if value.is_null() || input.kind.accepts(&value) => value,
                Ok(Ok(value)) => {
                    mistakes.push(given::of_wrong_type(input, &value).at(default.place()));
                    continue;
                }
                Ok(Err(_)) => continue,
                Err(mistake) => {
                    mistakes.push(*mistake);
                    continue;
                }
            },
            (None, None) => {
                let message = format!("the pipeline `{}` needs a value for its input `{}`", pipeline.name, input.name);
                let expected = format!("`{}` under `with`: {}", input.name, input.kind.expected());
                let mut mistake =
                    Diagnostic::new("missing-input", message).at(brief.place(&["with"])).expected(expected);
                if !input.description.is_empty() {
                    mistake = mistake.hint(input.description.clone());
                }
                mistakes.push(mistake);
                continue;
            }
        };
        values.push((input.name.clone(), to_value(&value)));
    }
    Value::from_pairs(values)
}

/// Distinct aspects of the presets, the largest picture first. Each is as large and as fast as its largest and fastest
/// preset, and keeps clear of everything that any of its platforms covers.
fn aspects(presets: &[Map<String, Json>]) -> Vec<Json> {
    struct Aspect {
        name: String,
        width: u64,
        height: u64,
        fps: f64,
        safe: [f64; 4],
        presets: Vec<Json>,
    }
    const SIDES: [&str; 4] = ["top", "right", "bottom", "left"];
    let mut aspects: Vec<Aspect> = Vec::new();
    for preset in presets {
        let side = |name| preset.get(name).and_then(Json::as_u64).unwrap_or_default();
        let (width, height) = (side("width"), side("height"));
        let fps = preset.get("fps").and_then(Json::as_f64).unwrap_or(30.0);
        let zone = preset.get("safe-zone");
        let safe = SIDES.map(|s| zone.and_then(|z| z.get(s)).and_then(Json::as_f64).unwrap_or_default());
        let name = preset.get("aspect").and_then(Json::as_str).map_or_else(|| ratio(width, height), str::to_owned);
        let label = preset.get("name").cloned().unwrap_or_default();
        match aspects.iter_mut().find(|a| a.name == name) {
            Some(aspect) => {
                if width * height > aspect.width * aspect.height {
                    (aspect.width, aspect.height) = (width, height);
                }
                aspect.fps = aspect.fps.max(fps);
                aspect.safe.iter_mut().zip(safe).for_each(|(own, other)| *own = own.max(other));
                aspect.presets.push(label);
            }
            None => aspects.push(Aspect { name, width, height, fps, safe, presets: vec![label] }),
        }
    }
    aspects.sort_by(|a, b| (b.width * b.height).cmp(&(a.width * a.height)).then_with(|| a.name.cmp(&b.name)));
    let aspects = aspects.into_iter().map(|a| {
        let safe: Map<String, Json> = SIDES.iter().map(|s| (*s).to_owned()).zip(a.safe.map(Json::from)).collect();
        let fps = if a.fps.fract() == 0.0 { json!(a.fps as u64) } else { json!(a.fps) };
        json!({
            "name": a.name, "width": a.width, "height": a.height, "fps": fps,
            "presets": a.presets, "safe_zone": safe,
        })
    });
    aspects.collect()
}

/// `16:9`
fn ratio(width: u64, height: u64) -> String {
    let (mut a, mut b) = (width, height);
    while b != 0 {
        (a, b) = (b, a % b);
    }
    let divisor = a.max(1);
    format!("{}:{}", width / divisor, height / divisor)
}
