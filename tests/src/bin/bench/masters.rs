//! The reference ad against one hand-tuned FFmpeg graph and against MoviePy: 15 s of 1080p30, a logo that fades in, a
//! lower third that slides, an end card that cross-fades, music to -14 LUFS; three masters (16:9, 9:16, 1:1), x264 medium
//! at CRF 20.
//!
//! All work on the same source in the same run, in turns. Ours goes the way of a brief: `spotloom run` with the installed
//! plugins, so starting hosts, hashing and the delivery are in its figures. The other decodes once, splits
//! and encodes three times; its graphics are pictures that lie ready, and it crops before it scales. x264 is told the same
//! in both. The pictures are not the same: ours has a look with text and shades, so the sizes are shown as well.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use spotloom_tests::{TestStudio, build};

use crate::proc;
use crate::report::{Report, median};

/// Name, width, height.
const SHAPES: [(&str, u32, u32); 3] = [("wide", 1920, 1080), ("tall", 1080, 1920), ("square", 1080, 1080)];
const ASPECTS: [&str; 3] = ["16:9", "9:16", "1:1"];

pub fn measure(report: &mut Report, rounds: usize) {
    let studio = studio();
    let (mut ours, mut theirs, mut sizes) = (Vec::new(), Vec::new(), [0.0; 2]);
    for round in 1..=rounds {
        eprintln!("bench: masters, round {round} of {rounds}");
        // Another headline each time: everything is composed and encoded anew, as after a change.
        studio.write("ad.yaml", &brief(round));
        let mut run = spotloom_tests::command();
        run.args(["run", "ad.yaml"]).current_dir(studio.path(""));
        let mut graph = graph(&studio.path("assets"));
        // Who goes first changes: a machine that gets slower or faster is nobody's gain.
        if round % 2 == 0 {
            theirs.push(cost(&mut graph));
        }
        ours.push(cost(&mut run));
        if round % 2 == 1 {
            theirs.push(cost(&mut graph));
        }
        let folder = studio.path(&format!("deliveries/bench/reference-ad-v{round}"));
        let assets = studio.path("assets");
        sizes = [megabytes(&folder, |_| true), megabytes(&assets, |n| SHAPES.iter().any(|(s, ..)| n.starts_with(s)))];
    }
    let usual = |costs: &[Cost], of: fn(&Cost) -> f64| median(&costs.iter().map(of).collect::<Vec<_>>());
    for (name, ratio, unit, goal, of) in [
        ("reference ad, CPU", "the same / FFmpeg's graph, CPU", "s", 1.0, (|c| c.cpu) as fn(&Cost) -> f64),
        ("reference ad, wall", "the same / FFmpeg's graph, wall", "s", 0.95, |c| c.wall),
        ("reference ad, peak memory", "the same / FFmpeg's graph, memory", "MB", 0.5, |c| c.memory),
    ] {
        let (own, other) = (usual(&ours, of), usual(&theirs, of));
        // Of each round's pair, which met the same machine; it may be a third faster in the next.
        let ratios: Vec<f64> = ours.iter().zip(&theirs).map(|(own, other)| of(own) / of(other)).collect();
        let each = ratios.iter().map(|ratio| format!("{ratio:.3}")).collect::<Vec<_>>().join(", ");
        report.add(name, own, unit, format!("median of {rounds}; `spotloom run`, three masters, delivery included"));
        let how = format!("{other:.1} {unit} there; median of the rounds' own ratios: {each}");
        report.judge(ratio, median(&ratios), "times", goal, how);
    }
    report.add("the three masters together", sizes[0], "MB", format!("{:.1} MB out of FFmpeg's graph", sizes[1]));
    match moviepy(&studio.path("assets")) {
        Some(mut command) => {
            eprintln!("bench: masters, MoviePy");
            let other = cost(&mut command);
            let own = usual(&ours, |c| c.cpu);
            let how =
                format!("{:.1} s CPU, {:.1} s wall, {:.0} MB there; one round", other.cpu, other.wall, other.memory);
            report.add("reference ad / MoviePy, CPU", own / other.cpu, "times", how);
            report.add("MoviePy / FFmpeg's graph, CPU", other.cpu / usual(&theirs, |c| c.cpu), "times", "");
        }
        None => eprintln!("bench: MoviePy is left out: `.ci/setup bench-moviepy` fetches it"),
    }
}

