//! The plugin host: the child process that loads one plugin, and its supervision.
//!
//! Purpose: a plugin is native code and may do anything a process can do: crash, hang, print, fork, eat memory. It does
//! so in a process of its own, and whatever it does becomes exactly one typed [`RunEnd`].
//!
//! # Theory of operation
//!
//! *Child* ([`child`]): the same binary, started as `spotloom plugin-host --plugin PATH --sha256 HEX`, leader of its own
//! process group. It moves the protocol away from descriptors 0 and 1, because native libraries print; drops rights;
//! opens the plugin's file, hashes what it opened and loads exactly that; then answers `Describe` and `Run` on the main
//! thread. A second thread reads commands: `Cancel` sets the flag the plugin asks for, and the end of input kills the
//! whole process group at once, even when the plugin spins in native code. That is why there are no orphans: the other
//! end of that pipe lives in the daemon only, and the kernel closes it however the daemon dies. Every message of the
//! plugin is parsed before it is passed on; one that breaks the rules is a violation and ends the host. The plugin's
//! end is held back until its `run` has returned, so a crash on the way out is a crash.
//!
//! *Parent* ([`HostPool`]): starts hosts, keeps healthy ones warm for the next run of the same plugin file, and
//! supervises each run: hard timeout, stall timeout (time since the plugin itself last said something), cancellation.
//! Ending a run early is: message, grace, SIGTERM to the process group, SIGKILL. A thread per host waits for its death,
//! kills what is left of the group *before* it reaps the leader (so that the group's number can't belong to anybody
//! else yet), and only then tells.
//!
//! Not covered: a plugin that means harm. There is no sandbox yet (the level reached is in the log when a host gets
//! ready), and a process that leaves the group with `setsid` outlives its host. Trust is what the registry is for.
//!
//! Invariants: the daemon itself never loads a plugin. A run ends in exactly one [`EndKind`], and exit code 0 without the
//! typed end is a failure. A host that crashed, broke the protocol or had to be killed is never used again. `unsafe`
//! and `libloading` exist in this folder only.

pub mod child;
mod confine;
mod drive;
mod end;
mod environment;
mod library;
mod lines;
mod plugin_file;
mod pool;
mod process;
mod session;

pub use drive::RunLimits;
pub use end::{EndKind, RunEnd};
pub use plugin_file::{PluginFile, hash_open_file};
pub use pool::{HostOptions, HostPool};
