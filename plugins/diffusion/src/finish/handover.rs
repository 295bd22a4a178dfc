//! From a clip to what the model made after it, or before it, without a step.
//!
//! Where a clip and the model show the same moment they differ: the model's decoder draws softer edges and its colours are a
//! little off. Blended over the few moments that both show, that difference goes away in a fifth of a second, and that is
//! seen. So it is measured at the joint, carried on along the motion, and let go over a second.
//!
//! Invariant: where the two agree nothing is changed, and what is finer than the grid (grain, edges) stays the frame's own.

use spotloom_media::Frame;

use super::motion::{Between, Cell, Field};

/// Rows of the grid on which differences are measured: fine enough for what the eye takes for a jump, and too coarse for grain.
const ROWS: usize = 180;

/// A frame's averages over squares.
struct Coarse {
    width: usize,
    height: usize,
    /// Y', Cb and Cr from 0 to 1.
    cells: Vec<[f32; 3]>,
}

/// The difference on its way from the joint.
pub struct Handover {
    /// Over how many frames it is let go.
    frames: usize,
    /// How many have gone by since the joint.
    age: usize,
    /// What has to be added to the frame `last`, and that frame.
    state: Option<(Vec<[f32; 3]>, Coarse)>,
}

impl Handover {
    /// One that lets a difference go over so many frames.
    #[must_use]
    pub fn new(frames: usize) -> Self {
        Self { frames, age: 0, state: None }
    }

    /// Measures at a moment of the joint, and brings what was made to the clip.
    pub fn learn(&mut self, clip: &Frame, made: &mut Frame) {
        let (wanted, is) = (Coarse::of(clip), Coarse::of(made));
        let difference: Vec<[f32; 3]> =
            wanted.cells.iter().zip(&is.cells).map(|(a, b)| std::array::from_fn(|i| a[i] - b[i])).collect();
        add(made, &difference, (is.width, is.height), 1.0);
        self.age = 0;
        self.state = Some((difference, is));
    }

    /// Brings the next frame, one further from the joint, closer to the clip, and lets go a little.
    pub fn carry(&mut self, made: &mut Frame) {
        let Some((difference, last)) = self.state.take() else { return };
        self.age += 1;
        if self.age > self.frames {
            return;
        }
        let is = Coarse::of(made);
        let luma = |coarse: &Coarse| -> Vec<f32> { coarse.cells.iter().map(|cell| cell[0]).collect() };
        // Where each place of this frame was in the last one, whichever way time goes.
        let motion = Field::between(&luma(&is), &luma(&last), is.width, is.height);
        let moved = |i: usize| {
            let (x, y) = ((i % is.width) as f32 + motion.dx[i], (i / is.width) as f32 + motion.dy[i]);
            Cell::at(is.width, is.height, x, y).read(&difference)
        };
        let difference: Vec<[f32; 3]> = (0..is.cells.len()).map(moved).collect();
        let way = self.age as f32 / (self.frames + 1) as f32;
        add(made, &difference, (is.width, is.height), f32::midpoint(1.0, (std::f32::consts::PI * way).cos()));
        self.state = Some((difference, is));
    }
}

impl Coarse {
    /// Of a frame of 10 bit, chroma halved.
    fn of(frame: &Frame) -> Self {
        let size = (frame.width() as usize, frame.height() as usize);
        let side = (size.0.min(size.1) / ROWS).max(2) & !1;
        let (width, height) = (size.0.div_ceil(side), size.1.div_ceil(side));
        let mut cells = vec![[0.0; 3]; width * height];
        for plane in 0..3 {
            let (side, wide) = if plane == 0 { (side, size.0) } else { (side / 2, size.0.div_ceil(2)) };
            let mut counts = vec![0_u32; width * height];
            let mut sums = vec![0_u32; width * height];
            for (y, row) in frame.plane(plane).chunks_exact(2 * wide).enumerate() {
                let line = y / side * width;
                for (x, square) in row.chunks(2 * side).enumerate() {
                    let samples = square.as_chunks::<2>().0;
                    sums[line + x] += samples.iter().map(|s| u32::from(u16::from_le_bytes(*s))).sum::<u32>();
                    counts[line + x] += samples.len() as u32;
                }
            }
            for ((cell, sum), count) in cells.iter_mut().zip(sums).zip(counts) {
                cell[plane] = sum as f32 / (1023 * count.max(1)) as f32;
            }
        }
        Self { width, height, cells }
    }
}

