//! One frame after another: footage, then the layers of the look, in bands of rows on several threads.
//!
//! Invariant: a frame depends on its number and the inputs only, never on the number of threads.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use spotloom_media::{Error as MediaError, Frame};

use crate::file::Composition;
use crate::layer::DrawnLayer;
use crate::picture::blend::{Band, Drawing, Placement};
use crate::picture::footage::{Footage, Picture};
use crate::picture::mix::{self, Base, Grain, Shot};
use crate::picture::reel::Reels;
use crate::picture::samples::{Place, Samples};
use crate::timeline::{EndCardBackground, PartKind, Showing, Timeline, TransitionKind};

/// Bands for each thread, and how many rows one has at least.
const BANDS: usize = 4;
const LEAST_ROWS: usize = 32;

/// What frames are made from.
struct Setup {
    what: Arc<Composition>,
    clips: Vec<PathBuf>,
    threads: usize,
    /// Where decoded frames of clips are kept, for whoever paints the same clips next.
    reels: Option<Arc<Mutex<Reels>>>,
}

/// Makes frames, in order.
pub struct Composer {
    setup: Setup,
    grain: Grain,
    /// The sources of the parts, open while they are seen.
    sources: Vec<Option<Source>>,
    /// Where pictures are kept that were looked at, when single frames are wanted.
    samples: Option<Arc<Mutex<Samples>>>,
}

enum Source {
    Clip(Box<Footage>),
    Still(Arc<Picture>),
}

impl Source {
    fn picture(&self) -> &Picture {
        match self {
            Self::Clip(footage) => footage.picture(),
            Self::Still(picture) => picture,
        }
    }
}

impl Composer {
    /// `clips` are the files of the scenes, in order; `threads` paint and decode.
    #[must_use]
    pub fn new(composition: impl Into<Arc<Composition>>, clips: Vec<PathBuf>, threads: usize) -> Self {
        let composition = composition.into();
        let grain = Grain::new(composition.grain, composition.width);
        let sources = composition.timeline.parts.iter().map(|_| None).collect();
        Self { setup: Setup { what: composition, clips, threads, reels: None }, grain, sources, samples: None }
    }

    /// Looks for footage in `samples` before it reads, and keeps there what it read: for whoever wants a few frames of the
    /// same clips again and again.
    #[must_use]
    pub fn with_samples(mut self, samples: Arc<Mutex<Samples>>) -> Self {
        self.samples = Some(samples);
        self
    }

    /// Takes decoded frames from `reels` where they are there, and puts them into those that were begun: for whoever paints all
    /// frames, several times.
    #[must_use]
    pub fn with_reels(mut self, reels: Arc<Mutex<Reels>>) -> Self {
        self.setup.reels = Some(reels);
        self
    }

    #[must_use]
    pub fn timeline(&self) -> &Timeline {
        &self.setup.what.timeline
    }

    /// Whether any footage is to be seen in a frame: where a layer hides all of it, none is read.
    #[must_use]
    pub fn shows_footage(&self, number: u64) -> bool {
        let t = self.setup.what.timeline.time(number);
        !self.setup.what.layers.iter().any(|l| l.placement(t).is_some_and(|p| l.hides_all(&p)))
    }

    /// Paints one frame and none before it. Numbers may only grow here too.
    ///
    /// # Errors
    /// A clip can't be read.
    pub fn paint_alone(&mut self, number: u64, frame: &mut Frame) -> Result<(), MediaError> {
        // The card's ground is made from the last scene's last picture.
        let timeline = &self.setup.what.timeline;
        let card = timeline.parts.iter().position(|p| p.kind == PartKind::EndCard);
        let last_of_scenes = timeline.number(timeline.scenes_end()).saturating_sub(1);
        let unmade = card.and_then(|card| self.sources.get(card)).is_some_and(Option::is_none);
        if number > last_of_scenes && unmade && self.shows_footage(number) {
            self.paint(last_of_scenes, frame)?;
        }
        self.paint(number, frame)
    }

