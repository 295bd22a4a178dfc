//! Frames a second of composing alone, beside FFmpeg's overlay filter with the same pre-drawn layers, all of them moving,
//! at 1920 x 1080: `cargo run --release -p spotloom-compose --example overlay`. Prints one JSON object; `make bench` runs it.
//!
//! Neither side decodes or encodes: the ground is a plate of one colour. FFmpeg places layers on whole pixels; the
//! composer places them on fractions, so it does more for each.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::{Options, Tree};
use serde_json::{Value, json};
use spotloom_compose::look::raster;
use spotloom_compose::params::{EndCardBackground, Params};
use spotloom_compose::timeline::lay_out;
use spotloom_composition::motion::{Idle, Motion};
use spotloom_composition::{Composer, Composition};
use spotloom_media::{Frame, FrameFormat, Pixel};

const SIZE: (u32, u32) = (1920, 1080);
const SECONDS: f64 = 20.0;
const FRAMES: u64 = 600;
/// Units up and down.
const DISTANCE: f64 = 24.0;

/// What an ad has over its footage: a shade, a plate, words, a product with a soft shadow, a button, a logo.
/// Left, top, width, height, and what is drawn in it.
const LAYERS: [(f64, f64, f64, f64, &str); 8] = [
    (
        0.0,
        480.0,
        1920.0,
        600.0,
        "<defs><linearGradient id='g' x2='0' y2='1'><stop stop-opacity='0'/><stop offset='1' stop-opacity='.8'/>\
         </linearGradient></defs><rect width='1920' height='600' fill='url(#g)'/>",
    ),
    (120.0, 640.0, 1000.0, 300.0, "<rect width='1000' height='300' rx='26' fill='#FFF6E6' fill-opacity='.94'/>"),
    (160.0, 680.0, 400.0, 110.0, "<path d='M0 0h60v110h-60zM90 0h90v110h-90zM210 0h60v110h-60zM300 0h100v110h-100z'/>"),
    (
        600.0,
        680.0,
        440.0,
        110.0,
        "<path d='M0 0h80v110h-80zM110 0h60v110h-60zM210 0h90v110h-90zM340 0h100v110h-100z'/>",
    ),
    (160.0, 820.0, 700.0, 60.0, "<rect width='700' height='24' fill='#062B28'/><rect y='36' width='500' height='24'/>"),
    (
        1250.0,
        120.0,
        520.0,
        860.0,
        "<defs><filter id='s'><feGaussianBlur stdDeviation='24'/></filter></defs><rect x='80' y='60' width='360' \
         height='760' rx='60' filter='url(#s)' opacity='.5'/><rect x='80' y='40' width='360' height='760' rx='60' \
         fill='#F28C0F'/>",
    ),
    (
        120.0,
        80.0,
        320.0,
        120.0,
        "<circle cx='60' cy='60' r='56' fill='#FFF6E6'/><rect x='140' y='30' width='180' height='60' rx='9'/>",
    ),
    (
        160.0,
        900.0,
        360.0,
        100.0,
        "<rect width='360' height='100' rx='50' fill='#FFD23F'/><rect x='60' y='40' width='240' height='24'/>",
    ),
];

/// Rounds, in turns, so that what else the machine does falls on both sides; the best of each counts.
const ROUNDS: usize = 4;

/// What frames cost: how many in a second on the clock, and in a second of CPU time, user and system, of all threads.
#[derive(Clone, Copy, Default)]
struct Rate {
    wall: f64,
    cpu: f64,
}

impl Rate {
    fn best(self, other: Self) -> Self {
        Self { wall: self.wall.max(other.wall), cpu: self.cpu.max(other.cpu) }
    }

    fn json(self) -> Value {
        json!({"fps": self.wall, "fps-per-cpu": self.cpu})
    }
}

#[expect(clippy::print_stdout, reason = "its figures are what it is for")]
fn main() -> Result<(), Box<dyn Error>> {
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let folder = tempfile::tempdir()?;
    let files = pictures(folder.path())?;
    let (mut ours, mut theirs, mut growing) = (Rate::default(), Rate::default(), Rate::default());
    for _ in 0..ROUNDS {
        ours = ours.best(compose(threads, |i| Idle::Float { distance: DISTANCE, period: period(i) })?);
        theirs = theirs.best(ffmpeg(&files, threads)?);
        growing = growing.best(compose(threads, |i| Idle::Pulse { amount: 0.05, period: period(i) })?);
    }
    let document = json!({
        "compose": ours.json(), "ffmpeg": theirs.json(), "growing": growing.json(),
        "ratio": ours.wall / theirs.wall, "ratio-cpu": ours.cpu / theirs.cpu, "threads": threads,
    });
    println!("{document}");
    Ok(())
}

/// Seconds of CPU time that this process has taken, and those that its children had taken when they ended. Linux counts
/// them in hundredths.
fn cpu() -> Result<(f64, f64), Box<dyn Error>> {
    let text = std::fs::read_to_string("/proc/self/stat")?;
    let fields: Vec<&str> = text.rsplit_once(") ").ok_or("no name in /proc/self/stat")?.1.split(' ').collect();
    let ticks = |from: usize| -> Result<f64, Box<dyn Error>> {
        Ok((fields[from].parse::<f64>()? + fields[from + 1].parse::<f64>()?) / 100.0)
    };
    Ok((ticks(11)?, ticks(13)?))
}

