//! Masters and their sound, judged by Debian's ffprobe and ffmpeg.

#![expect(clippy::unwrap_used, reason = "a test's helpers report by panicking")]

use std::path::Path;
use std::process::Command;
use std::sync::mpsc::channel;
use std::time::Duration;

use spotloom_media::{
    AudioClip, AudioCodec, Codec, Container, EncoderChoice, Frame, GifWriter, MasterOptions, MasterWriter, Pass,
    RateControl, Sound, audio::RATE, master_format,
};
use tempfile::TempDir;

mod support;

use support::{ffprobe, in_folder, master, options, tone};

/// The top-level boxes of an MP4 file and all box names inside `moov`, in order.
fn boxes(path: &Path) -> Vec<String> {
    fn walk(bytes: &[u8], into: &mut Vec<String>) {
        let mut rest = bytes;
        while rest.len() >= 8 {
            let size = u32::from_be_bytes(rest[..4].try_into().unwrap()) as usize;
            let name = String::from_utf8_lossy(&rest[4..8]).into_owned();
            if ["moov", "trak", "edts", "mdia", "minf", "stbl"].contains(&&*name) {
                into.push(name);
                walk(&rest[8..size], into);
            } else {
                into.push(name);
            }
            rest = &rest[size..];
        }
    }
    let mut names = Vec::new();
    walk(&std::fs::read(path).unwrap(), &mut names);
    names
}

#[test]
fn a_master_is_what_platforms_ask_for() {
    let (_folder, path) = in_folder("master.mp4");
    master(&path, &options(), 60, tone(1.0, -20.0));
    let video = ffprobe(
        &path,
        "stream=codec_name,profile,width,height,pix_fmt,color_range,color_space,color_transfer,color_primaries,\
         field_order,r_frame_rate,avg_frame_rate,start_time,nb_read_frames,duration:stream_tags=",
    );
    let mut lines = video.lines();
    assert_eq!(
        lines.next().unwrap(),
        "codec_name=h264|profile=High|width=320|height=180|pix_fmt=yuv420p|color_range=tv|color_space=bt709|\
         color_transfer=bt709|color_primaries=bt709|field_order=progressive|r_frame_rate=30/1|avg_frame_rate=30/1|\
         start_time=0.000000|duration=2.000000|nb_read_frames=60"
    );
    let audio = ffprobe(&path, "stream=codec_name,profile,sample_rate,channels,channel_layout,start_time");
    assert!(
        audio.contains(
            "codec_name=aac|profile=LC|sample_rate=48000|channels=2|channel_layout=stereo|start_time=0.000000"
        ),
        "{audio}"
    );
    let names = boxes(&path);
    let at = |name: &str| names.iter().position(|n| n == name).unwrap();
    assert!(at("moov") < at("mdat"), "the index is in front: {names:?}");
    assert!(!names.iter().any(|n| n == "elst"), "no edit lists: {names:?}");
    // Every group of pictures is closed: each key frame is the first of its group in display order, too.
    let frames = ffprobe(&path, "frame=key_frame,pict_type");
    let keys: Vec<usize> = frames
        .lines()
        .filter(|l| l.contains("pict_type"))
        .enumerate()
        .filter(|(_, l)| l.contains("key_frame=1"))
        .map(|(i, _)| i)
        .collect();
    assert!(keys.contains(&0) && keys.windows(2).all(|k| k[1] - k[0] <= 15), "{keys:?}");
}

#[test]
fn picture_and_sound_are_in_step() {
    let (folder, path) = in_folder("master.mp4");
    let mut samples = vec![(0.0, 0.0); RATE as usize * 2];
    let burst = tone(0.5, -6.0);
    samples[RATE as usize / 2..][..burst.samples().len()].copy_from_slice(burst.samples());
    master(&path, &options(), 60, AudioClip::new(samples));
    let wave = folder.path().join("out.wav");
    let done = Command::new("ffmpeg").args(["-v", "error", "-i"]).arg(&path).arg(&wave).status().unwrap();
    assert!(done.success());
    let heard = AudioClip::read(&wave, 10.0).unwrap();
    let first = heard.samples().iter().position(|s| s.0.abs() > 0.1).unwrap();
    let late = first as f64 / f64::from(RATE) - 0.5;
    assert!(late.abs() < 0.003, "the burst is heard {late} s after its frame");
}

#[test]
fn the_same_master_twice_is_the_same_bytes() {
    let (folder, path) = in_folder("a.mp4");
    let again = folder.path().join("b.mp4");
    master(&path, &options(), 40, tone(1.5, -12.0));
    master(&again, &options(), 40, tone(1.5, -12.0));
    assert!(std::fs::read(&path).unwrap() == std::fs::read(&again).unwrap());
}

