//! A minute of film from the embedded model: continuous shots of 5, 10 and 60 seconds at 1280x720, 24 frames a second,
//! made by the stage without a daemon, and a storyboard of twelve shots by the program, killed in the ninth and run again.
//!
//! Drift is measured over chunks of five seconds against the first, on frames of 320x180: the largest change of mean
//! brightness and of mean colour (Cb, Cr), in 8-bit steps; and the range of two ratios, of contrast (standard deviation of
//! brightness within a frame) and of sharpness (mean of the absolute Laplacian of brightness).

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use spotloom_tests::{TestStudio, build, wait_for};

use crate::proc;
use crate::report::Report;

const FPS: usize = 24;
/// Seconds of a chunk.
const CHUNK: usize = 5;
/// Size at which frames are compared.
const SIZE: (usize, usize) = (320, 180);

pub fn measure(report: &mut Report) {
    let work = build::root().join("target/bench-film");
    fs::create_dir_all(&work).unwrap();
    let mut peaks = Vec::new();
    for (name, seconds, goal) in
        [("shot of 5 s", 5, Some(15.0)), ("shot of 10 s", 10, None), ("shot of 60 s", 60, None)]
    {
        eprintln!("bench: a {name}");
        let made = shot(&work, seconds);
        let note = format!("1280x720, {FPS} fps; {:.1} s of CPU, peak {:.0} MB", made.cpu, made.memory);
        match goal {
            Some(goal) => report.judge(name, made.wall, "s", goal, note),
            None => report.add(name, made.wall, "s", note),
        }
        peaks.push(made.memory);
        if seconds == 60 {
            drift(report, &chunks(&made.file));
        }
        fs::remove_file(&made.file).unwrap();
    }
    report.judge("peak memory, 60 s / 10 s", peaks[2] / peaks[1], "times", 1.1, "of the process");
    storyboard(report);
}

struct Made {
    file: PathBuf,
    wall: f64,
    cpu: f64,
    memory: f64,
}

/// A continuous shot by the stage alone.
fn shot(work: &Path, seconds: usize) -> Made {
    let file = work.join(format!("{seconds}.mkv"));
    let params = format!("{{\"seconds\": {seconds}, \"width\": 1280, \"height\": 720, \"fps\": {FPS}, \"seed\": 7}}");
    let model = format!("model={}", build::root().join("plugins/diffusion/models/ambient-v7").display());
    let mut command = Command::new(build::root().join("target/release/examples/shot"));
    command.arg(&file).args(["sea waves at sunset", &params, &model]).stdout(Stdio::null());
    let me = std::process::id();
    let (cpu, start) = (proc::cpu(me), Instant::now());
    let mut child = command.spawn().expect("the example `shot`: run `make bench`");
    let mut memory = 0.0_f64;
    let status = loop {
        memory = memory.max(proc::peak_mb(child.id()));
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        std::thread::sleep(Duration::from_millis(20));
    };
    assert!(status.success(), "{command:?}");
    Made { file, wall: start.elapsed().as_secs_f64(), cpu: (proc::cpu(me) - cpu) / 1000.0, memory }
}

/// What is measured of a chunk: means of Y, Cb and Cr, contrast, sharpness.
type Chunk = [f64; 5];

/// The chunks of a clip.
fn chunks(clip: &Path) -> Vec<Chunk> {
    let (width, height) = SIZE;
    let filter = format!("scale={width}:{height}:flags=area,format=yuv444p");
    let mut command = Command::new("ffmpeg");
    command.args(["-v", "error", "-i"]).arg(clip).args(["-vf", &filter, "-f", "rawvideo", "-"]);
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut out = child.stdout.take().unwrap();
    let (mut frame, mut chunks, mut count) = (vec![0; width * height * 3], Vec::new(), 0);
    let mut sum = Chunk::default();
    while out.read_exact(&mut frame).is_ok() {
        sum.iter_mut().zip(look(&frame)).for_each(|(s, v)| *s += v);
        count += 1;
        if count == CHUNK * FPS {
            chunks.push(sum.map(|s| s / count as f64));
            (sum, count) = (Chunk::default(), 0);
        }
    }
    assert!(child.wait().unwrap().success(), "{command:?}");
    chunks
}

/// One frame.
fn look(frame: &[u8]) -> Chunk {
    let (width, height) = SIZE;
    let mean = |plane: &[u8]| plane.iter().map(|v| f64::from(*v)).sum::<f64>() / plane.len() as f64;
    let planes: Vec<&[u8]> = frame.chunks_exact(width * height).collect();
    let (luma, level) = (planes[0], mean(planes[0]));
    let contrast = luma.iter().map(|v| (f64::from(*v) - level).powi(2)).sum::<f64>() / luma.len() as f64;
    let at = |x: usize, y: usize| f64::from(luma[y * width + x]);
    let edge = |x, y| (4.0 * at(x, y) - at(x - 1, y) - at(x + 1, y) - at(x, y - 1) - at(x, y + 1)).abs();
    let inside = (1..height - 1).flat_map(|y| (1..width - 1).map(move |x| (x, y)));
    let sharpness = inside.map(|(x, y)| edge(x, y)).sum::<f64>() / ((width - 2) * (height - 2)) as f64;
    [level, mean(planes[1]), mean(planes[2]), contrast.sqrt(), sharpness]
}

