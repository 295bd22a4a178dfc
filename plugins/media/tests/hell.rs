//! Footage from hell: each kind of file that has ever come out of a phone, a camera or an archive, made here at a tiny
//! size by the command beside it, and what has to come of it.

#![expect(clippy::unwrap_used, reason = "a test's helpers report by panicking")]

use std::path::{Path, PathBuf};
use std::process::Command;

use spotloom_media::{AudioClip, Error, Frame, Pixel, ReadOptions, Reader, filters, probe};
use tempfile::TempDir;

/// Runs `ffmpeg` with arguments divided by spaces; `OUT` is the file to make.
fn make(folder: &TempDir, name: &str, arguments: &str) -> PathBuf {
    let out = folder.path().join(name);
    let arguments = arguments.split_whitespace().map(|a| match a.split_once("DIR/") {
        Some((before, file)) => format!("{before}{}", folder.path().join(file).display()),
        None => a.to_owned(),
    });
    let done = Command::new("ffmpeg").args(["-v", "error", "-y"]).args(arguments).arg(&out).output().unwrap();
    assert!(done.status.success(), "{name}: {}", String::from_utf8_lossy(&done.stderr));
    out
}

fn read(path: &Path, options: ReadOptions) -> Result<Vec<Frame>, Error> {
    Reader::open(path, options)?.collect()
}

/// The colour of the middle of the first third, and of the last: enough to see which way up a picture is.
fn colours(frame: &Frame) -> [[u8; 3]; 2] {
    let (w, h) = (frame.width() as usize, frame.height() as usize);
    let at = |x: usize, y: usize| {
        let i = (y * w + x) * 3;
        [frame.plane(0)[i], frame.plane(0)[i + 1], frame.plane(0)[i + 2]]
    };
    [at(w / 6, h / 6), at(w - 1 - w / 6, h - 1 - h / 6)]
}

const RED: [u8; 3] = [235, 20, 20];
const BLUE: [u8; 3] = [20, 20, 235];

/// A picture with a red quarter at the top left and a blue one at the bottom right.
const CORNERS: &str = "-f lavfi -i color=0x808080:s=96x64:r=25:d=0.4,\
    drawbox=w=48:h=32:c=0xEB1414:t=fill,drawbox=x=48:y=32:w=48:h=32:c=0x1414EB:t=fill";
const H264: &str = "-vf scale=out_color_matrix=bt709:out_range=tv,format=yuv420p -colorspace bt709 -color_range tv -c:v libx264 -crf 6";

/// What a file has to become at 25 frames a second: size, number of frames, colours at the top left and bottom right.
type Expected = ((u32, u32), usize, Option<([u8; 3], [u8; 3])>);

