//! Step caching: a step whose prediction can be told from those before it is not computed. The criterion is the one of
//! EasyCache (Zhou et al., "Less is Enough: Training-Free Video Diffusion Acceleration via Runtime-Adaptive Caching",
//! 2025): how much the output changed for a change of the input, between the last two steps that were computed, tells
//! how much it will have changed by now. While the sum of that over the steps left out stays under a threshold, the
//! prediction is drawn on along the line through the last two. (Measured on the embedded model: the line is nearer than
//! the last prediction, and much nearer than the last difference of output and input, which EasyCache reuses.)
//!
//! The first steps, which decide the composition, and the last one are always computed. How far the line was off is
//! measured where a step is computed after one that was left out.
//!
//! Invariant: with a threshold of 0 every step is computed, and nothing is kept.

use ndarray::{ArrayD, Zip};
use serde::Serialize;

/// Steps at the beginning that are always computed.
const WARM_UP: usize = 3;

/// What was computed at a step.
struct Known {
    level: f64,
    sample: ArrayD<f32>,
    prediction: ArrayD<f32>,
}

/// Decides for one shot which steps are computed.
pub struct StepCache {
    threshold: f64,
    steps: usize,
    before: Option<Known>,
    last: Option<Known>,
    /// The sample of the step before, computed or not.
    seen: Option<ArrayD<f32>>,
    /// Expected change since the last step that was computed.
    expected: f64,
    /// What the line would have given at the step under way.
    drawn: Option<ArrayD<f32>>,
    report: Skipped,
}

/// What step caching did to a shot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Skipped {
    /// Steps that were not computed.
    pub steps: usize,
    /// The largest distance of a drawn prediction from the computed one, as a share of its size (mean of absolute
    /// values), measured at the steps that were computed after one that was not.
    pub error: f64,
}

impl StepCache {
    /// For a shot of so many steps; a threshold of 0 leaves out none.
    #[must_use]
    pub fn new(threshold: f64, steps: usize) -> Self {
        Self {
            threshold,
            steps,
            before: None,
            last: None,
            seen: None,
            expected: 0.0,
            drawn: None,
            report: Skipped::default(),
        }
    }

    /// The prediction of a step when it needs not be computed. Levels are the share of noise.
    pub fn predict(&mut self, step: usize, level: f64, sample: &ArrayD<f32>) -> Option<ArrayD<f32>> {
        if self.threshold <= 0.0 {
            return None;
        }
        let seen = self.seen.replace(sample.clone());
        self.drawn = None;
        let (Some(before), Some(last), Some(seen)) = (&self.before, &self.last, seen) else { return None };
        let moved = distance(&last.sample, &before.sample);
        let size = mean(&last.prediction);
        if moved <= 0.0 || size <= 0.0 {
            return None;
        }
        let rate = distance(&last.prediction, &before.prediction) / moved;
        let change = rate * distance(sample, &seen) / size;
        let line = ((level - last.level) / (last.level - before.level)) as f32;
        if !line.is_finite() {
            return None;
        }
        let mut drawn = last.prediction.clone();
        Zip::from(&mut drawn).and(&before.prediction).for_each(|v, b| *v += line * (*v - b));
        if step < WARM_UP || step + 1 >= self.steps || self.expected + change >= self.threshold {
            self.drawn = (self.expected > 0.0).then_some(drawn);
            return None;
        }
        self.expected += change;
        self.report.steps += 1;
        Some(drawn)
    }

    /// Takes note of what was computed at a step.
    pub fn learn(&mut self, level: f64, sample: &ArrayD<f32>, prediction: &ArrayD<f32>) {
        if self.threshold <= 0.0 {
            return;
        }
        if let Some(drawn) = self.drawn.take() {
            let error = distance(&drawn, prediction) / mean(prediction).max(f64::MIN_POSITIVE);
            self.report.error = self.report.error.max(error);
        }
        self.expected = 0.0;
        self.before = self.last.take();
        self.last = Some(Known { level, sample: sample.clone(), prediction: prediction.clone() });
    }

    /// What was left out; `None` when nothing could be.
    #[must_use]
    pub fn report(&self) -> Option<Skipped> {
        (self.threshold > 0.0).then_some(self.report)
    }
}

/// Mean of the absolute differences.
fn distance(a: &ArrayD<f32>, b: &ArrayD<f32>) -> f64 {
    let sum: f64 = a.iter().zip(b).map(|(a, b)| f64::from((a - b).abs())).sum();
    sum / a.len().max(1) as f64
}

fn mean(a: &ArrayD<f32>) -> f64 {
    a.iter().map(|v| f64::from(v.abs())).sum::<f64>() / a.len().max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::{SchedulerConfig, SchedulerName};
    use crate::schedulers::{Here, Schedule, scheduler};

    /// Walks dz/dt = z from e at 1 to 1 at 0; gives the error left, the steps computed and the report.
    fn walk(threshold: f64, steps: usize) -> (f32, usize, Option<Skipped>) {
        let config = SchedulerConfig::default();
        let schedule = Schedule { name: SchedulerName::FlowAb2, steps, shift: 1.0, tokens: None, config: &config };
        let mut scheduler = scheduler(&schedule).expect("a scheduler");
        let mut cache = StepCache::new(threshold, steps);
        let mut z = ArrayD::from_elem(vec![2], std::f32::consts::E);
        let mut computed = 0;
        for step in 0..steps {
            let level = scheduler.levels()[step];
            let velocity = cache.predict(step, level, &z).unwrap_or_else(|| {
                computed += 1;
                cache.learn(level, &z, &z.clone());
                z.clone()
            });
            scheduler.step(step, velocity, &mut z, &mut Here(&mut |shape| ArrayD::zeros(shape))).expect("a step");
        }
        ((z[[0]] - 1.0).abs(), computed, cache.report())
    }

    #[test]
    fn a_higher_threshold_leaves_out_more_and_the_error_is_measured() {
        let (exact, all, none) = walk(0.0, 40);
        assert_eq!((all, none), (40, None));
        let (near, some, report) = walk(0.06, 40);
        let (far, few, more) = walk(0.2, 40);
        assert!(some < 40 && few < some, "{some} {few}");
        assert!(near < 0.01 && exact < near && near < far, "{exact} {near} {far}");
        let (report, more) = (report.expect("a report"), more.expect("a report"));
        assert_eq!((report.steps, more.steps), (40 - some, 40 - few));
        assert!(report.error > 0.0 && report.error < more.error && more.error < 0.1, "{report:?} {more:?}");
    }
}