    /// Paints frame `number` over whatever `frame` held. Numbers may only grow.
    ///
    /// # Errors
    /// A clip can't be read.
    pub fn paint(&mut self, number: u64, frame: &mut Frame) -> Result<(), MediaError> {
        let t = self.setup.what.timeline.time(number);
        let mut visible: Vec<(&DrawnLayer, Placement)> =
            self.setup.what.layers.iter().filter_map(|l| l.placement(t).map(|p| (l, p))).collect();
        let hidden_below = visible.iter().rposition(|(layer, placement)| layer.hides_all(placement));
        let base = match hidden_below {
            Some(first) => {
                visible.drain(..first);
                None
            }
            None => {
                let showing = self.setup.what.timeline.showing(t);
                for part in 0..self.sources.len() {
                    prepare(&self.setup, &mut self.sources, self.samples.as_deref(), part, showing, t)?;
                }
                Some(base(&self.setup, &self.sources, showing, t)?)
            }
        };
        let (width, height) = (self.setup.what.width, self.setup.what.height);
        let grain = &self.grain;
        let drawings: Vec<Drawing<'_>> =
            visible.iter().map(|(layer, placement)| Drawing::new(&layer.sprite, *placement, (width, height))).collect();
        let work = |band: &mut Band<'_>| {
            if let Some(base) = &base {
                mix::paint(base, band, grain, number);
            }
            for drawing in &drawings {
                drawing.draw(band);
            }
        };
        let count = self.setup.threads.clamp(1, height / 2);
        let new = drawings.iter().flat_map(Drawing::new_planes).collect::<Vec<_>>();
        share(count, new.into_iter(), |plane| plane.look_at());
        // Graphics lie where they lie, so bands cost differently. A small one stays in the processor's cache while layer after
        // layer is drawn into it.
        let rows = (height / (count * BANDS)).max(LEAST_ROWS).next_multiple_of(2);
        let mut planes = frame.planes_mut();
        let (Some(y), Some(u), Some(v)) = (planes.next(), planes.next(), planes.next()) else { return Ok(()) };
        let chroma = rows / 2 * (width / 2);
        let parts = y.chunks_mut(rows * width).zip(u.chunks_mut(chroma)).zip(v.chunks_mut(chroma)).enumerate();
        let bands = parts.map(|(i, ((y, u), v))| {
            let top = i * rows;
            Band { width, top, rows: rows.min(height - top), planes: [y, u, v] }
        });
        share(count, bands, |mut band| work(&mut band));
        Ok(())
    }
}

/// Does all of some work on so many threads, each of which takes the next that is left.
fn share<T>(threads: usize, parts: impl Iterator<Item = T> + Send, work: impl Fn(T) + Sync) {
    // Mostly nothing is new.
    if parts.size_hint().1 == Some(0) {
        return;
    }
    let parts = Mutex::new(parts);
    let next = || parts.lock().unwrap_or_else(PoisonError::into_inner).next();
    let all = || {
        while let Some(part) = next() {
            work(part);
        }
    };
    std::thread::scope(|scope| {
        (1..threads).for_each(|_| drop(scope.spawn(all)));
        all();
    });
}

/// Opens, moves on and closes what a part shows.
fn prepare(
    setup: &Setup,
    sources: &mut [Option<Source>],
    samples: Option<&Mutex<Samples>>,
    part: usize,
    showing: Showing,
    t: f64,
) -> Result<(), MediaError> {
    let needed = match showing {
        Showing::One { part: p } => p == part,
        Showing::Two { from, to, .. } => from == part || to == part,
    };
    let timeline = &setup.what.timeline;
    let (start, end) = timeline.footage(part);
    if !needed {
        // A card still has to come that is made from the last scene's last picture.
        let kept = timeline.parts.get(part + 1).is_some_and(|n| n.kind == PartKind::EndCard)
            && sources.get(part + 1).is_some_and(Option::is_none);
        if t > end && !kept {
            sources[part] = None;
        }
        return Ok(());
    }
    match timeline.parts[part].kind {
        PartKind::Scene(clip) => {
            let fps = f64::from(timeline.fps.0) / f64::from(timeline.fps.1);
            let kept = samples.map(|s| s.lock().unwrap_or_else(PoisonError::into_inner));
            let mut kept =
                kept.map(|samples| (Place::new(&setup.what.clips[clip].sha256, end - start, fps, t - start), samples));
            if let Some(picture) = kept.as_ref().and_then(|(place, samples)| samples.get(place)) {
                sources[part] = Some(Source::Still(picture));
                return Ok(());
            }
            if !matches!(sources[part], Some(Source::Clip(_))) {
                let reels = setup.reels.as_ref().map(|reels| reels.lock().unwrap_or_else(PoisonError::into_inner));
                let reels = reels.as_deref().map(|reels| (reels, setup.what.clips[clip].sha256.as_str()));
                let footage = Footage::open(&setup.clips[clip], end - start, fps, setup.threads, reels)?;
                sources[part] = Some(Source::Clip(Box::new(footage)));
            }
            if let Some(Source::Clip(footage)) = &mut sources[part] {
                footage.advance(t - start)?;
                if let Some((place, samples)) = &mut kept {
                    samples.keep(place.clone(), footage.picture());
                }
            }
        }
        PartKind::EndCard => {
            if sources[part].is_none() {
                let last = sources[..part].iter().rev().flatten().next().map(Source::picture);
                sources[part] = last.map(|picture| match setup.what.background {
                    EndCardBackground::Brand => Source::Still(Arc::new(picture.clone())),
                    EndCardBackground::Blur => Source::Still(Arc::new(picture.blurred())),
                });
            }
        }
    }
    Ok(())
}

