//! The JSON Schema of presets, as the file that editors and the daemon read. `UPDATE_SCHEMAS=1` writes it anew.

use std::path::Path;

use schemars::generate::SchemaSettings;
use spotloom_transcode::preset::Preset;

#[test]
fn the_preset_schema_is_fresh() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../pipelines/schemas/preset.schema.json");
    let schema = SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<Preset>().to_value();
    let text = format!("{schema:#}\n");
    if std::env::var_os("UPDATE_SCHEMAS").is_some() {
        std::fs::write(&path, &text).unwrap();
    }
    let there = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(there == text, "{} is out of date: run this test with UPDATE_SCHEMAS=1", path.display());
}
