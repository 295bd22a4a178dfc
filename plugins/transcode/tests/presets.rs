//! Every preset held against what is encoded by it, and what broadcasters ask for besides.

#![expect(clippy::unwrap_used, reason = "a test's helpers report by panicking")]

mod common;

use serde_json::{Value, json};
use spotloom_media::{AudioClip, Frame, Pixel, ReadOptions, Reader, probe};
use spotloom_transcode::preset::{Container, Preset, VideoCodec};

use common::{Bench, built_in, ffprobe, harness, masters, params};

/// Encodes a little of everything that is built in, and holds the file against the preset it was made by.
#[test]
fn every_built_in_preset_gives_what_it_promises() {
    let names: Vec<String> = std::fs::read_dir(built_in("x").parent().unwrap())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == "yaml"))
        .map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned())
        .collect();
    assert!(names.len() >= 42, "{} presets", names.len());
    std::thread::scope(|scope| {
        for part in names.chunks(names.len().div_ceil(3)) {
            scope.spawn(move || {
                let bench = Bench::new();
                for name in part {
                    Preset::parse(name, &std::fs::read_to_string(built_in(name)).unwrap()).unwrap();
                    check_preset(&bench, name);
                }
            });
        }
    });
}

fn check_preset(bench: &Bench, name: &str) {
    let small = bench.preset(name);
    let preset = Preset::parse(name, &std::fs::read_to_string(&small).unwrap()).unwrap();
    let limits = &preset.limits;
    let seconds = limits.lengths.first().copied().or(limits.min_seconds).unwrap_or(2.0).max(2.0);
    let mezzanine = bench.mezzanine((preset.width, preset.height), 25, seconds);
    let done = harness(&mezzanine, &[small], params()).input("music", bench.music(3), "audio/mp4").run();
    let (file, output) = masters(&done)[0];
    let rate = match preset.rates.first() {
        Some(_) if preset.rates.contains(&25.0) => (25, 1),
        Some(_) => (30_000, 1001),
        None if preset.max_fps.is_some_and(|most| most < 25.0) => (preset.max_fps.unwrap() as u32, 1),
        None => (25, 1),
    };
    let fps = f64::from(rate.0) / f64::from(rate.1);
    let around = preset.leader.slate_seconds + preset.leader.black_seconds + preset.tail_black_seconds;
    let frames = (seconds * fps).round() + (around * fps).round();
    assert_eq!(output.facts["frames"], json!(frames as u64), "{file}");
    assert!(limits.max_megabytes.is_none_or(|mb| output.facts["bytes"].as_f64().unwrap() <= mb * 1e6), "{file}");
    if preset.container == Container::Webp {
        return; // FFmpeg does not decode animated WebP; the media crate's tests look into one
    }
    let expected = match preset.video.codec {
        VideoCodec::H264 => "h264|High|yuv420p|bt709|progressive",
        VideoCodec::Hevc => "hevc|Main|yuv420p|bt709|unknown",
        VideoCodec::Av1 => "av1|Main|yuv420p|bt709|unknown",
        VideoCodec::Vp9 => "vp9|Profile 0|yuv420p|bt709|unknown",
        VideoCodec::Prores422Hq => "prores|HQ|yuv422p10le|bt709|progressive",
        VideoCodec::XdcamHd422 => "mpeg2video|4:2:2|yuv422p|bt709|progressive",
        VideoCodec::Gif | VideoCodec::Webp => "gif|unknown|bgra|unknown|unknown",
    };
    let streams = ffprobe(
        &output.path,
        "stream=codec_type,codec_name,profile,pix_fmt,color_space,field_order,nb_read_frames,width,height,r_frame_rate",
    );
    let line = streams.lines().find(|l| l.contains("codec_type=video")).unwrap();
    let value = |key: &str| line.split('|').find_map(|p| p.strip_prefix(&format!("{key}="))).unwrap_or("unknown");
    let found = ["codec_name", "profile", "pix_fmt", "color_space", "field_order"].map(value).join("|");
    assert_eq!(found, expected, "{file}");
    let size = format!("{}x{} {} at {}/{}", preset.width, preset.height, frames as u64, rate.0, rate.1);
    let found =
        format!("{}x{} {} at {}", value("width"), value("height"), value("nb_read_frames"), value("r_frame_rate"));
    assert_eq!(found, size, "{file}");
    let kbps = output.facts["kbps"].as_f64().unwrap();
    assert!(limits.min_kbps.is_none_or(|floor| kbps >= f64::from(floor)), "{file}: {kbps} kb/s");
    let Some(audio) = &preset.audio else { return };
    let tracks = streams.matches("codec_type=audio").count();
    assert_eq!(tracks, audio.mono_tracks.unwrap_or(1) as usize, "{file}: {streams}");
    let sound = AudioClip::read(&output.path, 60.0).unwrap();
    let loudness = sound.loudness().unwrap();
    let lufs = loudness.integrated_lufs.unwrap();
    assert!((lufs - audio.loudness_lufs).abs() < 0.5, "{file}: {lufs} LUFS");
    assert!(loudness.true_peak_db <= audio.true_peak_db, "{file}: {} dBTP", loudness.true_peak_db);
    let at = |frame: f64| (frame / fps * 48_000.0).round() as usize;
    let quiet = |from: f64, to: f64| sound.samples().iter().take(at(to)).skip(at(from)).all(|s| s.0 == 0.0);
    let leader = (around * fps).round();
    assert!(quiet(0.0, leader), "{file}: the leader is silent");
    let silence = preset.silence;
    assert!(quiet(leader, leader + f64::from(silence.head_frames)), "{file}");
    assert!(quiet(frames - f64::from(silence.tail_frames), frames), "{file}");
}

