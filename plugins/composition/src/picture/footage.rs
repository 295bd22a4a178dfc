//! A clip as a moving picture: decoded as it is needed, retimed to its scene, one or two frames in memory.

use std::path::Path;

use spotloom_media::scale::Sample;
use spotloom_media::{Error, Frame, FrameFormat, Pixel, ReadOptions, Reader, VideoInfo};

use super::reel::Reels;
use super::roll::Roll;

/// The samples of one plane.
#[derive(Clone, Debug, PartialEq)]
pub enum Samples {
    /// As they were read.
    Eight(Vec<u8>),
    /// More precision than video has: 10-bit values times 16.
    Fourteen(Vec<u16>),
}

impl Samples {
    fn levels(&self) -> Box<dyn Iterator<Item = u16> + '_> {
        match self {
            Self::Eight(samples) => Box::new(samples.iter().map(|s| s.level())),
            Self::Fourteen(samples) => Box::new(samples.iter().copied()),
        }
    }
}

/// A frame of footage, limited range.
#[derive(Clone, Debug, PartialEq)]
pub struct Picture {
    pub width: usize,
    pub height: usize,
    /// Y, U, V; chroma halved both ways.
    pub planes: [Samples; 3],
}

impl Picture {
    fn from_frame(frame: Frame) -> Self {
        let (width, height) = (frame.width() as usize, frame.height() as usize);
        let eight = frame.format().pixel == Pixel::Yuv420p;
        let mut planes = frame.into_planes().into_iter();
        let mut plane = || {
            let bytes = planes.next().unwrap_or_default();
            if eight {
                return Samples::Eight(bytes);
            }
            Samples::Fourteen(bytes.chunks_exact(2).map(|b| u16::from_le_bytes([b[0], b[1]]) << 4).collect())
        };
        Self { width, height, planes: [plane(), plane(), plane()] }
    }

    /// Columns and rows of a plane.
    #[must_use]
    pub fn size(&self, plane: usize) -> (usize, usize) {
        if plane == 0 { (self.width, self.height) } else { (self.width.div_ceil(2), self.height.div_ceil(2)) }
    }

    /// What it takes in memory.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let plane = |samples: &Samples| match samples {
            Samples::Eight(samples) => samples.len(),
            Samples::Fourteen(samples) => samples.len() * 2,
        };
        self.planes.iter().map(plane).sum()
    }

    fn between(&self, other: &Self, t: f32) -> Self {
        let plane = |i: usize| {
            Samples::Fourteen(match (&self.planes[i], &other.planes[i]) {
                (Samples::Eight(a), Samples::Eight(b)) => mixed(a, b, t),
                (Samples::Fourteen(a), Samples::Fourteen(b)) => mixed(a, b, t),
                (a, b) => mixed(&a.levels().collect::<Vec<_>>(), &b.levels().collect::<Vec<_>>(), t),
            })
        };
        Self { width: self.width, height: self.height, planes: [plane(0), plane(1), plane(2)] }
    }

    /// Far out of focus: small, for it is going to be scaled up again.
    #[must_use]
    pub fn blurred(&self) -> Self {
        let small = |from: usize| (from / 32).max(4) & !1;
        let (width, height) = (small(self.width), small(self.height));
        let plane = |i: usize| {
            let (tw, th) = if i == 0 { (width, height) } else { (width / 2, height / 2) };
            let levels: Vec<u16> = self.planes[i].levels().collect();
            Samples::Fourteen(soften(&shrink(&levels, self.size(i), (tw, th)), (tw, th)))
        };
        Self { width, height, planes: [plane(0), plane(1), plane(2)] }
    }
}

/// Samples that are `t` of the way from `a` to `b`.
fn mixed<S: Sample>(a: &[S], b: &[S], t: f32) -> Vec<u16> {
    let one = |(a, b): (&S, &S)| {
        let (a, b) = (f32::from(a.level()), f32::from(b.level()));
        (a + (b - a) * t) as u16
    };
    a.iter().zip(b).map(one).collect()
}

/// Averages of boxes.
fn shrink(samples: &[u16], (w, h): (usize, usize), (tw, th): (usize, usize)) -> Vec<u16> {
    let mut out = Vec::with_capacity(tw * th);
    for y in 0..th {
        let rows = y * h / th..((y + 1) * h / th).max(y * h / th + 1);
        for x in 0..tw {
            let columns = x * w / tw..((x + 1) * w / tw).max(x * w / tw + 1);
            let sum: u64 = rows
                .clone()
                .flat_map(|r| &samples[r * w + columns.start..r * w + columns.end])
                .map(|&s| u64::from(s))
                .sum();
            out.push((sum / (rows.len() * columns.len()) as u64) as u16);
        }
    }
    out
}

/// Each sample becomes the average of its neighbourhood.
fn soften(samples: &[u16], (w, h): (usize, usize)) -> Vec<u16> {
    let mut out = Vec::with_capacity(samples.len());
    for y in 0..h {
        for x in 0..w {
            let (mut sum, mut count) = (0_u64, 0);
            for r in y.saturating_sub(1)..(y + 2).min(h) {
                for c in x.saturating_sub(1)..(x + 2).min(w) {
                    sum += u64::from(samples[r * w + c]);
                    count += 1;
                }
            }
            out.push((sum / count) as u16);
        }
    }
    out
}

/// A clip being played.
pub struct Footage {
    roll: Roll,
    /// Frames of the clip per second of the ad.
    pace: f64,
    /// Whether the clip has fewer frames than are shown, so that those between have to be made up.
    smooth: bool,
    /// The frame at `index`, and the one after it where it was needed.
    current: Picture,
    following: Option<Picture>,
    index: u64,
    /// What is shown when it is neither of them.
    made_up: Option<Picture>,
    ended: bool,
}