#[test]
fn footage_becomes_what_it_shows() {
    let folder = TempDir::new().unwrap();
    let check = |name: &str, arguments: &str, expected: Expected| {
        let path = make(&folder, name, arguments);
        let frames = read(&path, ReadOptions::new(Pixel::Rgb24).filter(filters::fps((25, 1))));
        let frames = frames.unwrap_or_else(|e| panic!("{name}: {e}"));
        let first = &frames[0];
        assert_eq!(((first.width(), first.height()), frames.len()), (expected.0, expected.1), "{name}");
        if let Some((top_left, bottom_right)) = expected.2 {
            for (found, wanted) in colours(first).iter().zip([top_left, bottom_right]) {
                let close = found.iter().zip(wanted).all(|(a, b)| a.abs_diff(b) <= 14);
                assert!(close, "{name}: found {found:?}, expected {wanted:?}");
            }
        }
    };
    let upright = Some((RED, BLUE));
    let tagged = |matrix: &str| format!("-i DIR/flat.mp4 -c copy -bsf:v h264_metadata=sample_aspect_ratio={matrix}");
    check("flat.mp4", &format!("{CORNERS} {H264}"), ((96, 64), 10, upright));
    // Held upright, upside down, and the other way; `rotate` becomes a display matrix.
    check("upright.mp4", "-i DIR/flat.mp4 -c copy -metadata:s:v rotate=270", ((64, 96), 10, None));
    check("upside-down.mp4", "-i DIR/flat.mp4 -c copy -metadata:s:v rotate=180", ((96, 64), 10, Some((BLUE, RED))));
    check("wide-pixels.mp4", &tagged("2/1"), ((192, 64), 10, upright));
    check("tall-pixels.mp4", &tagged("1/2"), ((96, 128), 10, upright));
    check(
        "odd.mkv",
        "-f lavfi -i color=0xEB1414:s=96x64:r=25:d=0.4 -vf format=rgb24,crop=95:63,format=yuv444p -c:v ffv1",
        ((95, 63), 10, None),
    );
    check(
        "one-pixel.png",
        "-f lavfi -i color=0xEB1414:s=8x8,format=rgb24,crop=1:1 -frames:v 1",
        ((1, 1), 1, Some((RED, RED))),
    );
    // A screen recording: frames when something happens, the last one for a second.
    check(
        "variable.mkv",
        &format!("{CORNERS} -vf setpts='if(lt(N,5),N,N*3)/25/TB',format=yuv420p -fps_mode vfr -c:v libx264"),
        ((96, 64), 28, None),
    );
    // Weaving looks at the field after, and the last frame of all has none.
    check(
        "interlaced.mpg",
        &format!("{CORNERS} -c:v mpeg2video -flags +ildct+ilme -vf setfield=tff -q:v 2"),
        ((96, 64), 9, None),
    );
    check("old.avi", &format!("{CORNERS} -c:v mpeg4 -q:v 2"), ((96, 64), 10, None));
    check("camera.mts", &format!("{CORNERS} {H264} -f mpegts"), ((96, 64), 10, upright));
    check("archive.mxf", &format!("{CORNERS} -s 128x64 -c:v mpeg2video -q:v 2"), ((128, 96), 10, None));
    check("window.wmv", &format!("{CORNERS} -c:v wmv2 -q:v 2"), ((96, 64), 10, None));
    check("web.webm", &format!("{CORNERS} -c:v libvpx-vp9 -crf 10 -b:v 0"), ((96, 64), 10, None));
    check("edit.mov", &format!("{CORNERS} -c:v prores_ks -profile:v 3"), ((96, 64), 10, None));
    check("short.gif", CORNERS, ((96, 64), 10, None)); // its palette is not exact
    check("scan.tiff", &format!("{CORNERS} -frames:v 1"), ((96, 64), 1, upright));
    check("still.bmp", &format!("{CORNERS} -frames:v 1"), ((96, 64), 1, upright));
}

/// A mirror image stays one.
/// Black stays black and white white, whatever a picture without colours is kept as and whatever it is read as.
#[test]
fn grey_pictures_keep_their_contrast() {
    let folder = TempDir::new().unwrap();
    let source = "-f lavfi -i color=black:s=96x64,format=gray,geq=lum=255*gte(X\\,48)*gte(Y\\,32) -frames:v 1";
    let check = |name: &str, arguments: &str| {
        let path = make(&folder, name, &format!("{source} {arguments}"));
        for (pixel, [black, white]) in [(Pixel::Rgb24, [0, 255]), (Pixel::Rgba, [0, 255]), (Pixel::Yuv420p, [16, 235])]
        {
            let frames = read(&path, ReadOptions::new(pixel)).unwrap_or_else(|e| panic!("{name}: {e}"));
            let plane = frames[0].plane(0);
            let step = plane.len() / (96 * 64);
            let found = [plane[0], plane[(63 * 96 + 95) * step]];
            let close = found.iter().zip([black, white]).all(|(a, b): (&u8, u8)| a.abs_diff(b) <= 1);
            assert!(close, "{name} as {pixel:?}: found {found:?}, expected {:?}", [black, white]);
        }
    };
    check("grey.png", "-pix_fmt gray");
    check("grey16.png", "-pix_fmt gray16be");
    check("grey-alpha.png", "-pix_fmt ya8");
    check("grey.jpg", "-pix_fmt gray -q:v 2");
    check("grey.tiff", "-pix_fmt gray");
}