fn drift(report: &mut Report, chunks: &[Chunk]) {
    let first = chunks[0];
    let most = |channel: usize| chunks.iter().map(|c| (c[channel] - first[channel]).abs()).fold(0.0, f64::max);
    let range = |channel: usize| {
        let ratios = chunks.iter().map(|c| c[channel] / first[channel]);
        ratios.fold((f64::INFINITY, 0.0_f64), |(least, most), r| (least.min(r), most.max(r)))
    };
    let note = format!("largest change of the mean over {} chunks of {CHUNK} s, of 255 steps", chunks.len());
    report.add("drift of the 60 s, brightness", most(0), "steps", note.clone());
    report.add("drift of the 60 s, colour", most(1).max(most(2)), "steps", note);
    for (name, channel) in [("drift of the 60 s, contrast", 3), ("drift of the 60 s, sharpness", 4)] {
        let (least, most) = range(channel);
        report.add(name, most, "times", format!("{least:.2} to {most:.2} of the first chunk's"));
    }
}

/// Twelve shots, each a task of its own; the program is killed in the ninth and run again.
fn storyboard(report: &mut Report) {
    let studio = TestStudio::example();
    let words = ["sea waves", "mountains", "bokeh lights", "silk", "smoke", "light rays"];
    let scenes: Vec<_> = (0..12).map(|n| format!("{{prompt: {} at sunset, seconds: 5}}", words[n % 6])).collect();
    studio.write(
        "film.yaml",
        &format!(
            "campaign: Bench\ntitle: Film\npipeline: storyboard\nbrand: zest\ncopy: {{headline: A minute}}\n\
             scenes: [{}]\noutputs: [youtube]\nwith: {{end_card: 0, failed_checks: warn}}\n",
            scenes.join(", ")
        ),
    );
    eprintln!("bench: a storyboard of 12 shots, killed in the ninth");
    let run = || {
        let mut command = spotloom_tests::command();
        command.args(["run", "film.yaml"]).current_dir(studio.path("")).stdin(Stdio::null()).stdout(Stdio::null());
        command.stderr(Stdio::piped()).spawn().unwrap()
    };
    let start = Instant::now();
    let mut child = run();
    wait_for("the ninth shot", Duration::from_secs(1800), || {
        assert!(child.try_wait().unwrap().is_none(), "the program ended early");
        std::thread::sleep(Duration::from_millis(200));
        (shots(&studio).len() >= 8).then_some(())
    });
    std::thread::sleep(Duration::from_secs(1));
    let finished = shots(&studio).len();
    let hosts = proc::children(child.id());
    child.kill().unwrap();
    child.wait().unwrap();
    let killed = start.elapsed().as_secs_f64();
    std::thread::sleep(Duration::from_secs(1));
    let left = hosts.iter().filter(|pid| proc::alive(**pid)).count();
    report.add("storyboard, killed after", killed, "s", format!("{finished} of 12 shots done; hosts left: {left}"));

    let (start, restarted) = (Instant::now(), std::time::SystemTime::now());
    let mut child = run();
    let mut memory = 0.0_f64;
    let status = loop {
        memory = memory.max(proc::tree_mb(child.id()));
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        std::thread::sleep(Duration::from_millis(100));
    };
    let mut text = String::new();
    let _ = child.stderr.take().unwrap().read_to_string(&mut text);
    assert!(status.success(), "{status}\n{text}");
    let restarted = restarted.duration_since(std::time::UNIX_EPOCH).unwrap().as_millis() as f64;
    let (made, before): (Vec<_>, Vec<_>) =
        shots(&studio).into_iter().partition(|task| task["started_at"].as_f64().unwrap() >= restarted);
    let note = format!(
        "{} shots made, {} taken from before; composing, master and checks included; peak of all hosts {memory:.0} MB",
        made.len(),
        before.len()
    );
    report.add("storyboard, run again to the end", start.elapsed().as_secs_f64(), "s", note);
    let mean = made.iter().map(seconds).sum::<f64>() / made.len().max(1) as f64;
    report.add("storyboard, a shot of 5 s", mean, "s", "1280x720, mean of those made after the kill");
}

/// The tasks of every job that are shots and are done, newest job first.
fn shots(studio: &TestStudio) -> Vec<Value> {
    // There is no ledger until the program has begun.
    let listed = studio.run(&["jobs", "list", "--json"]).stdout;
    let listed: Vec<Value> = serde_json::from_str(&listed).unwrap_or_default();
    let mut ids: Vec<i64> = listed.iter().filter_map(|job| job["id"].as_i64()).collect();
    ids.sort_by_key(|id| std::cmp::Reverse(*id));
    let tasks = |id: i64| studio.run(&["jobs", "show", &id.to_string(), "--json"]).json()["tasks"].clone();
    let all = ids.into_iter().flat_map(|id| tasks(id).as_array().cloned().unwrap_or_default());
    all.filter(|task| task["uses"] == "diffusion" && task["state"]["state"] == "succeeded").collect()
}

fn seconds(task: &Value) -> f64 {
    (task["ended_at"].as_f64().unwrap() - task["started_at"].as_f64().unwrap()) / 1000.0
}
