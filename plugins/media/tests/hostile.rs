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
    let mkv = clip(folder.path(), "whole.mkv", Mezzanine::Lossless);
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
    let target = clip(folder.path(), "target.mkv", Mezzanine::Lossless);
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
    check("dash-named.mp4", format!("<MPD><Period><BaseURL>file://{target}</BaseURL></Period></MPD>"));
    check("session.mp4", format!("v=0\no=- 0 0 IN IP4 127.0.0.1\nm=video 5004 RTP/AVP 96\na={target}\n"));
    check("pointer.mov", format!("rtsptextRTSP://127.0.0.1/{target}"));
    check("drawing.png", format!("<svg xmlns='http://www.w3.org/2000/svg'><image href='file://{target}'/></svg>"));
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
        let path = clip(folder.path(), name, Mezzanine::Lossless);
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

/// What the watched child reads; its path stands in the environment.
#[test]
#[ignore = "run by `nothing_else_is_touched` under strace"]
fn child() {
    let path = PathBuf::from(std::env::var("HOSTILE").unwrap());
    let _ = read_all(&path);
    let _ = probe(&path);
}

/// No other file and no socket: the system calls of a whole run are looked at. Needs `strace`.
#[test]
#[expect(clippy::print_stderr, reason = "a test that was left out says so")]
fn nothing_else_is_touched() {
    if Command::new("strace").arg("-V").output().is_err() {
        eprintln!("strace is not installed: not tested (`.ci/setup test` installs it)");
        return;
    }
    let folder = TempDir::new().unwrap();
    let secret = clip(folder.path(), "secret.mkv", Mezzanine::Lossless);
    let secret = secret.to_str().unwrap();
    let check = |name: &str, content: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        let log = folder.path().join("calls");
        let done = Command::new("strace")
            .args(["-f", "-qq", "-e", "trace=open,openat,socket,connect,execve,rename,unlink", "-o"])
            .arg(&log)
            .arg(std::env::current_exe().unwrap())
            .args(["--exact", "child", "--ignored", "--test-threads=1"])
            .env("HOSTILE", &path)
            .output()
            .unwrap();
        assert!(done.status.success(), "{name}: {}", String::from_utf8_lossy(&done.stdout));
        let log = std::fs::read_to_string(&log).unwrap();
        let own = format!("\"{}\"", path.display());
        let mut calls =
            log.lines().skip_while(|l| !l.contains(&own)).filter(|l| !l.contains("+++") && !l.contains("---"));
        let system = ["\"/proc/", "\"/sys/", ".so", "/etc/ld.so"];
        let other =
            calls.find(|l| !l.contains(&own) && !l.contains("resumed") && !system.iter().any(|s| l.contains(s)));
        assert_eq!(other, None, "{name}");
        assert!(log.contains(&own), "{name}: was never opened");
        assert!(!log.contains("socket(") && !log.contains("connect("), "{name}: a socket");
    };
    let hls = format!(
        "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2.0,\nfile://{secret}\nhttp://127.0.0.1:9/x.ts\n#EXT-X-ENDLIST\n"
    );
    check("list.mp4", hls.as_bytes());
    check("list.avi", &avi_with_playlist(&hls));
    check("concat.mov", format!("ffconcat version 1.0\nfile '{secret}'\n").as_bytes());
    check("dash.mp4", format!("<MPD><BaseURL>http://127.0.0.1:9/{secret}</BaseURL></MPD>").as_bytes());
    check("drawing.png", format!("<svg xmlns='http://www.w3.org/2000/svg'><image href='{secret}'/></svg>").as_bytes());
    check("reference.mov", &quicktime_with_reference(folder.path(), secret));
    let bomb: Vec<String> =
        (1..30).map(|i| format!("<g id='a{i}'><use href='#a{0}'/><use href='#a{0}'/></g>", i - 1)).collect();
    check(
        "bomb.png",
        format!("<svg xmlns='http://www.w3.org/2000/svg'><g id='a0'/>{}</svg>", bomb.join("")).as_bytes(),
    );
}

/// An AVI whose subtitle stream is a playlist, as the attack of 2016 (CVE-2017-9993) had it.
fn avi_with_playlist(hls: &str) -> Vec<u8> {
    fn chunk(name: &[u8], body: &[u8]) -> Vec<u8> {
        let size = u32::try_from(body.len()).unwrap().to_le_bytes();
        let pad = vec![0; body.len() % 2];
        [name, &size, body, &pad].concat()
    }
    let list = |kind: &[u8], parts: &[Vec<u8>]| chunk(b"LIST", &[kind, &parts.concat()].concat());
    let mut strh = b"txts\0\0\0\0".to_vec();
    strh.extend([0; 48]);
    let stream = list(b"strl", &[chunk(b"strh", &strh), chunk(b"strf", &[0; 4])]);
    let mut avih = vec![0; 56];
    avih[24] = 1;
    let head = list(b"hdrl", &[chunk(b"avih", &avih), stream]);
    let mut gab2 = b"GAB2\0\x02\0\x02\0\0\0a\0\x04\0".to_vec();
    gab2.extend(u32::try_from(hls.len()).unwrap().to_le_bytes());
    gab2.extend(hls.as_bytes());
    let movi = list(b"movi", &[chunk(b"00tx", &gab2)]);
    chunk(b"RIFF", &[b"AVI ".to_vec(), head, movi].concat())
}

/// A QuickTime file whose samples are said to lie in another file.
fn quicktime_with_reference(folder: &Path, other: &str) -> Vec<u8> {
    let h264 = clip(folder, "plain.mkv", Mezzanine::Visual);
    let mov = folder.join("plain.mov");
    ffmpeg(&["-i", h264.to_str().unwrap(), "-c", "copy", mov.to_str().unwrap()]);
    let mut bytes = std::fs::read(&mov).unwrap();
    let at = bytes.windows(4).position(|w| w == b"dref").unwrap();
    // `url ` with flag 1 (the same file) becomes a reference to another one.
    let entry = at + 12;
    assert!([&b"url "[..], b"alis"].contains(&&bytes[entry + 4..entry + 8]));
    bytes[entry + 11] = 0;
    bytes.extend(other.as_bytes());
    bytes
}

#[test]
fn a_picture_of_3_6_gigapixels_is_refused_before_it_is_decoded() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("huge.png");
    ffmpeg(&["-f", "lavfi", "-i", "color=red:s=8x8", "-frames:v", "1", path.to_str().unwrap()]);
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[16..20].copy_from_slice(&60_000_u32.to_be_bytes());
    bytes[20..24].copy_from_slice(&60_000_u32.to_be_bytes());
    std::fs::write(&path, bytes).unwrap();
    let error = probe(&path).unwrap_err();
    assert!(matches!(error, Error::TooLarge { width: 60_000, height: 60_000, .. }), "{error}");
    assert!(error.to_string().contains("huge.png is 60000x60000 pixels; at most 134 million"), "{error}");
}
