//! The JSON Schema of voices, as the file that editors and the daemon read. `UPDATE_SCHEMAS=1` writes it anew.

use std::path::Path;

use spotloom_plugin_sdk::harness::schema_is_fresh;

#[test]
fn the_schema_is_fresh() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    schema_is_fresh::<spotloom_voice::piper::Contract>(&root.join("pipelines/schemas/model-piper.schema.json"));
}
