//! The boxes of an MP4 or MOV file (ISO/IEC 14496-12, QuickTime File Format): whether the index stands in front, whether
//! there are edit lists, and what the tracks say of picture and time code.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use crate::timecode::Timecode;

/// As much of an index as is looked through.
const MAX_INDEX: u64 = 64 << 20;

/// What the boxes say.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Boxes {
    /// `moov` stands before `mdat`: playing can begin before all is there.
    pub index_in_front: bool,
    /// There is an `elst` that does more than start at zero.
    pub edit_lists: bool,
    /// Top-level boxes reach exactly to the end of the file.
    pub whole: bool,
    pub picture: Picture,
    /// Of the first frame.
    pub timecode: Option<Timecode>,
}

/// What the first track of pictures says.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Picture {
    /// What its samples are called: `avc1`, `apch`.
    pub format: String,
    /// Of H.264 and HEVC, as `4.1`.
    pub level: Option<String>,
    /// The most frames from one key frame to the next, or to the end; none where every frame is one.
    pub longest_gop: Option<u64>,
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
    let mut index = Vec::new();
    while length.saturating_sub(at) >= 8 {
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
            // The first counts, as it does for FFmpeg.
            b"moov" if index.is_empty() => {
                boxes.index_in_front = !seen_data;
                file.seek(SeekFrom::Start(at))?;
                Read::by_ref(&mut file).take(size.min(MAX_INDEX)).read_to_end(&mut index)?;
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
    let index = index.get(8..).unwrap_or_default();
    boxes.edit_lists = has_edits(index);
    boxes.picture = track(index, *b"vide").map(picture).unwrap_or_default();
    boxes.timecode = match track(index, *b"tmcd").and_then(clock) {
        // An offset may say anything.
        Some(clock) if clock.offset < length => clock.read(&mut file)?,
        Some(_) => None,
        None => None,
    };
    Ok(boxes)
}

/// The boxes in a box: name and content.
fn children(bytes: &[u8]) -> impl Iterator<Item = ([u8; 4], &[u8])> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        let (size, name) = (number(rest, 0)? as usize, number(rest, 4)?);
        let body = rest.get(8..size.max(8))?;
        rest = rest.get(size.max(8)..).unwrap_or_default();
        Some((name.to_be_bytes(), body))
    })
}

/// A box in a box in a box.
fn find<'a>(bytes: &'a [u8], path: &[&[u8; 4]]) -> Option<&'a [u8]> {
    path.iter().try_fold(bytes, |inside, wanted| children(inside).find(|(name, _)| name == *wanted).map(|b| b.1))
}

fn number(bytes: &[u8], at: usize) -> Option<u32> {
    let four = bytes.get(at..)?.first_chunk::<4>()?;
    Some(u32::from_be_bytes(*four))
}

/// Whether any track has an edit list that moves or cuts something.
fn has_edits(index: &[u8]) -> bool {
    let tracks = children(index).filter(|(name, _)| name == b"trak");
    tracks.filter_map(|(_, track)| find(track, &[b"edts", b"elst"])).any(|list| {
        // Version and flags, count, then per entry: duration, media time, rate.
        let wide = list.first() == Some(&1);
        let start = if wide { number(list, 16).zip(number(list, 20)).map(|(a, b)| a | b) } else { number(list, 12) };
        number(list, 4) != Some(1) || start != Some(0)
    })
}

/// The media of the first track of a kind.
fn track(index: &[u8], kind: [u8; 4]) -> Option<&[u8]> {
    let mut media =
        children(index).filter(|(name, _)| name == b"trak").filter_map(|(_, track)| find(track, &[b"mdia"]));
    // A handler says version and flags, a class, and the kind.
    media.find(|media| find(media, &[b"hdlr"]).and_then(|h| number(h, 8)) == Some(u32::from_be_bytes(kind)))
}

/// The table of a track's samples, and the first of what it says they are like, with its name.
fn samples(media: &[u8]) -> Option<(&[u8], [u8; 4], &[u8])> {
    let table = find(media, &[b"minf", b"stbl"])?;
    // Version and flags, count, then the entries.
    let (format, entry) = children(find(table, &[b"stsd"])?.get(8..)?).next()?;
    Some((table, format, entry))
}

