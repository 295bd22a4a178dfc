//! Shots that are longer than the one clip a model makes: clip after clip, each begun with the last frames of the one
//! before (image to video), colours held at the seams and over the shot; or, of a model that takes no picture, one clip that its
//! transformer looks at through `windows`.
//!
//! Invariant: of what was made nothing is held but the frames that a clip is handed on by, and the tone of the first clip; so
//! memory does not grow with the length, but for the latents that windows lie over (a hundredth of its pictures, a few times).

mod link;
mod tone;

use std::collections::{BTreeSet, VecDeque};

use self::link::{Link, links};
use self::tone::{End, Tones};
use super::clip;
use crate::contract::{Contract, Mode};
use crate::error::Error;
use crate::family::{Condition, Decode, Draft, Family, Frames, Shot, Step};
use crate::picture::Picture;
use crate::schedulers::Skipped;

/// A family whose models make one clip and no more.
pub trait ClipFamily: Send {
    /// Starts a clip.
    ///
    /// # Errors
    /// See [`Family::begin`].
    fn begin<'a>(&'a mut self, clip: &Shot) -> Result<Box<dyn Clip + 'a>, Error>;

    /// Refuses a clip that could not be made, as [`ClipFamily::begin`] would, and makes nothing.
    ///
    /// # Errors
    /// `model-unable`, `not-enough-memory`, and what the files' own checks say.
    fn examine(&mut self, clip: &Shot) -> Result<(), Error>;

    fn contract(&self) -> &Contract;

    /// See [`Family::try_out`].
    ///
    /// # Errors
    /// See [`Family::try_out`].
    fn try_out(&mut self) -> Result<(), Error>;

    /// Whether the transformer looks through windows at what is longer than a clip: so a shot is one clip, however long. Where
    /// it does not, a long shot goes on from its own last frames.
    fn windowed(&self) -> bool {
        false
    }

    /// Whether a clip may begin with a clip that is given, in place of noise alone.
    fn edits(&self) -> bool {
        false
    }

    /// See [`Family::decodes_in_tiles`].
    fn decodes_in_tiles(&self) -> bool {
        false
    }
}

/// The frames of one clip.
pub trait Clip: Frames {
    /// Begins another clip of the same shot in its place: the prompts are the same, and what took over from a part that failed stays.
    ///
    /// # Errors
    /// See [`Family::begin`].
    fn go_on(&mut self, clip: &Shot) -> Result<(), Error>;
}

/// A model of such a family, for shots of any length.
pub struct Chain<F> {
    model: F,
}

impl<F: ClipFamily> Chain<F> {
    #[must_use]
    pub fn new(model: F) -> Self {
        Self { model }
    }

    fn links(&self, frames: usize) -> Vec<Link> {
        if self.model.windowed() {
            return vec![Link { first: 0, frames }];
        }
        links(self.model.contract(), frames)
    }
}

impl<F: ClipFamily> Family for Chain<F> {
    fn begin<'a>(&'a mut self, shot: &Shot) -> Result<Box<dyn Frames + 'a>, Error> {
        let links = self.links(shot.frames);
        let contract = self.model.contract();
        if links.len() > 1 && !contract.modes.contains(&Mode::ImageToVideo) {
            let (most, name) = (contract.most(), contract.name.clone());
            let seconds = most as f64 / contract.video.fps;
            let reason = format!(
                "a shot of {} frames; one clip has {most} ({seconds:.1} s), and it takes no picture to go on from",
                shot.frames
            );
            return Err(Error::Unable { model: name, reason });
        }
        if !shot.conditions.is_empty() && shot.first_picture().is_none() {
            let (mode, model) = (shot.mode, contract.name.clone());
            let reason = format!("to {mode} without a picture or a clip to begin with: it goes on from a first frame");
            return Err(Error::Unable { model, reason });
        }
        let carried = contract.carried();
        // What a later clip needs (an encoder, say) is told before the first is made. Any picture will do; those between the second
        // and the last need what it needs.
        for index in BTreeSet::from([1, links.len() - 1]).into_iter().filter(|index| (1..links.len()).contains(index)) {
            let tail = vec![Picture::filled(shot.width, shot.height, 0.0); carried];
            self.model.examine(&link::clip(&links, index, carried, shot, tail))?;
        }
        let first = link::clip(&links, 0, carried, shot, Vec::new());
        let clip = self.model.begin(&first)?;
        let left = if links.len() > 1 { shot.frames } else { usize::MAX };
        let warnings = clip.warnings().to_vec();
        let mut shot = shot.clone();
        // All clips are decoded as the first one is: so the shot's recipe says it.
        shot.levers.decode = clip.decode();
        let joins = matches!(shot.mode, Mode::Extend | Mode::Bridge | Mode::Retake);
        let begins = shot.conditions.iter().find(|c| joins && c.start == 0).map_or(Vec::new(), |c| c.pictures.clone());
        Ok(Box::new(ChainShot {
            clip,
            shot,
            links,
            carried,
            at: 0,
            shown: 0,
            left,
            begins,
            tail: VecDeque::new(),
            tones: Tones::default(),
            warnings,
            skipped: None,
        }))
    }

    fn try_out(&mut self) -> Result<(), Error> {
        self.model.try_out()
    }

    fn takes_draft(&self, draft: &Draft) -> bool {
        matches!(draft, Draft::Clip(_)) && self.model.edits()
    }

    fn decodes_in_tiles(&self) -> bool {
        self.model.decodes_in_tiles()
    }

    fn clips(&self, frames: usize) -> usize {
        let contract = self.model.contract();
        if !self.model.windowed() || frames <= contract.most() {
            return self.links(frames).len();
        }
        let latents = contract.latent.frames(frames).next_multiple_of(contract.latent.patch[0]);
        clip::windows(contract, latents)
    }
}

