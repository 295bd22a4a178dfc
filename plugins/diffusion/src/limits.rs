//! What only models of some families can do, for the plan: so that it is refused before anything runs, with the names of models
//! that can. The stage refuses the same when it is asked (`families`); `tests/limits.rs` holds the two against each other.

use serde_json::{Value, json};

use crate::contract::FamilyName;

/// Families whose models are given frames at any place of a shot and know rings; the others go on from a first frame.
const ANYWHERE: [&str; 1] = ["ambient"];
/// What folders without a `model.yaml` are to a plan: one of the families of large models, it is not known which.
const UNKNOWN: &str = "diffusers";

/// Ways of a mode that a model with the mode may lack.
pub(crate) fn modes() -> Value {
    let case = |what: Value, says: &str, instead: &str| {
        let mut case = json!({
            "field": "family",
            "is": ANYWHERE,
            "says": format!("{says}: it goes on from a first frame"),
            "expected": format!("{instead}, or a model of the family `ambient`"),
        });
        if let (Some(case), Value::Object(what)) = (case.as_object_mut(), what) {
            case.extend(what);
        }
        case
    };
    cases(&[
        case(
            json!({"value": "extend", "given": ["clip-after"]}),
            "with what comes before a clip",
            "a `clip` whose end is gone on from",
        ),
        case(json!({"value": "loop", "absent": ["image", "clip"]}), "of a prompt alone", "an `image` or a `clip`"),
        case(json!({"value": "first-last", "absent": ["image"]}), "to a last picture alone", "an `image` as well"),
        case(
            json!({"value": "retake", "equal": {"from": 0}}),
            "of the beginning of a clip",
            "`from` after something of the clip",
        ),
    ])
}

/// Schedulers fit what a family's networks predict.
pub(crate) fn schedulers() -> Value {
    let case = |of: FamilyName, families: &[&str]| {
        let families = [families, &[UNKNOWN]].concat();
        let values: Vec<_> = of.schedulers().iter().map(ToString::to_string).collect();
        json!({
            "value": values,
            "field": "family",
            "is": families,
            "says": format!("which is for models that predict {}", of.predicts()),
            "expected": "the model's own, when it is left out",
        })
    };
    cases(&[case(FamilyName::Wan, &["ambient", "wan", "ltx"]), case(FamilyName::CogVideoX, &["cogvideox"])])
}

/// Quantised weights are files of their own.
pub(crate) fn weights() -> Value {
    cases(&[json!({
        "value": "int8",
        "field": "components",
        "is": ["transformer-int8", "transformer-low-int8", "text-encoder-int8"],
        "says": "without a component `transformer-int8`",
        "expected": "a model that the exporter's `quantise` has been at, or `own`",
    })])
}

/// Tiles.
pub(crate) fn decode() -> Value {
    cases(&[json!({
        "value": "tiles",
        "field": "family",
        "is": ["wan", "ltx", "cogvideox", UNKNOWN],
        "expected": "`auto` or `whole`, or a model of the family `wan`, `ltx` or `cogvideox`",
    })])
}

fn cases(cases: &[Value]) -> Value {
    json!({"input": "model", "cases": cases})
}