#[test]
fn a_constant_rate_is_kept_on_a_still_picture() {
    let (_folder, path) = in_folder("ctv.mp4");
    let options = MasterOptions { rate: RateControl::Constant { kbps: 3000 }, ..options() };
    master(&path, &options, 90, AudioClip::default());
    let kbps = std::fs::metadata(&path).unwrap().len() as f64 * 8.0 / 3.0 / 1000.0;
    assert!((2850.0..3500.0).contains(&kbps), "{kbps} kb/s");
}

/// What a table row asks for, and how ffprobe must describe it: codec, profile, pixels, tag; then the sound.
#[test]
fn every_codec_in_its_containers() {
    fn check(name: &str, options: MasterOptions, video: &str, audio: &str) {
        let (_folder, path) = in_folder(name);
        master(&path, &options, 24, tone(0.8, -20.0));
        let found = ffprobe(
            &path,
            "stream=codec_name,profile,codec_tag_string,pix_fmt,color_space,start_time,nb_read_frames:stream_tags=x",
        );
        let mut lines = found.lines().filter(|l| l.starts_with("codec_name"));
        assert_eq!(lines.next().map(|l| l.trim_end_matches('|')), Some(video), "{name}");
        assert_eq!(lines.next().unwrap_or_default().split("|nb_read").next(), Some(audio), "{name}");
        let again = path.with_file_name(format!("again-{name}"));
        master(&again, &options, 24, tone(0.8, -20.0));
        assert!(std::fs::read(&path).unwrap() == std::fs::read(&again).unwrap(), "{name} differs from itself");
    }
    let of = |container, codec| MasterOptions { container, codec, ..options() };
    let quality = RateControl::Quality { crf: 30.0, max_kbps: 1500, buffer_kbps: 2000 };
    let aac = "codec_name=aac|profile=LC|codec_tag_string=mp4a|start_time=0.000000";
    let opus = "codec_name=opus|profile=unknown|codec_tag_string=[0][0][0][0]|start_time=-0.007000";
    check(
        "a.mp4",
        of(Container::Mp4, Codec::Hevc),
        "codec_name=hevc|profile=Main|codec_tag_string=hvc1|pix_fmt=yuv420p|color_space=bt709|start_time=0.000000|nb_read_frames=24",
        aac,
    );
    check(
        "b.mp4",
        MasterOptions { profile: Some("main10".into()), ..of(Container::Mp4, Codec::Hevc) },
        "codec_name=hevc|profile=Main 10|codec_tag_string=hvc1|pix_fmt=yuv420p10le|color_space=bt709|start_time=0.000000|nb_read_frames=24",
        aac,
    );
    check(
        "c.mp4",
        MasterOptions { rate: quality.clone(), ..of(Container::Mp4, Codec::Av1) },
        "codec_name=av1|profile=Main|codec_tag_string=av01|pix_fmt=yuv420p|color_space=bt709|start_time=0.000000|nb_read_frames=24",
        aac,
    );
    check(
        "d.webm",
        MasterOptions { rate: quality, audio: Some(AudioCodec::Opus { kbps: 96 }), ..of(Container::WebM, Codec::Vp9) },
        "codec_name=vp9|profile=Profile 0|codec_tag_string=[0][0][0][0]|pix_fmt=yuv420p|color_space=bt709|start_time=0.000000|nb_read_frames=24",
        opus,
    );
    let pcm = MasterOptions { rate: RateControl::Fixed, audio: Some(AudioCodec::Pcm24), ..options() };
    check(
        "e.mov",
        MasterOptions {
            container: Container::Mov,
            codec: Codec::ProRes422Hq,
            timecode: Some("00:59:53:00".into()),
            ..pcm.clone()
        },
        "codec_name=prores|profile=HQ|codec_tag_string=apch|pix_fmt=yuv422p10le|color_space=bt709|start_time=0.000000|nb_read_frames=24",
        "codec_name=pcm_s24le|profile=unknown|codec_tag_string=in24|start_time=0.000000",
    );
    check(
        "f.mxf",
        MasterOptions { container: Container::Mxf, codec: Codec::XdcamHd422, fps: (25, 1), gop: 12, ..pcm.clone() },
        "codec_name=mpeg2video|profile=4:2:2|codec_tag_string=[0][0][0][0]|pix_fmt=yuv422p|color_space=bt709|start_time=0.000000|nb_read_frames=24",
        "codec_name=pcm_s24le|profile=unknown|codec_tag_string=[0][0][0][0]|start_time=0.000000",
    );
}

