//! The boxes of an MP4 file (ISO/IEC 14496-12): whether the index stands in front, and whether there are edit lists.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

/// As much of an index as is looked through.
const MAX_INDEX: u64 = 64 << 20;

/// What the boxes say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Boxes {
    /// `moov` stands before `mdat`: playing can begin before all is there.
    pub index_in_front: bool,
    /// There is an `elst` that does more than start at zero.
    pub edit_lists: bool,
    /// Top-level boxes reach exactly to the end of the file.
    pub whole: bool,
}

/// Reads the boxes of a file.
///
/// # Errors
/// When it can't be read.
pub(crate) fn read(path: &Path) -> io::Result<Boxes> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    let (mut at, mut seen_data) = (0, false);
    let mut boxes = Boxes::default();
    while at + 8 <= length {
        file.seek(SeekFrom::Start(at))?;
        let mut head = [0; 16];
        file.read_exact(&mut head[..8])?;
        let name = [head[4], head[5], head[6], head[7]];
        let size = match u64::from(u32::from_be_bytes([head[0], head[1], head[2], head[3]])) {
            0 => length - at,
            1 if at + 16 <= length => {
                file.read_exact(&mut head[8..])?;
                let mut wide = [0; 8];
                wide.copy_from_slice(&head[8..]);
                u64::from_be_bytes(wide)
            }
            size => size,
        };
        match &name {
            b"moov" => {
                boxes.index_in_front = !seen_data;
                let mut index = Vec::new();
                file.seek(SeekFrom::Start(at))?;
                Read::by_ref(&mut file).take(size.min(MAX_INDEX)).read_to_end(&mut index)?;
                boxes.edit_lists = has_edits(index.get(8..).unwrap_or_default());
            }
            b"mdat" => seen_data = true,
            _ => {}
        }
        if size < 8 {
            return Ok(boxes);
        }
        at = at.saturating_add(size);
    }
    boxes.whole = at == length;
    Ok(boxes)
}

/// Whether any track has an edit list that moves or cuts something.
fn has_edits(mut bytes: &[u8]) -> bool {
    while bytes.len() >= 8 {
        let size = u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]) as usize;
        let Some(body) = bytes.get(8..size.max(8)) else { return false };
        match &bytes[4..8] {
            b"trak" | b"edts" if has_edits(body) => return true,
            // Version and flags, count, then per entry: duration, media time, rate.
            b"elst" => {
                let number = |at: usize| body.get(at..at + 4).map(|b| u32::from_be_bytes([b[0], b[1], b[2], b[3]]));
                let wide = body.first() == Some(&1);
                let start = if wide { number(16).zip(number(20)).map(|(a, b)| a | b) } else { number(12) };
                if number(4) != Some(1) || start != Some(0) {
                    return true;
                }
            }
            _ => {}
        }
        bytes = bytes.get(size.max(8)..).unwrap_or_default();
    }
    false
}