/// Adds a share of a coarse difference to a frame.
fn add(frame: &mut Frame, difference: &[[f32; 3]], (width, height): (usize, usize), share: f32) {
    let size = (frame.width() as usize, frame.height() as usize);
    for (p, plane) in frame.planes_mut().enumerate() {
        let (wide, high) = if p == 0 { size } else { (size.0.div_ceil(2), size.1.div_ceil(2)) };
        let place = |at: usize, count: usize, cells: usize| {
            let side = count as f32 / cells as f32;
            Between::new((at as f32 + 0.5) / side - 0.5, cells)
        };
        let columns: Vec<Between> = (0..wide).map(|x| place(x, wide, width)).collect();
        for (y, row) in plane.chunks_exact_mut(2 * wide).enumerate() {
            let line = place(y, high, height);
            for (sample, column) in row.as_chunks_mut::<2>().0.iter_mut().zip(&columns) {
                let by = share * Cell::new(width, column, &line).read(difference)[p];
                let value = f32::from(u16::from_le_bytes(*sample)) + 1023.0 * by;
                *sample = (value.round().clamp(0.0, 1023.0) as u16).to_le_bytes();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use spotloom_media::{FrameFormat, Pixel};

    use super::*;

    const SIZE: (usize, usize) = (128, 64);

    /// A soft spot at `x`, on a ground, of 10-bit values.
    fn spot(x: f32, ground: f32, height: f32) -> Frame {
        let mut frame = Frame::black(FrameFormat::new(SIZE.0 as u32, SIZE.1 as u32, Pixel::Yuv420p10));
        if let Some(luma) = frame.planes_mut().next() {
            for (i, sample) in luma.as_chunks_mut::<2>().0.iter_mut().enumerate() {
                let (dx, dy) = ((i % SIZE.0) as f32 - x, (i / SIZE.0) as f32 - 32.0);
                let value = ground + height * (-(dx * dx + dy * dy) / 200.0).exp();
                *sample = (value.round() as u16).to_le_bytes();
            }
        }
        frame
    }

    fn luma(frame: &Frame, x: usize, y: usize) -> f32 {
        f32::from(u16::from_le_bytes(frame.plane(0).as_chunks::<2>().0[y * SIZE.0 + x]))
    }

    /// Makes a spot that moves by two pixels a frame; the clip's is brighter. Gives the frames after the joint.
    fn handed_over(ground: f32, height: f32) -> Vec<Frame> {
        let mut handover = Handover::new(7);
        let mut made = spot(40.0, 300.0, 300.0);
        handover.learn(&spot(40.0, ground, height), &mut made);
        assert!((luma(&made, 100, 8) - ground).abs() < 1.5, "the ground at the joint is {}", luma(&made, 100, 8));
        let mut frames = vec![made];
        for k in 1..10 {
            let mut next = spot(40.0 + 2.0 * k as f32, 300.0, 300.0);
            handover.carry(&mut next);
            frames.push(next);
        }
        frames
    }

    #[test]
    fn a_difference_goes_away_in_small_steps() {
        let frames = handed_over(340.0, 300.0);
        let ground: Vec<f32> = frames.iter().map(|frame| luma(frame, 100, 8)).collect();
        assert!(ground.windows(2).all(|pair| (0.0..9.0).contains(&(pair[0] - pair[1]))), "{ground:?}");
        assert_eq!(ground.last(), Some(&300.0));
    }

    #[test]
    fn it_goes_along_with_what_moves() {
        let frames = handed_over(300.0, 380.0);
        // The spot is brighter by what is left, and the place that it has left is not.
        assert!(luma(&frames[4], 48, 32) > 630.0, "{}", luma(&frames[4], 48, 32));
        let (behind, as_made) = (luma(&frames[6], 28, 32), luma(&spot(52.0, 300.0, 300.0), 28, 32));
        assert!((behind - as_made).abs() < 4.0, "{behind} where {as_made} was made");
    }

    #[test]
    fn where_the_two_agree_nothing_is_changed() {
        for (k, frame) in handed_over(300.0, 300.0).iter().enumerate() {
            assert_eq!(frame.plane(0), spot(40.0 + 2.0 * k as f32, 300.0, 300.0).plane(0), "frame {k}");
        }
    }
}
