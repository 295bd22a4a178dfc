//! What is written comes back: exactly from a lossless one, nearly from H.264, with the colours it went in with.

#![expect(clippy::unwrap_used, reason = "a test's helpers report by panicking")]

use std::path::Path;

use spotloom_media::{
    Error, FilterChain, Frame, FrameFormat, Mezzanine, Pixel, ReadOptions, Reader, WriteOptions, Writer, filters, probe,
};
use tempfile::TempDir;

const FPS: (u32, u32) = (24, 1);

/// Frames in which every sample is different from its neighbours and from the frame before.
fn noise(format: FrameFormat, count: u64) -> Vec<Frame> {
    let top: u64 = if format.pixel.bytes() == 2 { 1023 } else { 255 };
    (0..count)
        .map(|index| {
            let mut frame = Frame::new(format);
            frame.index = index;
            for (p, plane) in frame.planes_mut().enumerate() {
                let sample =
                    |i: usize| ((i as u64 * 7919 + index * 104_729 + p as u64 * 31) ^ (i as u64 >> 3)) % (top + 1);
                if top == 1023 {
                    plane.chunks_exact_mut(2).enumerate().for_each(|(i, s)| {
                        s.copy_from_slice(&u16::try_from(sample(i)).unwrap().to_le_bytes());
                    });
                } else {
                    plane.iter_mut().enumerate().for_each(|(i, s)| *s = u8::try_from(sample(i)).unwrap());
                }
            }
            frame
        })
        .collect()
}

fn write(path: &Path, codec: Mezzanine, threads: usize, frames: &[Frame]) {
    let format = frames[0].format();
    let mut writer = Writer::create(path, WriteOptions { codec, format, fps: FPS, threads }).unwrap();
    for frame in frames {
        writer.write(frame).unwrap();
    }
    let written = writer.finish().unwrap();
    assert_eq!(written.frames, frames.len() as u64);
    assert_eq!(written.bytes, std::fs::metadata(path).unwrap().len());
}

fn read(path: &Path, pixel: Pixel) -> Vec<Frame> {
    Reader::open(path, ReadOptions::new(pixel).threads(2)).unwrap().map(|f| f.unwrap()).collect()
}

#[test]
fn a_lossless_one_gives_back_every_sample() {
    fn check(format: FrameFormat) {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("clip.mkv");
        let frames = noise(format, 5);
        write(&path, Mezzanine::Lossless, 2, &frames);
        assert_eq!(read(&path, format.pixel), frames, "{format}");
    }
    check(FrameFormat::new(160, 90, Pixel::Yuv420p10));
    check(FrameFormat::new(97, 53, Pixel::Yuv420p10)); // odd sides
    check(FrameFormat::new(64, 36, Pixel::Yuv420p));
    check(FrameFormat::new(33, 19, Pixel::Yuv420p));
    check(FrameFormat::new(64, 36, Pixel::Yuv444p10));
    check(FrameFormat::new(64, 36, Pixel::Yuv444p));
    check(FrameFormat::new(64, 36, Pixel::Gray8));
}

