//! An MXF file from its keys and lengths (SMPTE ST 377-1): the time code of the first frame, and how far key frames lie apart.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use crate::timecode::Timecode;

/// The key of a Timecode Component. The eighth byte is the version of the register, in all keys.
const COMPONENT: [u8; 16] = [6, 0x0e, 0x2b, 0x34, 2, 0x53, 1, 1, 0x0d, 1, 1, 1, 1, 1, 0x14, 0];
/// How keys of pictures begin (SMPTE ST 379-2).
const PICTURE: [u8; 13] = [6, 0x0e, 0x2b, 0x34, 1, 2, 1, 1, 0x0d, 1, 3, 1, 0x15];
/// No more is read of a component, and of a picture what stands before its header.
const MAX_COMPONENT: u64 = 1 << 16;
const MAX_HEADER: u64 = 512;

/// What is read of a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Mxf {
    /// Of the first package, which is the one that is played.
    pub timecode: Option<Timecode>,
    /// Of MPEG-2: the most frames from one key frame to the next, or to the end.
    pub longest_gop: Option<u64>,
}

/// Where a value lies.
struct Item {
    key: [u8; 16],
    from: u64,
    length: u64,
}

/// Reads as much of a file as there is.
///
/// # Errors
/// When it can't be read.
pub(crate) fn read(path: &Path) -> io::Result<Mxf> {
    let mut file = File::open(path)?;
    let (mut at, mut found, mut frames) = (0, Mxf::default(), 0);
    while let Some(Item { key, from, length }) = item(&mut file, at)? {
        if found.timecode.is_none() && is(&key, &COMPONENT) {
            found.timecode = component(&bytes(&mut file, from, length.min(MAX_COMPONENT))?);
        } else if is(&key, &PICTURE)
            && let Some(is_key) = is_key_frame(&bytes(&mut file, from, length.min(MAX_HEADER))?)
        {
            frames = if is_key { 1 } else { frames + 1 };
            found.longest_gop = found.longest_gop.max(Some(frames));
        }
        at = from.saturating_add(length);
    }
    Ok(found)
}

/// Whether a key begins so, whatever the version of the register.
fn is(key: &[u8; 16], wanted: &[u8]) -> bool {
    key.iter().zip(wanted).enumerate().all(|(i, (a, b))| a == b || i == 7)
}