#[test]
fn two_passes_spend_what_there_is() {
    for codec in [Codec::H264, Codec::Hevc] {
        let (folder, path) = in_folder("master.mp4");
        let stats = folder.path().join("stats");
        let rate = |pass| RateControl::Average { kbps: 300, max_kbps: 600, buffer_kbps: 600, pass };
        let options = |pass| MasterOptions { rate: rate(pass), codec, ..options() };
        noise(&path, &options(Pass::First(stats.clone())), 60);
        assert!(stats.exists(), "{codec:?}");
        let bytes = noise(&path, &options(Pass::Second(stats)), 60);
        let kbps = bytes as f64 * 8.0 / 2.0 / 1000.0; // silence takes next to nothing
        assert!((255.0..345.0).contains(&kbps), "{codec:?}: {kbps} kb/s");
    }
}

/// Sound that is still being made while the first pictures are encoded makes no difference to the file.
#[test]
fn sound_may_come_later() {
    let pcm = MasterOptions { container: Container::Mov, audio: Some(AudioCodec::Pcm24), ..options() };
    let prores = MasterOptions { codec: Codec::ProRes422Hq, ..pcm.clone() };
    // The encoder of the first gives nothing back before the end, that of the last gives each picture back at once.
    for (options, frames) in [(options(), 20), (options(), 90), (pcm, 90), (prores, 90)] {
        let folder = TempDir::new().unwrap();
        let [there, later, never] = ["there", "later", "never"].map(|name| folder.path().join(name));
        master(&there, &options, frames, tone(3.0, -20.0));
        let (sender, coming) = channel();
        let made = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(50));
            sender.send(tone(3.0, -20.0)).unwrap();
        });
        master(&later, &options, frames, Sound::Coming(coming));
        made.join().unwrap();
        assert!(std::fs::read(&there).unwrap() == std::fs::read(&later).unwrap(), "{options:?}");
        let packets = ffprobe(&there, "packet=codec_type,duration_time");
        let longest = packets
            .lines()
            .filter(|line| line.contains("audio"))
            .filter_map(|line| line.rsplit('=').next()?.parse().ok());
        assert!(longest.fold(0.0, f64::max) < 1.0 / 29.0, "one packet of sound for each picture\n{packets}");

        let (sender, coming) = channel::<AudioClip>();
        drop(sender);
        let mut writer = MasterWriter::create(&never, &options, Sound::Coming(coming)).unwrap();
        let black = Frame::black(master_format(&options));
        let written = (0..frames).try_for_each(|_| writer.write(&black));
        let error = written.and_then(|()| writer.finish().map(drop)).unwrap_err();
        assert!(error.to_string().ends_with("its sound was not made"), "{error}");
    }
}

/// Frames no encoder has an easy time with.
fn noise(path: &Path, options: &MasterOptions, frames: u64) -> u64 {
    let mut writer = MasterWriter::create(path, options, AudioClip::default()).unwrap();
    let mut state = 1_u32;
    for _ in 0..frames {
        let mut frame = Frame::black(master_format(options));
        for sample in frame.plane_mut(0) {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            *sample = 100 + (state >> 27) as u8;
        }
        writer.write(&frame).unwrap();
    }
    writer.finish().unwrap().bytes
}

#[test]
fn previews_move() {
    let (_folder, path) = in_folder("a.gif");
    let mut gif = GifWriter::create(&path, (96, 54), (10, 1)).unwrap();
    let mut frame = Frame::black(gif.format());
    for index in 0..8 {
        frame.plane_mut(0)[index * 2000] = 255;
        gif.write(&frame).unwrap();
    }
    assert_eq!(gif.finish().unwrap().frames, 8);
    assert!(ffprobe(&path, "stream=codec_name,nb_read_frames").contains("codec_name=gif|nb_read_frames=8"));
    // FFmpeg does not decode animated WebP; its frames are chunks of the file.
    let path = path.with_file_name("a.webp");
    let options = MasterOptions {
        container: Container::WebP,
        codec: Codec::WebP,
        rate: RateControl::Fixed,
        audio: None,
        ..options()
    };
    noise(&path, &options, 6);
    let bytes = std::fs::read(&path).unwrap();
    assert_eq!((&bytes[..4], &bytes[8..16]), (&b"RIFF"[..], &b"WEBPVP8X"[..]));
    assert_eq!(bytes.windows(4).filter(|w| w == b"ANMF").count(), 6);
}

