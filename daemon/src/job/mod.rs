//! A job's states, its events, and [`step()`], the only scheduler. Pure: no I/O, no clock.

mod event;
mod settle;
mod state;
mod step;

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;

pub use event::{Event, LossReason};
pub use state::{IllegalTransition, JobState, Phase, Task, TaskState};
pub use step::{CRASH_LIMIT, Command, End, StepError, step};