/// Of the MP4 files in a folder.
fn megabytes(folder: &Path, wanted: impl Fn(&str) -> bool) -> f64 {
    let files = std::fs::read_dir(folder).unwrap().flatten();
    let masters = files.filter(|f| {
        let name = f.file_name().to_string_lossy().into_owned();
        name.ends_with(".mp4") && wanted(&name)
    });
    masters.map(|f| f.metadata().unwrap().len() as f64 / 1e6).sum()
}

/// The same ad in MoviePy, on the FFmpeg that is installed. `None` where it is not.
fn moviepy(assets: &Path) -> Option<Command> {
    let own = build::root().join(".deps/moviepy/bin/python");
    let python = std::env::var_os("BENCH_MOVIEPY").map_or(own, PathBuf::from);
    let script = build::root().join("tests/src/bin/bench/moviepy/ad.py");
    let mut command = Command::new(&python);
    command.arg(script).current_dir(assets).env("IMAGEIO_FFMPEG_EXE", "ffmpeg");
    python.exists().then_some(command)
}

/// What a program and its children took.
pub struct Cost {
    /// Seconds, user and system.
    pub cpu: f64,
    pub wall: f64,
    /// The most that the program and its children had at once, shared pages counted once.
    pub memory: f64,
}

pub fn cost(command: &mut Command) -> Cost {
    let me = std::process::id();
    let (cpu, start) = (proc::reaped(me), Instant::now());
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let (pid, ended) = (child.id(), AtomicBool::new(false));
    let (status, memory) = std::thread::scope(|scope| {
        let watch = scope.spawn(|| {
            let mut most = 0.0_f64;
            while !ended.load(Ordering::Relaxed) {
                most = most.max(proc::tree_mb(pid));
                std::thread::sleep(Duration::from_millis(250));
            }
            most
        });
        let status = child.wait().unwrap();
        ended.store(true, Ordering::Relaxed);
        (status, watch.join().unwrap())
    });
    let wall = start.elapsed().as_secs_f64();
    if !status.success() {
        let mut text = String::new();
        let _ = std::io::Read::read_to_string(&mut child.stderr.take().unwrap(), &mut text);
        panic!("{command:?}: {status}\n{text}");
    }
    Cost { cpu: (proc::reaped(me) - cpu) / 1000.0, wall, memory }
}

/// A studio with the presets of the bench.
pub fn presets() -> TestStudio {
    let studio = TestStudio::example();
    for ((name, width, height), aspect) in SHAPES.into_iter().zip(ASPECTS) {
        let text = format!(
            "summary: Bench\nplatform: Bench\naspect: \"{aspect}\"\nwidth: {width}\nheight: {height}\nfps: 30\ncontainer: mp4\n\
             video: {{codec: h264, crf: 20, max-kbps: 100000, gop-seconds: 2}}\n\
             audio: {{codec: aac, kbps: 192, loudness-lufs: -14, true-peak-db: -1}}\n\
             dated: 2026-11-25\nsources: [the bench]\n"
        );
        studio.write(&format!("pipelines/presets/bench-{name}.yaml"), &text);
    }
    studio
}

fn studio() -> TestStudio {
    let studio = presets();
    studio.write("pipelines/bench-masters.yaml", PIPELINE);
    let assets = studio.path("assets");
    // Moving shapes and a little noise, so that the encoder has work as with footage, at a camera's rate: about 23 Mb/s.
    let source = "testsrc2=size=1920x1080:rate=30:duration=12,noise=alls=3:allf=t,format=yuv420p";
    make(&assets, &["-f", "lavfi", "-i", source, "-c:v", "libx264", "-preset", "veryfast", "-crf", "16", "source.mp4"]);
    let music = "sine=frequency=220:duration=20,tremolo=f=2:d=0.8,volume=-12dB";
    make(&assets, &["-f", "lavfi", "-i", music, "music.m4a"]);
    for (name, picture) in [
        ("logo.png", "color=c=0xF28C0F@0.9:s=260x110,format=rgba"),
        ("lower.png", "color=c=0x101418@0.8:s=860x170,format=rgba"),
        ("card.png", "gradients=s=1920x1920:c0=0xF28C0F:c1=0xB01E5A:n=2:seed=1,format=rgb24"),
    ] {
        make(&assets, &["-f", "lavfi", "-i", picture, "-frames:v", "1", name]);
    }
    studio
}

/// Makes a file with FFmpeg.
pub fn make(folder: &Path, arguments: &[&str]) {
    let done = Command::new("ffmpeg").args(["-v", "error", "-y"]).args(arguments).current_dir(folder).status();
    assert!(done.unwrap().success(), "{arguments:?}");
}

