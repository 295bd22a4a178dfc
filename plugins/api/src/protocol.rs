//! What the daemon and its host process say to each other: one JSON object a line, on descriptors moved away from
//! 0 and 1 before any plugin code is loaded.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::message::{Description, End, Event, RunRequest};

/// The longest line either side accepts, in bytes. A longer one is a protocol violation.
pub const MAX_LINE: usize = 1 << 20;

/// From the daemon to the host.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "to-host", rename_all = "kebab-case")]
pub enum ToHost {
    /// Ask the plugin what it is.
    Describe,
    Run {
        request: Box<RunRequest>,
    },
    /// End this run soon. End of input means the same for everything, at once.
    Cancel {
        run: String,
    },
}

/// From the host to the daemon.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "from-host", rename_all = "kebab-case")]
pub enum FromHost {
    /// The plugin is loaded and its ABI is right.
    Ready {
        abi_version: u32,
        /// How far the process could drop its rights, for the log.
        #[serde(default)]
        confinement: String,
    },
    /// The plugin could not be loaded; the host exits.
    LoadFailed {
        code: LoadFailure,
        message: String,
    },
    Described {
        description: Box<Description>,
    },
    Event {
        run: String,
        event: Event,
    },
    End {
        run: String,
        end: End,
    },
    /// The plugin broke the rules; the host exits.
    Violation {
        run: Option<String>,
        message: String,
    },
}

/// Why a plugin did not load.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum LoadFailure {
    /// `dlopen` refused it.
    NotALibrary,
    /// The entry symbol is missing.
    NoEntry,
    /// Made for another version of the ABI.
    WrongAbi,
    /// The file's content is not the one that is trusted.
    HashMismatch,
}
