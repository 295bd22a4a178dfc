//! Drift and flicker of shots, as video models make them: colours that wander, brightness that trembles.
//!
//! Measured on the master, scene by scene. Flicker is the median over the picture's tiles of how far each is from the
//! mean of the frame before and after it, so that a text or an object passing through does not count; drift compares the
//! first and the last fifth of a scene.

use spotloom_media::Frame;
use spotloom_media::inspect::Marks;

use crate::check::{Check, Name};
use crate::layout::Layout;

/// Tiles each way.
const TILES: usize = 8;
/// Levels of 255 by which a tile may be off the mean of its neighbours in time.
const FLICKER: f64 = 2.5;
/// Levels by which the mean brightness, and share by which saturation or contrast may change over a scene.
const BRIGHTNESS: f64 = 48.0;
const SHARE: f64 = 0.5;

#[derive(Clone, Copy, Debug, Default)]
struct Moment {
    at: f64,
    brightness: f64,
    contrast: f64,
    saturation: f64,
    /// Median tile against the frames before and after; 0 for the first and last.
    flicker: f64,
}

/// Collects figures frame by frame.
#[derive(Default)]
pub(crate) struct Shots {
    moments: Vec<Moment>,
    tiles: [Vec<f32>; 2],
}

impl Shots {
    pub(crate) fn see(&mut self, at: f64, frame: &Frame, marks: &Marks) {
        let number = |key: &str| marks.get(&format!("lavfi.signalstats.{key}")).and_then(|v| v.parse().ok());
        let get = |key: &str| number(key).unwrap_or(0.0_f64);
        let tiles = means(frame);
        let [before, last] = &self.tiles;
        if !before.is_empty() {
            let mut off: Vec<f32> =
                before.iter().zip(last).zip(&tiles).map(|((a, b), c)| (b - (a + c) / 2.0).abs()).collect();
            off.sort_by(f32::total_cmp);
            if let Some(moment) = self.moments.last_mut() {
                moment.flicker = f64::from(off[off.len() / 2]);
            }
        }
        self.tiles.swap(0, 1);
        self.tiles[1] = tiles;
        self.moments.push(Moment {
            at,
            brightness: get("YAVG"),
            contrast: get("YHIGH") - get("YLOW"),
            saturation: get("SATAVG"),
            flicker: 0.0,
        });
    }

    /// The checks; none without scenes.
    pub(crate) fn finish(&self, layout: Option<&Layout>) -> Vec<Check> {
        let Some(layout) = layout.filter(|l| !l.parts.is_empty()) else { return Vec::new() };
        let scenes = layout.scenes();
        vec![self.flicker(&scenes), self.drift(&scenes)]
    }

    fn within(&self, from: f64, until: f64) -> impl Iterator<Item = &Moment> {
        self.moments.iter().filter(move |m| m.at >= from && m.at < until)
    }

    fn flicker(&self, scenes: &[(f64, f64)]) -> Check {
        let mut worst = (0.0, (0.0, 0.0), 0);
        for (i, &(from, until)) in scenes.iter().enumerate() {
            let mut values: Vec<f64> = self.within(from + 0.1, until - 0.1).map(|m| m.flicker).collect();
            values.sort_by(f64::total_cmp);
            // A jump is no flicker: the middle of all frames counts.
            let usual = values.get(values.len() / 2).copied().unwrap_or_default();
            if usual > worst.0 {
                worst = (usual, (from, until), i + 1);
            }
        }
        let (usual, (from, until), number) = worst;
        let check = if usual > FLICKER {
            Check::fail(
                Name::Flicker,
                format!(
                    "Scene {number} flickers: from frame to frame its brightness is off by {usual:.1} levels of 255."
                ),
            )
            .at(from, until)
        } else {
            Check::pass(Name::Flicker, "No scene flickers.")
        };
        check.figures(format!("{usual:.2} levels of 255"), format!("at most {FLICKER}"))
    }