#[test]
fn frames_are_passed_over_without_a_trace() {
    let folder = TempDir::new().unwrap();
    let [exact, near] = ["exact.mkv", "near.mkv"].map(|name| folder.path().join(name));
    let format = FrameFormat::new(64, 36, Pixel::Yuv420p);
    let frames = noise(format, 20);
    write(&exact, Mezzanine::Lossless, 1, &frames);
    write(&near, Mezzanine::Visual, 1, &frames);
    // Frames that are read, then how many to pass over, until the end; then what was read, by number.
    fn check(path: &Path, threads: usize, steps: &[(usize, u64)], expected: &[usize]) {
        let mut reader = Reader::open(path, ReadOptions::new(Pixel::Yuv420p).threads(threads)).unwrap();
        let (mut at, mut seen, mut indices) = (0, Vec::new(), Vec::new());
        for (count, over) in steps {
            for frame in reader.by_ref().take(*count) {
                indices.push(frame.unwrap().index);
                seen.push(at);
                at += 1;
            }
            at += reader.pass_over(*over).unwrap() as usize;
        }
        let rest: Vec<_> = reader.map(|f| f.unwrap().index).collect();
        seen.extend((0..rest.len()).map(|i| at + i));
        indices.extend(rest);
        assert_eq!(seen, expected, "{steps:?} on {threads}");
        assert_eq!(indices, expected.iter().map(|i| *i as u64).collect::<Vec<_>>());
    }
    for threads in [1, 2, 4] {
        check(&exact, threads, &[(1, 3), (2, 9)], &[0, 4, 5, 15, 16, 17, 18, 19]);
        check(&exact, threads, &[(0, 18)], &[18, 19]);
        check(&exact, threads, &[(1, 1), (1, 1), (1, 12)], &[0, 2, 4, 17, 18, 19]);
        // Never over the last one.
        check(&exact, threads, &[(3, 100)], &[0, 1, 2, 19]);
        check(&exact, threads, &[(19, 1)], &(0..20).collect::<Vec<_>>());
        check(&near, threads, &[(2, 5)], &[0, 1, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19]);
        check(&near, threads, &[(1, 3), (1, 8), (1, 100)], &[0, 4, 13, 19]);
    }
    // FFV1 of other programs, whose frames may build on those before.
    let grouped = folder.path().join("grouped.mkv");
    let mut made = std::process::Command::new("ffmpeg");
    let made = made
        .args(["-v", "error", "-i"])
        .arg(&exact)
        .args(["-c:v", "ffv1", "-level", "3", "-g", "7"])
        .arg(&grouped)
        .status();
    assert!(made.unwrap().success());
    for (path, over) in [&exact, &grouped].into_iter().flat_map(|p| [(p, 5), (p, 11), (p, 13), (p, 100)]) {
        let mut reader = Reader::open(path, ReadOptions::new(Pixel::Yuv420p).threads(2)).unwrap();
        let first = reader.next().unwrap().unwrap();
        let passed = reader.pass_over(over).unwrap();
        assert_eq!(passed, over.min(18));
        let after = reader.next().unwrap().unwrap();
        let expected = &frames[passed as usize + 1];
        assert!(first.plane(0) == frames[0].plane(0) && after.plane(0) == expected.plane(0), "{path:?}, {over}");
    }
}

/// Untagged, so small a picture would be taken for BT.601 and converted: nothing is passed over then.
const TAGS: [&str; 4] = ["-colorspace", "bt709", "-color_range", "tv"];

#[test]
fn what_is_read_after_frames_were_passed_over_is_what_it_would_have_been() {
    let folder = TempDir::new().unwrap();
    let coded = |name: &str, options: &str| {
        let path = folder.path().join(name);
        let source = "testsrc2=size=128x72:rate=25:duration=12,noise=alls=8:allf=t,format=yuv420p";
        let mut made = std::process::Command::new("ffmpeg");
        let made =
            made.args(["-v", "error", "-f", "lavfi", "-i", source]).args(options.split(' ')).args(TAGS).arg(&path);
        assert!(made.status().unwrap().success());
        path
    };
    for path in [
        coded("pyramid.mp4", "-c:v libx264 -bf 3 -x264-params b-pyramid=normal:ref=4"),
        coded("open.mkv", "-c:v libx264 -bf 2 -g 20 -x264-params open-gop=1"),
        coded("plain.mov", "-c:v libx264 -bf 0 -g 300"),
        coded("short.mp4", "-c:v libx264 -bf 3 -g 12"),
        coded("short.ts", "-c:v libx264 -bf 3 -g 25"),
        coded("short.mkv", "-c:v libx265 -x265-params log-level=error:keyint=12:open-gop=0"),
        coded("hevc.mp4", "-c:v libx265 -x265-params log-level=error"),
        coded("stream.ts", "-c:v libx264 -bf 3"),
        coded("mpeg4.avi", "-c:v mpeg4 -bf 2"),
    ] {
        let all = read(&path, Pixel::Yuv420p);
        for threads in [1, 2, 3] {
            let mut reader = Reader::open(&path, ReadOptions::new(Pixel::Yuv420p).threads(threads)).unwrap();
            let (mut at, mut over_all) = (0, 0);
            // The last is more than is left.
            for over in [0, 1, 2, 7, 40, 150, 3, 500] {
                let frame = reader.next().unwrap().unwrap();
                assert!(frame == all[at], "{path:?}: frame {at} on {threads}");
                at += 1;
                let mut left = over;
                while let passed @ 1.. = reader.pass_over(left).unwrap() {
                    at += passed as usize;
                    assert!(passed <= left && at < all.len(), "{path:?}");
                    left -= passed;
                    over_all += passed;
                }
            }
            assert_eq!(over_all > 150, !path.ends_with("mpeg4.avi"), "{path:?}: {over_all} passed over on {threads}");
            let rest: Vec<_> = reader.map(Result::unwrap).collect();
            assert!(rest == all[at..], "{path:?}: the rest from {at} on {threads}");
        }
    }
}

