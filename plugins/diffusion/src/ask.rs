//! What a shot is asked for: the mode, and the files and seconds that belong to it.
//!
//! Invariant: every mode gets what it needs and nothing that it would silently ignore.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use serde::Deserialize;

use crate::contract::{Contract, Mode};
use crate::error::Error;
use crate::params::Params;

/// The largest shot file that is read, in bytes.
const MAX_SHOT: u64 = 256 * 1024;
/// Shorter or longer shots are refused, in seconds.
const SECONDS: std::ops::RangeInclusive<f64> = 0.5..=120.0;

/// The `shot` input, as the `prompt` stage writes it; what else a stage may put there is not for us.
#[derive(Debug, Deserialize)]
pub struct ShotFile {
    pub prompt: String,
    /// What of the prompt the brief asked for; the rest is the template's. Left out: all of it.
    pub asked: Option<String>,
    #[serde(default)]
    pub negative_prompt: String,
    pub seconds: Option<f64>,
    pub seed: Option<u64>,
}

impl ShotFile {
    /// Reads it.
    ///
    /// # Errors
    /// `bad-shot`.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let bad = |reason: String| Error::Shot { file: path.into(), reason };
        let mut text = String::new();
        let opened = File::open(path).map_err(|e| bad(e.to_string()))?;
        opened.take(MAX_SHOT).read_to_string(&mut text).map_err(|e| bad(e.to_string()))?;
        serde_json::from_str(&text).map_err(|e| bad(e.to_string()))
    }
}

/// Which files there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Files {
    pub image: bool,
    pub last_image: bool,
    pub clip: bool,
    pub clip_after: bool,
}

/// The mode that is asked for, by name or by what is given.
///
/// # Errors
/// `bad-mode`: the files do not fit the mode, or do not tell which is meant. All that is wrong, at once.
pub fn mode(params: &Params, files: Files) -> Result<Mode, Error> {
    let range = params.from.is_some() || params.to.is_some();
    let mode = match (params.mode, files) {
        (Some(mode), _) => mode,
        (None, Files { clip: true, clip_after: true, .. }) => Mode::Bridge,
        (None, Files { clip: true, .. }) if range => Mode::Retake,
        (None, Files { clip: true, .. }) => {
            let reason = "is not told by a clip alone; say `mode`: extend, edit, retake or loop".into();
            return Err(Error::Mode { mode: "?", reason });
        }
        (None, Files { clip_after: true, .. }) => Mode::Extend,
        (None, Files { last_image: true, .. }) => Mode::FirstLast,
        (None, Files { image: true, .. }) => Mode::ImageToVideo,
        (None, _) => Mode::TextToVideo,
    };
    let wrong = mistakes(mode, params, files);
    if wrong.is_empty() { Ok(mode) } else { Err(Error::Mode { mode: mode.name(), reason: wrong.join(", and ") }) }
}

/// What does not fit, each as the end of a sentence about the mode.
fn mistakes(mode: Mode, params: &Params, files: Files) -> Vec<String> {
    let Files { image, last_image, clip, clip_after } = files;
    // Which of the files it may have, then what it must have.
    let (may, must) = match mode {
        Mode::TextToVideo => ([false; 4], None),
        Mode::ImageToVideo => ([true, false, false, false], (!image).then_some("needs an `image`")),
        Mode::FirstLast => ([true, true, false, false], (!last_image).then_some("needs a `last-image`")),
        Mode::Extend => {
            ([false, false, true, true], (clip == clip_after).then_some("needs one of `clip` and `clip-after`"))
        }
        Mode::Loop => ([true, false, true, false], (image && clip).then_some("takes an `image` or a `clip`, not both")),
        Mode::Bridge => {
            ([false, false, true, true], (!(clip && clip_after)).then_some("needs `clip` and `clip-after`"))
        }
        Mode::Edit | Mode::Retake => ([false, false, true, false], (!clip).then_some("needs a `clip`")),
    };
    let named = [("image", image), ("last-image", last_image), ("clip", clip), ("clip-after", clip_after)];
    let mut wrong: Vec<String> = must.into_iter().map(str::to_owned).collect();
    wrong.extend(
        named.iter().zip(may).filter(|((_, is), may)| *is && !may).map(|((name, _), _)| format!("takes no `{name}`")),
    );
    match (params.from, params.to) {
        (Some(from), Some(to)) if mode == Mode::Retake && from >= to => {
            wrong.push(format!("needs `from` before `to`, and gets {from} and {to}"));
        }
        (Some(_), Some(_)) if mode == Mode::Retake => {}
        _ if mode == Mode::Retake => wrong.push("needs `from` and `to`, in seconds".into()),
        (None, None) => {}
        _ => wrong.push("takes no `from` and `to`".into()),
    }
    if mode == Mode::TextToVideo && params.strength.is_some() {
        wrong.push("takes no `strength`: there is nothing to leave".into());
    }
    wrong
}

