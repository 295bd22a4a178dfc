//! Pictures of clips that were looked at, kept for the next aspect or language of the same ad: decoding up to them is most
//! of what looking costs.
//!
//! Invariant: what is kept is what reading the clip would give, so nothing depends on whether it was.

use std::collections::HashMap;
use std::sync::Arc;

use crate::picture::footage::Picture;

/// The most that is kept, in bytes. Some twenty pictures of 1080p.
const MOST: usize = 64 << 20;

/// What a picture depends on: the clip, how long it is seen, the rate of the ad, and the instant.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Place {
    sha256: String,
    figures: [u64; 3],
}

impl Place {
    #[must_use]
    pub fn new(sha256: &str, seconds: f64, fps: f64, t: f64) -> Self {
        Self { sha256: sha256.to_owned(), figures: [seconds, fps, t].map(f64::to_bits) }
    }
}

/// Pictures by place.
#[derive(Debug, Default)]
pub struct Samples {
    kept: HashMap<Place, Arc<Picture>>,
    bytes: usize,
}

impl Samples {
    pub(crate) fn get(&self, place: &Place) -> Option<Arc<Picture>> {
        self.kept.get(place).cloned()
    }

    /// Keeps a picture; when there is no more room, in place of all others.
    pub(crate) fn keep(&mut self, place: Place, picture: &Picture) {
        let bytes = picture.bytes();
        if bytes > MOST {
            return;
        }
        if self.bytes + bytes > MOST {
            (self.kept, self.bytes) = (HashMap::new(), 0);
        }
        if self.kept.insert(place, Arc::new(picture.clone())).is_none() {
            self.bytes += bytes;
        }
    }
}
