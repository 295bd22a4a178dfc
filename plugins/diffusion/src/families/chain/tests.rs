//! Chains of a family that makes grey pictures and keeps a record.

use std::path::Path;
use std::sync::{Arc, Mutex};

use super::*;
use crate::contract::Model;

/// A contract with clips of 9 frames from text or from a picture.
pub(super) fn contract() -> Contract {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/wan-ti2v");
    let contract = Model::open(&folder).expect("the model").contract;
    assert_eq!((contract.most(), contract.carried()), (9, 1));
    contract
}

/// Makes pictures that begin with what is given, darker by 0.1 as its codec has it, and become brighter by 0.01 a frame.
struct Grey {
    contract: Contract,
    /// Clips that were begun.
    begun: Arc<Mutex<Vec<Shot>>>,
    /// Of the frames of which clip it says that they can't be made.
    refuses: Option<usize>,
}

struct GreyClip<'a> {
    family: &'a Grey,
    frames: std::collections::VecDeque<Picture>,
    warnings: Vec<String>,
}

impl Grey {
    fn clip(&self, clip: &Shot) -> (std::collections::VecDeque<Picture>, Vec<String>) {
        let mut begun = self.begun.lock().expect("no panic");
        begun.push(clip.clone());
        let start = clip.first_picture().map_or(0.2, |picture| picture.data[0]);
        let grey = |k: usize| Picture::filled(4, 2, start - 0.1 + 0.01 * k as f32);
        let warnings = vec!["once".into(), format!("clip {}", begun.len())];
        ((0..self.contract.latent.whole(clip.frames)).map(grey).collect(), warnings)
    }
}

impl ClipFamily for Grey {
    fn begin<'a>(&'a mut self, clip: &Shot) -> Result<Box<dyn Clip + 'a>, Error> {
        let (frames, warnings) = self.clip(clip);
        Ok(Box::new(GreyClip { family: self, frames, warnings }))
    }

    fn examine(&mut self, clip: &Shot) -> Result<(), Error> {
        match self.refuses {
            Some(frames) if frames == clip.frames => {
                Err(Error::Unable { model: "grey".into(), reason: "a clip of that many frames".into() })
            }
            _ => Ok(()),
        }
    }

    fn contract(&self) -> &Contract {
        &self.contract
    }

    fn try_out(&mut self) -> Result<(), Error> {
        Ok(())
    }
}

impl Clip for GreyClip<'_> {
    fn go_on(&mut self, clip: &Shot) -> Result<(), Error> {
        assert!(self.frames.is_empty(), "the clip before is at its end");
        (self.frames, self.warnings) = self.family.clip(clip);
        Ok(())
    }
}

impl Frames for GreyClip<'_> {
    fn next(&mut self, on_step: &mut dyn FnMut(Step) -> Result<(), Error>) -> Result<Option<Picture>, Error> {
        on_step(Step { clip: 1, step: 1, decoding: false })?;
        Ok(self.frames.pop_front())
    }

    fn warnings(&self) -> &[String] {
        &self.warnings
    }

    fn skipped(&self) -> Option<Skipped> {
        Some(Skipped { steps: 2, error: 0.01 })
    }
}

fn family(contract: Contract) -> (Chain<Grey>, Arc<Mutex<Vec<Shot>>>) {
    let begun = Arc::new(Mutex::new(Vec::new()));
    (Chain::new(Grey { contract, begun: begun.clone(), refuses: None }), begun)
}

fn shot(frames: usize) -> Shot {
    Shot { frames, seed: 7, ..Shot::usual(&contract(), "sea") }
}

#[test]
fn a_long_shot_goes_on_from_its_own_last_frame_without_a_jump() {
    let (mut chain, begun) = family(contract());
    assert_eq!(chain.clips(25), 3);
    let mut frames = chain.begin(&shot(25)).expect("a shot");
    let (mut greys, mut clips) = (Vec::new(), Vec::new());
    let mut on_step = |step: Step| {
        clips.push(step.clip);
        Ok(())
    };
    while let Some(picture) = frames.next(&mut on_step).expect("no failure") {
        greys.push(picture.data[0]);
    }
    assert_eq!(greys.len(), 25);
    let largest = greys.windows(2).map(|g| (g[1] - g[0]).abs()).fold(0.0, f32::max);
    assert!(largest < 0.02, "a step of {largest} in {greys:?}");
    clips.dedup();
    assert_eq!(clips, [1, 2, 3]);
    assert_eq!(frames.warnings(), ["once", "clip 1", "clip 2", "clip 3"]);
    assert_eq!(frames.skipped().map(|s| s.steps), Some(6));

    let begun = begun.lock().expect("no panic");
    let modes: Vec<_> = begun.iter().map(|clip| clip.mode).collect();
    assert_eq!(modes, [Mode::TextToVideo, Mode::ImageToVideo, Mode::ImageToVideo]);
    let handed_on: Vec<_> = begun.iter().filter_map(|clip| clip.first_picture().map(|p| p.data[0])).collect();
    assert_eq!(handed_on, [greys[8], greys[16]]);
}

#[test]
fn a_short_shot_is_one_clip_as_the_family_makes_it() {
    let (mut chain, begun) = family(contract());
    let mut frames = chain.begin(&shot(7)).expect("a shot");
    let mut count = 0;
    while frames.next(&mut |_| Ok(())).expect("no failure").is_some() {
        count += 1;
    }
    drop(frames);
    // 7 frames are 9 in whole latent frames; this family does not cut.
    assert_eq!((count, begun.lock().expect("no panic").len(), chain.clips(7)), (9, 1, 1));
}

#[test]
fn what_a_later_clip_can_not_do_is_refused_before_the_first() {
    let (mut chain, begun) = family(contract());
    chain.model.refuses = Some(8);
    // 9 frames, then 8.
    let refused = chain.begin(&shot(16)).err().expect("a refusal").to_string();
    assert_eq!(refused, "grey can't do this: a clip of that many frames");
    assert!(begun.lock().expect("no panic").is_empty());
}

#[test]
fn a_model_without_a_picture_to_go_on_from_refuses_a_long_shot() {
    let text_only = Contract { modes: vec![Mode::TextToVideo], ..contract() };
    let (mut chain, _) = family(text_only);
    let refused = chain.begin(&shot(25)).err().expect("a refusal").to_string();
    let expected = "a shot of 25 frames; one clip has 9 (0.6 s), and it takes no picture to go on from";
    assert!(refused.ends_with(expected), "{refused}");
}