#[test]
fn an_index_says_where_decoding_can_begin() {
    let folder = TempDir::new().unwrap();
    let source = "testsrc2=size=128x72:rate=25:duration=4,format=yuv420p";
    for (name, indexed) in [("groups.mp4", true), ("groups.mkv", true), ("groups.ts", false)] {
        let path = folder.path().join(name);
        let mut made = std::process::Command::new("ffmpeg");
        let made = made.args(["-v", "error", "-f", "lavfi", "-i", source]).args(TAGS);
        let made = made.args("-c:v libx264 -bf 2 -g 20 -keyint_min 20 -sc_threshold 0".split(' ')).arg(&path);
        assert!(made.status().unwrap().success());
        let mut reader = Reader::open(&path, ReadOptions::new(Pixel::Yuv420p)).unwrap();
        // Every 0.8 s, whatever was asked before.
        for (seconds, expected) in
            [(3.9, 3.2), (1.0, 0.8), (0.8, 0.8), (0.1, 0.0), (0.0, 0.0), (1.9, 1.6), (2.3, 2.4), (9.0, 3.2)]
        {
            let found = reader.key_near(seconds);
            let right = if indexed { found.is_some_and(|at| (at - expected).abs() < 0.002) } else { found.is_none() };
            assert!(right, "{name}, {seconds}: {found:?}");
        }
        assert!(reader.next().is_none(), "{name}: it has been moved");
    }
}

#[test]
fn nothing_is_decoded_that_lies_before_a_picture_that_needs_no_other() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("groups.mp4");
    let source = "testsrc2=size=128x72:rate=25:duration=4,format=yuv420p";
    let mut made = std::process::Command::new("ffmpeg");
    let made = made.args(["-v", "error", "-f", "lavfi", "-i", source]).args(TAGS);
    let made = made.args("-c:v libx264 -bf 2 -g 20 -keyint_min 20 -sc_threshold 0".split(' ')).arg(&path);
    assert!(made.status().unwrap().success());
    let all = read(&path, Pixel::Yuv420p);
    // The second and the third group of pictures are destroyed, but for how long their units are and what they are.
    let places = std::process::Command::new("ffprobe")
        .args("-v error -select_streams v -show_entries packet=pos,size -of csv=p=0".split(' '))
        .arg(&path)
        .output()
        .unwrap();
    let mut bytes = std::fs::read(&path).unwrap();
    for line in String::from_utf8(places.stdout).unwrap().lines().skip(20).take(40) {
        let mut numbers = line.split(',').map(|number| number.parse::<usize>().unwrap());
        let (size, at) = (numbers.next().unwrap(), numbers.next().unwrap());
        bytes[at + 5..at + size].fill(0xff);
    }
    std::fs::write(&path, bytes).unwrap();
    for threads in [1, 2, 3] {
        let open = || Reader::open(&path, ReadOptions::new(Pixel::Yuv420p).threads(threads)).unwrap();
        let mut reader = open();
        assert!(reader.next().unwrap().unwrap() == all[0]);
        assert_eq!(reader.pass_over(64).unwrap(), 64);
        assert!(reader.next().unwrap().unwrap() == all[65], "on {threads}");
        assert!(open().any(|frame| frame.is_err()), "the file is damaged for who reads all of it");
    }
}

