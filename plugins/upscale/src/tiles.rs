//! Where the tiles of a picture lie, along one side.
//!
//! Invariant: the kept parts of all tiles cover the side exactly once, and each tile is read with `pad` pixels around
//! its kept part, or up to the picture's own edge. All tiles of a side are read at one length, because a network that
//! is given one shape throughout does not grow its memory.

use std::ops::Range;

/// One tile along one side, in pixels of the picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    /// What is read.
    pub read: Range<usize>,
    /// What of it is kept.
    pub keep: Range<usize>,
}

/// How much of a side each of its tiles is computed with.
pub(crate) fn window(length: usize, tile: usize, pad: usize) -> usize {
    (tile.max(1) + 2 * pad).min(length)
}

/// The tiles of a side of `length` pixels.
pub(crate) fn spans(length: usize, tile: usize, pad: usize) -> Vec<Span> {
    let tile = tile.max(1);
    let window = window(length, tile, pad);
    let span = |start: usize| {
        let keep = start..(start + tile).min(length);
        let first = start.saturating_sub(pad).min(length - window);
        Span { read: first..first + window, keep }
    };
    (0..length).step_by(tile).map(span).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn tiles_cover_once_with_their_surroundings(length in 1_usize..3000, tile in 1_usize..700, pad in 0_usize..64) {
            let spans = spans(length, tile, pad);
            let mut next = 0;
            for span in &spans {
                prop_assert_eq!(span.keep.start, next);
                prop_assert!(span.keep.end > next);
                next = span.keep.end;
                prop_assert!(span.read.end <= length);
                prop_assert!(span.read.start <= span.keep.start.saturating_sub(pad));
                prop_assert!(span.read.end >= (span.keep.end + pad).min(length));
                prop_assert_eq!(span.read.len(), spans[0].read.len());
            }
            prop_assert_eq!(next, length);
        }
    }
}