fn picture(media: &[u8]) -> Picture {
    let Some((table, format, entry)) = samples(media) else { return Picture::default() };
    // Size, resolution, compressor and depth of the picture, then the codec's own boxes.
    let codec = entry.get(78..).unwrap_or_default();
    let tenths = |level: u8| format!("{}.{}", level / 10, level % 10);
    let avc = find(codec, &[b"avcC"]).and_then(|c| c.get(3)).map(|level| tenths(*level));
    // HEVC counts in thirtieths.
    let hevc = find(codec, &[b"hvcC"]).and_then(|c| c.get(12)).map(|level| tenths(level / 3));
    let count = find(table, &[b"stsz"]).and_then(|b| number(b, 8)).map_or(0, u64::from);
    let longest_gop = find(table, &[b"stss"]).map(|keys| {
        // Numbers from 1, in the order of decoding.
        let keys = (8..keys.len()).step_by(4).filter_map(|at| number(keys, at)).map(u64::from);
        let (mut longest, mut last) = (0, 1);
        for key in keys.chain([count + 1]) {
            longest = longest.max(key.saturating_sub(last));
            last = key;
        }
        longest
    });
    Picture { format: String::from_utf8_lossy(&format).into_owned(), level: avc.or(hevc), longest_gop }
}

/// Where a time code is kept, and how it counts.
struct Clock {
    /// Of four bytes: the number of the first frame.
    offset: u64,
    base: u32,
    drop: bool,
}

fn clock(media: &[u8]) -> Option<Clock> {
    let (table, _, entry) = samples(media)?;
    // Reserved and a reference, reserved, flags, scale, duration of a frame, frames a second.
    let (drop, base) = (number(entry, 12)? & 1 == 1, u32::from(*entry.get(24)?));
    let narrow = find(table, &[b"stco"]).and_then(|b| number(b, 8)).map(u64::from);
    let wide = || {
        let chunk = find(table, &[b"co64"])?;
        Some(u64::from(number(chunk, 8)?) << 32 | u64::from(number(chunk, 12)?))
    };
    Some(Clock { offset: narrow.or_else(wide)?, base, drop })
}

impl Clock {
    /// Nothing where the file ends before it.
    fn read(&self, file: &mut File) -> io::Result<Option<Timecode>> {
        file.seek(SeekFrom::Start(self.offset))?;
        let mut frame = [0; 4];
        match file.read_exact(&mut frame) {
            Ok(()) => Ok(Some(Timecode { frame: u32::from_be_bytes(frame), base: self.base, drop: self.drop })),
            Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
            Err(e) => Err(e),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn boxed(name: &[u8; 4], body: &[u8]) -> Vec<u8> {
        [(body.len() as u32 + 8).to_be_bytes().as_slice(), name, body].concat()
    }

    /// An index with one track of time code at 25 frames a second, whose first frame lies there.
    fn index(offset: u64) -> Vec<u8> {
        let mut entry = [0; 28];
        entry[24] = 25;
        let about = [[0; 8].as_slice(), &boxed(b"tmcd", &entry)].concat();
        let chunks = [[0, 0, 0, 0, 0, 0, 0, 1].as_slice(), &offset.to_be_bytes()].concat();
        let table = [boxed(b"stsd", &about), boxed(b"co64", &chunks)].concat();
        let handler = boxed(b"hdlr", &[[0; 8].as_slice(), b"tmcd", &[0; 12]].concat());
        let media = [handler, boxed(b"minf", &boxed(b"stbl", &table))].concat();
        boxed(b"moov", &boxed(b"trak", &boxed(b"mdia", &media)))
    }

    /// Whatever a file says, it is read without an error: what is wrong with it is for the checks to say.
    #[test]
    fn any_boxes_are_read() {
        let folder = tempfile::tempdir().unwrap();
        let check = |bytes: &[u8], frame: Option<u32>, whole: bool| {
            let path = folder.path().join("a.mov");
            std::fs::write(&path, bytes).unwrap();
            let boxes = read(&path).unwrap();
            assert_eq!((boxes.timecode.map(|t| t.frame), boxes.whole), (frame, whole), "{bytes:?}");
        };
        let data = boxed(b"mdat", &90_000_u32.to_be_bytes());
        let place = index(0).len() as u64 + 8;
        let good = [index(place), data.clone()].concat();
        check(&good, Some(90_000), true);
        for offset in [place + 1, place + 4, 1 << 40, 1 << 63, u64::MAX] {
            check(&[index(offset), data.clone()].concat(), None, true);
        }
        for end in 1..place as usize {
            check(&good[..end], None, end + 8 == place as usize);
        }
        let deep = (1..100_000_u32).rev().flat_map(|i| [(8 * i).to_be_bytes().as_slice(), b"trak"].concat());
        check(&boxed(b"moov", &deep.collect::<Vec<u8>>()), None, true);
        // The second index does not count.
        check(&[good.clone(), index(u64::MAX)].concat(), Some(90_000), true);
        let wide = [1_u32.to_be_bytes().as_slice(), b"free", &u64::MAX.to_be_bytes()].concat();
        check(&[good, wide].concat(), Some(90_000), false);
    }
}
