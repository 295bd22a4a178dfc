//! Animated WebP from its chunks alone: few versions of FFmpeg decode one, so its pictures are not looked at.
//!
//! Source: WebP Container Specification, <https://developers.google.com/speed/webp/docs/riff_container>.

use std::io;
use std::path::Path;

use serde_json::{Map, json};
use spotloom_plugin_sdk::api::Failure;
use spotloom_plugin_sdk::prelude::io_failure;

use crate::check::{Check, Name, round};
use crate::file::{self, Lasting};
use crate::pass::{Checked, Held};

/// What the chunks say.
#[derive(Clone, Debug, Default, PartialEq)]
struct Webp {
    width: u32,
    height: u32,
    frames: u64,
    seconds: f64,
    bytes: u64,
}

/// Checks a file as far as its chunks go.
///
/// # Errors
/// When it can't be read.
pub(crate) fn check(path: &Path, held: &Held<'_>) -> Result<Checked, Failure> {
    let file = std::fs::read(path).map_err(|e| io_failure("read", path, &e))?;
    let found = match chunks(&file) {
        Ok(found) => found,
        Err(error) => {
            let check = Check::fail(Name::Decode, format!("It can't be read: {error}."));
            return Ok(judged(held, vec![check.figures("not readable", "whole chunks")], Map::new()));
        }
    };
    let Webp { width, height, frames, seconds, bytes } = found;
    let whole = match frames {
        // What does not change is written as one picture.
        0 => Check::warn(Name::Decode, "It is whole, and does not move."),
        _ => Check::pass(Name::Decode, "All of its frames are there; the pictures in them were not decoded."),
    };
    let mut checks = vec![whole.figures(format!("{frames} frames"), "whole chunks")];
    if let Some(preset) = held.preset {
        let (is, expected) = (format!("{width}x{height}"), format!("{}x{}", preset.width, preset.height));
        let check = if is == expected {
            Check::pass(Name::VideoStream, "The picture has the size it has to have.")
        } else {
            Check::fail(Name::VideoStream, format!("The size is {is} where {expected} is expected."))
        };
        checks.push(check.figures(is, expected));
        checks.extend(file::size(bytes, preset));
    }
    let lasting = Lasting { picture: seconds, sound: None, fps: frames as f64 / seconds.max(1e-3) };
    if frames > 0 {
        let expected = held.params.seconds.or(held.layout.map(|l| l.seconds)).filter(|s| *s > 0.0);
        checks.push(file::length(&lasting, held.preset, expected, held.around()));
    }
    let facts = json!({
        "container": "webp", "bytes": bytes, "seconds": round(seconds),
        "kbps": (bytes as f64 * 8.0 / 1000.0 / seconds.max(1e-3)).round(),
        "video": {"codec": "webp", "width": width, "height": height, "frames": frames,
                  "fps": round(lasting.fps)},
        "audio": null,
    });
    Ok(judged(held, checks, facts.as_object().cloned().unwrap_or_default()))
}

fn judged(held: &Held<'_>, checks: Vec<Check>, facts: Map<String, serde_json::Value>) -> Checked {
    let checks = checks.into_iter().filter_map(|c| held.params.judge(c, held.shot)).collect();
    Checked { checks, facts, sound: serde_json::Value::Null, pictures: Vec::new(), sheet: None }
}

/// Walks through the chunks of a file.
fn chunks(file: &[u8]) -> io::Result<Webp> {
    let wrong = |what: &str| io::Error::new(io::ErrorKind::InvalidData, what.to_owned());
    let cut = || wrong("the file ends in the middle of a chunk: it is cut off");
    let little = |bytes: &[u8]| bytes.iter().rev().fold(0_u32, |all, byte| all << 8 | u32::from(*byte));
    let (head, mut rest) = file.split_at_checked(12).ok_or_else(cut)?;
    if !head.starts_with(b"RIFF") || !head.ends_with(b"WEBP") {
        return Err(wrong("it is no WebP"));
    }
    if u64::from(little(&head[4..8])) + 8 > file.len() as u64 {
        return Err(cut());
    }
    let mut found = Webp { bytes: file.len() as u64, ..Webp::default() };
    let mut still = false;
    while let Some((head, behind)) = rest.split_at_checked(8) {
        let length = little(&head[4..]) as usize;
        let data = behind.get(..length).ok_or_else(cut)?;
        match &head[..4] {
            b"VP8X" if length >= 10 => {
                (found.width, found.height) = (little(&data[4..7]) + 1, little(&data[7..10]) + 1);
            }
            b"VP8 " | b"VP8L" => still = true,
            b"ANMF" if length >= 16 => {
                found.frames += 1;
                found.seconds += f64::from(little(&data[12..15])) / 1000.0;
            }
            _ => {}
        }
        // Chunks begin at even bytes.
        rest = behind.get(length.next_multiple_of(2)..).unwrap_or_default();
    }
    if found.frames == 0 && !still { Err(wrong("there is no picture in it")) } else { Ok(found) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chunk(name: &[u8; 4], data: &[u8]) -> Vec<u8> {
        let mut bytes = [&name[..], &(data.len() as u32).to_le_bytes(), data].concat();
        bytes.resize(bytes.len().next_multiple_of(2), 0);
        bytes
    }

    fn file(parts: &[Vec<u8>]) -> Vec<u8> {
        let body = [b"WEBP".to_vec(), parts.concat()].concat();
        [b"RIFF".to_vec(), (body.len() as u32).to_le_bytes().to_vec(), body].concat()
    }

    #[test]
    fn chunks_say_how_large_and_how_long_it_is() {
        let canvas = chunk(b"VP8X", &[2, 0, 0, 0, 0x7f, 2, 0, 0x67, 1, 0]);
        let frame = |milliseconds: u8| chunk(b"ANMF", &[&[0; 12][..], &[milliseconds, 0, 0, 0, 9]].concat());
        let whole = file(&[canvas.clone(), chunk(b"ANIM", &[0; 6]), frame(66), frame(67)]);
        let expected = Webp { width: 640, height: 360, frames: 2, seconds: 0.133, bytes: whole.len() as u64 };
        assert_eq!(chunks(&whole).unwrap(), expected);
        let still = file(&[canvas.clone(), chunk(b"VP8 ", &[0; 9])]);
        assert_eq!((chunks(&still).unwrap().width, chunks(&still).unwrap().frames), (640, 0));
        let check = |bytes: &[u8], expected: &str| {
            let error = chunks(bytes).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        };
        check(&whole[..whole.len() - 3], "cut off");
        check(&whole[..10], "cut off");
        check(&file(std::slice::from_ref(&canvas)), "no picture");
        check(b"GIF89a-and-more-of-it", "no WebP");
    }
}
