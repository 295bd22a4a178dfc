//! Which two samples of an enlarged or reduced sprite make one of the picture, along one direction.

/// Neighbours in the picture whose samples are neighbours in the sprite: results from..to, the first of each pair at
/// the result's number plus `shift`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment {
    pub from: usize,
    pub to: usize,
    pub shift: isize,
}

/// So many samples are worked on at once: whoever goes through a segment may do some of the next one's as well.
pub const BLOCK: usize = 16;

/// One direction of a scaled sprite.
#[derive(Clone, Debug)]
pub struct Axis {
    /// First sample of the picture.
    pub start: i32,
    /// The first of the two samples, for each sample of the picture.
    pub firsts: Vec<usize>,
    /// How much of the second: 0 to 256. There are [`BLOCK`] more than samples of the picture.
    pub fractions: Vec<u16>,
    /// The same in stretches.
    segments: Vec<Segment>,
    /// For each sample of the sprite, the first result whose pair begins there or later; and one more.
    results: Vec<usize>,
}

/// A sprite's place along one direction.
pub struct Extent {
    /// Its edge in the picture and its size, in pixels.
    pub origin: i32,
    pub size: usize,
    /// Samples of its plane, one every `step` pixels, the first at `phase`.
    pub count: usize,
    pub step: f32,
    pub phase: f32,
    /// How far it is moved, in pixels, and how much it is enlarged around its middle.
    pub offset: f32,
    pub scale: f32,
}

impl Axis {
    /// For the samples `range` of the picture.
    #[must_use]
    pub fn new(extent: &Extent, range: (i32, i32)) -> Self {
        let &Extent { origin, size, count, step, phase, offset, scale } = extent;
        let half = size as f32 / 2.0;
        let middle = origin as f32 + half + offset;
        // Sample k of a plane lies at step * k + phase, in pixels.
        let source = |k: i32| ((step * k as f32 + phase - middle) / scale + half - phase) / step;
        let reach = half * scale;
        let low = range.0.max(((middle - reach - phase) / step).floor() as i32);
        let high = range.1.min(((middle + reach - phase) / step).ceil() as i32 + 1);
        let inside = |k: &i32| (-0.5..=count as f32 - 0.5).contains(&source(*k));
        let start = (low..high).find(|k| inside(k));
        let last = count as f32 - 1.0;
        let pairs = (start.unwrap_or(high)..high).take_while(inside).map(|k| {
            let at = source(k).clamp(0.0, last);
            let first = at.floor().min((last - 1.0).max(0.0));
            (first as usize, ((at - first) * 256.0).round() as u16)
        });
        let (firsts, mut fractions): (Vec<usize>, Vec<u16>) = pairs.unzip();
        fractions.resize(firsts.len() + BLOCK, 0);
        let segments = segments(&firsts);
        let mut results = Vec::with_capacity(count + 1);
        for (i, first) in firsts.iter().enumerate() {
            results.resize(results.len().max(first + 1), i);
        }
        results.resize(count + 1, firsts.len());
        Self { start: start.unwrap_or(0), firsts, fractions, segments, results }
    }

    /// The results whose pairs begin at the samples from..to.
    #[must_use]
    pub fn results(&self, from: usize, to: usize) -> (usize, usize) {
        (self.results[from], self.results[to])
    }

    /// The stretches of the results from..to.
    pub fn segments(&self, from: usize, to: usize) -> impl Iterator<Item = Segment> {
        let first = self.segments.partition_point(|s| s.to <= from);
        let within = self.segments[first..].iter().take_while(move |s| s.from < to);
        within.map(move |s| Segment { from: s.from.max(from), to: s.to.min(to), shift: s.shift })
    }
}

fn segments(firsts: &[usize]) -> Vec<Segment> {
    let shift = |i: usize| firsts[i] as isize - i as isize;
    let mut out: Vec<Segment> = Vec::new();
    for i in 0..firsts.len() {
        match out.last_mut() {
            Some(last) if last.shift == shift(i) => last.to = i + 1,
            _ => out.push(Segment { from: i, to: i + 1, shift: shift(i) }),
        }
    }
    out
}
