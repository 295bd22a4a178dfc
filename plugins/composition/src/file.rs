//! A composition as a file: what was decided, and the pixels of the layers.
//!
//! A line that names the format, the length of a JSON document (four bytes, little-endian), the document, and the layers'
//! planes one after another in a zlib stream: Y and its alpha, then U, V and the alpha they share, each 8 bit,
//! premultiplied.
//!
//! Invariant: the same composition gives the same bytes. What is read is checked before it is used: a damaged file is an
//! error, never a panic or a wrong frame.

use std::fs::File;
use std::io::{BufReader, BufWriter, Read, Write};
use std::path::Path;

use flate2::Compression;
use flate2::read::ZlibDecoder;
use flate2::write::ZlibEncoder;
use serde::{Deserialize, Serialize};
use spotloom_media::Subject;

use crate::error::Error;
use crate::layer::{DrawnLayer, Shade};
use crate::motion::Motion;
use crate::picture::sprite::Sprite;
use crate::timeline::{EndCardBackground, PartKind, Timeline};

const MAGIC: &[u8] = b"spotloom-composition 1\n";
/// The most a document may have; some hundred layers take some hundred kilobytes.
const MOST_TEXT: u64 = 64 << 20;
/// The longest side of a picture or a layer.
const LONGEST: usize = 8192;
const MOST_LAYERS: usize = 4096;

/// Everything that is decided before the first frame.
#[derive(Clone, Debug)]
pub struct Composition {
    pub width: usize,
    pub height: usize,
    pub timeline: Timeline,
    /// What it is made of, in the order of the scenes.
    pub clips: Vec<ClipMark>,
    /// From the bottom up.
    pub layers: Vec<DrawnLayer>,
    /// How far each clip is enlarged from its start to its end.
    pub push: Vec<f64>,
    /// Of each clip, what its crop is to keep; the middle where there is none.
    pub subjects: Vec<Option<Subject>>,
    pub grain: f64,
    /// The colour a dip goes through, in video values.
    pub dip: [u8; 3],
    pub rtl: bool,
    pub background: EndCardBackground,
}

/// A clip, so that another one is noticed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClipMark {
    /// Lower-case hex.
    pub sha256: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    width: usize,
    height: usize,
    timeline: Timeline,
    clips: Vec<ClipMark>,
    layers: Vec<LayerEntry>,
    push: Vec<f64>,
    subjects: Vec<Option<Vec<[f64; 2]>>>,
    grain: f64,
    dip: [u8; 3],
    rtl: bool,
    background: EndCardBackground,
}

/// A layer without its pixels.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct LayerEntry {
    motion: Motion,
    left: i32,
    top: i32,
    width: usize,
    height: usize,
    resting: [f32; 4],
    unit: f32,
    letters: Vec<f32>,
    covers: bool,
    shade: Option<Shade>,
}

impl Composition {
    /// Writes it.
    ///
    /// # Errors
    /// When the file can't be written.
    pub fn write(&self, path: &Path) -> std::io::Result<()> {
        let text = serde_json::to_vec(&self.document())?;
        let mut file = BufWriter::new(File::create(path)?);
        file.write_all(MAGIC)?;
        file.write_all(&u32::try_from(text.len()).map_err(std::io::Error::other)?.to_le_bytes())?;
        file.write_all(&text)?;
        let mut packed = ZlibEncoder::new(file, Compression::fast());
        for layer in &self.layers {
            planes(&layer.sprite).into_iter().try_for_each(|plane| packed.write_all(plane))?;
        }
        packed.finish()?.flush()
    }