#[test]
fn front_cameras_are_mirrored() {
    let folder = TempDir::new().unwrap();
    let flat = make(&folder, "flat.mp4", &format!("{CORNERS} {H264}"));
    let mut bytes = std::fs::read(&flat).unwrap();
    // The matrix of the track's header: its first cell is 1.0 as 16.16, and becomes -1.0.
    let header = bytes.windows(4).position(|w| w == b"tkhd").unwrap();
    let cell = header + 4 + 40;
    assert_eq!(bytes[cell..cell + 4], [0, 1, 0, 0]);
    bytes[cell..cell + 4].copy_from_slice(&[0xFF, 0xFF, 0, 0]);
    let path = folder.path().join("mirrored.mp4");
    std::fs::write(&path, bytes).unwrap();
    let video = probe(&path).unwrap().video.unwrap();
    assert_eq!((video.mirrored, video.rotation), (true, 0));
    let grey = read(&path, ReadOptions::new(Pixel::Rgb24)).unwrap();
    let [top_left, _] = colours(&grey[0]);
    assert!(top_left.iter().all(|c| c.abs_diff(128) < 12), "{top_left:?} is where the red was");
}

/// Weaving leaves no comb: a white bar that jumps between the fields.
#[test]
fn interlaced_frames_have_no_comb() {
    let folder = TempDir::new().unwrap();
    let path = make(
        &folder,
        "bar.mkv",
        "-f lavfi -i color=black:s=96x64:r=50:d=0.8,drawbox=x='mod(t*150,64)':w=24:h=64:c=white:t=fill \
         -vf tinterlace=interleave_top,setfield=tff,format=yuv420p -c:v mpeg2video -flags +ildct+ilme -q:v 1",
    );
    for frame in read(&path, ReadOptions::new(Pixel::Gray8)).unwrap().iter().skip(2).take(10) {
        let rows: Vec<&[u8]> = frame.plane(0).chunks_exact(96).collect();
        // In a comb every row differs from both neighbours, which are alike.
        let combed = rows
            .windows(3)
            .filter(|r| (0..96).any(|x| r[0][x].abs_diff(r[2][x]) < 30 && r[0][x].abs_diff(r[1][x]) > 150));
        assert!(combed.count() < 8, "frame {} is combed", frame.index);
    }
}

/// High dynamic range: white of 203 cd/m2 is 85 % of the signal, grey is grey, and what is darker than 60 cd/m2 is as bright as it was.
#[test]
fn high_dynamic_range_is_mapped_to_standard() {
    let folder = TempDir::new().unwrap();
    let check = |curve: &str, signal: f64, expected: u8| {
        let luma = 64.0 + signal * 876.0;
        let name = format!("{curve}-{signal}.mp4");
        let path = make(
            &folder,
            &name,
            &format!(
                "-f lavfi -i color=gray:s=64x48:r=25:d=0.2 -vf format=yuv420p10le,geq=lum={luma}:cb=512:cr=512 \
                 -c:v libx265 -x265-params log-level=none -color_primaries bt2020 -color_trc {curve} -colorspace bt2020nc"
            ),
        );
        assert_eq!(probe(&path).unwrap().video.unwrap().color.transfer, curve, "{name}");
        let frames = read(&path, ReadOptions::new(Pixel::Rgb24)).unwrap();
        let pixel = &frames[0].plane(0)[..3];
        assert!(pixel.iter().all(|c| c.abs_diff(expected) <= 6), "{name}: {pixel:?}, expected {expected}");
    };
    check("smpte2084", 0.0, 0);
    check("smpte2084", 0.4393, 137); // 50 cd/m2
    check("smpte2084", 0.5807, 217); // 203 cd/m2
    check("smpte2084", 0.7518, 255); // 1000 cd/m2
    check("arib-std-b67", 0.75, 217); // reference white of HLG
    check("arib-std-b67", 1.0, 255);
}