/// What stands at a place, or less where the file ends.
fn bytes(file: &mut File, from: u64, length: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    // A length may say anything.
    if from >= file.metadata()?.len() {
        return Ok(bytes);
    }
    file.seek(SeekFrom::Start(from))?;
    file.take(length).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The item at a place; none at the end of the file, and none of what is no item.
fn item(file: &mut File, at: u64) -> io::Result<Option<Item>> {
    let head = bytes(file, at, 25)?;
    let Some((key, behind)) = head.split_first_chunk::<16>() else { return Ok(None) };
    let Some((length, size)) = length(behind).filter(|_| key.starts_with(&PICTURE[..4])) else { return Ok(None) };
    Ok(Some(Item { key: *key, from: at + 16 + size as u64, length }))
}

/// A length in BER, and how many bytes it takes.
fn length(bytes: &[u8]) -> Option<(u64, usize)> {
    let (first, rest) = bytes.split_first()?;
    let more = usize::from(first & 0x7f);
    match first {
        0..0x80 => Some((u64::from(*first), 1)),
        _ => Some((number(rest.get(..more).filter(|_| more <= 8)?), 1 + more)),
    }
}

/// The values of a component: tag, length and value of each.
fn component(mut rest: &[u8]) -> Option<Timecode> {
    let (mut frame, mut base, mut drop) = (None, None, false);
    while let Some((head, behind)) = rest.split_at_checked(4) {
        let (value, next) = behind.split_at_checked(number(&head[2..]) as usize)?;
        match number(&head[..2]) {
            0x1501 => frame = u32::try_from(number(value)).ok(),
            0x1502 => base = u32::try_from(number(value)).ok(),
            0x1503 => drop = number(value) != 0,
            _ => {}
        }
        rest = next;
    }
    Some(Timecode { frame: frame?, base: base?, drop })
}

/// Whether a picture of MPEG-2 (ISO/IEC 13818-2) is coded by itself; none where it has no header.
fn is_key_frame(picture: &[u8]) -> Option<bool> {
    let header = picture.windows(6).find(|w| w.starts_with(&[0, 0, 1, 0]))?;
    // Ten bits of its place in time, three of its type.
    Some(header[5] >> 3 & 7 == 1)
}

fn number(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |all, byte| all << 8 | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_component_is_read_and_a_broken_one_is_none() {
        let (frame, base) = ([0x15, 1, 0, 8, 0, 0, 0, 0, 0, 13, 0xbb, 0xa0], [0x15, 2, 0, 2, 0, 25]);
        let good = [&frame[..], &base, &[0x15, 3, 0, 1, 0]].concat();
        let check = |set: &[u8], expected: Option<&str>| {
            assert_eq!(component(set).map(|t| t.to_string()).as_deref(), expected, "{set:?}");
        };
        check(&good, Some("10:00:00:00"));
        check(&good[..18], Some("10:00:00:00"));
        check(&good[..17], None);
        check(&frame, None);
        check(&[], None);
        check(&[0x15, 2, 0xff, 0xff], None);
    }

    #[test]
    fn lengths_are_read() {
        let check = |bytes: &[u8], expected: Option<(u64, usize)>| assert_eq!(length(bytes), expected, "{bytes:?}");
        check(&[0x7f], Some((127, 1)));
        check(&[0x83, 1, 0, 2, 9], Some((65_538, 4)));
        check(&[0x84, 1, 0], None);
        check(&[0x89, 1, 1, 1, 1, 1, 1, 1, 1, 1], None);
        check(&[], None);
    }

    #[test]
    fn key_frames_are_known_by_their_header() {
        let check = |picture: &[u8], expected: Option<bool>| assert_eq!(is_key_frame(picture), expected, "{picture:?}");
        check(&[0, 0, 1, 0xb3, 9, 0, 0, 1, 0, 0, 0x0f, 0xff], Some(true));
        check(&[0, 0, 1, 0, 0, 0xd7], Some(false));
        check(&[0, 0, 1, 0], None);
    }

    fn item(key: &[u8], length: &[u8], value: &[u8]) -> Vec<u8> {
        let mut whole = key.to_vec();
        whole.resize(16, 0);
        [whole.as_slice(), length, value].concat()
    }

    /// Whatever a file says, it is read without an error: what is wrong with it is for the checks to say.
    #[test]
    fn any_items_are_read() {
        let folder = tempfile::tempdir().unwrap();
        let check = |bytes: &[u8], frame: Option<u32>, gop: Option<u64>| {
            let path = folder.path().join("a.mxf");
            std::fs::write(&path, bytes).unwrap();
            let found = read(&path).unwrap();
            assert_eq!((found.timecode.map(|t| t.frame), found.longest_gop), (frame, gop), "{bytes:?}");
        };
        // Start, base and drop: tag, length, value.
        let values = [&[0x15, 1, 0, 2, 0x30, 0x39][..], &[0x15, 2, 0, 2, 0, 25], &[0x15, 3, 0, 1, 0]].concat();
        let component = item(&COMPONENT, &[0x83, 0, 0, values.len() as u8], &values);
        // Types of pictures: coded by themselves, and from others.
        let picture = |kind: u8| item(&PICTURE, &[6], &[0, 0, 1, 0, 0, kind << 3]);
        let good = [component.clone(), picture(1), picture(3), picture(2), picture(1)].concat();
        check(&good, Some(12_345), Some(3));
        for end in 0..good.len() {
            let path = folder.path().join("b.mxf");
            std::fs::write(&path, &good[..end]).unwrap();
            read(&path).unwrap();
        }
        for length in [&[0xff; 16][..], &[0x88, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], &[0xfe, 1]] {
            check(&[item(&COMPONENT, length, &[]), good.clone()].concat(), None, None);
            check(&[component.clone(), item(&PICTURE, length, &[])].concat(), Some(12_345), None);
        }
        let long = item(&COMPONENT, &[4], &[0x15, 1, 0xff, 0xff]);
        check(&long, None, None);
    }
}