/// A slate that can be read, black, then the spot; the file called by its code.
#[test]
fn broadcast_masters_say_what_they_are() {
    let bench = Bench::new();
    let mezzanine = bench.mezzanine((128, 72), 30, 5.0);
    let mut with = params();
    with["ad-id"] = json!("ZEST1234567H");
    with["clock-number"] = json!("AGY/ZEST001/005");
    with["slate"] = json!({"Advertiser": "Zest", "Title": "Citrus hero"});
    let presets = ["us-broadcast-prores", "uk-broadcast-xdcam", "youtube"].map(|n| bench.preset(n));
    let done = harness(&mezzanine, &presets, with.clone()).input("music", bench.music(6), "audio/mp4").run();
    let found = masters(&done);
    let names: Vec<&str> = found.iter().map(|(name, _)| *name).collect();
    assert_eq!(
        names,
        ["ZEST1234567H.mov", "AGY_ZEST001_005.mxf", "Zest_SummerSplash_CitrusHero_16x9_YouTube_5s_en.mp4"]
    );
    // A code stands alone; other names get a version from who hands them over.
    let fixed: Vec<bool> = found.iter().map(|(_, file)| file.facts.get("fixed-name") == Some(&json!(true))).collect();
    assert_eq!(fixed, [true, true, false]);
    let facts = &found[0].1.facts;
    for (key, expected) in [("slate-seconds", 5.005), ("leader-seconds", 7.007), ("programme-seconds", 5.0)] {
        assert_eq!(facts[key], json!(expected), "{key}");
    }
    let info = ffprobe(&found[0].1.path, "stream_tags=timecode");
    assert!(info.contains("00:59:53;00"), "{info}");
    let frames: Vec<Frame> =
        Reader::open(&found[0].1.path, ReadOptions::new(Pixel::Gray8)).unwrap().map(Result::unwrap).collect();
    let brightest = |i: usize| frames[i].plane(0).iter().copied().max().unwrap();
    assert!(brightest(75) > 150 && brightest(149) > 150, "the slate has words on it");
    assert!(brightest(151) < 20 && brightest(209) < 20, "black");
    assert!(brightest(215) > 100, "the programme");
    // Codes that can't be, and a length that is not the spot's.
    let check = |key: &str, value: &str, code: &str, word: &str| {
        let mut with = params();
        with[key] = json!(value);
        let done = harness(&mezzanine, &[bench.preset("uk-broadcast-xdcam")], with).run();
        assert_eq!(done.failure().code, code);
        assert!(done.failure().message.contains(word), "{}", done.failure().message);
    };
    check("ad-id", "0EST1234567", "bad-params", "not beginning with 0");
    check("clock-number", "ZEST/1", "bad-params", "AAA/BBCC001/030");
    check("clock-number", "AGY/ZEST001/030", "bad-code", "says 30 s");
    // Slates are read: every letter has a font, or it is told before anything is made.
    let slate = |title: &str| {
        let mut with = params();
        with["slate"] = json!({"Title": title});
        with["seconds"] = json!(5);
        with["preflight"] = json!(true);
        harness(&mezzanine, &[bench.preset("us-broadcast-prores")], with).run()
    };
    for title in ["Zitrus für alle", "ذُق الشمس", "טעם של שמש", "धूप का स्वाद", "รสแสงแดด"]
    {
        let done = slate(title);
        assert_eq!(done.facts().get("codes"), Some(&json!([])), "{title}");
    }
    let failed = slate("Sonne \u{10ffd7}");
    let failure = failed.failure();
    assert_eq!(failure.code, "missing-glyph");
    assert!(failure.message.contains("U+10FFD7") && failure.message.contains("us-broadcast-prores"), "{failure}");
}

