//! Flashes that may harm people with photosensitive epilepsy. A pre-flight, never a certificate.
//!
//! After Recommendation ITU-R BT.1702-3 (2023), "Guidance for the reduction of photosensitive epileptic seizures caused
//! by television": a flash is a pair of opposing changes of luminance of at least 20 cd/m², the darker state below
//! 160 cd/m²; SDR white is taken as 200 cd/m². Flashes over more than 25 % of the picture's area are not to come more than
//! three times, that is six changes, in any second. Changes to or from a saturated red count whatever their luminance;
//! for "saturated" the working definition of WCAG 2.x (Harding and Binnie 2002) is used: R / (R + G + B) of at least 0.8 in
//! either state, and a change of (R - G - B) * 320 by more than 20, of linear R, G, B from 0 to 1.
//!
//! The picture is a grid of cells, each the mean of its pixels in linear light. Two things are counted, either of which
//! is enough: cells that themselves change more than six times in a second, wherever they are and in whatever phase;
//! and changes in one direction that together cover more than a quarter of the area, wherever each of them is.

use std::collections::VecDeque;

/// Luminance of SDR white, in cd/m².
pub const WHITE: f32 = 200.0;
/// The least change of luminance that counts, in cd/m².
const CHANGE: f32 = 20.0;
/// The darker state must be below, in cd/m².
const DARKER: f32 = 160.0;
/// The share of the area that is too much.
const AREA: f64 = 0.25;
/// Changes in a second that are still allowed.
const ALLOWED: usize = 6;
/// What is one change of the picture: cells that change within so many seconds.
const TOGETHER: f64 = 0.1;
/// The least change of (R - G - B) * 320.
const RED_CHANGE: f32 = 20.0;
/// From which share of all light on red is saturated.
const SATURATED: f32 = 0.8;
/// Regular flashing that is slow enough to be allowed is a risk when it goes on for longer than this.
const LONG: f64 = 5.0;

/// Mean light of one cell.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Light {
    /// In cd/m².
    pub luminance: f32,
    /// max(0, (R - G - B) * 320).
    pub red: f32,
    pub saturated: bool,
}

impl Light {
    /// From linear R, G, B of 0 to 1, BT.709 primaries.
    #[must_use]
    pub fn from_linear([r, g, b]: [f32; 3]) -> Self {
        let sum = r + g + b;
        Self {
            luminance: WHITE * (0.2126 * r + 0.7152 * g + 0.0722 * b),
            red: ((r - g - b) * 320.0).max(0.0),
            // Black has no colour.
            saturated: sum > 0.01 && r / sum >= SATURATED,
        }
    }
}

/// What was found.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Finding {
    /// From when until when, in seconds.
    pub from: f64,
    pub until: f64,
    /// Changes in the worst second.
    pub changes: usize,
    /// The largest share of the area that flashed.
    pub area: f64,
    /// Whether it is red that flashes.
    pub red: bool,
}

/// What a film came to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Report {
    /// Stretches that are not allowed.
    pub harmful: Vec<Finding>,
    /// Stretches of slower flashing that are longer than five seconds.
    pub long: Vec<Finding>,
    /// Changes over more than a quarter of the area in the busiest second.
    pub busiest: usize,
}

/// Watches a film frame by frame.
#[derive(Debug)]
pub struct FlashMeter {
    luminance: Track,
    red: Track,
}

impl FlashMeter {
    /// A film of so many cells a frame.
    #[must_use]
    pub fn new(cells: usize) -> Self {
        Self { luminance: Track::new(cells, false), red: Track::new(cells, true) }
    }

    /// The next frame, shown from `at` seconds on.
    pub fn push(&mut self, at: f64, cells: &[Light]) {
        self.luminance.push(at, cells);
        self.red.push(at, cells);
    }