    /// Reads what [`Composition::write`] wrote.
    ///
    /// # Errors
    /// [`Error::Io`], or [`Error::Invalid`] when it is something else or damaged.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let invalid = |message: String| Error::Invalid { path: path.into(), message };
        let ended = |e: std::io::Error| match e.kind() {
            std::io::ErrorKind::UnexpectedEof | std::io::ErrorKind::InvalidData | std::io::ErrorKind::InvalidInput => {
                invalid(format!("it is damaged ({e})"))
            }
            _ => Error::Io { path: path.into(), source: e },
        };
        let mut file = BufReader::new(File::open(path).map_err(|source| Error::Io { path: path.into(), source })?);
        let (mut magic, mut length) = ([0; MAGIC.len()], [0; 4]);
        file.read_exact(&mut magic).and_then(|()| file.read_exact(&mut length)).map_err(ended)?;
        let length = u64::from(u32::from_le_bytes(length));
        if magic != MAGIC || length > MOST_TEXT {
            return Err(invalid("it begins with something else".into()));
        }
        let mut text = Vec::new();
        file.by_ref().take(length).read_to_end(&mut text).map_err(ended)?;
        let document: Document = serde_json::from_slice(&text).map_err(|e| invalid(e.to_string()))?;
        document.check().map_err(invalid)?;
        let mut packed = ZlibDecoder::new(file);
        let mut layers = Vec::with_capacity(document.layers.len());
        for entry in document.layers {
            let mut plane = |samples: usize| -> Result<Vec<u8>, Error> {
                let mut plane = vec![0; samples];
                packed.read_exact(&mut plane).map_err(ended)?;
                Ok(plane)
            };
            let (whole, quarter) = (entry.width * entry.height, entry.width * entry.height / 4);
            let planes = [plane(whole)?, plane(whole)?, plane(quarter)?, plane(quarter)?, plane(quarter)?];
            layers.push(DrawnLayer {
                sprite: Sprite::from_planes(entry.left, entry.top, entry.width, entry.height, planes),
                motion: entry.motion,
                resting: entry.resting,
                unit: entry.unit,
                letters: entry.letters,
                covers: entry.covers,
                shade: entry.shade,
            });
        }
        Ok(Self {
            width: document.width,
            height: document.height,
            timeline: document.timeline,
            clips: document.clips,
            layers,
            push: document.push,
            subjects: document.subjects.into_iter().map(|s| s.map(Subject::from_middles)).collect(),
            grain: document.grain,
            dip: document.dip,
            rtl: document.rtl,
            background: document.background,
        })
    }

    /// Holds clips, by their hashes, against those it was made of.
    ///
    /// # Errors
    /// [`Error::Count`], [`Error::OtherClip`].
    pub fn expect_clips<'a>(&self, hashes: impl ExactSizeIterator<Item = &'a str>) -> Result<(), Error> {
        if hashes.len() != self.clips.len() {
            return Err(Error::Count { expected: self.clips.len(), found: hashes.len() });
        }
        let short = |hash: &str| hash.chars().take(12).collect::<String>();
        for (i, (clip, found)) in self.clips.iter().zip(hashes).enumerate() {
            if clip.sha256 != found {
                let (expected, found) = (short(&clip.sha256), short(found));
                return Err(Error::OtherClip { number: i + 1, expected, found });
            }
        }
        Ok(())
    }

    fn document(&self) -> Document {
        let entry = |layer: &DrawnLayer| LayerEntry {
            motion: layer.motion.clone(),
            left: layer.sprite.left,
            top: layer.sprite.top,
            width: layer.sprite.width,
            height: layer.sprite.height,
            resting: layer.resting,
            unit: layer.unit,
            letters: layer.letters.clone(),
            covers: layer.covers,
            shade: layer.shade.clone(),
        };
        Document {
            width: self.width,
            height: self.height,
            timeline: self.timeline.clone(),
            clips: self.clips.clone(),
            layers: self.layers.iter().map(entry).collect(),
            push: self.push.clone(),
            subjects: self.subjects.iter().map(|s| s.as_ref().map(|s| s.middles().to_vec())).collect(),
            grain: self.grain,
            dip: self.dip,
            rtl: self.rtl,
            background: self.background,
        }
    }
}

/// What is stored of a sprite. The colour planes have one alpha.
fn planes(sprite: &Sprite) -> [&[u8]; 5] {
    let [y, u, v] = &sprite.planes;
    [&y.samples, &y.alpha, &u.samples, &v.samples, &u.alpha]
}

impl Document {
    fn check(&self) -> Result<(), String> {
        let side = |side: usize| (2..=LONGEST).contains(&side) && side.is_multiple_of(2);
        let timeline = &self.timeline;
        let scenes = timeline.parts.iter().filter_map(|p| match p.kind {
            PartKind::Scene(clip) => Some(clip),
            PartKind::EndCard => None,
        });
        let ordered = timeline.parts.iter().all(|p| p.start <= p.end && p.start.is_finite() && p.end.is_finite());
        let wrong = if !side(self.width) || !side(self.height) {
            "its size"
        } else if timeline.fps.0 == 0 || timeline.fps.1 == 0 || timeline.frames == 0 {
            "its frame rate or length"
        } else if timeline.parts.is_empty() || !ordered || scenes.into_iter().any(|clip| clip >= self.clips.len()) {
            "its parts"
        } else if self.layers.len() > MOST_LAYERS || self.layers.iter().any(|l| !side(l.width) || !side(l.height)) {
            "its layers"
        } else {
            return Ok(());
        };
        Err(format!("{wrong} can't be"))
    }
}

#[cfg(test)]
mod tests;
