//! The trait a stage implements.

use schemars::JsonSchema;
use serde::de::DeserializeOwned;

use crate::api::Failure;
use crate::{About, Outputs, Run};

/// One job a pipeline can ask for. The value stays alive between runs while the host is warm, so an expensive thing
/// (a loaded model) may be kept in it; a run must never depend on what an earlier one left behind.
pub trait Stage: Default + Send + 'static {
    /// The parameters under `with:`. Use `#[serde(deny_unknown_fields)]`; doc comments become the reference.
    type Params: DeserializeOwned + JsonSchema;

    /// Name, version, summary, inputs and outputs.
    fn about() -> About;

    /// Does the work, on the calling thread; threads started here are joined before it returns. Files are written
    /// under [`Run::scratch`] only.
    ///
    /// # Errors
    /// A [`Failure`] with a code, a message that names things, and a hint. Ask [`Run::check_cancelled`] between steps.
    fn run(&mut self, params: Self::Params, run: &Run) -> Result<Outputs, Failure>;
}
