//! Which stretches of a row of a plane are worth drawing, and how, found once when a layer is drawn.

/// Stretches shorter than this are not told apart: changing over would cost more than it saves.
const SHORTEST: usize = 16;

/// A stretch of a row that is not empty: columns from..to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    pub from: usize,
    pub to: usize,
    /// Whether nothing beneath it can be seen.
    pub opaque: bool,
    /// Whether all its columns are the same.
    pub flat: bool,
}

/// The stretches of every row, from left to right.
#[derive(Clone, Debug, Default)]
pub struct Runs {
    /// Where each row's begin, and one more: where the last row's end.
    starts: Vec<usize>,
    runs: Vec<Run>,
}

/// What a column is, when it is mixed with those before and above it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Empty,
    Mixed,
    Opaque,
    /// The same all along, opaque or not; where two such stretches meet, the second is told apart by the last.
    Flat(bool, bool),
}

impl Runs {
    /// Of a plane that is drawn sample on sample.
    #[must_use]
    pub fn still(samples: &[u8], alpha: &[u8], width: usize) -> Self {
        Self::new(samples, alpha, width, 0)
    }

    /// Of a plane whose samples are mixed with those before them and above them.
    #[must_use]
    pub fn moving(samples: &[u8], alpha: &[u8], width: usize) -> Self {
        Self::new(samples, alpha, width, 1)
    }

    /// With samples mixed with as many before and above them.
    fn new(samples: &[u8], alpha: &[u8], width: usize, reach: usize) -> Self {
        let mut all = Self { starts: vec![0], runs: Vec::new() };
        let mut kinds = vec![Kind::Empty; width];
        for y in 0..samples.len() / width {
            let row = |plane: &'_ [u8], y: usize| -> std::ops::Range<usize> {
                debug_assert!((y + 1) * width <= plane.len());
                y * width..(y + 1) * width
            };
            let (here, above) = (row(samples, y), row(samples, y.saturating_sub(reach)));
            // Most rows of most layers.
            let any = alpha[here.clone()].iter().chain(&alpha[above.clone()]).fold(0, |any, a| any | a);
            if any > 0 {
                let rows = [(&samples[here.clone()], &alpha[here]), (&samples[above.clone()], &alpha[above])];
                find_kinds(rows, reach, &mut kinds);
                find_runs(&kinds, &mut all.runs);
            }
            all.starts.push(all.runs.len());
        }
        all
    }

    /// Those of a row.
    #[must_use]
    pub fn row(&self, y: usize) -> &[Run] {
        &self.runs[self.starts[y]..self.starts[y + 1]]
    }
}

/// What every column of a row is; `rows` are samples and alpha of it and of the one above.
fn find_kinds([(here, alpha), (above, alpha_above)]: [(&[u8], &[u8]); 2], reach: usize, kinds: &mut [Kind]) {
    let width = kinds.len();
    let range = |x: usize| (alpha[x].min(alpha_above[x]), alpha[x].max(alpha_above[x]));
    let mut before = range(0);
    for (x, kind) in kinds.iter_mut().enumerate() {
        let own = range(x);
        let (low, high) = if reach > 0 { (own.0.min(before.0), own.1.max(before.1)) } else { own };
        before = own;
        *kind = match (low, high) {
            (_, 0) => Kind::Empty,
            (255, _) => Kind::Opaque,
            _ => Kind::Mixed,
        };
    }
    let column = |x: usize| [here[x], alpha[x], above[x], alpha_above[x]];
    let (mut begun, mut second) = (0, false);
    for x in 1..=width {
        if x < width && column(x) == column(x - 1) {
            continue;
        }
        let from = if begun == 0 { 0 } else { begun + reach };
        begun = x;
        if from + SHORTEST <= x && kinds[from] != Kind::Empty {
            let opaque = kinds[from] == Kind::Opaque;
            kinds[from..x].fill(Kind::Flat(opaque, second));
            second = !second;
        }
    }
}

fn find_runs(kinds: &[Kind], out: &mut Vec<Run>) {
    let first = out.len();
    let mut at = 0;
    for same in kinds.chunk_by(|a, b| a == b) {
        let (from, to) = (at, at + same.len());
        at = to;
        let long = same.len() >= SHORTEST;
        let mixed = |run: &Run| !run.opaque && !run.flat && run.to == from;
        match (same[0], out[first..].last_mut()) {
            (Kind::Flat(opaque, _), _) => out.push(Run { from, to, opaque, flat: true }),
            (Kind::Opaque, _) if long => out.push(Run { from, to, opaque: true, flat: false }),
            (Kind::Empty, Some(last)) if mixed(last) && !long && to < kinds.len() => last.to = to,
            (Kind::Empty, _) => {}
            (_, Some(last)) if mixed(last) => last.to = to,
            _ => out.push(Run { from, to, opaque: false, flat: false }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each letter stands for eight columns: `.` is empty, `o` see-through and `#` opaque, all of them patterned; `-` is
    /// see-through and `=` opaque, each the same all along. Runs are written the same way, with `|` where one begins.
    fn check(row: &str, expected: &str) {
        let (mut samples, mut alpha) = (Vec::new(), Vec::new());
        for letter in row.bytes() {
            alpha.extend(
                [if letter == b'.' {
                    0
                } else if b"o-".contains(&letter) {
                    90
                } else {
                    255
                }; 8],
            );
            let patterned = b"o#".contains(&letter);
            samples.extend((0..8).map(|i| {
                if letter == b'.' {
                    0
                } else if patterned {
                    i + 20
                } else {
                    50
                }
            }));
        }
        let runs = Runs::still(&samples, &alpha, alpha.len());
        let mut text = String::new();
        let mut at = 0;
        for run in runs.row(0) {
            text += &".".repeat((run.from - at) / 8);
            let letter = match (run.opaque, run.flat) {
                (true, true) => "=",
                (true, false) => "#",
                (false, true) => "-",
                (false, false) => "o",
            };
            text += &format!("|{}", letter.repeat((run.to - run.from) / 8));
            at = run.to;
        }
        assert_eq!(text, expected, "{row}");
    }

    #[test]
    fn short_stretches_belong_to_their_neighbours() {
        check("....", "");
        check("..oo..##", "..|oo..|##");
        check("oo.oo", "|ooooo");
        check("oo#oo", "|ooooo");
        check("oo##oo", "|oo|##|oo");
        check("o...o", "|o...|o");
        check("#.", "|o");
        check("##.##", "|##.|##");
        check("##.o##", "|##.|o|##");
        check("o--..==#", "|o|--..|==|o");
    }

    #[test]
    fn what_moves_reaches_one_column_and_one_row_further() {
        let (width, mut alpha) = (64, vec![0_u8; 64 * 3]);
        alpha[64 + 8..64 + 40].fill(255);
        let runs = Runs::moving(&alpha, &alpha, width);
        let mixed = |from, to| Run { from, to, opaque: false, flat: false };
        let inside = Run { from: 9, to: 40, opaque: false, flat: true };
        assert!(runs.row(0).is_empty());
        assert_eq!((runs.row(1), runs.row(2)), (&[mixed(8, 9), inside, mixed(40, 41)][..], runs.row(1)));
    }
}
