//! The schema of an upscaler's `model.yaml` is what the code says.

use std::path::Path;

use spotloom_plugin_sdk::harness::schema_is_fresh;

#[test]
fn the_schema_is_fresh() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    schema_is_fresh::<spotloom_upscale::contract::Contract>(&root.join("pipelines/schemas/model-upscale.schema.json"));
}
