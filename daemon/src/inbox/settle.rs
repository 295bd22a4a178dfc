//! When is a file complete? When nothing about it has changed for the settle time. Pure: times are handed in.

use std::collections::BTreeMap;

use crate::ids::Timestamp;

/// What is compared between looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Look {
    pub bytes: u64,
    /// Modification time in nanoseconds.
    pub modified_ns: i128,
    pub inode: u64,
}

/// Remembers how long each file has been quiet.
#[derive(Debug)]
pub struct Settling {
    settle_ms: i64,
    seen: BTreeMap<String, (Look, Timestamp)>,
}

impl Settling {
    #[must_use]
    pub fn new(settle_ms: i64) -> Self {
        Self { settle_ms, seen: BTreeMap::new() }
    }

    /// Compares all files that are there now with the last look; gives the names that are complete.
    /// Files that are gone are forgotten. An empty file is never complete: something is about to fill it.
    pub fn look(&mut self, files: impl IntoIterator<Item = (String, Look)>, now: Timestamp) -> Vec<String> {
        let mut seen = BTreeMap::new();
        let mut complete = Vec::new();
        for (name, look) in files {
            let since = match self.seen.get(&name) {
                // A clock set back must not make a file wait for hours.
                Some((before, since)) if *before == look && *since <= now => *since,
                _ => now,
            };
            if now.0 - since.0 >= self.settle_ms && look.bytes > 0 {
                complete.push(name.clone());
            }
            seen.insert(name, (look, since));
        }
        self.seen = seen;
        complete
    }

    /// Starts the wait for a file again: it changed while it was being taken.
    pub fn again(&mut self, name: &str) {
        self.seen.remove(name);
    }

    /// When the next file that is not complete yet can be.
    #[must_use]
    pub fn next(&self, now: Timestamp) -> Option<Timestamp> {
        let due = self.seen.values().filter(|(l, _)| l.bytes > 0).map(|(_, since)| since.plus_ms(self.settle_ms));
        due.filter(|at| *at > now).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(bytes: u64, inode: u64) -> Look {
        Look { bytes, modified_ns: i128::from(bytes), inode }
    }

    #[test]
    fn a_file_written_in_chunks_with_pauses_is_taken_once_it_is_quiet() {
        let mut s = Settling::new(5_000);
        let mut at =
            |t: i64, bytes: u64, inode: u64| s.look([("a.yaml".to_owned(), look(bytes, inode))], Timestamp(t)).len();
        for (t, bytes, inode, expected) in [
            (0, 100, 1, 0),
            (3_000, 200, 1, 0),  // a chunk after a pause of 3 s
            (7_900, 200, 1, 0),  // quiet for 4.9 s
            (8_000, 200, 1, 1),  // quiet for 5 s
            (8_100, 200, 2, 0),  // replaced by an atomic save
            (13_100, 200, 2, 1), // and quiet again
            (13_000, 200, 2, 0), // the clock was set back: wait anew, not for ever
            (18_000, 200, 2, 1),
            (19_000, 0, 2, 0), // truncated
            (99_000, 0, 2, 0), // and empty is never complete
        ] {
            assert_eq!(at(t, bytes, inode), expected, "at {t}");
        }
    }

    #[test]
    fn a_file_that_went_away_starts_anew() {
        let mut s = Settling::new(1_000);
        s.look([("a".to_owned(), look(1, 1))], Timestamp(0));
        assert_eq!(s.next(Timestamp(0)), Some(Timestamp(1_000)));
        assert_eq!(s.next(Timestamp(1_000)), None, "complete: nothing to wait for");
        s.look([], Timestamp(900));
        assert_eq!(s.next(Timestamp(900)), None);
        assert!(s.look([("a".to_owned(), look(1, 1))], Timestamp(1_100)).is_empty());
    }
}