    #[must_use]
    pub fn finish(self) -> Report {
        let busiest = self.luminance.busiest.max(self.red.busiest);
        let mut report = Report { busiest, ..Report::default() };
        for track in [self.luminance, self.red] {
            report.long.extend(track.long());
            report.harmful.extend(track.harmful);
        }
        report.long.retain(|l| report.harmful.iter().all(|h| h.until < l.from || h.from > l.until));
        report
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Direction {
    Up,
    Down,
}

/// One cell: its last turning point, which way it went from there, and when it changed.
#[derive(Clone, Debug)]
struct Cell {
    low: Light,
    high: Light,
    last: Option<Direction>,
    changes: VecDeque<f64>,
    /// When it last changed, by direction, until the picture as a whole is said to have changed.
    pending: [Option<f64>; 2],
}

#[derive(Debug)]
struct Track {
    red: bool,
    cells: Vec<Cell>,
    started: bool,
    /// When the picture as a whole changed.
    changes: Vec<f64>,
    last: Option<Direction>,
    harmful: Vec<Finding>,
    busiest: usize,
}

impl Track {
    fn new(cells: usize, red: bool) -> Self {
        let cell = Cell {
            low: Light::default(),
            high: Light::default(),
            last: None,
            changes: VecDeque::new(),
            pending: [None; 2],
        };
        Self {
            red,
            cells: vec![cell; cells],
            started: false,
            changes: Vec::new(),
            last: None,
            harmful: Vec::new(),
            busiest: 0,
        }
    }

    fn push(&mut self, at: f64, lights: &[Light]) {
        if !self.started {
            self.started = true;
            self.cells.iter_mut().zip(lights).for_each(|(cell, light)| (cell.low, cell.high) = (*light, *light));
        }
        let (mut flashing, mut most) = (0, 0);
        for (cell, light) in self.cells.iter_mut().zip(lights) {
            let change = if self.red {
                cell.step(*light, red_change, |l| l.red)
            } else {
                cell.step(*light, change, |l| l.luminance)
            };
            if let Some(direction) = change {
                cell.changes.push_back(at);
                cell.pending[direction as usize] = Some(at);
            }
            while cell.changes.front().is_some_and(|first| at - first >= 1.0 - 1e-6) {
                cell.changes.pop_front();
            }
            if cell.changes.len() > ALLOWED {
                flashing += 1;
                most = most.max(cell.changes.len());
            }
        }
        self.whole(at);
        let second = self.changes.iter().rev().take_while(|t| at - **t < 1.0 - 1e-6).count();
        self.busiest = self.busiest.max(second);
        let area = f64::from(flashing) / self.cells.len().max(1) as f64;
        if area > AREA {
            self.note(at, most, area);
        } else if second > ALLOWED {
            self.note(at, second, AREA);
        }
    }

    /// Whether enough cells went one way together for the picture to have changed.
    fn whole(&mut self, at: f64) {
        for direction in [Direction::Up, Direction::Down] {
            let way = direction as usize;
            let recent = |cell: &Cell| cell.pending[way].is_some_and(|t| at - t < TOGETHER);
            let share = self.cells.iter().filter(|c| recent(c)).count() as f64 / self.cells.len().max(1) as f64;
            if share > AREA {
                self.cells.iter_mut().for_each(|cell| cell.pending[way] = None);
                if self.last != Some(direction) {
                    self.last = Some(direction);
                    self.changes.push(at);
                }
            }
        }
    }

    fn note(&mut self, at: f64, changes: usize, area: f64) {
        // The second that ends here is what is too much.
        let from = (at - 1.0).max(0.0);
        match self.harmful.last_mut().filter(|f| from <= f.until) {
            Some(finding) => {
                finding.until = at;
                finding.changes = finding.changes.max(changes);
                finding.area = finding.area.max(area);
            }
            None => self.harmful.push(Finding { from, until: at, changes, area, red: self.red }),
        }
    }

    /// Stretches of at least two flashes a second that go on for more than five seconds.
    fn long(&self) -> Vec<Finding> {
        let mut found: Vec<Finding> = Vec::new();
        let mut start = 0;
        for i in 1..=self.changes.len() {
            if i < self.changes.len() && self.changes[i] - self.changes[i - 1] <= 0.26 {
                continue;
            }
            let (from, until) = (self.changes[start], self.changes[i - 1]);
            if until - from > LONG {
                found.push(Finding { from, until, changes: i - start, area: AREA, red: self.red });
            }
            start = i;
        }
        found
    }
}

impl Cell {
    /// Takes the next state; a direction when it has now gone far enough from the last turning point.
    fn step(&mut self, light: Light, counts: fn(Light, Light) -> bool, by: fn(&Light) -> f32) -> Option<Direction> {
        let up = self.last != Some(Direction::Up) && by(&light) > by(&self.low) && counts(self.low, light);
        let down = self.last != Some(Direction::Down) && by(&light) < by(&self.high) && counts(light, self.high);
        if up || down {
            self.last = Some(if up { Direction::Up } else { Direction::Down });
            (self.low, self.high) = (light, light);
            return self.last;
        }
        // Before the first change, and after one, the turning point moves along.
        if by(&light) < by(&self.low) {
            self.low = light;
        }
        if by(&light) > by(&self.high) {
            self.high = light;
        }
        None
    }
}

/// Whether two states of luminance make a change that counts.
fn change(darker: Light, brighter: Light) -> bool {
    brighter.luminance - darker.luminance >= CHANGE && darker.luminance < DARKER
}

/// Whether two states make a change to or from a saturated red.
fn red_change(less: Light, more: Light) -> bool {
    more.red - less.red > RED_CHANGE && (more.saturated || less.saturated)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CELLS: usize = 400;
    const GREY: [f32; 3] = [0.3, 0.3, 0.3];

    /// A film of `seconds` in which a share of the area goes between two colours `hertz` times a second.
    fn film(fps: f64, seconds: f64, hertz: f64, area: f64, from: [f32; 3], to: [f32; 3]) -> Report {
        let mut meter = FlashMeter::new(CELLS);
        for i in 0..(seconds * fps) as usize {
            let at = i as f64 / fps;
            let on = (at * hertz * 2.0 + 1e-9) as usize % 2 == 1;
            let light = |c: usize| {
                let flashes = c < (area * CELLS as f64).round() as usize;
                Light::from_linear(if !flashes {
                    GREY
                } else if on {
                    to
                } else {
                    from
                })
            };
            meter.push(at, &(0..CELLS).map(light).collect::<Vec<_>>());
        }
        meter.finish()
    }

    #[test]
    fn what_is_a_harmful_flash() {
        let (black, white, red) = ([0.0; 3], [1.0; 3], [0.8, 0.0, 0.02]);
        let grey = |cd: f32| [cd / WHITE; 3];
        let check = |what: &str, report: Report, harmful: bool| {
            assert_eq!(!report.harmful.is_empty(), harmful, "{what}: {report:?}");
        };
        for fps in [25.0, 30.0, 29.97, 60.0] {
            check("4 Hz over 30 %", film(fps, 2.0, 4.0, 0.3, black, white), true);
            check("3 Hz over 30 %", film(fps, 2.0, 3.0, 0.3, black, white), false);
            check("4 Hz over 20 %", film(fps, 2.0, 4.0, 0.2, black, white), false);
            check("4 Hz over 25 %, which is not more than 25 %", film(fps, 2.0, 4.0, 0.25, black, white), false);
            check("12 Hz over all", film(fps, 2.0, 12.0, 1.0, black, white), true);
        }
        check("three flashes and no more", film(30.0, 0.75, 4.0, 1.0, black, white), false);
        check("20 cd/m2", film(30.0, 2.0, 4.0, 1.0, grey(50.0), grey(70.5)), true);
        check("less than 20 cd/m2", film(30.0, 2.0, 4.0, 1.0, grey(50.0), grey(69.5)), false);
        check("darker just below 160", film(30.0, 2.0, 4.0, 1.0, grey(159.0), grey(181.0)), true);
        check("darker not below 160", film(30.0, 2.0, 4.0, 1.0, grey(161.0), grey(199.0)), false);
        // Red on black of less than 20 cd/m2.
        let dark_red = [0.4, 0.0, 0.0];
        check("saturated red", film(30.0, 2.0, 4.0, 0.3, black, dark_red), true);
        check("saturated red, 3 Hz", film(30.0, 2.0, 3.0, 0.3, black, dark_red), false);
        check("the same light in blue", film(30.0, 2.0, 4.0, 0.3, black, [0.0, 0.0, 0.9]), false);
        assert!(film(30.0, 2.0, 4.0, 0.3, black, red).harmful.iter().any(|f| f.red));
    }

    #[test]
    fn slow_flashing_for_long_is_told() {
        let long = film(30.0, 8.0, 2.5, 0.5, [0.0; 3], [1.0; 3]);
        assert!(long.harmful.is_empty() && long.long.len() == 1, "{long:?}");
        assert!(film(30.0, 4.0, 2.5, 0.5, [0.0; 3], [1.0; 3]).long.is_empty());
        assert!(
            film(30.0, 8.0, 1.0, 0.5, [0.0; 3], [1.0; 3]).long.is_empty(),
            "a cut every half second is no flashing"
        );
    }

    #[test]
    fn areas_in_turn_and_areas_that_move_count() {
        let run = |light: &dyn Fn(usize, usize) -> bool| {
            let mut meter = FlashMeter::new(CELLS);
            for i in 0..60 {
                let cells = (0..CELLS).map(|c| Light::from_linear(if light(i, c) { [1.0; 3] } else { [0.0; 3] }));
                meter.push(i as f64 / 30.0, &cells.collect::<Vec<_>>());
            }
            meter.finish()
        };
        // 15 % of the area, and another 15 % in opposite phase.
        let halves = run(&|i, c| c < 120 && (i / 4 % 2 == 1) != (c < 60));
        assert!(!halves.harmful.is_empty());
        // Another third of the picture every time: no single place changes often.
        let moving = run(&|i, c| i / 3 % 2 == 1 && c / 134 == i / 6 % 3);
        assert!(!moving.harmful.is_empty());
        // A small bright ball that crosses the picture.
        let ball = run(&|i, c| c.abs_diff(i * 6) < 20);
        assert!(ball.harmful.is_empty());
    }

    #[test]
    fn a_slow_fade_is_one_change() {
        let mut meter = FlashMeter::new(CELLS);
        for i in 0..120 {
            let level = 0.5 - 0.5 * (i as f32 / 120.0 * std::f32::consts::TAU).cos();
            meter.push(f64::from(i) / 30.0, &[Light::from_linear([level; 3]); CELLS]);
        }
        let report = meter.finish();
        assert!(report.harmful.is_empty() && report.busiest <= 1, "{report:?}");
    }
}
