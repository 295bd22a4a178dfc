//! Schedulers: one file each. A scheduler is its times, its levels of noise and one step, nothing more.

mod alphas;
pub mod config;
pub mod ddim;
pub mod flow_ab2;
pub mod flow_euler;
pub mod grid;
mod scheduler;
pub mod sde_dpm;
pub mod step_cache;
pub mod unipc;

pub use config::SchedulerConfig;
pub use scheduler::{Arithmetic, Draw, Here, Schedule, Scheduler, scheduler};
pub use step_cache::{Skipped, StepCache};
