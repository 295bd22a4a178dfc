//! The pipeline's JSON Schema, for editors. The file is read by `parse`; a test holds the two together.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde::Serialize;
use serde_json::Value;

/// JSON Schema (draft 2020-12) of a pipeline: what editors complete and check while it is written.
#[must_use]
pub fn schema() -> Value {
    SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<File>().to_value()
}

/// A pipeline: what is done with a brief.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[schemars(title = "Spotloom pipeline")]
struct File {
    /// Its name, the same as the file's.
    name: String,
    /// What it makes, in one sentence.
    #[schemars(default)]
    description: String,
    /// Values that a brief may set under `with`.
    #[schemars(default)]
    inputs: BTreeMap<String, Input>,
    /// What a brief must be like; checked before anything runs.
    #[schemars(default)]
    requires: Vec<Requirement>,
    /// The work, by name. The order does not matter: what a stage uses is done before it.
    stages: BTreeMap<String, Stage>,
    /// What is handed over at the end.
    #[schemars(default)]
    deliver: Option<Deliver>,
    /// What the notice of a failure carries: what a stage that refused shows of it.
    #[schemars(default)]
    on_failure: Option<Deliver>,
    /// What stakeholders can be told.
    #[schemars(default)]
    notify: Vec<Event>,
}

/// What a brief must be like.
#[derive(Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Requirement {
    /// An expression that is true of a right brief.
    that: String,
    /// What the brief's author is told otherwise.
    message: String,
    /// What to do about it.
    #[schemars(default)]
    hint: Option<String>,
    /// The field of the brief it is about, like `scenes`.
    #[schemars(default)]
    at: Option<String>,
}

/// A value that a brief may set.
#[derive(Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Input {
    r#type: Type,
    /// What it is for, in one sentence.
    #[schemars(default)]
    description: String,
    /// Its value when the brief gives none; may hold expressions over `brief` and `brand`. Without it the brief must.
    #[schemars(default)]
    default: Value,
    /// The words an enum may be.
    #[schemars(default)]
    values: Vec<String>,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(inline)]
#[expect(dead_code, reason = "only the schema is made from it")]
enum Type {
    String,
    Integer,
    Number,
    Boolean,
    Enum,
    List,
    Mapping,
}

/// One kind of work.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Stage {
    /// The plugin that does it.
    uses: String,
    /// Its file inputs and parameters. What is null is left out.
    #[schemars(default)]
    with: BTreeMap<String, Value>,
    /// Stages to wait for besides those whose files it uses.
    #[schemars(default)]
    needs: Vec<String>,
    /// An expression; when it is false the task is left out.
    #[schemars(default)]
    when: Option<String>,
    /// A list to repeat the stage for, or several under names: then for every combination.
    #[schemars(default)]
    for_each: Value,
    #[schemars(default)]
    retry: Option<Retry>,
    /// How long one attempt may take: `90s`, `10m`, `1h30m`. By default one hour.
    #[schemars(default)]
    timeout: Option<String>,
    /// How long the plugin may show no sign of life. By default two minutes.
    #[schemars(default)]
    stall_timeout: Option<String>,
    /// Whether a result from before may be used again. By default yes, except for what acts on the outside world.
    #[schemars(default)]
    cache: Option<bool>,
    /// What limits how many run at once: `cpu`, `gpu`, `net`, or a pool of the studio's own.
    #[schemars(default)]
    pool: Option<String>,
    /// Its failure does not fail the job.
    #[schemars(default)]
    continue_on_error: bool,
    /// When this stage refuses what another one made, that one runs again with the next seed.
    #[schemars(default)]
    retry_with_new_seed: Option<RetryWithNewSeed>,
}

/// What is made again when it is refused.
#[derive(Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct RetryWithNewSeed {
    /// The stage whose files are judged, like `shots`.
    stage: String,
    /// How many seeds are tried after the first: 0 to 10; with 0 what is made of the files waits for the judgement all the same.
    retries: Value,
}

/// How often to try.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Retry {
    /// The first try included.
    #[schemars(range(min = 1, max = 20))]
    max_attempts: u32,
    /// The wait before the second attempt; doubles with each further one. By default `10s`.
    #[schemars(default)]
    backoff: Option<String>,
}

/// What is handed over.
#[derive(Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Deliver {
    /// Files that stages make: `{{ stages.masters.masters }}`.
    files: Value,
    /// One still that stands for the spot.
    #[schemars(default)]
    poster: Value,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(inline)]
#[expect(dead_code, reason = "only the schema is made from it")]
enum Event {
    Accepted,
    Delivered,
    Failed,
}
