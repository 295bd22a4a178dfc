//! Writes the mezzanine: what the model made, what clips had, and where one runs over into the other, both.

use std::path::Path;
use std::sync::mpsc::Receiver;

use spotloom_media::{Frame, WriteOptions, Writer, Written};

use crate::error::Error;
use crate::finish::film::Film;
use crate::footage::media;
use crate::picture::Picture;

/// One frame to be written.
pub(crate) struct Sheet {
    /// From the model, Y'CbCr in its own size.
    pub made: Option<Picture>,
    /// From a clip, finished.
    pub kept: Option<Frame>,
    /// The share of what was made, from 0 to 1, where there are both.
    pub share: f32,
}

/// Enlarges and writes frames until there are no more.
pub(crate) fn print(
    path: &Path,
    options: WriteOptions,
    film: &Film,
    sheets: &Receiver<Sheet>,
) -> Result<Written, Error> {
    let mut writer = Writer::create(path, options).map_err(media)?;
    for (index, sheet) in sheets.iter().enumerate() {
        let made = sheet.made.map(|picture| film.frame(index as u64, &picture)).transpose().map_err(media)?;
        match (made, sheet.kept) {
            (Some(made), Some(mut kept)) => {
                mix(&mut kept, &made, sheet.share);
                writer.write(&kept).map_err(media)?;
            }
            (Some(frame), None) | (None, Some(frame)) => writer.write(&frame).map_err(media)?,
            (None, None) => {}
        }
    }
    writer.finish().map_err(media)
}

/// Moves 10-bit samples towards those of another frame.
fn mix(frame: &mut Frame, other: &Frame, share: f32) {
    for (p, plane) in frame.planes_mut().enumerate() {
        for (a, b) in plane.chunks_exact_mut(2).zip(other.plane(p).chunks_exact(2)) {
            let (from, to) = (f32::from(u16::from_le_bytes([a[0], a[1]])), f32::from(u16::from_le_bytes([b[0], b[1]])));
            a.copy_from_slice(&((from + share * (to - from)).round() as u16).to_le_bytes());
        }
    }
}