/// How far a shot may leave what is given, when nobody says.
#[must_use]
pub fn strength(mode: Mode) -> f64 {
    match mode {
        Mode::TextToVideo => 1.0,
        // Looked at on both embedded models: less and nothing moves, more and later windows forget the picture.
        Mode::ImageToVideo | Mode::Extend | Mode::Loop => 0.75,
        // More and the change gathers in one moment instead of taking its time.
        Mode::FirstLast | Mode::Bridge => 0.55,
        Mode::Edit | Mode::Retake => 0.8,
    }
}

/// Refuses what the model's contract does not offer.
///
/// # Errors
/// `model-unable`.
pub fn offered(contract: &Contract, mode: Mode) -> Result<(), Error> {
    if contract.modes.contains(&mode) {
        return Ok(());
    }
    let known = contract.modes.iter().map(|m| m.name()).collect::<Vec<_>>().join(", ");
    Err(Error::NoMode { model: contract.name.clone(), mode: mode.name(), known })
}

/// The length that is asked for, when it is.
///
/// # Errors
/// `bad-params`.
pub fn seconds(asked: Option<f64>) -> Result<Option<f64>, Error> {
    match asked.filter(|seconds| !SECONDS.contains(seconds)) {
        None => Ok(asked),
        Some(seconds) => {
            let (least, most) = (SECONDS.start(), SECONDS.end());
            let expected = format!("expected {least} to {most} seconds in one shot");
            Err(Error::Param { name: "seconds", value: seconds.to_string(), expected })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mode_follows_from_what_is_given_and_what_does_not_fit_is_said() {
        let check = |params: serde_json::Value, files: &str, expected: &str| {
            let params: Params = serde_json::from_value(params).expect("parameters");
            let has = |name: &str| files.split(' ').any(|f| f == name);
            let files = Files {
                image: has("image"),
                last_image: has("last-image"),
                clip: has("clip"),
                clip_after: has("clip-after"),
            };
            let found = mode(&params, files).map_or_else(|e| e.to_string(), |m| m.name().to_owned());
            assert_eq!(found, expected);
        };
        use serde_json::json;
        check(json!({}), "", "text-to-video");
        check(json!({}), "image", "image-to-video");
        check(json!({}), "image last-image", "first-last");
        check(json!({}), "clip clip-after", "bridge");
        check(json!({}), "clip-after", "extend");
        check(json!({"from": 1, "to": 2}), "clip", "retake");
        check(json!({"mode": "loop"}), "", "loop");
        check(json!({}), "clip", "the mode `?` is not told by a clip alone; say `mode`: extend, edit, retake or loop");
        check(json!({"mode": "edit"}), "image", "the mode `edit` needs a `clip`, and takes no `image`");
        check(json!({"mode": "extend"}), "clip clip-after", "the mode `extend` needs one of `clip` and `clip-after`");
        check(
            json!({"mode": "retake", "from": 3, "to": 2}),
            "clip",
            "the mode `retake` needs `from` before `to`, and gets 3 and 2",
        );
        check(
            json!({"mode": "text-to-video", "strength": 0.5}),
            "",
            "the mode `text-to-video` takes no `strength`: there is nothing to leave",
        );
    }
}
