//! Everything a stage author needs: write a parameter struct, implement [`Stage`], end with [`export_stage!`].
//!
//! ```no_run
//! use schemars::JsonSchema;
//! use serde::Deserialize;
//! use spotloom_plugin_sdk::prelude::*;
//!
//! /// Parameters: the doc comments become the reference and the JSON Schema.
//! #[derive(Debug, Deserialize, JsonSchema)]
//! #[serde(deny_unknown_fields, rename_all = "kebab-case")]
//! struct Params {
//!     /// What to say.
//!     greeting: String,
//! }
//!
//! #[derive(Default)]
//! struct Hello;
//!
//! impl Stage for Hello {
//!     type Params = Params;
//!
//!     fn about() -> About {
//!         About::new("hello", "1.0.0", "Writes a greeting").output("text", "The greeting", "text/plain")
//!     }
//!
//!     fn run(&mut self, params: Params, run: &Run) -> Result<Outputs, Failure> {
//!         let path = run.scratch().join("hello.txt");
//!         std::fs::write(&path, &params.greeting).map_err(|e| io_failure("write", &path, &e))?;
//!         Ok(Outputs::new().file("text", path, "text/plain"))
//!     }
//! }
//!
//! export_stage!(Hello);
//! # fn main() {}
//! ```
//!
//! Invariant: no panic of a stage crosses the ABI, and every run ends with exactly one typed end.

mod about;
mod bridge;
pub mod harness;
mod outputs;
pub mod recipe;
mod run;
#[doc(hidden)]
pub mod shield;
mod stage;

pub use about::{About, InputSpec, input};
pub use outputs::{Outputs, io_failure};
pub use run::Run;
pub use spotloom_plugin_api as api;
pub use stage::Stage;

/// What a stage usually imports.
pub mod prelude {
    pub use crate::api::{Artifact, Failure, Outcome, Resource};
    pub use crate::{About, Outputs, Run, Stage, export_stage, input, io_failure};
}

/// Exports a [`Stage`] as a plugin: the last line of every plugin.
#[macro_export]
macro_rules! export_stage {
    ($stage:ty) => {
        #[allow(unsafe_code)] // the C entry of the plugin; all its rules are kept by the SDK's shield
        mod spotloom_plugin_entry {
            use super::*;

            static STAGE: $crate::shield::Slot<$stage> = $crate::shield::Slot::new();

            unsafe extern "C" fn describe(host: *const $crate::api::HostApi) -> i32 {
                // SAFETY: the host promises a valid `HostApi` for the call.
                unsafe { $crate::shield::describe::<$stage>(host) }
            }

            unsafe extern "C" fn run(request: $crate::api::Bytes, host: *const $crate::api::HostApi) -> i32 {
                // SAFETY: the host promises a valid request and `HostApi` for the call.
                unsafe { $crate::shield::run(&STAGE, request, host) }
            }

            #[unsafe(no_mangle)]
            #[used]
            pub static spotloom_plugin_entry: $crate::api::PluginEntry = $crate::api::PluginEntry {
                abi_version: $crate::api::ABI_VERSION,
                struct_size: ::std::mem::size_of::<$crate::api::PluginEntry>() as u32,
                describe,
                run,
            };
        }
    };
}
