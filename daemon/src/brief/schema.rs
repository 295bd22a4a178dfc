//! The brief's JSON Schema, for editors.

use schemars::generate::SchemaSettings;
use serde_json::Value;

use super::Brief;

/// JSON Schema (draft 2020-12) of a brief: what editors complete and check while it is written.
#[must_use]
pub fn schema() -> Value {
    let mut schema = SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<Brief>().to_value();
    // Free names next to known ones.
    if let Some(product) = schema.pointer_mut("/$defs/Product").and_then(Value::as_object_mut) {
        product.insert("additionalProperties".into(), serde_json::json!({"$ref": "#/$defs/Text"}));
    }
    schema
}
