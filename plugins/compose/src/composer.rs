//! One frame after another: footage, then the layers of the look, in bands of rows on several threads.
//!
//! Invariant: a frame depends on its number and the inputs only, never on the number of threads.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use spotloom_media::{Error as MediaError, Frame, Subject};

use crate::look::layer::Layer;
use crate::params::{EndCardBackground, TransitionKind};
use crate::picture::blend::{Band, Drawing, Placement};
use crate::picture::footage::{Footage, Picture};
use crate::picture::mix::{self, Base, Grain, Shot};
use crate::timeline::{PartKind, Showing, Timeline};

/// Bands for each thread, and how many rows one has at least.
const BANDS: usize = 4;
const LEAST_ROWS: usize = 32;

/// Everything that is decided before the first frame.
pub struct Setup {
    pub timeline: Timeline,
    pub clips: Vec<PathBuf>,
    /// From the bottom up.
    pub layers: Vec<Layer>,
    pub width: usize,
    pub height: usize,
    /// How far each clip is enlarged from its start to its end.
    pub push: Vec<f64>,
    /// Of each clip, what its crop is to keep; the middle where there is none.
    pub subjects: Vec<Option<Subject>>,
    pub grain: f64,
    /// The colour a dip goes through, in video values.
    pub dip: [u8; 3],
    pub rtl: bool,
    pub background: EndCardBackground,
    pub threads: usize,
}

/// Makes frames, in order.
pub struct Composer {
    setup: Setup,
    grain: Grain,
    /// The sources of the parts, open while they are seen.
    sources: Vec<Option<Source>>,
}

enum Source {
    Clip(Box<Footage>),
    Still(Picture),
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
    #[must_use]
    pub fn new(setup: Setup) -> Self {
        let grain = Grain::new(setup.grain, setup.width);
        let sources = setup.timeline.parts.iter().map(|_| None).collect();
        Self { setup, grain, sources }
    }

    #[must_use]
    pub fn timeline(&self) -> &Timeline {
        &self.setup.timeline
    }

    /// Paints frame `number` over whatever `frame` held. Numbers may only grow.
    ///
    /// # Errors
    /// A clip can't be read.
    pub fn paint(&mut self, number: u64, frame: &mut Frame) -> Result<(), MediaError> {
        let t = self.setup.timeline.time(number);
        let mut visible: Vec<(&Layer, Placement)> =
            self.setup.layers.iter().filter_map(|l| l.placement(t).map(|p| (l, p))).collect();
        let hidden_below = visible.iter().rposition(|(layer, placement)| layer.hides_all(placement));
        let base = match hidden_below {
            Some(first) => {
                visible.drain(..first);
                None
            }
            None => {
                let showing = self.setup.timeline.showing(t);
                for part in 0..self.sources.len() {
                    prepare(&self.setup, &mut self.sources, part, showing, t)?;
                }
                Some(base(&self.setup, &self.sources, showing, t)?)
            }
        };
        let (width, height) = (self.setup.width, self.setup.height);
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
        // Graphics lie where they lie, so bands cost differently: each thread takes the next one that is left. A small
        // one stays in the processor's cache while layer after layer is drawn into it.
        let count = self.setup.threads.clamp(1, height / 2);
        let rows = (height / (count * BANDS)).max(LEAST_ROWS).next_multiple_of(2);
        let mut planes = frame.planes_mut();
        let (Some(y), Some(u), Some(v)) = (planes.next(), planes.next(), planes.next()) else { return Ok(()) };
        let chroma = rows / 2 * (width / 2);
        let parts = y.chunks_mut(rows * width).zip(u.chunks_mut(chroma)).zip(v.chunks_mut(chroma)).enumerate();
        let bands = Mutex::new(parts.map(|(i, ((y, u), v))| {
            let top = i * rows;
            Band { width, top, rows: rows.min(height - top), planes: [y, u, v] }
        }));
        let next = || bands.lock().unwrap_or_else(PoisonError::into_inner).next();
        let all = || {
            while let Some(mut band) = next() {
                work(&mut band);
            }
        };
        std::thread::scope(|scope| {
            (1..count).for_each(|_| drop(scope.spawn(all)));
            all();
        });
        Ok(())
    }
}

