//! The schema of an interpolator's `model.yaml` is what the code says.

use std::path::Path;

use spotloom_plugin_sdk::harness::schema_is_fresh;

#[test]
fn the_schema_is_fresh() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    schema_is_fresh::<spotloom_interpolate::contract::Contract>(
        &root.join("pipelines/schemas/model-interpolate.schema.json"),
    );
}