/// What is too large at the preset's quality is made again, in two passes, and fits.
#[test]
fn a_size_limit_is_kept() {
    let bench = Bench::new();
    let mezzanine = bench.noise((128, 72), 25, 4.0);
    for codec in ["h264", "hevc", "vp9"] {
        let preset = bench.preset("youtube");
        let container = if codec == "vp9" { "webm" } else { "mp4" };
        let text =
            std::fs::read_to_string(&preset).unwrap().replace("container: mp4", &format!("container: {container}"));
        let text = text.replace("codec: h264, profile: high", &format!("codec: {codec}"));
        let text = text.replace("kbps: 384", "kbps: 32");
        let text = if codec == "vp9" { text.replace("codec: aac", "codec: opus") } else { text };
        std::fs::write(&preset, format!("{text}limits: {{max-megabytes: 0.16}}\n")).unwrap();
        let done = harness(&mezzanine, &[preset], params()).run();
        let bytes = masters(&done)[0].1.facts["bytes"].as_u64().unwrap();
        assert!((100_000..=160_000).contains(&bytes), "{codec}: {bytes}");
    }
}

/// What can hardly be compressed is held to each preset's ceiling, over all of it and, by encoders that know the decoder's buffer, over any second. Size and rates are a fifth
/// and a twenty-fifth of the preset's, so that a pixel has as many bits.
#[test]
fn ceilings_hold_where_nothing_can_be_compressed() {
    let bench = Bench::new();
    let mut seen = std::collections::BTreeSet::new();
    for entry in std::fs::read_dir(built_in("x").parent().unwrap()).unwrap().map(Result::unwrap) {
        let text = std::fs::read_to_string(entry.path()).unwrap();
        let video = text.lines().find(|line| line.starts_with("video:")).unwrap();
        if !video.contains("-kbps") || !seen.insert(video.to_owned()) {
            continue;
        }
        let smaller = |key: &str, by: f64| {
            let value = text.split_once(&format!("{key}: ")).map(|(_, rest)| rest);
            let number: String = value?.chars().take_while(|c| c.is_ascii_digit() || *c == '.').collect();
            Some((format!("{key}: {number}"), number.parse::<f64>().unwrap() / by))
        };
        let mut small = text.clone();
        // A spot of five seconds at any rate, whatever the platform's limits are.
        small = small.lines().filter(|line| !line.starts_with("limits:")).map(|line| format!("{line}\n")).collect();
        for (key, by) in
            [("width", 5.0), ("height", 5.0), ("max-kbps", 25.0), ("buffer-kbps", 25.0), ("constant-kbps", 25.0)]
        {
            if let Some((was, is)) = smaller(key, by) {
                let is = if by == 5.0 { (is / 2.0).round() * 2.0 } else { is.round() };
                small = small.replace(&was, &format!("{key}: {is}"));
            }
        }
        let name = entry.path().file_stem().unwrap().to_str().unwrap().to_owned();
        let preset = Preset::parse(&name, &small).unwrap();
        let noise = bench.noise((preset.width, preset.height), 25, 5.0);
        let path = noise.with_file_name(format!("{name}.yaml"));
        std::fs::write(&path, &small).unwrap();
        let done = harness(&noise, &[path], params()).run();
        let (file, output) = masters(&done)[0];
        let packets = ffprobe(&output.path, "packet=codec_type,pts_time,size");
        let value = |line: &str, key: &str| -> f64 {
            line.split('|').find_map(|part| part.strip_prefix(&format!("{key}="))).unwrap().parse().unwrap()
        };
        let packets: Vec<(f64, f64)> = packets
            .lines()
            .filter(|line| line.contains("codec_type=video"))
            .map(|line| (value(line, "pts_time"), value(line, "size") * 8.0 / 1000.0))
            .collect();
        let around = preset.leader.slate_seconds + preset.leader.black_seconds;
        let ad: Vec<_> = packets.iter().filter(|(at, _)| *at >= around).collect();
        let kbps = ad.iter().map(|(_, kilobits)| kilobits).sum::<f64>() / 5.0;
        let most = f64::from(preset.video.constant_kbps.or(preset.video.max_kbps).unwrap());
        let buffer = preset.video.buffer_kbps.map_or(most, f64::from);
        let peak = ad.iter().map(|(from, _)| {
            ad.iter().filter(|(at, _)| (*from..from + 1.0).contains(at)).map(|(_, kilobits)| kilobits).sum::<f64>()
        });
        let peak = peak.fold(0.0, f64::max);
        assert!(kbps <= 1.02 * most + buffer / 5.0, "{file}: {kbps:.0} kb/s, and {most} at most");
        // Those that keep no buffer are held over the whole.
        let keeps = matches!(preset.video.codec, VideoCodec::H264 | VideoCodec::Hevc);
        assert!(!keeps || peak <= most + buffer, "{file}: {peak:.0} kb in a second");
    }
    assert!(seen.len() >= 14, "{}", seen.len());
}