/// Opens, moves on and closes what a part shows.
fn prepare(
    setup: &Setup,
    sources: &mut [Option<Source>],
    part: usize,
    showing: Showing,
    t: f64,
) -> Result<(), MediaError> {
    let needed = match showing {
        Showing::One { part: p } => p == part,
        Showing::Two { from, to, .. } => from == part || to == part,
    };
    let timeline = &setup.timeline;
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
            if sources[part].is_none() {
                let fps = f64::from(timeline.fps.0) / f64::from(timeline.fps.1);
                let footage = Footage::open(&setup.clips[clip], end - start, fps, setup.threads)?;
                sources[part] = Some(Source::Clip(Box::new(footage)));
            }
            if let Some(Source::Clip(footage)) = &mut sources[part] {
                footage.advance(t - start)?;
            }
        }
        PartKind::EndCard => {
            if sources[part].is_none() {
                let last = sources[..part].iter().rev().flatten().next().map(|s| s.picture().clone());
                sources[part] = last.map(|picture| match setup.background {
                    EndCardBackground::Brand => Source::Still(picture),
                    EndCardBackground::Blur => Source::Still(picture.blurred()),
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
        Ok(Shot::new(source.picture(), (setup.width, setup.height), zoom, lean))
    };
    Ok(match showing {
        Showing::One { part } => Base::One(shot(part)?),
        Showing::Two { from, to, kind, progress } => {
            let eased = progress * progress * (3.0 - 2.0 * progress);
            match kind {
                TransitionKind::Cut => Base::One(shot(to)?),
                TransitionKind::Fade => Base::Fade(shot(from)?, shot(to)?, eased as f32),
                TransitionKind::Dip if progress < 0.5 => Base::Dip(shot(from)?, setup.dip, (2.0 * progress) as f32),
                TransitionKind::Dip => Base::Dip(shot(to)?, setup.dip, (2.0 - 2.0 * progress) as f32),
                TransitionKind::Wipe => {
                    let edge = (eased * setup.width as f64) as usize & !1;
                    let columns = if setup.rtl { (setup.width - edge, setup.width) } else { (0, edge) };
                    Base::Wipe(shot(from)?, shot(to)?, columns)
                }
            }
        }
    })
}

/// The lean that keeps the subject of a clip of another shape in the picture; the camera's own where nothing is cut off.
fn kept(setup: &Setup, part: usize, picture: &Picture, t: f64, zoom: f64, lean: (f64, f64)) -> (f64, f64) {
    let scene = match setup.timeline.parts[part].kind {
        PartKind::Scene(clip) => clip,
        PartKind::EndCard => part.saturating_sub(1),
    };
    let Some(Some(subject)) = setup.subjects.get(scene) else { return lean };
    let (start, _) = setup.timeline.footage(scene.min(part));
    let middle = subject.at(t - start);
    let (from, to) = ([picture.width as f64, picture.height as f64], [setup.width as f64, setup.height as f64]);
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
    let scene = match setup.timeline.parts[part].kind {
        PartKind::Scene(_) => part,
        // The card holds the last scene's last view.
        PartKind::EndCard => part.saturating_sub(1),
    };
    let push = match setup.timeline.parts[scene].kind {
        PartKind::Scene(clip) => setup.push.get(clip).copied().unwrap_or_default(),
        PartKind::EndCard => 0.0,
    };
    if push == 0.0 {
        return (1.0, (0.0, 0.0));
    }
    let (start, end) = setup.timeline.footage(scene);
    let progress = ((t - start) / (end - start)).clamp(0.0, 1.0);
    let inward = if scene % 2 == 0 { progress } else { 1.0 - progress };
    let lean = [(0.5, -0.2), (-0.6, 0.2), (0.3, 0.4), (-0.3, -0.4)][scene % 4];
    (1.0 + push * inward, lean)
}