impl Footage {
    /// Opens a clip that is to be seen for `seconds`. A shorter one is slowed down to last as long. `reels` may keep what
    /// is decoded of it, under the clip's hash.
    ///
    /// # Errors
    /// The file can't be read.
    pub fn open(
        path: &Path,
        seconds: f64,
        output_fps: f64,
        threads: usize,
        reels: Option<(&Reels, &str)>,
    ) -> Result<Self, Error> {
        let open = |pixel| Reader::open(path, ReadOptions::new(pixel).threads(threads));
        let mut reader = open(Pixel::Yuv420p10)?;
        let mut pixel = Pixel::Yuv420p10;
        if is_plain(reader.video()) {
            pixel = Pixel::Yuv420p;
            reader = open(pixel)?;
        }
        let (fps, length) = timing(&reader);
        // The last frame is reached at the end rather than one frame later.
        let pace = if is_slowed((fps, length), seconds) { (length * fps - 1.0).max(0.0) / seconds } else { fps };
        let smooth = pace < output_fps * 0.99;
        let reel = reels.and_then(|(reels, sha256)| {
            let format = FrameFormat::new(reader.video().width, reader.video().height, pixel);
            reels.of(sha256, seconds * pace.min(output_fps), format.bytes())
        });
        let mut roll = Roll::new(reader, reel);
        let first = match roll.next() {
            Some(frame) => Picture::from_frame(frame?),
            None => return Err(Error::NoVideo { path: path.into() }),
        };
        Ok(Self { roll, pace, smooth, made_up: None, current: first, following: None, index: 0, ended: false })
    }

    /// Moves on to `t` seconds after it came into view; never back.
    ///
    /// # Errors
    /// The file is damaged.
    pub fn advance(&mut self, t: f64) -> Result<(), Error> {
        let at = (t * self.pace).max(0.0) + 1e-4;
        let wanted = if self.smooth { at.floor() } else { (at + 0.25).floor() } as u64;
        while self.index < wanted && !self.ended {
            // Of a long way only the last frame is wanted.
            while self.following.is_none() && self.index + 2 < wanted {
                match self.roll.pass_over(wanted - self.index - 1)? {
                    0 => break,
                    passed => self.index += passed,
                }
            }
            self.step()?;
        }
        self.made_up = None;
        let part = (at - wanted as f64) as f32;
        if self.smooth && part > 0.002 && self.index == wanted && !self.ended {
            if self.following.is_none() {
                self.following = self.read()?;
            }
            self.made_up = self.following.as_ref().map(|next| self.current.between(next, part));
        }
        Ok(())
    }

    /// What it shows now.
    #[must_use]
    pub fn picture(&self) -> &Picture {
        self.made_up.as_ref().unwrap_or(&self.current)
    }

    fn step(&mut self) -> Result<(), Error> {
        let next = match self.following.take() {
            Some(next) => Some(next),
            None => self.read()?,
        };
        if let Some(next) = next {
            self.current = next;
            self.index += 1;
        }
        Ok(())
    }

    fn read(&mut self) -> Result<Option<Picture>, Error> {
        let next = self.roll.next().transpose()?;
        self.ended |= next.is_none();
        Ok(next.map(Picture::from_frame))
    }
}

/// Whether nothing would be gained by reading it with more than 8 bit: it has no more, and nothing has to be done to it.
fn is_plain(video: &VideoInfo) -> bool {
    // The reader takes large footage without a tag for BT.709.
    let matrix = match video.color.matrix.as_str() {
        "unknown" => video.width.min(video.height) > 576,
        matrix => matrix == "bt709",
    };
    matrix
        && video.pixel == "yuv420p"
        && video.color.range != "pc"
        && ["bt709", "unknown"].contains(&video.color.primaries.as_str())
        && ["bt709", "unknown"].contains(&video.color.transfer.as_str())
        && video.rotation == 0
        && video.sample_aspect.0 == video.sample_aspect.1
}

/// Frames per second and length in seconds of an open clip.
fn timing(reader: &Reader) -> (f64, f64) {
    let video = reader.video();
    let (n, d) = video.fps;
    let fps = if n == 0 || d == 0 { 25.0 } else { f64::from(n) / f64::from(d) };
    let counted = video.frames.map(|f| f as f64 / fps);
    let length = video.seconds.or(counted).or(reader.info().seconds).unwrap_or(1.0 / fps);
    (fps, length.max(1.0 / fps))
}

/// A clip that is looked at before it is played.
pub struct Clip {
    reader: Reader,
    fps: f64,
    seconds: f64,
}

impl Clip {
    /// Reads its headers.
    ///
    /// # Errors
    /// It can't be read or has no video.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let reader = Reader::open(path, ReadOptions::new(Pixel::Yuv420p10))?;
        let (fps, seconds) = timing(&reader);
        Ok(Self { reader, fps, seconds })
    }

    /// Its length, as its headers have it.
    #[must_use]
    pub fn seconds(&self) -> f64 {
        self.seconds
    }

    /// About when, as near to `t` as there is one, in seconds since it came into view, a picture is shown that decoding can begin
    /// with, when the clip is to be seen for `seconds`. `None` where it has no index, or is slowed down.
    pub fn key_near(&mut self, t: f64, seconds: f64) -> Option<f64> {
        if is_slowed((self.fps, self.seconds), seconds) { None } else { self.reader.key_near(t) }
    }
}

/// Whether a clip has to be slowed down to be seen for `seconds`.
fn is_slowed((fps, length): (f64, f64), seconds: f64) -> bool {
    length + 0.5 / fps < seconds
}
