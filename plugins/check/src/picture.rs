//! Black, frozen, letterbox, flash: from the marks of FFmpeg's filters and the small frames they passed.

use spotloom_media::Frame;
use spotloom_media::inspect::Marks;

use crate::check::{Check, Name, Verdict};
use crate::flash::{FlashMeter, Light};
use crate::layout::Layout;
use crate::params::Params;
use crate::shots::Shots;

/// The long side of the frames that are measured.
const SIDE: u32 = 320;
/// Pixels of a cell's side; frames are whole cells.
const CELL: u32 = 8;

/// The size a picture is measured in.
pub(crate) fn measured_size(width: u32, height: u32) -> (u32, u32) {
    let long = f64::from(width.max(height).max(1));
    let side = |v: u32| ((f64::from(v) * f64::from(SIDE) / long / f64::from(CELL)).round() as u32).max(1) * CELL;
    (side(width), side(height))
}

/// The filters the picture goes through.
///
/// `freezedetect`'s threshold is three times its default: grain over a still picture must not hide that it stands still.
pub(crate) fn filters((width, height): (u32, u32)) -> String {
    format!(
        "scale=w={width}:h={height}:flags=area+accurate_rnd+bitexact:in_range=tv:out_range=tv,format=yuv420p,\
         blackdetect=d=0:picture_black_ratio_th=0.98:pixel_black_th=0.08,freezedetect=n=0.002:d=0.2,\
         cropdetect=limit=24:round=2:skip=0:reset=1,signalstats"
    )
}

/// A stretch of time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Stretch {
    pub from: f64,
    pub until: f64,
}

/// Seconds before and after the ad itself, which are not judged.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Around {
    pub leader: f64,
    pub tail: f64,
}

impl Stretch {
    /// What of it lies between two times.
    pub(crate) fn within(self, from: f64, until: f64) -> Option<Self> {
        let part = Self { from: self.from.max(from), until: self.until.min(until) };
        (part.until > part.from + 1e-3).then_some(part)
    }

    pub(crate) fn seconds(self) -> f64 {
        self.until - self.from
    }
}

/// Everything that is collected frame by frame.
pub(crate) struct Pictures {
    size: (u32, u32),
    black: Vec<Stretch>,
    black_since: Option<f64>,
    frozen: Vec<Stretch>,
    frozen_since: Option<f64>,
    bars: Bars,
    flash: FlashMeter,
    linear: Vec<f32>,
    lights: Vec<Light>,
    pub shots: Shots,
}

impl Pictures {
    pub(crate) fn new(size: (u32, u32)) -> Self {
        let cells = (size.0 / CELL * (size.1 / CELL)) as usize;
        // BT.1886: a display's light is the 2.4th power of the signal.
        let linear = (0..1024).map(|i| (i as f32 / 1023.0).powf(2.4)).collect();
        Self {
            size,
            black: Vec::new(),
            black_since: None,
            frozen: Vec::new(),
            frozen_since: None,
            bars: Bars::default(),
            flash: FlashMeter::new(cells),
            linear,
            lights: Vec::new(),
            shots: Shots::default(),
        }
    }

    pub(crate) fn see(&mut self, at: f64, frame: &Frame, marks: &Marks) {
        let number = |key: &str| marks.get(key).and_then(|v| v.parse::<f64>().ok());
        if number("lavfi.black_start").is_some() {
            self.black_since = Some(at);
        }
        if number("lavfi.black_end").is_some()
            && let Some(from) = self.black_since.take()
        {
            self.black.push(Stretch { from, until: at });
        }
        if let Some(from) = number("lavfi.freezedetect.freeze_start") {
            self.frozen_since = Some(from);
        }
        if number("lavfi.freezedetect.freeze_end").is_some()
            && let Some(from) = self.frozen_since.take()
        {
            self.frozen.push(Stretch { from, until: at });
        }
        let edge = |key: &str| number(&format!("lavfi.cropdetect.{key}"));
        if let (Some(x1), Some(x2), Some(y1), Some(y2)) = (edge("x1"), edge("x2"), edge("y1"), edge("y2")) {
            let (w, h) = (f64::from(self.size.0), f64::from(self.size.1));
            self.bars.see(at, [x1 / w, y1 / h, (w - 1.0 - x2) / w, (h - 1.0 - y2) / h]);
        }
        self.light(frame);
        self.flash.push(at, &self.lights);
        self.shots.see(at, frame, marks);
    }