fn brief(round: usize) -> String {
    format!(
        "campaign: Bench\ntitle: Reference ad\npipeline: bench-masters\nbrand: zest\n\
         copy: {{headline: Taste the sun {round}, subline: Nothing else, cta: Find your Zest}}\n\
         scenes: [{{prompt: none, seconds: 12}}]\naudio: {{music: assets/music.m4a}}\n\
         outputs: [bench-wide, bench-tall, bench-square]\n"
    )
}

const PIPELINE: &str = r#"
name: bench-masters
description: The reference ad of the bench, over footage that lies ready
stages:
  compose:
    uses: compose
    for-each: {aspect: "{{ aspects }}"}
    with:
      clips: [assets/source.mp4]
      brand: "{{ brief.brand }}"
      look: clean
      width: "{{ each.aspect.width }}"
      height: "{{ each.aspect.height }}"
      fps: 30
      copy: "{{ brief.copy }}"
      scenes: [{seconds: 12}]
      end-card: {seconds: 3}
      push: 0
      grain: 0
      reframe: centre     # as the other does
  masters:
    uses: transcode
    for-each: {aspect: "{{ aspects }}"}
    with:
      composition: "{{ stages.compose.composition | pick(aspect=each.aspect.name) }}"
      clips: [assets/source.mp4]
      presets: "{{ each.aspect.presets }}"
      music: "{{ brief.audio.music }}"
      name: bench
deliver: {files: "{{ stages.masters.masters }}"}
"#;

/// One decode, one graph, three encoders. What stands still is decoded and converted once.
fn graph(assets: &Path) -> Command {
    let still = "loop=-1:1,setpts=N/30/TB";
    let mut filters = format!(
        "[0:v]split=3[v0][v1][v2];\
         [1:v]format=yuva420p,{still},trim=duration=15.5,fade=in:st=0.5:d=0.6:alpha=1,split=3[l0][l1][l2];\
         [2:v]format=yuva420p,{still},trim=duration=15.5,split=3[t0][t1][t2];[3:v]split=3[c0][c1][c2];"
    );
    for (i, (_, w, h)) in SHAPES.into_iter().enumerate() {
        let (x, y) = (w / 20, h / 20);
        let part = (1080 * w / h).min(1920) / 2 * 2;
        let scale = if part == w { String::new() } else { format!("scale={w}:{h}:flags=bicubic,") };
        filters += &format!(
            "[v{i}]crop={part}:1080,{scale}setsar=1,fps=30[s{i}];\
             [s{i}][l{i}]overlay=x={x}:y={y}:shortest=1[a{i}];\
             [a{i}][t{i}]overlay=x='min({x},-860+(t-1)*1800)':y={}:enable='gte(t,1)':shortest=1[b{i}];\
             [c{i}]crop={w}:{h},format=yuv420p,setsar=1,{still},fps=30,trim=duration=3.5[e{i}];\
             [b{i}]format=yuv420p,tpad=stop_mode=clone:stop_duration=0.5[p{i}];\
             [p{i}][e{i}]xfade=transition=fade:duration=0.5:offset=11.5,format=yuv420p[o{i}];",
            h - h / 20 - 170
        );
    }
    filters += "[4:a]atrim=duration=15,afade=out:st=14:d=1,loudnorm=I=-14:TP=-1,aresample=48000,aformat=channel_layouts=stereo,asplit=3[m0][m1][m2]";
    let mut command = Command::new("ffmpeg");
    command.args(["-v", "error", "-y", "-i", "source.mp4"]).current_dir(assets);
    for picture in ["logo.png", "lower.png", "card.png"] {
        command.args(["-i", picture]);
    }
    command.args(["-i", "music.m4a", "-filter_complex", &filters]);
    for (i, (name, ..)) in SHAPES.into_iter().enumerate() {
        command.args(["-map", &format!("[o{i}]"), "-map", &format!("[m{i}]"), "-t", "15"]);
        // What the preset of the bench asks for.
        command.args([
            "-c:v",
            "libx264",
            "-preset",
            "medium",
            "-crf",
            "20",
            "-g",
            "60",
            "-bf",
            "2",
            "-profile:v",
            "high",
        ]);
        command.args(["-maxrate", "100000k", "-bufsize", "150000k", "-c:a", "aac", "-b:a", "192k"]);
        command.args(["-movflags", "+faststart", &format!("{name}.mp4")]);
    }
    command
}
