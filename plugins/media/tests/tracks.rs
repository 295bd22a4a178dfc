//! Sound in tracks of one channel, as broadcasters write and take it.

#![expect(clippy::unwrap_used, reason = "a test's helpers report by panicking")]

mod support;

use std::process::Command;

use spotloom_media::inspect::{InspectOptions, Seen, inspect};
use spotloom_media::{AudioClip, AudioCodec, Codec, Container, Error, MasterOptions, Pixel, RateControl};
use support::{ffprobe, in_folder, master, options, tone};

/// Left is loud and right is soft, in two tracks of one channel each, and two are silent.
#[test]
fn sound_of_broadcast_lies_in_tracks_of_one_channel() {
    let both = tone(4.0, -10.0);
    let sound = AudioClip::new(both.samples().iter().map(|(left, right)| (*left, right / 4.0)).collect());
    for (name, container, codec) in
        [("a.mxf", Container::Mxf, Codec::XdcamHd422), ("a.mov", Container::Mov, Codec::ProRes422Hq)]
    {
        let (_folder, path) = in_folder(name);
        let options = MasterOptions {
            container,
            codec,
            rate: RateControl::Fixed,
            fps: (25, 1),
            gop: 12,
            audio: Some(AudioCodec::Pcm24Mono { tracks: 4 }),
            ..options()
        };
        master(&path, &options, 100, sound.clone());
        let found = ffprobe(&path, "stream=codec_type,codec_name,channels,bits_per_raw_sample");
        let tracks = found.lines().filter(|l| l.contains("codec_name=pcm_s24le") && l.contains("channels=1")).count();
        assert_eq!((tracks, found.matches("codec_type=audio").count()), (4, 4), "{name}: {found}");
        let read = AudioClip::read(&path, 60.0).unwrap();
        assert_eq!(read.samples().len(), sound.samples().len(), "{name}");
        let far = |(a, b): (&(f32, f32), &(f32, f32))| (a.0 - b.0).abs().max((a.1 - b.1).abs());
        let worst = read.samples().iter().zip(sound.samples()).map(far).fold(0.0, f32::max);
        assert!(worst < 1e-6, "{name}: left and right are off by {worst}");

        // Whoever inspects it hears the same, and an independent meter as well.
        let measure = InspectOptions {
            video: String::new(),
            audio: "ebur128=peak=true:metadata=1".into(),
            pixel: Pixel::Gray8,
            stills: Vec::new(),
            threads: 1,
        };
        let mut heard = Vec::new();
        let passed = inspect::<Error>(&path, &measure, &mut |seen| {
            match seen {
                Seen::Sound { samples, .. } => heard.extend_from_slice(samples),
                Seen::Damage { at, what } => panic!("{name} at {at}: {what}"),
                _ => {}
            }
            Ok(())
        })
        .unwrap();
        assert!((passed.audio_seconds - 4.0).abs() < 1e-6, "{name}: {passed:?}");
        assert!(heard == read.samples(), "{name}: {} of {}", heard.len(), read.samples().len());
        let meter = Command::new("ffmpeg")
            .args(["-nostats", "-i"])
            .arg(&path)
            .args(["-filter_complex", "[0:a:0][0:a:1]join=inputs=2,ebur128", "-f", "null", "-"])
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&meter.stderr).into_owned();
        let line = text.rsplit("Summary:").next().unwrap().lines().find(|l| l.trim_start().starts_with("I:")).unwrap();
        let theirs: f64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
        let ours = read.loudness().unwrap().integrated_lufs.unwrap();
        assert!((ours - theirs).abs() <= 0.1001, "{name}: {ours} and {theirs} LUFS");
    }
}