/// Nothing tells a decoder of WebP which matrix was used: BT.709 would come out as another orange.
#[test]
fn webp_has_the_colours_that_decoders_expect() {
    let (_folder, path) = in_folder("a.webp");
    let options = MasterOptions {
        container: Container::WebP,
        codec: Codec::WebP,
        rate: RateControl::Fixed,
        audio: None,
        ..options()
    };
    let mut writer = MasterWriter::create(&path, &options, AudioClip::default()).unwrap();
    let mut frame = Frame::black(writer.format());
    // #F28C0F in BT.709.
    for (plane, value) in [(0, 147), (1, 63), (2, 178)] {
        frame.plane_mut(plane).fill(value);
    }
    writer.write(&frame).unwrap();
    writer.finish().unwrap();
    let out = Command::new("ffmpeg")
        .args(["-v", "error", "-i"])
        .arg(&path)
        .args(["-vf", "scale=1:1:flags=area,format=rgb24", "-f", "rawvideo", "-"])
        .output()
        .unwrap();
    let off = out.stdout.iter().zip([0xF2, 0x8C, 0x0F_u8]).map(|(a, b)| a.abs_diff(b)).max();
    assert!(out.stdout.len() == 3 && off.is_some_and(|o| o <= 3), "F28C0F comes back as {:02X?}", out.stdout);
}

#[test]
fn a_hardware_encoder_that_is_not_there_is_said_by_name() {
    let (_folder, path) = in_folder("a.mp4");
    for (encoder, name) in [(EncoderChoice::Vaapi, "Vaapi"), (EncoderChoice::VideoToolbox, "videotoolbox")] {
        let options = MasterOptions { encoder, ..options() };
        let error = MasterWriter::create(&path, &options, AudioClip::default()).err().unwrap();
        assert_eq!(error.code(), "no-encoder");
        assert!(error.to_string().contains(name), "{error}");
    }
    // What is there is found: the processor, at least.
    let options = MasterOptions { encoder: EncoderChoice::Auto, ..options() };
    assert!(MasterWriter::create(&path, &options, AudioClip::default()).is_ok());
}

#[test]
fn loudness_of_known_tones() {
    fn check(clip: &AudioClip, lufs: Option<f64>, peak: f64) {
        let found = clip.loudness().unwrap();
        match (found.integrated_lufs, lufs) {
            (Some(found), Some(expected)) => assert!((found - expected).abs() < 0.3, "{found} LUFS"),
            (found, expected) => assert_eq!(found, expected),
        }
        assert!(found.true_peak_db == peak || (found.true_peak_db - peak).abs() < 0.3, "{} dBTP", found.true_peak_db);
    }
    // A sine in both channels reads as its level minus 3.01 (its mean square) plus 3.01 (two channels), less the
    // meter's -0.69 plus its weighting at 440 Hz, which cancel within 0.1.
    check(&tone(3.0, -20.0), Some(-20.6), -20.0);
    check(&tone(3.0, -6.0), Some(-6.6), -6.0);
    check(&AudioClip::silence(RATE as usize), None, f64::NEG_INFINITY);
}

#[test]
fn clips_mix_and_filter() {
    let quiet = tone(1.0, -20.0).filter("volume=-6dB").unwrap();
    assert!((quiet.loudness().unwrap().true_peak_db + 26.0).abs() < 0.3);
    let mixed = AudioClip::mix(
        "[a][b]amix=inputs=2:normalize=0:duration=longest",
        &[("a", &tone(2.0, -20.0)), ("b", &tone(1.0, -20.0))],
    )
    .unwrap();
    assert!((mixed.seconds() - 2.0).abs() < 0.001, "{}", mixed.seconds());
    assert!(tone(0.1, -20.0).filter("nosuchfilter").is_err());
}

#[test]
fn sound_is_read_from_what_people_have() {
    let folder = TempDir::new().unwrap();
    for (name, channels) in [("a.wav", 1), ("a.mp3", 2), ("a.m4a", 2), ("a.flac", 2), ("a.ogg", 2)] {
        let path = folder.path().join(name);
        let source = "sine=frequency=440:sample_rate=44100:duration=2";
        let done = Command::new("ffmpeg")
            .args(["-v", "error", "-f", "lavfi", "-i", source, "-ac", &channels.to_string()])
            .arg(&path)
            .status()
            .unwrap();
        assert!(done.success());
        let clip = AudioClip::read(&path, 60.0).unwrap();
        assert!((clip.seconds() - 2.0).abs() < 0.06, "{name}: {} s", clip.seconds());
        assert!((AudioClip::read(&path, 0.5).unwrap().seconds() - 0.5).abs() < 0.001, "{name}");
    }
    let silent_film = folder.path().join("film.mp4");
    let done = Command::new("ffmpeg")
        .args(["-v", "error", "-f", "lavfi", "-i", "color=s=64x64:d=0.2"])
        .arg(&silent_film)
        .status()
        .unwrap();
    assert!(done.success());
    let error = AudioClip::read(&silent_film, 1.0).unwrap_err().to_string();
    assert!(error.contains("film.mp4") && error.contains("no audio"), "{error}");
}
