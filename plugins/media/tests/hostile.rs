//! Files that are damaged, are something else, or point somewhere else.

#![expect(clippy::unwrap_used, reason = "a test's helpers report by panicking")]

use std::path::{Path, PathBuf};
use std::process::Command;

use spotloom_media::{Error, Frame, FrameFormat, Mezzanine, Pixel, ReadOptions, Reader, WriteOptions, Writer, probe};
use tempfile::TempDir;

fn clip(folder: &Path, name: &str, codec: Mezzanine) -> PathBuf {
    let path = folder.join(name);
    let format = FrameFormat::new(320, 180, Pixel::Yuv420p);
    let mut writer = Writer::create(&path, WriteOptions { codec, format, fps: (24, 1), threads: 1 }).unwrap();
    for index in 0..48_u8 {
        let mut frame = Frame::black(format);
        frame.plane_mut(0).iter_mut().enumerate().for_each(|(i, s)| *s = (i % 251) as u8 ^ index);
        writer.write(&frame).unwrap();
    }
    writer.finish().unwrap();
    path
}

fn ffmpeg(arguments: &[&str]) {
    let done =
        Command::new("ffmpeg").args(["-v", "error", "-y"]).args(arguments).status().expect("ffmpeg is installed");
    assert!(done.success(), "{arguments:?}");
}

fn read_all(path: &Path) -> Result<usize, Error> {
    let mut count = 0;
    for frame in Reader::open(path, ReadOptions::new(Pixel::Yuv420p))? {
        frame?;
        count += 1;
    }
    Ok(count)
}

#[test]
fn a_truncated_file_is_an_error_wherever_it_is_cut() {
    let folder = TempDir::new().unwrap();
    let mkv = clip(folder.path(), "whole.mkv", Mezzanine::Ffv1);
    let h264 = clip(folder.path(), "whole-h264.mkv", Mezzanine::Visual);
    let mp4 = folder.path().join("whole.mp4");
    ffmpeg(&["-i", h264.to_str().unwrap(), "-c", "copy", "-movflags", "faststart", mp4.to_str().unwrap()]);
    for whole in [mkv, h264, mp4] {
        assert_eq!(read_all(&whole).unwrap(), 48, "{}", whole.display());
        let bytes = std::fs::read(&whole).unwrap();
        for percent in [1, 10, 33, 50, 77, 90] {
            let cut = folder.path().join("cut.bin");
            std::fs::write(&cut, &bytes[..bytes.len() * percent / 100]).unwrap();
            let error = read_all(&cut).expect_err(&format!("{} cut at {percent} %", whole.display()));
            assert!(error.to_string().contains("cut.bin"), "{error}");
        }
    }
}

#[test]
fn files_that_name_other_files_are_refused() {
    let folder = TempDir::new().unwrap();
    let target = clip(folder.path(), "target.mkv", Mezzanine::Ffv1);
    let target = target.to_str().unwrap();
    let check = |name: &str, content: String| {
        let path = folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        let error = probe(&path).expect_err(name);
        assert!(matches!(error, Error::NotAllowed { .. } | Error::Damaged { .. }), "{name}: {error}");
        assert!(error.to_string().contains(name), "{error}");
    };
    let hls = format!("#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2.0,\nfile://{target}\n#EXT-X-ENDLIST\n");
    check("list.m3u8", hls.clone());
    check("hls-named.mp4", hls.clone());
    check("hls-after-blank.mkv", format!("\n\n{hls}"));
    check("concat.txt", format!("ffconcat version 1.0\nfile '{target}'\n"));
    check("concat-named.mkv", format!("ffconcat version 1.0\nfile '{target}'\n"));
    check("manifest.mpd", format!("<?xml version=\"1.0\"?><MPD><BaseURL>file://{target}</BaseURL></MPD>"));
    check("words.mp4", "this is not a video\n".repeat(100));
    check("empty.mp4", String::new());
    assert!(probe(folder.path()).is_err(), "a folder");
    assert!(probe(folder.path().join("nothing-there.mp4")).is_err());
}

/// A name is only a name: not a pattern, not a protocol.
#[test]
fn odd_names_are_read_as_they_are() {
    let folder = TempDir::new().unwrap();
    for name in ["a%03d.mkv", "concat:b.mkv", "c*.mkv", "späß.mkv"] {
        let path = clip(folder.path(), name, Mezzanine::Ffv1);
        assert_eq!(read_all(&path).unwrap(), 48, "{name}");
    }
}

#[test]
fn pictures_are_one_frame() {
    let folder = TempDir::new().unwrap();
    for name in ["still.png", "still.jpg", "still.webp"] {
        let path = folder.path().join(name);
        ffmpeg(&["-f", "lavfi", "-i", "color=0xF28C0F:s=96x64", "-frames:v", "1", path.to_str().unwrap()]);
        let info = probe(&path).unwrap();
        assert_eq!(info.seconds, None, "{name}");
        let mut frames = Reader::open(&path, ReadOptions::new(Pixel::Rgba)).unwrap();
        let frame = frames.next().unwrap().unwrap();
        assert!(frames.next().is_none(), "{name}");
        assert_eq!((frame.width(), frame.height()), (96, 64));
        let pixel = &frame.plane(0)[..4];
        for (found, expected) in pixel.iter().zip([0xF2_u8, 0x8C, 0x0F, 0xFF]) {
            assert!(found.abs_diff(expected) <= 4, "{name}: {pixel:02X?}");
        }
    }
}

#[test]
fn phone_footage_is_turned_upright_and_keeps_its_colours() {
    let folder = TempDir::new().unwrap();
    let flat = folder.path().join("flat.mp4");
    let turned = folder.path().join("turned.mp4");
    // BT.601, full range, as some phones and screen recorders write it.
    ffmpeg(&[
        "-f",
        "lavfi",
        "-i",
        "color=0xF28C0F:s=160x96:r=25:d=0.4",
        "-vf",
        "scale=out_color_matrix=bt601:out_range=pc,format=yuv420p",
        "-c:v",
        "libx264",
        "-crf",
        "4",
        "-colorspace",
        "smpte170m",
        "-color_range",
        "pc",
        flat.to_str().unwrap(),
    ]);
    ffmpeg(&["-i", flat.to_str().unwrap(), "-c", "copy", "-metadata:s:v", "rotate=90", turned.to_str().unwrap()]);
    for (path, size, rotation) in [(&flat, (160, 96), 0), (&turned, (96, 160), 90)] {
        assert_eq!(probe(path).unwrap().video.unwrap().rotation % 180, rotation);
        for frame in Reader::open(path, ReadOptions::new(Pixel::Rgb24)).unwrap() {
            let frame = frame.unwrap();
            assert_eq!((frame.width(), frame.height()), size);
            let pixel = &frame.plane(0)[..3];
            for (found, expected) in pixel.iter().zip([0xF2_u8, 0x8C, 0x0F]) {
                assert!(found.abs_diff(expected) <= 3, "{}: {pixel:02X?}", path.display());
            }
        }
    }
}
