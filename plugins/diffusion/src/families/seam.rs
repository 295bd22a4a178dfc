//! What coding has changed in pictures that a clip begins or ends with.

use crate::finish::smooth::boxed;
use crate::picture::Picture;

/// Reach in pixels over which a seam is evened out.
const SEAM: usize = 10;

/// How pictures differ from what they were, coarsely: brightness and colour, no detail.
pub(super) fn change(was: &[Picture], is: &[Picture]) -> Option<Picture> {
    let first = is.first()?;
    let (width, height) = (first.width, first.height);
    let share = 1.0 / is.len() as f32;
    let mut change = Picture::filled(width, height, 0.0);
    for (k, is) in is.iter().enumerate() {
        let was = was.get(k).or(was.last())?;
        for (sum, (was, is)) in change.data.iter_mut().zip(was.data.iter().zip(&is.data)) {
            *sum += (was - is) * share;
        }
    }
    for plane in 0..3 {
        let soft = boxed(&boxed(change.plane(plane), width, height, SEAM), width, height, SEAM);
        change.plane_mut(plane).copy_from_slice(&soft);
    }
    Some(change)
}
