//! Clips and pictures that a shot is made from, read in the model's own size.
//!
//! Invariant: a clip is read frame by frame and never held as a whole.

use std::path::PathBuf;

use spotloom_media::{Frame, Pixel, ReadOptions, Reader, filters, probe};
use spotloom_plugin_sdk::api::{Artifact, Failure};

use crate::error::Error;
use crate::picture::Picture;

/// What shows through a transparent picture, in 8-bit steps.
const BACKDROP: f32 = 232.0;

/// A clip somebody has given, at the rate of the pipeline.
#[derive(Clone, Debug, PartialEq)]
pub struct Clip {
    path: PathBuf,
    name: String,
    fps: (u32, u32),
    /// How many frames it has at that rate.
    pub frames: u64,
}

/// Frames of a clip at even distances, in a model's size.
#[derive(Clone, Debug, PartialEq)]
pub struct Footage {
    pub clip: Clip,
    /// Width and height in pixels.
    pub size: (usize, usize),
    /// The first one, as a frame of the clip; before its beginning its first frame is meant, after its end its last.
    pub at: f64,
    /// Frames of the clip from one to the next.
    pub step: f64,
    pub count: usize,
}

impl Clip {
    /// Looks at a clip.
    ///
    /// # Errors
    /// `bad-clip` when it is no video or does not say how long it is.
    pub fn open(artifact: &Artifact, fps: (u32, u32)) -> Result<Self, Error> {
        let bad = |reason: String| Error::Clip { name: artifact.name.clone(), reason };
        let info = probe(&artifact.path).map_err(|e| bad(e.to_string()))?;
        let video = info.video.as_ref().ok_or_else(|| bad("it has no picture".into()))?;
        let seconds = match video.frames {
            Some(frames) if video.fps.0 > 0 => Some(frames as f64 * f64::from(video.fps.1) / f64::from(video.fps.0)),
            _ => video.seconds.or(info.seconds),
        };
        let seconds =
            seconds.ok_or_else(|| bad("it does not say how long it is; give a video, not a picture".into()))?;
        let frames = (seconds * f64::from(fps.0) / f64::from(fps.1) + 1e-3).floor() as u64;
        if frames < 2 {
            return Err(bad("it is a single frame; give it as `image`".into()));
        }
        Ok(Self { path: artifact.path.clone(), name: artifact.name.clone(), fps, frames })
    }

    /// Its frames, cut to a size, from the one of that number on.
    ///
    /// # Errors
    /// `bad-clip`, there or for a frame.
    pub fn read(
        &self,
        (width, height): (u32, u32),
        pixel: Pixel,
        from: u64,
    ) -> Result<impl Iterator<Item = Result<Frame, Error>> + use<>, Error> {
        let name = self.name.clone();
        let bad = move |e: spotloom_media::Error| Error::Clip { name: name.clone(), reason: e.to_string() };
        let rate = filters::fps(self.fps);
        let options = ReadOptions::new(pixel).filter(filters::chain([&*rate, &*filters::cover(width, height)]));
        let reader = Reader::open(&self.path, options).map_err(&bad)?;
        Ok(reader.skip(usize::try_from(from).unwrap_or(usize::MAX)).map(move |frame| frame.map_err(&bad)))
    }
}

impl Footage {
    /// The pictures, RGB from -1 to 1, read as they are asked for.
    ///
    /// # Errors
    /// `bad-clip`, there or for a picture.
    pub fn pictures(&self) -> Result<impl Iterator<Item = Result<Picture, Error>> + use<>, Error> {
        let Self { at, step, count, .. } = *self;
        let (width, height) = self.size;
        let name = self.clip.name.clone();
        let last = self.clip.frames - 1;
        let index = move |k: usize| ((at + k as f64 * step).round().max(0.0) as u64).min(last);
        let first = if count == 0 { 0 } else { index(0) };
        let mut frames = self.clip.read((width as u32, height as u32), Pixel::Rgba, first)?;
        // The frame that was read last, and how many have been read.
        let (mut held, mut read): (Option<Picture>, u64) = (None, first);
        Ok((0..count).map(move |k| {
            while held.is_none() || read <= index(k) {
                match frames.next() {
                    Some(frame) => {
                        read += 1;
                        // Those in between are decoded and not looked at.
                        if read > index(k) || held.is_none() {
                            held = Some(opaque(&frame?).0);
                        }
                    }
                    // A file may be a frame shorter than it says.
                    None => break,
                }
            }
            held.clone().ok_or_else(|| Error::Clip { name: name.clone(), reason: "it has no frame".into() })
        }))
    }
}

/// A picture: cut to the model's shape, and without transparency.
///
/// # Errors
/// `bad-picture`.
pub fn picture(artifact: &Artifact, size: (usize, usize), warnings: &mut Vec<String>) -> Result<Picture, Error> {
    let bad = |reason: String| Error::Picture { name: artifact.name.clone(), reason };
    let options = ReadOptions::new(Pixel::Rgba).filter(filters::cover(size.0 as u32, size.1 as u32));
    let frame = Reader::open(&artifact.path, options)
        .map_err(|e| bad(e.to_string()))?
        .next()
        .ok_or_else(|| bad("it has no frame".into()))?
        .map_err(|e| bad(e.to_string()))?;
    let (picture, transparent) = opaque(&frame);
    if transparent {
        warnings.push(format!("{} is transparent in places; a light backdrop was put behind it", artifact.name));
    }
    Ok(picture)
}

/// An RGBA frame as a picture over the backdrop, and whether anything showed through.
fn opaque(frame: &Frame) -> (Picture, bool) {
    let mut picture = Picture::filled(frame.width() as usize, frame.height() as usize, 0.0);
    let mut transparent = false;
    for (i, pixel) in frame.plane(0).chunks_exact(4).enumerate() {
        let alpha = f32::from(pixel[3]) / 255.0;
        transparent |= pixel[3] < 250;
        for (plane, value) in pixel[..3].iter().enumerate() {
            let over = f32::from(*value) * alpha + BACKDROP * (1.0 - alpha);
            picture.plane_mut(plane)[i] = over / 127.5 - 1.0;
        }
    }
    (picture, transparent)
}

/// What the video library says, as a failure of the stage.
pub fn media(error: spotloom_media::Error) -> Error {
    Failure::from(error).into()
}
