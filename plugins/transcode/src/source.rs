//! Where the programme's frames come from: a composition that is painted as it is encoded, or a finished video.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use spotloom_composition::picture::reel::Reels;
use spotloom_composition::{Composer, Composition};
use spotloom_media::{Error, Frame, FrameFormat, Pixel, ReadOptions, Reader, probe};
use spotloom_plugin_sdk::Run;
use spotloom_plugin_sdk::prelude::*;

use crate::encode::failure;
use crate::plan::Mezzanine;

/// Can be gone through as often as it takes to make every master.
pub(crate) enum Source {
    Video(PathBuf),
    Painted {
        composition: Arc<Composition>,
        clips: Vec<PathBuf>,
        reels: Arc<Mutex<Reels>>,
        /// Whether the job's next run shows the clips again.
        again: bool,
    },
}

impl Source {
    /// What the stage was given, and its facts. Clips that the job's next run will show again are kept decoded in `reels`.
    pub(crate) fn open(run: &Run, reels: &Arc<Mutex<Reels>>) -> Result<(Self, Mezzanine), Failure> {
        match (run.input("composition"), run.input("mezzanine")) {
            (Some(file), None) => {
                let wrong = |e: spotloom_composition::Error| match &e {
                    spotloom_composition::Error::Io { path, source } => io_failure("read", path, source),
                    _ => Failure::new("bad-composition", e.to_string())
                        .hint("give `composition` what `compose` made, and `clips` the same list as there"),
                };
                let composition = Composition::read(&file.path).map_err(wrong)?;
                let clips = run.inputs("clips");
                composition.expect_clips(clips.iter().map(|c| c.sha256.as_str())).map_err(wrong)?;
                reels.lock().unwrap_or_else(PoisonError::into_inner).only(clips.iter().map(|c| c.sha256.as_str()));
                let again = run.to_come("clips") > 0;
                let clips = clips.iter().map(|c| c.path.clone()).collect();
                let timeline = &composition.timeline;
                let mezzanine = Mezzanine {
                    // A composition's sides are at most some thousand pixels.
                    width: composition.width as u32,
                    height: composition.height as u32,
                    fps: timeline.fps,
                    seconds: timeline.time(timeline.frames),
                };
                let (composition, reels) = (Arc::new(composition), Arc::clone(reels));
                let source = Self::Painted { composition, clips, reels, again };
                if again {
                    source.keep(run);
                }
                Ok((source, mezzanine))
            }
            (None, Some(file)) => Ok((Self::Video(file.path.clone()), look_at(&file.path)?)),
            (given, _) => {
                let both = if given.is_some() { "both `composition` and `mezzanine`" } else { "no picture" };
                Err(Failure::new("bad-inputs", format!("transcode was given {both}")).hint(
                    "give it either the `composition` of `compose`, with its `clips`, or a finished video as `mezzanine`",
                ))
            }
        }
    }

    /// Keeps what clips are decoded to for the next time that all frames are wanted.
    pub(crate) fn keep(&self, run: &Run) {
        if let Self::Painted { reels, .. } = self {
            let hashes = run.inputs("clips").iter().map(|c| c.sha256.as_str());
            reels.lock().unwrap_or_else(PoisonError::into_inner).begin(hashes, run.scratch());
        }
    }

    /// After all frames have been handed out once, while encoders have the last of them before them: gives back the disk that kept
    /// frames take, unless the job's next run shows the clips again. A quarter of a second for a gigabyte was seen, in which
    /// nothing can be synced either.
    pub(crate) fn seen(&self) {
        if let Self::Painted { reels, again: false, .. } = self {
            reels.lock().unwrap_or_else(PoisonError::into_inner).only([]);
        }
    }

    /// All frames from the first, 4:2:0 of 8 bit.
    pub(crate) fn frames(&self, threads: usize) -> Result<Frames, Error> {
        Ok(match self {
            Self::Video(path) => {
                Frames::Read(Box::new(Reader::open(path, ReadOptions::new(Pixel::Yuv420p).threads(threads))?))
            }
            Self::Painted { composition, clips, reels, .. } => Frames::Painted {
                total: composition.timeline.frames,
                format: FrameFormat::new(composition.width as u32, composition.height as u32, Pixel::Yuv420p),
                composer: Box::new(
                    Composer::new(Arc::clone(composition), clips.clone(), threads).with_reels(Arc::clone(reels)),
                ),
                next: 0,
                used: Vec::new(),
            },
        })
    }
}

/// Frames in order.
pub(crate) enum Frames {
    Read(Box<Reader>),
    Painted {
        composer: Box<Composer>,
        format: FrameFormat,
        total: u64,
        next: u64,
        /// Those that were handed out: painted over once no encoder holds them any more.
        used: Vec<Arc<Frame>>,
    },
}

impl Iterator for Frames {
    type Item = Result<Arc<Frame>, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        match self {
            Self::Read(reader) => Some(reader.next()?.map(Arc::new)),
            Self::Painted { next, total, .. } if next == total => None,
            Self::Painted { composer, format, next, used, .. } => {
                let free = used.iter_mut().position(|frame| Arc::get_mut(frame).is_some());
                let mut frame = free.map_or_else(|| Arc::new(Frame::new(*format)), |i| used.swap_remove(i));
                if let Some(frame) = Arc::get_mut(&mut frame)
                    && let Err(error) = composer.paint(*next, frame)
                {
                    return Some(Err(error));
                }
                *next += 1;
                used.push(Arc::clone(&frame));
                Some(Ok(frame))
            }
        }
    }
}

fn look_at(file: &Path) -> Result<Mezzanine, Failure> {
    let info = probe(file).map_err(failure)?;
    let name = file.display();
    let video = info.video.ok_or_else(|| {
        Failure::new("no-video", format!("{name} has no video stream")).hint("give the composed video to `mezzanine`")
    })?;
    let seconds = video.seconds.or(info.seconds).filter(|s| *s > 0.0);
    let (Some(seconds), true) = (seconds, video.fps.0 > 0) else {
        return Err(Failure::new("bad-media", format!("{name} does not say how long it lasts or how fast it runs"))
            .hint("give the composed video to `mezzanine`"));
    };
    let (width, height) =
        if video.rotation % 180 == 0 { (video.width, video.height) } else { (video.height, video.width) };
    Ok(Mezzanine { width, height, fps: video.fps, seconds })
}