#[test]
fn the_same_frames_are_the_same_bytes() {
    fn check(codec: Mezzanine, pixel: Pixel) {
        let folder = TempDir::new().unwrap();
        let frames = noise(FrameFormat::new(320, 180, pixel), 20);
        let bytes = |name: &str, threads| {
            let path = folder.path().join(name);
            write(&path, codec, threads, &frames);
            std::fs::read(path).unwrap()
        };
        let first = bytes("a.mkv", 1);
        assert!(first == bytes("b.mkv", 1), "{codec:?}: written twice");
        assert!(first == bytes("c.mkv", 4), "{codec:?}: with other threads");
        let text = String::from_utf8_lossy(&first).into_owned();
        assert!(!text.contains("Lavf6") && !text.contains("Lavf5"), "{codec:?}: a muxer version in the file");
    }
    check(Mezzanine::Lossless, Pixel::Yuv420p10);
    check(Mezzanine::Visual, Pixel::Yuv420p);
}

#[test]
fn a_mezzanine_says_what_it_is() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("clip.mkv");
    for (codec, pixel, name, av) in [
        (Mezzanine::Lossless, Pixel::Yuv420p10, "ffvhuff", "yuv420p10le"),
        (Mezzanine::Visual, Pixel::Yuv420p, "h264", "yuv420p"),
    ] {
        write(&path, codec, 2, &noise(FrameFormat::new(128, 72, pixel), 12));
        let info = probe(&path).unwrap();
        let video = info.video.unwrap();
        assert_eq!(info.container, "matroska,webm");
        assert_eq!((video.codec.as_str(), video.pixel.as_str()), (name, av));
        assert_eq!((video.width, video.height, video.fps), (128, 72, FPS));
        assert!((video.seconds.unwrap() - 0.5).abs() < 0.002, "{:?}", video.seconds);
        assert_eq!(
            (&*video.color.matrix, &*video.color.primaries, &*video.color.transfer, &*video.color.range),
            ("bt709", "bt709", "bt709", "tv")
        );
        assert!(info.audio.is_none());
    }
}

/// A brand's orange, there and back.
#[test]
fn a_brand_colour_survives() {
    const ORANGE: [u8; 3] = [0xF2, 0x8C, 0x0F];
    fn check(codec: Mezzanine, via: Pixel, size: (u32, u32)) {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("plate.mkv");
        let rgb = FrameFormat::new(size.0, size.1, Pixel::Rgb24);
        let mut plate = Frame::new(rgb);
        plate.plane_mut(0).chunks_exact_mut(3).for_each(|p| p.copy_from_slice(&ORANGE));
        let mut chain = FilterChain::new(&filters::stretch(128, 72), rgb, FPS, via).unwrap();
        let format = FrameFormat::new(128, 72, via);
        let mut writer = Writer::create(&path, WriteOptions { codec, format, fps: FPS, threads: 1 }).unwrap();
        for _ in 0..3 {
            chain.push(&plate).unwrap();
        }
        chain.finish().unwrap();
        while let Some(frame) = chain.pull().unwrap() {
            // BT.709 limited, worked out by hand from the standard's weights: Y'=(0.2126 R'+0.7152 G'+0.0722 B')*219+16.
            if via == Pixel::Yuv420p {
                let yuv = [frame.plane(0)[0], frame.plane(1)[0], frame.plane(2)[0]];
                for (found, expected) in yuv.into_iter().zip([147_u8, 63, 178]) {
                    assert!(found.abs_diff(expected) <= 1, "{codec:?}: {yuv:?}");
                }
            }
            writer.write(&frame).unwrap();
        }
        assert_eq!(writer.finish().unwrap().frames, 3);
        let back = read(&path, Pixel::Rgb24);
        assert_eq!(back.len(), 3);
        for pixel in back.iter().flat_map(|f| f.plane(0).chunks_exact(3)) {
            for (found, expected) in pixel.iter().zip(ORANGE) {
                assert!(found.abs_diff(expected) <= 2, "{codec:?} {via:?}: {pixel:02X?}");
            }
        }
    }
    check(Mezzanine::Lossless, Pixel::Yuv420p10, (128, 72));
    check(Mezzanine::Lossless, Pixel::Yuv420p10, (32, 18));
    check(Mezzanine::Lossless, Pixel::Yuv420p, (128, 72));
    check(Mezzanine::Visual, Pixel::Yuv420p, (128, 72));
}