    fn drift(&self, scenes: &[(f64, f64)]) -> Check {
        let mut worst: Option<(f64, Check)> = None;
        for (i, &(from, until)) in scenes.iter().enumerate().filter(|(_, (from, until))| until - from > 1.0) {
            let fifth = (until - from) / 5.0;
            let (Some(a), Some(b)) = (self.mean(from, from + fifth), self.mean(until - fifth, until)) else { continue };
            let share = |a: f64, b: f64, least: f64| (b - a).abs() / a.max(b).max(least);
            let changes = [
                ("brightness", (b.brightness - a.brightness).abs() / BRIGHTNESS, a.brightness, b.brightness),
                ("contrast", share(a.contrast, b.contrast, 60.0) / SHARE, a.contrast, b.contrast),
                ("saturation", share(a.saturation, b.saturation, 24.0) / SHARE, a.saturation, b.saturation),
            ];
            for (what, size, before, after) in changes {
                if worst.as_ref().is_some_and(|(w, _)| *w >= size) {
                    continue;
                }
                let check = if size > 1.0 {
                    let number = i + 1;
                    Check::fail(
                        Name::Drift,
                        format!("Scene {number} drifts: its {what} goes from {before:.0} to {after:.0} of 255."),
                    )
                    .at(from, until)
                } else {
                    Check::pass(Name::Drift, "The colours of every scene stay what they were.")
                };
                worst = Some((
                    size,
                    check.figures(
                        format!("{what} {before:.0} to {after:.0}"),
                        "brightness within 48 levels, contrast and saturation within half",
                    ),
                ));
            }
        }
        worst.map_or_else(|| Check::pass(Name::Drift, "No scene is long enough to drift."), |(_, check)| check)
    }

    /// None when all of it is black.
    fn mean(&self, from: f64, until: f64) -> Option<Moment> {
        let (mut sum, mut n) = (Moment::default(), 0.0);
        // Black has a check of its own.
        for m in self.within(from, until).filter(|m| m.brightness > 20.0) {
            sum.brightness += m.brightness;
            sum.contrast += m.contrast;
            sum.saturation += m.saturation;
            n += 1.0;
        }
        let mean = |v: f64| v / n;
        (n > 0.0).then(|| Moment {
            brightness: mean(sum.brightness),
            contrast: mean(sum.contrast),
            saturation: mean(sum.saturation),
            ..sum
        })
    }
}

/// Mean luma of every tile.
fn means(frame: &Frame) -> Vec<f32> {
    let (width, height) = (frame.width() as usize, frame.height() as usize);
    let (mut sums, mut counts) = (vec![0_u32; TILES * TILES], vec![0_u32; TILES * TILES]);
    for (y, row) in frame.plane(0).chunks_exact(width).enumerate() {
        for (x, luma) in row.iter().enumerate() {
            let tile = y * TILES / height * TILES + x * TILES / width;
            sums[tile] += u32::from(*luma);
            counts[tile] += 1;
        }
    }
    sums.iter().zip(counts).map(|(s, n)| *s as f32 / n.max(1) as f32).collect()
}

#[cfg(test)]
mod tests {
    use spotloom_media::{FrameFormat, Pixel};

    use super::*;
    use crate::check::Verdict;
    use crate::layout::Part;

    /// Verdicts of flicker and drift for a scene whose luma at frame i is `luma(i)`.
    fn run(luma: impl Fn(u64) -> u8) -> (Verdict, Verdict) {
        let mut shots = Shots::default();
        for i in 0..60 {
            let mut frame = Frame::black(FrameFormat::new(320, 184, Pixel::Yuv420p));
            frame.plane_mut(0).fill(luma(i));
            let level = luma(i).to_string();
            let marks = [("YAVG", level.as_str()), ("YLOW", "16"), ("YHIGH", "235"), ("SATAVG", "40")];
            let marks = marks.map(|(k, v)| (format!("lavfi.signalstats.{k}"), v.to_owned()));
            shots.see(i as f64 / 30.0, &frame, &marks.into_iter().collect());
        }
        let parts = vec![Part { kind: "scene".into(), until: 2.0, ..Part::default() }];
        let checks = shots.finish(Some(&Layout { seconds: 2.0, parts, texts: Vec::new() }));
        (checks[0].verdict, checks[1].verdict)
    }

    #[test]
    fn trembling_and_wandering() {
        let (pass, fail) = (Verdict::Pass, Verdict::Fail);
        assert_eq!(run(|_| 100), (pass, pass));
        assert_eq!(run(|i| if i % 2 == 0 { 100 } else { 110 }), (fail, pass));
        assert_eq!(run(|i| 60 + 2 * i as u8), (pass, fail), "a steady change is no flicker");
        assert_eq!(run(|i| 100 + i as u8 / 3), (pass, pass));
    }
}
