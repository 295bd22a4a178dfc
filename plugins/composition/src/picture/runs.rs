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

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Empty,
    Mixed,
    Opaque,
    /// The same all along, with the column at which that begins.
    Flat(usize, bool),
}

impl Runs {
    /// Of a plane that is drawn sample on sample.
    #[must_use]
    pub fn still(samples: &[u8], alpha: &[u8], width: usize) -> Self {
        let rows = samples.chunks_exact(width).zip(alpha.chunks_exact(width));
        Self::new(rows.map(|(samples, alpha)| kinds(&columns(samples, alpha), 0)))
    }

    /// Of a plane whose samples are mixed with those before them and above them.
    #[must_use]
    pub fn moving(samples: &[u8], alpha: &[u8], width: usize) -> Self {
        let rows: Vec<_> =
            samples.chunks_exact(width).zip(alpha.chunks_exact(width)).map(|(s, a)| columns(s, a)).collect();
        Self::new((0..rows.len()).map(|y| {
            let both = rows[y.saturating_sub(1)].iter().zip(&rows[y]);
            let both: Vec<[(u8, u8); 2]> = both.map(|(above, here)| [above[0], here[0]]).collect();
            kinds(&both, 1)
        }))
    }

    fn new(rows: impl Iterator<Item = Vec<Kind>>) -> Self {
        let mut all = Self { starts: vec![0], runs: Vec::new() };
        for kinds in rows {
            all.runs.extend(runs(&kinds));
            all.starts.push(all.runs.len());
        }
        all
    }

    /// Those of a row.
    #[must_use]
    pub fn row(&self, y: usize) -> &[Run] {
        &self.runs[self.starts[y]..self.starts[y + 1]]
    }

    /// Whether there are none at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }
}

/// Sample and alpha of every column.
fn columns(samples: &[u8], alpha: &[u8]) -> Vec<[(u8, u8); 1]> {
    samples.iter().zip(alpha).map(|(&s, &a)| [(s, a)]).collect()
}

/// What every column is, when it is mixed with `before` columns before it.
fn kinds<const ROWS: usize>(columns: &[[(u8, u8); ROWS]], before: usize) -> Vec<Kind> {
    let kind = |x: usize| {
        let mixed = columns[x.saturating_sub(before)..=x].iter().flatten();
        let (low, high) = mixed.fold((255, 0), |(low, high), (_, a)| (low.min(*a), high.max(*a)));
        match (low, high) {
            (_, 0) => Kind::Empty,
            (255, _) => Kind::Opaque,
            _ => Kind::Mixed,
        }
    };
    let mut kinds: Vec<Kind> = (0..columns.len()).map(kind).collect();
    let mut at = 0;
    for same in columns.chunk_by(|a, b| a == b) {
        let from = if at == 0 { 0 } else { at + before };
        at += same.len();
        if from + SHORTEST <= at && kinds[from] != Kind::Empty {
            let flat = Kind::Flat(from, kinds[from] == Kind::Opaque);
            kinds[from..at].fill(flat);
        }
    }
    kinds
}

fn runs(kinds: &[Kind]) -> Vec<Run> {
    let mut out: Vec<Run> = Vec::new();
    let mut at = 0;
    for same in kinds.chunk_by(|a, b| a == b) {
        let (from, to) = (at, at + same.len());
        at = to;
        let long = same.len() >= SHORTEST;
        let mixed = |run: &Run| !run.opaque && !run.flat && run.to == from;
        match (same[0], out.last_mut()) {
            (Kind::Flat(_, opaque), _) => out.push(Run { from, to, opaque, flat: true }),
            (Kind::Opaque, _) if long => out.push(Run { from, to, opaque: true, flat: false }),
            (Kind::Empty, Some(last)) if mixed(last) && !long && to < kinds.len() => last.to = to,
            (Kind::Empty, _) => {}
            (_, Some(last)) if mixed(last) => last.to = to,
            _ => out.push(Run { from, to, opaque: false, flat: false }),
        }
    }
    out
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