#[test]
fn frames_that_do_not_fit_are_refused() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("clip.mkv");
    let format = FrameFormat::new(64, 36, Pixel::Yuv420p10);
    let options = WriteOptions { codec: Mezzanine::Lossless, format, fps: FPS, threads: 1 };
    let mut writer = Writer::create(&path, options).unwrap();
    for wrong in [FrameFormat::new(64, 38, Pixel::Yuv420p10), FrameFormat::new(64, 36, Pixel::Yuv420p)] {
        let error = writer.write(&Frame::black(wrong)).unwrap_err();
        assert!(matches!(error, Error::WrongFrame { .. }), "{error}");
        assert!(error.to_string().contains("clip.mkv") && error.to_string().contains("64x36 yuv420p10le"), "{error}");
    }
    let refused = |options: WriteOptions| Writer::create(&path, options).map(|_| ()).unwrap_err().to_string();
    assert!(refused(WriteOptions { format: FrameFormat::new(64, 36, Pixel::Rgb24), ..options }).contains("rgb24"));
    assert!(refused(WriteOptions { format: FrameFormat::new(0, 36, Pixel::Yuv420p), ..options }).contains("0x36"));
    assert!(refused(WriteOptions { fps: (0, 1), ..options }).contains("0/1"));
    assert!(refused(WriteOptions { codec: Mezzanine::Visual, ..options }).contains("yuv420p with even sides"));
}

#[test]
fn filters_resize_and_change_rates() {
    fn check(filter: &str, expected: (u32, u32, usize)) {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("clip.mkv");
        write(&path, Mezzanine::Lossless, 2, &noise(FrameFormat::new(160, 90, Pixel::Yuv420p10), 24));
        let options = ReadOptions::new(Pixel::Yuv420p).filter(filter);
        let frames: Vec<Frame> = Reader::open(&path, options).unwrap().map(|f| f.unwrap()).collect();
        assert_eq!((frames[0].width(), frames[0].height(), frames.len()), expected, "{filter}");
        assert!(frames.iter().enumerate().all(|(i, f)| f.index == i as u64 && f.format() == frames[0].format()));
    }
    check("", (160, 90, 24));
    check(&filters::cover(72, 128), (72, 128, 24));
    check(&filters::cover(101, 101), (101, 101, 24));
    check(&filters::contain(128, 128), (128, 128, 24));
    check(&filters::stretch(64, 64), (64, 64, 24));
    check(&filters::fps((12, 1)), (160, 90, 12));
    check(&filters::fps((48, 1)), (160, 90, 48));
}

#[test]
fn motion_interpolation_in_memory() {
    let format = FrameFormat::new(64, 64, Pixel::Rgb24);
    let mut chain = FilterChain::new("minterpolate=fps=24:mi_mode=blend", format, (8, 1), Pixel::Yuv420p10).unwrap();
    let mut count = 0;
    for frame in noise(format, 8) {
        chain.push(&frame).unwrap();
        while let Some(frame) = chain.pull().unwrap() {
            assert_eq!(frame.format(), FrameFormat::new(64, 64, Pixel::Yuv420p10));
            count += 1;
        }
    }
    chain.finish().unwrap();
    while chain.pull().unwrap().is_some() {
        count += 1;
    }
    assert!((18..=24).contains(&count), "{count} frames of 24 (the filter keeps back the edges)");
    assert!(chain.push(&Frame::new(FrameFormat::new(32, 32, Pixel::Rgb24))).is_err());
}

#[test]
fn bad_filters_are_errors() {
    for spec in ["nosuchfilter", "scale=w=abc", "scale=640:360,[", "split", "nul\0l"] {
        let format = FrameFormat::new(64, 36, Pixel::Yuv420p);
        let error = FilterChain::new(spec, format, FPS, Pixel::Yuv420p).map(|_| ()).unwrap_err();
        assert!(matches!(error, Error::Filter { .. }), "{spec}: {error}");
    }
}