/// A single microphone in one of two tracks is heard on both sides; two languages are no stereo, and neither is what lies
/// beside a stereo mix.
#[test]
fn two_tracks_are_not_always_left_and_right() {
    let check = |maps: &str, more: &str, expected: (f32, f32)| {
        let (_folder, path) = in_folder("a.mov");
        let tone = |level: f32| format!("aevalsrc={level}:s=48000:d=1");
        let mut command = Command::new("ffmpeg");
        command.args(["-v", "error", "-f", "lavfi", "-i", &tone(0.5), "-f", "lavfi", "-i", &tone(0.25)]);
        command.args(["-f", "lavfi", "-i", &tone(0.0), "-f", "lavfi", "-i", "aevalsrc=0.1|0.2:s=48000:d=1"]);
        command.args(maps.split(' ').flat_map(|input| ["-map", input])).args(["-c:a", "pcm_s16le"]);
        command.args(more.split(' ').filter(|word| !word.is_empty())).arg(&path);
        assert!(command.status().unwrap().success(), "{maps}");
        let sound = AudioClip::read(&path, 0.5).unwrap();
        assert_eq!(sound.samples().len(), 24_000, "{maps}");
        let (left, right) = sound.samples()[12_000];
        let near = |a: f32, b: f32| (a - b).abs() < 1e-3;
        assert!(near(left, expected.0) && near(right, expected.1), "{maps} {more}: {left} and {right}");
    };
    check("0:a 1:a", "", (0.5, 0.25));
    check("1:a 2:a", "", (0.25, 0.25));
    check("2:a 1:a", "", (0.25, 0.25));
    check("2:a 2:a", "", (0.0, 0.0));
    check("0:a 1:a 2:a 2:a", "", (0.5, 0.25));
    // FFmpeg's best stream then, here the first, as of any file of one channel.
    let alone = 0.5 * std::f32::consts::FRAC_1_SQRT_2;
    check("0:a 1:a 3:a", "", (alone, alone));
    check("3:a 0:a 1:a", "", (0.1, 0.2));
    check("0:a 1:a", "-metadata:s:a:0 language=eng -metadata:s:a:1 language=deu", (alone, alone));
}

/// A film that is loud from second `n` to `n + 0.1` for every whole `n`, read from moments before and behind the jump.
#[test]
fn a_part_is_in_step_with_its_picture() {
    let (_folder, path) = in_folder("a.mkv");
    let beeps = "aevalsrc='if(lt(mod(t,1),0.1),0.5*sin(880*PI*t),0)':s=44100:d=30";
    let film = |name: &str, more: &[&str]| {
        let path = path.with_file_name(name);
        let mut command = Command::new("ffmpeg");
        command.args(["-v", "error", "-f", "lavfi", "-i", "testsrc2=s=64x64:r=25:d=30", "-f", "lavfi", "-i", beeps]);
        assert!(command.args(more).arg(&path).status().unwrap().success(), "{name}");
        path
    };
    let first_loud = |clip: &AudioClip| clip.samples().iter().position(|s| s.0.abs() > 0.05).unwrap() as f64 / 48_000.0;
    let late = ["-map", "0:v", "-map", "1:a", "-c:a", "aac", "-af", "asetpts=PTS+0.5/TB"];
    for (name, more, shift) in [
        ("b.mkv", &["-c:a", "pcm_s16le"][..], 0.0),
        ("c.mp4", &["-c:a", "aac"], 0.0),
        ("d.mov", &["-c:a", "pcm_s16le"], 0.0),
        ("e.mpg", &["-c:v", "mpeg2video", "-c:a", "mp2"], 0.0),
        ("f.mkv", &late, 0.5),
    ] {
        let path = film(name, more);
        for from in [0.0, 0.4, 3.7, 11.4, 25.3] {
            let clip = AudioClip::part(&path, from, 2.0).unwrap();
            assert_eq!(clip.samples().len(), 96_000, "{name} at {from}");
            let expected = (from - shift).ceil() + shift - from;
            let found = first_loud(&clip);
            assert!((found - expected).abs() < 0.01, "{name} at {from}: loud at {found}, expected at {expected}");
        }
        assert!(AudioClip::part(&path, 40.0, 2.0).unwrap().samples().is_empty(), "{name}");
    }
    let mute = film("g.mkv", &["-an"]);
    assert!(matches!(AudioClip::part(&mute, 0.0, 1.0), Err(Error::NoAudio { .. })));
}