    /// Mean linear light of every cell.
    fn light(&mut self, frame: &Frame) {
        let (width, height) = (self.size.0 as usize, self.size.1 as usize);
        let (columns, rows) = (width / CELL as usize, height / CELL as usize);
        let mut sums = vec![[0.0_f32; 3]; columns * rows];
        let (y, u, v) = (frame.plane(0), frame.plane(1), frame.plane(2));
        let half = width / 2;
        for cy in 0..height / 2 {
            for cx in 0..half {
                let i = 2 * cy * width + 2 * cx;
                let luma =
                    u16::from(y[i]) + u16::from(y[i + 1]) + u16::from(y[i + width]) + u16::from(y[i + width + 1]);
                let rgb = rgb(f32::from(luma) / 4.0, f32::from(u[cy * half + cx]), f32::from(v[cy * half + cx]));
                let sum = &mut sums[cy * 2 / CELL as usize * columns + cx * 2 / CELL as usize];
                for c in 0..3 {
                    sum[c] += self.linear[(rgb[c].clamp(0.0, 1.0) * 1023.0) as usize];
                }
            }
        }
        let per_cell = (CELL * CELL / 4) as f32;
        self.lights.clear();
        self.lights.extend(sums.iter().map(|s| Light::from_linear(s.map(|v| v / per_cell))));
    }

    /// The checks, once all has been seen. What is around the ad is passed over.
    pub(crate) fn finish(
        mut self,
        end: f64,
        around: Around,
        params: &Params,
        layout: Option<&Layout>,
    ) -> (Vec<Check>, Shots) {
        if let Some(from) = self.black_since {
            self.black.push(Stretch { from, until: end });
        }
        if let Some(from) = self.frozen_since {
            self.frozen.push(Stretch { from, until: end });
        }
        for list in [&mut self.black, &mut self.frozen] {
            *list = list.iter().filter_map(|s| s.within(around.leader, end - around.tail)).collect();
        }
        let checks = vec![
            longest(Name::Black, "black", &self.black, params.max_black_seconds),
            frozen(&self.frozen, layout, &self.black, params.max_frozen_seconds),
            self.bars.finish((around.leader, end - around.tail), layout),
            flashes(self.flash),
        ];
        (checks, self.shots)
    }
}

/// BT.709 limited range to R'G'B' of 0 to 1.
fn rgb(y: f32, u: f32, v: f32) -> [f32; 3] {
    let (y, u, v) = ((y - 16.0) / 219.0, (u - 128.0) / 224.0, (v - 128.0) / 224.0);
    [y + 1.5748 * v, y - 0.1873 * u - 0.4681 * v, y + 1.8556 * u]
}

fn longest(name: Name, what: &str, found: &[Stretch], allowed: f64) -> Check {
    let worst = found.iter().copied().max_by(|a, b| a.seconds().total_cmp(&b.seconds()));
    let seconds = worst.map_or(0.0, Stretch::seconds);
    let limit = format!("at most {allowed} s");
    match worst.filter(|_| seconds > allowed + 1e-3) {
        Some(Stretch { from, until }) => {
            let sentence = format!(
                "It is {what} from {from:.2} to {until:.2} s: {seconds:.2} s where at most {allowed} s are allowed."
            );
            Check::fail(name, sentence).at(from, until)
        }
        None => Check::pass(name, format!("It is nowhere {what} for longer than {allowed} s.")),
    }
    .figures(format!("{seconds:.2} s"), limit)
}

/// An end card may stand still; so may what is black, which has a check of its own. What the brief itself brings, a picture
/// that the camera rests on or footage from a tripod, is told and stops nothing.
fn frozen(found: &[Stretch], layout: Option<&Layout>, black: &[Stretch], allowed: f64) -> Check {
    let dark = |s: &Stretch| black.iter().any(|b| b.from <= s.from + 0.1 && b.until >= s.until - 0.1);
    let card = layout.and_then(Layout::end_card);
    let own = layout.map(Layout::own_scenes).unwrap_or_default();
    let judged = outside(found, card.as_slice());
    let bright = |list: Vec<Stretch>| list.into_iter().filter(|s| !dark(s)).collect::<Vec<_>>();
    let check = longest(Name::Frozen, "frozen", &bright(outside(&judged, &own)), allowed);
    if check.verdict != Verdict::Pass {
        return check;
    }
    let own = own.iter().flat_map(|(from, until)| judged.iter().filter_map(|s| s.within(*from, *until))).collect();
    let still = bright(own).into_iter().filter(|s| s.seconds() > allowed + 1e-3);
    match still.max_by(|a, b| a.seconds().total_cmp(&b.seconds())) {
        Some(Stretch { from, until }) => {
            let sentence = format!("The brief's own picture or footage stands still from {from:.2} to {until:.2} s.");
            let limit = format!("at most {allowed} s");
            let check = Check::fail(Name::Frozen, sentence).at(from, until);
            Check { own: true, ..check.figures(format!("{:.2} s", until - from), limit) }
        }
        None => check,
    }
}

/// What of these stretches lies in none of the times.
fn outside(found: &[Stretch], times: &[(f64, f64)]) -> Vec<Stretch> {
    let mut left = found.to_vec();
    for (from, until) in times {
        let cut = |s: &Stretch| [s.within(f64::NEG_INFINITY, *from), s.within(*until, f64::INFINITY)];
        left = left.iter().flat_map(cut).flatten().collect();
    }
    left
}

