//! Schedulers: one file each. A scheduler is its times and one step, nothing more.

pub mod flow_ab2;
pub mod flow_euler;
pub mod grid;
mod scheduler;
pub mod unipc;

pub use scheduler::{Scheduler, scheduler};
