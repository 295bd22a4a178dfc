//! Which plugins there are, what they say of themselves, and which of them are trusted.
//!
//! Purpose: plugins are native code, so a file runs only when the operator has said so: `spotloom plugins trust` writes
//! its name and SHA-256 to the folder's lock file ([`LockFile`]). A file that is not in it, or whose content is another,
//! is shown with its reason and never loaded.
//!
//! A trusted plugin is asked once per content what it is, in a child process; the answer is kept in the cache folder
//! under its hash. A plugin that crashes, hangs or answers nonsense then is quarantined, and so it stays until its
//! content changes or it is trusted again.
//!
//! Invariant: what [`Registry::get`] hands out is in the lock file with the very hash that was found, and the host
//! checks that hash again on the descriptor it loads.

mod cache;
mod describe;
mod folder;
mod lock;
mod store;

pub use describe::{Checked, check};
pub use lock::{LockFile, Locked};
pub use store::{Entry, PluginDir, Registry, Select, State, TrustedPlugin, Untrusted};