/// A shot under way.
struct ChainShot<'a> {
    clip: Box<dyn Clip + 'a>,
    shot: Shot,
    links: Vec<Link>,
    /// Frames that a clip is handed on by.
    carried: usize,
    /// The clip under way.
    at: usize,
    /// Frames that it has given.
    shown: usize,
    /// Frames still to be shown.
    left: usize,
    /// What the clip under way begins with and is set right by: frames of a clip that is gone on from. Not a picture: what a model makes
    /// of it is the shot.
    begins: Vec<Picture>,
    /// The last frames as they were shown.
    tail: VecDeque<Picture>,
    tones: Tones,
    warnings: Vec<String>,
    /// Of the clips that are done.
    skipped: Option<Skipped>,
}

impl ChainShot<'_> {
    /// Takes over what the clip under way has to say; once each.
    fn listen(&mut self) {
        for warning in self.clip.warnings() {
            if !self.warnings.contains(warning) {
                self.warnings.push(warning.clone());
            }
        }
    }

    /// Begins the next clip, if there is one.
    fn next_clip(&mut self) -> Result<bool, Error> {
        if self.at + 1 >= self.links.len() {
            return Ok(false);
        }
        self.skipped = self.skipped();
        self.at += 1;
        self.shown = 0;
        self.begins = self.tail.iter().cloned().collect();
        let next = link::clip(&self.links, self.at, self.carried, &self.shot, self.begins.clone());
        self.clip.go_on(&next)?;
        Ok(true)
    }

    /// A frame of the clip under way as it is shown; `None` where the clip before has shown it.
    fn shown(&mut self, picture: Picture) -> Option<Picture> {
        let (index, given) = (self.shown, self.begins.len());
        self.shown += 1;
        if let Some(was) = self.begins.get(index) {
            self.tones.meet(was, &picture, index + 1 == given);
            return (self.at == 0).then(|| was.clone());
        }
        let link = &self.links[self.at];
        // What is given at its end, or lies under it, says what its colours come to.
        let end = match link.ends(&self.shot) || self.shot.edit.is_some() {
            true => End::Given,
            false if self.at > 0 => End::Back,
            false => End::Open,
        };
        let picture = match given {
            0 => picture,
            _ => self.tones.even(picture, index - given, link.frames.saturating_sub(given), end),
        };
        if self.at == 0 && self.links.len() > 1 {
            self.tones.learn(&picture);
        }
        Some(picture)
    }
}

impl Frames for ChainShot<'_> {
    fn next(&mut self, on_step: &mut dyn FnMut(Step) -> Result<(), Error>) -> Result<Option<Picture>, Error> {
        while self.left > 0 {
            let at = self.at;
            let made = self.clip.next(&mut |step| on_step(Step { clip: at + step.clip, ..step }))?;
            self.listen();
            let Some(picture) = made else {
                if self.next_clip()? {
                    continue;
                }
                return Ok(None);
            };
            let Some(picture) = self.shown(picture) else { continue };
            self.left -= 1;
            if self.at + 1 < self.links.len() {
                self.tail.push_back(picture.clone());
                if self.tail.len() > self.carried {
                    self.tail.pop_front();
                }
            }
            return Ok(Some(picture));
        }
        Ok(None)
    }

    fn understood(&self) -> &[(String, String)] {
        self.clip.understood()
    }

    fn warnings(&self) -> &[String] {
        &self.warnings
    }

    fn decode(&self) -> Decode {
        self.clip.decode()
    }

    fn skipped(&self) -> Option<Skipped> {
        match (self.skipped, self.clip.skipped()) {
            (Some(a), Some(b)) => Some(Skipped { steps: a.steps + b.steps, error: a.error.max(b.error) }),
            (a, b) => b.or(a),
        }
    }
}

/// Pictures to begin with.
fn beginning(pictures: Vec<Picture>) -> Option<Condition> {
    (!pictures.is_empty()).then_some(Condition { start: 0, pictures })
}

#[cfg(test)]
mod tests;