fn base<'a>(setup: &'a Setup, sources: &'a [Option<Source>], showing: Showing, t: f64) -> Result<Base<'a>, MediaError> {
    let shot = |part: usize| -> Result<Shot<'a>, MediaError> {
        let Some(source) = &sources[part] else {
            // `prepare` ran just before; only an ad without any clip could get here, and inputs are checked for that.
            return Err(MediaError::NoVideo { path: PathBuf::from("clips") });
        };
        let (zoom, lean) = camera(setup, part, t);
        let lean = kept(setup, part, source.picture(), t, zoom, lean);
        Ok(Shot::new(source.picture(), (setup.what.width, setup.what.height), zoom, lean))
    };
    Ok(match showing {
        Showing::One { part } => Base::One(shot(part)?),
        Showing::Two { from, to, kind, progress } => {
            let eased = progress * progress * (3.0 - 2.0 * progress);
            match kind {
                TransitionKind::Cut => Base::One(shot(to)?),
                TransitionKind::Fade => Base::Fade(shot(from)?, shot(to)?, eased as f32),
                TransitionKind::Dip if progress < 0.5 => {
                    Base::Dip(shot(from)?, setup.what.dip, (2.0 * progress) as f32)
                }
                TransitionKind::Dip => Base::Dip(shot(to)?, setup.what.dip, (2.0 - 2.0 * progress) as f32),
                TransitionKind::Wipe => {
                    let edge = (eased * setup.what.width as f64) as usize & !1;
                    let columns = if setup.what.rtl { (setup.what.width - edge, setup.what.width) } else { (0, edge) };
                    Base::Wipe(shot(from)?, shot(to)?, columns)
                }
            }
        }
    })
}

/// The lean that keeps the subject of a clip of another shape in the picture; the camera's own where nothing is cut off.
fn kept(setup: &Setup, part: usize, picture: &Picture, t: f64, zoom: f64, lean: (f64, f64)) -> (f64, f64) {
    let scene = match setup.what.timeline.parts[part].kind {
        PartKind::Scene(clip) => clip,
        PartKind::EndCard => part.saturating_sub(1),
    };
    let Some(Some(subject)) = setup.what.subjects.get(scene) else { return lean };
    let (start, _) = setup.what.timeline.footage(scene.min(part));
    let middle = subject.at(t - start);
    let (from, to) =
        ([picture.width as f64, picture.height as f64], [setup.what.width as f64, setup.what.height as f64]);
    let step = (from[0] / to[0]).min(from[1] / to[1]) / zoom.max(1.0);
    let one = |axis: usize, own: f64| {
        let spare = (from[axis] - to[axis] * step) / 2.0;
        // Where only the camera's enlargement leaves something over, the camera decides.
        if spare < 0.1 * from[axis] {
            return own;
        }
        let origin = middle[axis] * from[axis] - to[axis] * step / 2.0;
        (origin / spare - 1.0).clamp(-1.0, 1.0)
    };
    (one(0, lean.0), one(1, lean.1))
}

/// The slow camera: in during one scene, out during the next, leaning a little to either side.
fn camera(setup: &Setup, part: usize, t: f64) -> (f64, (f64, f64)) {
    let scene = match setup.what.timeline.parts[part].kind {
        PartKind::Scene(_) => part,
        // The card holds the last scene's last view.
        PartKind::EndCard => part.saturating_sub(1),
    };
    let push = match setup.what.timeline.parts[scene].kind {
        PartKind::Scene(clip) => setup.what.push.get(clip).copied().unwrap_or_default(),
        PartKind::EndCard => 0.0,
    };
    if push == 0.0 {
        return (1.0, (0.0, 0.0));
    }
    let (start, end) = setup.what.timeline.footage(scene);
    let progress = ((t - start) / (end - start)).clamp(0.0, 1.0);
    let inward = if scene % 2 == 0 { progress } else { 1.0 - progress };
    let lean = [(0.5, -0.2), (-0.6, 0.2), (0.3, 0.4), (-0.3, -0.4)][scene % 4];
    (1.0 + push * inward, lean)
}
