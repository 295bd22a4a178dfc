//! The sound that footage brings along, heard in its scene.
//!
//! Invariant: what comes of one file keeps its levels among itself, and scenes that go on where the one before ended go on without
//! a seam.

use std::collections::BTreeMap;

use spotloom_media::{AudioClip, audio::RATE};
use spotloom_plugin_sdk::prelude::*;

use crate::encode::failure;
use crate::params::Params;
use crate::sound;

/// So near is no cut, in seconds.
const SEAMLESS: f64 = 0.005;

/// A stretch of a file, and where it is heard.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Stretch {
    /// Which of the files.
    file: usize,
    from: f64,
    seconds: f64,
    at: f64,
}

/// One track of `seconds` with all sounds in their places; none where no scene keeps its own.
///
/// # Errors
/// `bad-params` when there are not as many files as scenes that keep their sound, and those of [`check`].
pub(crate) fn track(seconds: f64, params: &Params, run: &Run) -> Result<Option<AudioClip>, Failure> {
    let files = run.inputs("own-sound");
    let wanted = params.scenes.iter().filter(|s| s.keep_sound).count();
    if files.len() != wanted {
        let message = format!("there are {} files in `own-sound` and {wanted} scenes that keep theirs", files.len());
        return Err(
            Failure::new("bad-params", message).hint("give the footage of each scene with `keep_sound`, in order")
        );
    }
    check(run)?;
    // One file in several scenes is one.
    let first = |i: usize| files.iter().position(|f| f.sha256 == files[i].sha256).unwrap_or(i);
    let samples = (seconds * f64::from(RATE)).round() as usize;
    let mut pieces: Vec<(usize, usize, AudioClip)> = Vec::new();
    for stretch in stretches(params, first) {
        let clip = AudioClip::part(&files[stretch.file].path, stretch.from, stretch.seconds).map_err(failure)?;
        pieces.push((stretch.file, (stretch.at * f64::from(RATE)).round() as usize, clip));
    }
    let mut gains: BTreeMap<usize, f64> = BTreeMap::new();
    let mut track: Option<AudioClip> = None;
    for (file, at, clip) in &pieces {
        let gain = match gains.get(file) {
            Some(gain) => *gain,
            None => {
                let all = pieces.iter().filter(|(other, ..)| other == file).flat_map(|(.., clip)| clip.samples());
                let gain = sound::to_reference(&AudioClip::new(all.copied().collect())).map_err(failure)?;
                *gains.entry(*file).or_insert(gain)
            }
        };
        let clip = clip.filter(&format!("volume={gain:.3}dB")).map_err(failure)?;
        // A cut in the middle of a wave would click.
        let clip = sound::placed(&sound::with_silent_ends(&clip, 1, 1), *at, samples);
        track = Some(track.map_or_else(|| clip.clone(), |track| sound::sum(&track, &clip)));
    }
    Ok(track)
}

/// Whether all that is to be heard has a sound: told before anything is made.
///
/// # Errors
/// `no-sound` with the names of those that have none, and what is wrong with a file.
pub(crate) fn check(run: &Run) -> Result<(), Failure> {
    let mut mute: Vec<&str> = Vec::new();
    for file in run.inputs("own-sound") {
        let info = spotloom_media::probe(&file.path).map_err(failure)?;
        if info.audio.is_none() && !mute.contains(&file.name.as_str()) {
            mute.push(&file.name);
        }
    }
    if mute.is_empty() {
        return Ok(());
    }
    let message = format!("there is no sound to keep in {}", mute.join(", "));
    Err(Failure::new("no-sound", message).hint("take `keep_sound` away from its scene, or give footage that has sound"))
}

/// What is heard of which file; scenes that go on in the same file are one stretch.
fn stretches(params: &Params, first: impl Fn(usize) -> usize) -> Vec<Stretch> {
    let mut stretches: Vec<Stretch> = Vec::new();
    let (mut at, mut kept) = (0.0, 0);
    for scene in &params.scenes {
        if scene.keep_sound {
            let new = Stretch { file: first(kept), from: scene.from, seconds: scene.seconds, at };
            kept += 1;
            match stretches.last_mut().filter(|last| last.goes_on_with(&new)) {
                Some(last) => last.seconds += new.seconds,
                None => stretches.push(new),
            }
        }
        at += scene.seconds;
    }
    stretches
}

impl Stretch {
    fn goes_on_with(&self, next: &Self) -> bool {
        let near = |a: f64, b: f64| (a - b).abs() < SEAMLESS;
        self.file == next.file && near(self.from + self.seconds, next.from) && near(self.at + self.seconds, next.at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scenes_of_one_film_are_one_stretch() {
        fn check(scenes: serde_json::Value, files: &[usize], expected: &[(usize, f64, f64, f64)]) {
            let params = serde_json::from_value(serde_json::json!({"name": "x", "scenes": scenes})).unwrap();
            let found = stretches(&params, |i| files[i]);
            let found: Vec<_> = found.iter().map(|s| (s.file, s.from, s.seconds, s.at)).collect();
            assert_eq!(found, expected);
        }
        let keep = |from: f64, seconds: f64| serde_json::json!({"from": from, "seconds": seconds, "keep_sound": true});
        let other = serde_json::json!({"seconds": 2.0, "prompt": "waves"});
        check(serde_json::json!([other]), &[], &[]);
        check(serde_json::json!([other, keep(1.0, 3.0)]), &[0], &[(0, 1.0, 3.0, 2.0)]);
        check(serde_json::json!([keep(0.0, 3.0), keep(3.0, 2.5)]), &[0, 0], &[(0, 0.0, 5.5, 0.0)]);
        check(serde_json::json!([keep(0.0, 3.0), keep(3.0, 2.0)]), &[0, 1], &[(0, 0.0, 3.0, 0.0), (1, 3.0, 2.0, 3.0)]);
        check(
            serde_json::json!([keep(0.0, 3.0), other, keep(3.0, 2.0)]),
            &[0, 0],
            &[(0, 0.0, 3.0, 0.0), (0, 3.0, 2.0, 5.0)],
        );
    }
}
