//! How a shot is divided into clips, and what each of them is asked for.
//!
//! Invariant: the clips' own frames follow one another without a gap, and each clip has a length that the model makes.

use super::beginning;
use crate::contract::{Contract, Mode};
use crate::family::{Condition, Draft, Edit, Shot};
use crate::footage::Footage;
use crate::picture::Picture;

/// So that no two clips begin from the same noise, nor one from that of another seed close by (the golden ratio, as in
/// SplitMix64).
const SEEDS: u64 = 0x9e37_79b9_7f4a_7c15;

/// One clip of a shot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Link {
    /// The frame of the shot that its first one is; what it begins with is shown by the clip before.
    pub first: usize,
    pub frames: usize,
}

impl Link {
    /// Whether something is given that it must end with.
    pub fn ends(&self, shot: &Shot) -> bool {
        shot.conditions.iter().any(|c| c.start > self.first && c.start < self.first + self.frames)
    }
}

/// The clips of a shot, as long as each other as far as the model's lengths let them be: a short one at the end would
/// have little time to move in.
pub(super) fn links(contract: &Contract, frames: usize) -> Vec<Link> {
    let (most, carried) = (contract.most(), contract.carried());
    // A model of stills goes on from nothing; it refuses what is longer.
    if frames <= most || most <= carried {
        return vec![Link { first: 0, frames }];
    }
    let clips = 1 + (frames - most).div_ceil(most - carried);
    let (mut first, mut left) = (0, frames - carried);
    let mut links = Vec::new();
    for index in 0..clips {
        let own = left.div_ceil(clips - index);
        let whole = contract.latent.whole(own + carried).min(most);
        // The last one is told how long the shot is: what is given must stand at its end.
        let frames = whole.min(left + carried);
        links.push(Link { first, frames });
        first += frames - carried;
        left -= frames - carried;
        if left == 0 {
            break;
        }
    }
    links
}

/// What a clip is asked for. `tail` is what it begins with, and nothing for the first one.
pub(super) fn clip(links: &[Link], index: usize, carried: usize, shot: &Shot, tail: Vec<Picture>) -> Shot {
    let Link { first, frames } = links[index];
    if links.len() == 1 {
        return Shot { mode: mode(&shot.conditions), ..shot.clone() };
    }
    let from = if index == 0 { 0 } else { first + carried };
    let own = shot.conditions.iter().filter(|c| (from..first + frames).contains(&c.start));
    let own = own.map(|c| Condition { start: c.start - first, pictures: c.pictures.clone() });
    let conditions: Vec<_> = beginning(tail).into_iter().chain(own).collect();
    Shot {
        seed: shot.seed ^ SEEDS.wrapping_mul(index as u64),
        noise: shot.noise.clone().filter(|_| index == 0),
        mode: mode(&conditions),
        frames,
        conditions,
        edit: shot.edit.clone().map(|edit| Edit { draft: part(edit.draft, first, frames), ..edit }),
        ..shot.clone()
    }
}

/// What of a draft lies under a clip of so many frames.
fn part(draft: Draft, first: usize, frames: usize) -> Draft {
    match draft {
        Draft::Clip(footage) => {
            Draft::Clip(Footage { at: footage.at + first as f64 * footage.step, count: frames, ..footage })
        }
        Draft::Given => Draft::Given,
    }
}

/// What a clip with these pictures is to the model, whatever it is to the shot.
fn mode(given: &[Condition]) -> Mode {
    match (given.iter().any(|c| c.start > 0), given.is_empty()) {
        (true, _) => Mode::FirstLast,
        (false, false) => Mode::ImageToVideo,
        (false, true) => Mode::TextToVideo,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::families::chain::tests::contract;

    #[test]
    fn clips_are_of_lengths_that_the_model_makes_and_leave_no_frame_out() {
        // One clip of this model has 9 frames, and 1, 5 or 9 are whole.
        let check = |frames: usize, expected: &[(usize, usize)]| {
            let found: Vec<_> = links(&contract(), frames).iter().map(|l| (l.first, l.frames)).collect();
            assert_eq!(found, expected, "{frames} frames");
        };
        check(7, &[(0, 7)]);
        check(9, &[(0, 9)]);
        check(10, &[(0, 9), (8, 2)]);
        check(12, &[(0, 9), (8, 4)]);
        check(17, &[(0, 9), (8, 9)]);
        check(18, &[(0, 9), (8, 9), (16, 2)]);
        for frames in 10..300 {
            let links = links(&contract(), frames);
            let last = links[links.len() - 1];
            assert_eq!(last.first + last.frames, frames);
            assert!(links.windows(2).all(|l| l[1].first + 1 == l[0].first + l[0].frames), "{frames}: {links:?}");
        }
    }

    #[test]
    fn a_picture_goes_to_the_clip_that_shows_it_and_later_clips_begin_with_the_tail() {
        let picture = |value| Picture::filled(2, 2, value);
        let given = |start, value| Condition { start, pictures: vec![picture(value)] };
        let shot = Shot {
            frames: 17,
            seed: 7,
            mode: Mode::FirstLast,
            conditions: vec![given(0, 0.25), given(16, 0.75)],
            ..Shot::usual(&contract(), "sea")
        };
        let links = links(&contract(), shot.frames);
        let clips = [clip(&links, 0, 1, &shot, Vec::new()), clip(&links, 1, 1, &shot, vec![picture(0.5)])];
        assert_eq!(clips[0].conditions, [given(0, 0.25)]);
        assert_eq!(clips[1].conditions, [given(0, 0.5), given(8, 0.75)]);
        assert_eq!(clips.each_ref().map(|c| c.mode), [Mode::ImageToVideo, Mode::FirstLast]);
        assert_eq!((clips[0].seed, clips[0].frames, clips[1].frames), (7, 9, 9));
        assert_ne!(clips[1].seed, 7);
        assert_eq!(links.iter().map(|l| l.ends(&shot)).collect::<Vec<_>>(), [false, true]);
    }
}