/// Saturated BT.2020 red is not the washed-out one that ignoring the primaries gives.
#[test]
fn wide_colours_become_those_of_the_screen() {
    let folder = TempDir::new().unwrap();
    let path = make(
        &folder,
        "p3.mp4",
        "-f lavfi -i color=0xEA3323:s=64x48:r=25:d=0.2 -vf scale=out_color_matrix=bt709:out_range=tv,format=yuv422p10le \
         -c:v libx265 -x265-params log-level=none -crf 4 -color_primaries smpte432 -color_trc bt709 -colorspace bt709",
    );
    let frames = read(&path, ReadOptions::new(Pixel::Rgb24)).unwrap();
    // Display P3 (234, 51, 35) is sRGB's pure red.
    let pixel = &frames[0].plane(0)[..3];
    assert!(pixel[0] > 248 && pixel[1] < 14 && pixel[2] < 14, "{pixel:?}");
}

#[test]
fn a_part_of_a_file() {
    let folder = TempDir::new().unwrap();
    let check = |name: &str, arguments: &str| {
        let source = "-f lavfi -i color=black:s=64x48:r=25:d=20,drawbox=w=64:h=48:c=white:t=fill:enable='gte(t,15)'";
        let path = make(&folder, name, &format!("{source} -g 50 {arguments}"));
        let options = ReadOptions::new(Pixel::Gray8).filter(filters::fps((25, 1)));
        for (from, seconds) in [(0.0, 1.0), (2.0, 0.4), (14.0, 2.0), (19.0, 5.0)] {
            let frames = read(&path, options.clone().part(from, seconds)).unwrap_or_else(|e| panic!("{name}: {e}"));
            let expected = (seconds.min(20.0 - from) * 25.0).round() as usize;
            assert_eq!(frames.len(), expected, "{name}: {seconds} s from {from}");
            let white = frames.iter().filter(|f| f.plane(0)[0] > 128).count();
            let due = ((from + seconds).min(20.0) - from.max(15.0)).max(0.0) * 25.0;
            assert_eq!(white, due.round() as usize, "{name}: {seconds} s from {from}");
        }
        let late = read(&path, options.part(21.0, 1.0)).unwrap_err();
        assert!(matches!(late, Error::TooShort { .. }), "{name}: {late}");
    };
    check("a.mp4", "-c:v libx264 -pix_fmt yuv420p");
    check("a.mkv", "-c:v libx264 -pix_fmt yuv420p -bf 2");
    check("a.ts", "-c:v mpeg2video -q:v 4");
    check("a.avi", "-c:v mpeg4 -q:v 4");
}

#[test]
fn sound_of_any_shape_is_stereo_or_said_to_be_missing() {
    let folder = TempDir::new().unwrap();
    let silent = make(&folder, "silent.mp4", &format!("{CORNERS} {H264}"));
    assert!(probe(&silent).unwrap().audio.is_none());
    assert!(matches!(AudioClip::read(&silent, 1.0), Err(Error::NoAudio { .. })));
    let check = |name: &str, arguments: &str| {
        let path = make(&folder, name, arguments);
        let clip = AudioClip::read(&path, 10.0).unwrap_or_else(|e| panic!("{name}: {e}"));
        assert!((clip.seconds() - 1.0).abs() < 0.1, "{name}: {}", clip.seconds());
        assert!(clip.samples().iter().any(|(l, r)| l.abs() > 0.01 && r.abs() > 0.01), "{name}");
        assert!(clip.samples().iter().all(|(l, r)| l.abs() <= 1.0 && r.abs() <= 1.0), "{name}");
    };
    check("seven.mkv", "-f lavfi -i sine=d=1,pan=7.1|c0=c0|c1=c0|c2=c0|c3=c0|c4=c0|c5=c0|c6=c0|c7=c0 -c:a flac");
    check("mono.wav", "-f lavfi -i sine=d=1 -c:a pcm_s24le");
    check("phone.m4a", "-f lavfi -i sine=d=1:r=8000,pan=stereo|c0=c0|c1=c0 -c:a aac");
}