#[test]
fn a_sheet_and_a_curve_go_with_the_masters() {
    let bench = Bench::new();
    let mezzanine = bench.mezzanine((128, 72), 25, 3.0);
    let done =
        harness(&mezzanine, &[bench.preset("youtube")], params()).input("music", bench.music(4), "audio/mp4").run();
    let sheet = probe(done.path("contact-sheet")).unwrap().video.unwrap();
    assert_eq!((sheet.width, sheet.height), (4 * 488 + 8, 3 * 278 + 8));
    let curve: Value = serde_json::from_str(&done.text("loudness")).unwrap();
    let track = &curve["tracks"][0];
    assert_eq!(track["target-lufs"], json!(-14.0));
    assert!((track["integrated-lufs"].as_f64().unwrap() + 14.0).abs() < 0.3);
    assert!((28..=32).contains(&track["momentary-lufs"].as_array().unwrap().len()));
}

/// Effects need their cues, and cues their picture.
#[test]
fn effects_and_cues_belong_together() {
    let bench = Bench::new();
    let mezzanine = bench.mezzanine((128, 72), 25, 2.0);
    let check = |cues: Value, code: &str, word: &str| {
        let mut with = params();
        with["cues"] = cues;
        let done =
            harness(&mezzanine, &[bench.preset("youtube")], with).input("effects", bench.music(1), "audio/mp4").run();
        let failure = done.failure();
        assert_eq!(failure.code, code);
        assert!(failure.message.contains(word), "{}", failure.message);
    };
    check(json!([]), "bad-params", "1 effects and 0 cues");
    check(json!([2.5]), "cue-too-late", "2.5 s");
    check(json!([-1]), "bad-params", "-1");
}