fn document((_, _, width, height, body): (f64, f64, f64, f64, &str)) -> String {
    format!("<svg xmlns='http://www.w3.org/2000/svg' width='{width}' height='{height}'>{body}</svg>")
}

/// Seconds that a layer takes to go up and down.
fn period(layer: usize) -> f64 {
    2.0 + 0.3 * layer as f64
}

fn compose(threads: usize, idle: impl Fn(usize) -> Idle) -> Result<Rate, Box<dyn Error>> {
    let params: Params =
        serde_json::from_value(json!({"width": SIZE.0, "height": SIZE.1, "end-card": {"seconds": 0}}))?;
    let timeline = lay_out(&params, &[SECONDS])?;
    let size = (SIZE.0 as usize, SIZE.1 as usize);
    let motion = |idle| Motion { start: 0.0, end: SECONDS + 1.0, enter: None, leave: None, idle, distance: 0.0 };
    let page = |body: &str| {
        format!("<svg xmlns='http://www.w3.org/2000/svg' width='{}' height='{}'>{body}</svg>", SIZE.0, SIZE.1)
    };
    let ground = page("<rect x='-100' y='-100' width='2200' height='1300' fill='#3A6EA5'/>");
    let mut layers: Vec<_> =
        raster::plain("ground", &ground, motion(None), size).map(|l| l.drawn).into_iter().collect();
    for (i, layer) in LAYERS.into_iter().enumerate() {
        let inner = document(layer).replacen("<svg ", &format!("<svg x='{}' y='{}' ", layer.0, layer.1), 1);
        layers
            .extend(raster::plain(&format!("layer-{i}"), &page(&inner), motion(Some(idle(i))), size).map(|l| l.drawn));
    }
    assert_eq!(layers.len(), LAYERS.len() + 1, "every layer is drawn");
    let composition = Composition {
        timeline,
        clips: Vec::new(),
        layers,
        width: size.0,
        height: size.1,
        push: Vec::new(),
        subjects: Vec::new(),
        grain: 0.0,
        dip: [16, 128, 128],
        rtl: false,
        background: EndCardBackground::Brand,
    };
    let mut composer = Composer::new(composition, Vec::new(), threads);
    let mut frame = Frame::new(FrameFormat::new(SIZE.0, SIZE.1, Pixel::Yuv420p));
    let (started, before) = (Instant::now(), cpu()?.0);
    for number in 0..FRAMES {
        composer.paint(number, &mut frame)?;
    }
    let frames = FRAMES as f64;
    Ok(Rate { wall: frames / started.elapsed().as_secs_f64(), cpu: frames / (cpu()?.0 - before) })
}

/// The layers as PNG files.
fn pictures(folder: &Path) -> Result<Vec<PathBuf>, Box<dyn Error>> {
    let mut files = Vec::new();
    for (i, layer) in LAYERS.into_iter().enumerate() {
        let tree = Tree::from_str(&document(layer), &Options::default())?;
        let mut pixmap = Pixmap::new(layer.2 as u32, layer.3 as u32).ok_or("an empty layer")?;
        resvg::render(&tree, Transform::identity(), &mut pixmap.as_mut());
        let file = folder.join(format!("{i}.png"));
        pixmap.save_png(&file)?;
        files.push(file);
    }
    Ok(files)
}

fn ffmpeg(files: &[PathBuf], threads: usize) -> Result<Rate, Box<dyn Error>> {
    let run = |frames: u64| -> Result<(f64, f64), Box<dyn Error>> {
        let mut command = Command::new("ffmpeg");
        command.args(["-v", "error", "-nostdin", "-f", "lavfi", "-i"]);
        command.arg(format!("color=c=0x3A6EA5:s={}x{}:r=30,format=yuv420p", SIZE.0, SIZE.1));
        for file in files {
            command.arg("-i").arg(file);
        }
        let mut graph = String::from("[0:v]null[v0]");
        for (i, (x, y, ..)) in LAYERS.into_iter().enumerate() {
            // Converted once: a still picture is repeated after the conversion.
            graph += &format!(
                ";[{}:v]format=yuva420p[l{i}];[v{i}][l{i}]overlay=x={x}:y='{y}+{DISTANCE}*sin(2*PI*t/{})':eval=frame[v{}]",
                i + 1,
                period(i),
                i + 1
            );
        }
        command.args(["-filter_complex", &graph, "-filter_complex_threads", &threads.to_string()]);
        command.args(["-map", &format!("[v{}]", LAYERS.len()), "-frames:v", &frames.to_string()]);
        command.args(["-c:v", "wrapped_avframe", "-f", "null", "-"]);
        let (started, before) = (Instant::now(), cpu()?.1);
        let status = command.stdout(Stdio::null()).status()?;
        if !status.success() {
            return Err("ffmpeg failed".into());
        }
        Ok((started.elapsed().as_secs_f64(), cpu()?.1 - before))
    };
    // Without what starting takes.
    let (start, all, frames) = (run(1)?, run(FRAMES)?, (FRAMES - 1) as f64);
    Ok(Rate { wall: frames / (all.0 - start.0).max(1e-3), cpu: frames / (all.1 - start.1).max(1e-3) })
}
