//! The JSON Schema of model contracts, as the file that editors and the daemon read. `UPDATE_SCHEMAS=1` writes it anew.

use std::path::Path;

use serde_json::Value;
use spotloom_diffusion::Diffusion;
use spotloom_diffusion::contract::FamilyName;
use spotloom_plugin_sdk::harness::{Harness, schema_is_fresh};

#[test]
fn the_schema_is_fresh() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    schema_is_fresh::<spotloom_diffusion::contract::Contract>(&root.join("pipelines/schemas/model.schema.json"));
}

/// A family that the contract has and the stage does not name would be refused in every plan.
#[test]
fn the_families_that_plans_are_held_against_are_those_there_are() {
    let described = Harness::<Diffusion>::describe();
    let named = described
        .params
        .pointer("/properties/check-model/x-models/families")
        .and_then(Value::as_array)
        .expect("a list");
    let schema = serde_json::to_value(schemars::schema_for!(FamilyName)).expect("a schema");
    let of = |place: &str| schema.pointer(place).and_then(Value::as_array).cloned().unwrap_or_default();
    let mut families = of("/enum");
    families.extend(of("/oneOf").iter().filter_map(|o| o.get("const").cloned()));
    assert!(families.len() >= 4, "{schema:#}");
    // Folders without a contract are diffusers'.
    families.push("diffusers".into());
    assert_eq!(*named, families);
}
