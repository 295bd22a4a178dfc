//! The time grids of rectified-flow models.
//!
//! The even one; and that of the reference (`FlowMatchEulerDiscreteScheduler` of diffusers), whose ends come from its
//! training table and whose shift may grow with the number of tokens (LTX-Video).

use super::config::SchedulerConfig;
use super::scheduler::Schedule;

/// `steps + 1` times from 1 (noise) to 0 (data), moved towards noise by `shift`:
/// `u = 1 - k / steps`, `t = shift * u / (1 + (shift - 1) * u)`.
#[must_use]
pub fn shifted(steps: usize, shift: f64) -> Vec<f64> {
    (0..=steps)
        .map(|k| {
            let u = 1.0 - k as f64 / steps as f64;
            shift * u / (1.0 + (shift - 1.0) * u)
        })
        .collect()
}

/// The reference's levels of noise at each step, without the 0 after the last.
///
/// # Errors
/// A shift that grows with tokens whose number is not known, or figures that give no grid.
pub fn reference(schedule: &Schedule<'_>) -> Result<Vec<f64>, String> {
    let (steps, config) = (schedule.steps, schedule.config);
    let levels = if config.dynamic() {
        let strength = dynamic_shift(config, schedule.tokens)?.exp();
        linspace(1.0, 1.0 / steps as f64, steps).map(|s| strength / (strength + (1.0 / s - 1.0))).collect()
    } else {
        // The reference takes both ends from its training table, which is shifted already, and shifts again.
        let shifted = |s: f64| schedule.shift * s / (1.0 + (schedule.shift - 1.0) * s);
        linspace(shifted(1.0), shifted(1.0 / config.training_steps() as f64), steps).map(shifted).collect()
    };
    stretched(levels, config)
}

/// Stretches a grid so that its last step has as much noise as `shift_terminal` says, when it says anything.
///
/// # Errors
/// One step alone, which begins at noise and can't end elsewhere.
pub fn stretched(mut levels: Vec<f64>, config: &SchedulerConfig) -> Result<Vec<f64>, String> {
    let terminal = config.shift_terminal.filter(|share| *share != 0.0);
    if let (Some(left), Some(last)) = (terminal, levels.last().copied()) {
        if last >= 1.0 {
            return Err("one step can't end at `scheduler-config.shift_terminal`; expected 2 or more".into());
        }
        let scale = (1.0 - last) / (1.0 - left);
        levels.iter_mut().for_each(|level| *level = 1.0 - (1.0 - *level) / scale);
    }
    Ok(levels)
}

/// `mu`: linear in the number of tokens.
fn dynamic_shift(config: &SchedulerConfig, tokens: Option<usize>) -> Result<f64, String> {
    let tokens = tokens.ok_or(
        "`scheduler-config.use_dynamic_shifting` is true: a shift that grows with the tokens needs to know how many \
         there are, which only LTX tells",
    )? as f64;
    let (low, high) = (config.base_shift.unwrap_or(0.5), config.max_shift.unwrap_or(1.15));
    let from = config.base_image_seq_len.unwrap_or(256) as f64;
    let to = config.max_image_seq_len.unwrap_or(4096) as f64;
    if to <= from {
        return Err("`scheduler-config.max_image_seq_len` must be larger than `base_image_seq_len`".into());
    }
    let slope = (high - low) / (to - from);
    Ok(tokens * slope + low - slope * from)
}

/// `count` values from `from` to `to`, both included; one value is `from`.
fn linspace(from: f64, to: f64, count: usize) -> impl Iterator<Item = f64> {
    let step = if count > 1 { (to - from) / (count - 1) as f64 } else { 0.0 };
    (0..count).map(move |i| from + step * i as f64)
}