/// Bars of the same size on opposite sides.
#[derive(Default)]
struct Bars {
    run: Option<(f64, Edges)>,
    found: Vec<(Stretch, Edges)>,
}

/// How far in the picture begins: left, top, right, bottom as fractions.
type Edges = [f64; 4];

impl Bars {
    /// The least bar, the least time, and how much an edge may tremble.
    const LEAST: f64 = 0.025;
    const SECONDS: f64 = 1.5;
    const TREMBLE: f64 = 0.013;

    fn see(&mut self, at: f64, edges: Edges) {
        let [left, top, right, bottom] = edges;
        let pair = |a: f64, b: f64| a.min(b) >= Self::LEAST && (a - b).abs() < 0.02 && a + b < 0.9;
        let barred = pair(left, right) || pair(top, bottom);
        let same = |with: &Edges| with.iter().zip(edges).all(|(a, b)| (a - b).abs() <= Self::TREMBLE);
        match self.run {
            Some((_, ref with)) if barred && same(with) => {}
            _ => {
                self.close(at);
                self.run = barred.then_some((at, edges));
            }
        }
    }

    fn close(&mut self, until: f64) {
        if let Some((from, edges)) = self.run.take()
            && until - from >= Self::SECONDS
        {
            self.found.push((Stretch { from, until }, edges));
        }
    }

    /// An end card may stand on black. What the brief itself brings, like footage made for the cinema, is told and stops nothing.
    fn finish(mut self, (from, until): (f64, f64), layout: Option<&Layout>) -> Check {
        self.close(until);
        let card = layout.and_then(Layout::end_card);
        let own = layout.map(Layout::own_scenes).unwrap_or_default();
        let (mut made, mut brought) = (Vec::new(), Vec::new());
        for (stretch, edges) in &self.found {
            let judged = outside(stretch.within(from, until).as_slice(), card.as_slice());
            made.extend(outside(&judged, &own).into_iter().map(|s| (s, *edges)));
            let within = own.iter().flat_map(|(from, until)| judged.iter().filter_map(|s| s.within(*from, *until)));
            brought.extend(within.map(|s| (s, *edges)));
        }
        let longest = |list: Vec<(Stretch, Edges)>| {
            let long = list.into_iter().filter(|(s, _)| s.seconds() >= Self::SECONDS);
            long.max_by(|(a, _), (b, _)| a.seconds().total_cmp(&b.seconds()))
        };
        let (worst, own) = match longest(made) {
            Some(worst) => (Some(worst), false),
            None => (longest(brought), true),
        };
        let limit = "no bars on opposite sides".to_owned();
        let Some((s, [left, top, right, bottom])) = worst else {
            return Check::pass(Name::Letterbox, "The picture reaches to its edges.").figures("0 %", limit);
        };
        let (where_, share) = if top.min(bottom) >= Self::LEAST {
            ("above and below", (top + bottom) * 100.0)
        } else {
            ("left and right", (left + right) * 100.0)
        };
        let bars = if own { "Black bars in the brief's own picture or footage" } else { "Black bars" };
        let sentence =
            format!("{bars} {where_} cover {share:.0} % of the picture from {:.2} to {:.2} s.", s.from, s.until);
        let check = Check::fail(Name::Letterbox, sentence).at(s.from, s.until).figures(format!("{share:.0} %"), limit);
        Check { own, ..check }
    }
}

fn flashes(meter: FlashMeter) -> Check {
    let report = meter.finish();
    let limit = "at most 3 flashes (6 changes) a second over more than 25 % (BT.1702-3)";
    if let Some(worst) = report.harmful.iter().max_by_key(|f| f.changes) {
        let what = if worst.red { "Saturated red flashes" } else { "The picture flashes" };
        let sentence = format!(
            "{what} {} times within a second over {:.0} % of its area or more, from {:.2} to {:.2} s: more than three flashes may harm people with photosensitive epilepsy.",
            worst.changes.div_ceil(2),
            worst.area * 100.0,
            worst.from,
            worst.until
        );
        Check::fail(Name::Flash, sentence)
            .at(worst.from, worst.until)
            .figures(format!("{} changes a second over {:.0} %", worst.changes, worst.area * 100.0), limit)
    } else if let Some(long) = report.long.first() {
        let sentence = format!(
            "The picture flashes regularly from {:.2} to {:.2} s: slower than what is forbidden, but for longer than 5 s.",
            long.from, long.until
        );
        Check::warn(Name::Flash, sentence)
            .at(long.from, long.until)
            .figures(format!("{} changes in {:.1} s", long.changes, long.until - long.from), limit)
    } else {
        Check::pass(Name::Flash, "No harmful flashes were found; this is no certificate.")
            .figures(format!("{} changes in the busiest second", report.busiest), limit)
    }
}
