//! Silence, clipping, loudness and true peak, from the marks of FFmpeg's meters.

use serde_json::{Value, json};
use spotloom_media::inspect::Marks;

use crate::check::{Check, Name, capital, round};
use crate::params::Params;
use crate::picture::{Around, Stretch};
use crate::preset::{Audio, Preset, Silence};

/// The filters the sound goes through. The meter works in steps of 100 ms; without the padding it would miss the last.
pub(crate) const FILTERS: &str = "apad=pad_dur=0.1,ebur128=peak=true:metadata=1,silencedetect=noise=-60dB:duration=0.2";

/// Below this nothing is heard: -60 dB, as for FFmpeg's meter of silence.
const HEARD: f32 = 0.001;
/// Sound that is quieter for less than this, in seconds, goes on: waves pass through nought.
const GOES_ON: f64 = 0.005;
/// Sound may reach over an edge by so many seconds: frames don't all begin at a sample.
const OVER: f64 = 0.001;

/// So many samples in a row at full scale are a flattened top.
const FLAT: usize = 4;
const FULL: f32 = 0.9995;

/// What is collected as the sound goes by.
#[derive(Default)]
pub(crate) struct Sounds {
    heard: bool,
    /// By the end of the newest two blocks.
    integrated: [Option<(f64, f64)>; 2],
    /// Where the sound ends; what is padded behind it is no part of it.
    ends: f64,
    range: f64,
    peak: f64,
    peak_at: f64,
    /// Time, momentary, short-term, every 100 ms.
    curve: Vec<(f64, f64, f64)>,
    silent: Vec<Stretch>,
    silent_since: Option<f64>,
    /// Where anything is heard, to the sample.
    loud: Vec<Stretch>,
    /// Where tops are flattened.
    clipped: Vec<f64>,
    flat: [usize; 2],
}

impl Sounds {
    pub(crate) fn see(&mut self, at: f64, samples: &[(f32, f32)], marks: &Marks) {
        self.heard = true;
        let number = |key: &str| marks.get(key).and_then(|v| v.parse::<f64>().ok());
        let end = at + samples.len() as f64 / 48_000.0;
        if let (Some(m), Some(s)) = (number("lavfi.r128.M"), number("lavfi.r128.S")) {
            self.curve.push((end, m, s));
        }
        if let Some(i) = number("lavfi.r128.I") {
            self.integrated = [self.integrated[1], Some((end, i))];
        }
        self.range = number("lavfi.r128.LRA").unwrap_or(self.range);
        for key in ["lavfi.r128.true_peaks_ch0", "lavfi.r128.true_peaks_ch1"] {
            if let Some(peak) = number(key).filter(|p| *p > self.peak) {
                (self.peak, self.peak_at) = (peak, at);
            }
        }
        for key in ["lavfi.silence_start", "lavfi.silence_start.1"] {
            if let Some(from) = number(key) {
                self.silent_since = Some(from.max(0.0));
            }
        }
        if let Some(until) = number("lavfi.silence_end")
            && let Some(from) = self.silent_since.take()
        {
            self.silent.push(Stretch { from, until });
        }
        for (i, (left, right)) in samples.iter().enumerate() {
            if left.abs().max(right.abs()) >= HEARD {
                let from = at + i as f64 / 48_000.0;
                let until = from + 1.0 / 48_000.0;
                match self.loud.last_mut() {
                    Some(last) if from - last.until < GOES_ON => last.until = until,
                    _ => self.loud.push(Stretch { from, until }),
                }
            }
            for (channel, sample) in [left, right].into_iter().enumerate() {
                self.flat[channel] = if sample.abs() >= FULL { self.flat[channel] + 1 } else { 0 };
                if self.flat[channel] == FLAT {
                    self.clipped.push(at + i as f64 / 48_000.0);
                }
            }
        }
    }

    /// Of whole blocks only, as BS.1770 has it and other meters do: one that is filled up with silence counts not.
    fn integrated(&self) -> Option<f64> {
        let [before, last] = self.integrated;
        let (_, i) = last.filter(|(end, _)| *end <= self.ends + 1e-3).or(before).or(last)?;
        Some(i).filter(|i| *i > -70.0)
    }

    fn peak_db(&self) -> f64 {
        if self.peak > 0.0 { 20.0 * self.peak.log10() } else { -120.0 }
    }

    fn highest(&self) -> (f64, f64) {
        self.curve.iter().fold((-120.0, -120.0), |(m, s), v| (f64::max(m, v.1), f64::max(s, v.2)))
    }

    /// The checks. `end` is when the sound ends; what is around the ad is silent. `fps` is the picture's rate.
    pub(crate) fn finish(
        &mut self,
        end: f64,
        around: Around,
        params: &Params,
        preset: Option<&Preset>,
        fps: f64,
    ) -> Vec<Check> {
        self.ends = end;
        if let Some(from) = self.silent_since.take() {
            self.silent.push(Stretch { from, until: end });
        }
        let (leader, until) = (around.leader, end - around.tail);
        self.silent = self.silent.iter().filter_map(|s| s.within(leader, until)).collect();
        if !self.heard {
            // That there is no stream at all is told where streams are checked.
            return Vec::new();
        }
        let mut checks = vec![self.silent(until, leader, params, preset), self.clipped()];
        checks.extend(preset.and_then(|p| self.silent_ends((leader, until), p.silence, fps)));
        if let Some(audio) = preset.and_then(|p| p.audio.as_ref()) {
            checks.extend(audio.loudness_lufs.and_then(|target| self.loudness(target, audio, params)));
            checks.extend(audio.true_peak_db.map(|limit| self.true_peak(limit)));
        }
        checks
    }

    fn silent(&self, end: f64, leader: f64, params: &Params, preset: Option<&Preset>) -> Check {
        let worst = self.silent.iter().copied().max_by(|a, b| a.seconds().total_cmp(&b.seconds()));
        let seconds = worst.map_or(0.0, |s| s.seconds().min(end - s.from));
        let allowed = params.max_silent_seconds;
        let limit = if params.sound { format!("at most {allowed} s") } else { "no sound is asked for".into() };
        let check = match worst {
            Some(s) if params.sound && seconds > end - leader - 0.2 => {
                Check::fail(Name::Silent, "It is silent from start to end, and there is to be sound.").at(s.from, end)
            }
            Some(s) if params.sound && seconds > allowed => {
                let until = s.until.min(end);
                let sentence = format!(
                    "It is silent from {:.2} to {until:.2} s: {seconds:.2} s where at most {allowed} s are allowed.",
                    s.from
                );
                Check::fail(Name::Silent, sentence).at(s.from, until)
            }
            _ if params.sound => Check::pass(Name::Silent, "There is sound all along."),
            // A forgotten line of the brief, most likely; but silent spots have been on air.
            Some(s) if seconds > end - leader - 0.2 && preset.is_some_and(Preset::is_television) => {
                let sentence = "This television spot is silent from start to end. The brief asks for no sound: see whether `audio` was forgotten in it.";
                Check::warn(Name::Silent, sentence).at(s.from, end)
            }
            _ => Check::pass(Name::Silent, "The brief asks for no sound."),
        };
        check.figures(format!("{seconds:.2} s"), limit)
    }

    /// Whether the frames at both ends of the ad are silent that have to be.
    fn silent_ends(&self, (from, until): (f64, f64), silence: Silence, fps: f64) -> Option<Check> {
        let Silence { head_frames, tail_frames } = silence;
        if head_frames == 0 && tail_frames == 0 {
            return None;
        }
        let first = self.loud.iter().find(|s| s.until > from + OVER).map_or(until, |s| s.from.max(from));
        let last = self.loud.iter().rfind(|s| s.from < until - OVER).map_or(from, |s| s.until.min(until));
        let seconds = |frames: u32| f64::from(frames) / fps.max(1.0);
        let (head_until, tail_from) = (from + seconds(head_frames), until - seconds(tail_frames));
        let head = (first < head_until - OVER).then(|| {
            let told =
                format!("the first {head_frames} frames have to be silent and there is sound from {first:.3} s on");
            (told, first, head_until)
        });
        let tail = (last > tail_from + OVER).then(|| {
            let told = format!("the last {tail_frames} frames have to be silent and there is sound until {last:.3} s");
            (told, tail_from, last)
        });
        let wrong: Vec<_> = head.into_iter().chain(tail).collect();
        let check = match wrong.first() {
            Some((_, from, until)) => {
                let told = wrong.iter().map(|(told, ..)| told.as_str()).collect::<Vec<_>>();
                Check::fail(Name::SilentEnds, format!("{}.", capital(&told.join("; ")))).at(*from, *until)
            }
            None => Check::pass(Name::SilentEnds, "It is silent at both ends for as long as it has to be."),
        };
        let frames = |seconds: f64| seconds.max(0.0) * fps;
        let measured =
            format!("{:.1} frames at the start, {:.1} at the end", frames(first - from), frames(until - last));
        Some(check.figures(measured, format!("at least {head_frames} and {tail_frames} frames")))
    }

    fn clipped(&self) -> Check {
        let n = self.clipped.len();
        let check = match self.clipped.first() {
            Some(first) if n > 2 => {
                let last = self.clipped[n - 1];
                Check::fail(Name::Clipped, format!("The sound is clipped in {n} places, from {first:.2} s on."))
                    .at(*first, last)
            }
            _ => Check::pass(Name::Clipped, "The sound is not clipped."),
        };
        check.figures(format!("{n} places"), "none")
    }

    fn loudness(&self, target: f64, audio: &Audio, params: &Params) -> Option<Check> {
        let Some(integrated) = self.integrated() else {
            // Silence has no loudness; whether it may be silent is another check.
            return None;
        };
        let tolerance = params.loudness_tolerance_lu.unwrap_or_else(|| audio.tolerance());
        let (momentary, short) = self.highest();
        let limit = format!("{target} LUFS, {tolerance} LU either way");
        let measured = format!(
            "{integrated:.1} LUFS integrated, {short:.1} short-term and {momentary:.1} momentary at most, range {:.1} LU",
            self.range
        );
        let off = integrated - target;
        let check = if off.abs() > tolerance + 0.05 {
            let way = if off > 0.0 { "too loud" } else { "too quiet" };
            let sentence = format!(
                "It is {integrated:.1} LUFS loud, {:.1} LU {way}; the platform asks for {target} LUFS within {tolerance} LU.",
                off.abs()
            );
            Check::fail(Name::Loudness, sentence)
        } else if let Some(most) =
            audio.max_short_term_lufs.filter(|most| short > most + 0.05 && momentary > most + 3.05)
        {
            // EBU R128 s1, for short programmes: one of the two may be passed.
            let sentence = format!(
                "At its loudest it reaches {short:.1} LUFS short-term and {momentary:.1} momentary; the platform allows {most:.0} or {:.0}.",
                most + 3.0
            );
            Check::fail(Name::Loudness, sentence)
        } else {
            Check::pass(Name::Loudness, "It is as loud as the platform asks for.")
        };
        Some(check.figures(measured, limit))
    }

    fn true_peak(&self, limit: f64) -> Check {
        let peak = self.peak_db();
        let check = if peak > limit + 0.05 {
            let sentence = format!(
                "Its true peak is {peak:+.1} dBTP at {:.1} s; the platform takes at most {limit} dBTP.",
                self.peak_at
            );
            Check::fail(Name::TruePeak, sentence).at(self.peak_at, self.peak_at + 0.1)
        } else {
            Check::pass(Name::TruePeak, "No peak is too high.")
        };
        check.figures(format!("{peak:.1} dBTP"), format!("at most {limit} dBTP"))
    }

    /// What the report draws and tells.
    pub(crate) fn document(&self, preset: Option<&Preset>) -> Value {
        let (momentary, short) = self.highest();
        let tenth = |v: f64| (v * 10.0).round() / 10.0;
        let curve: Vec<Value> =
            self.curve.iter().map(|(t, m, s)| json!([round(*t), tenth(m.max(-70.0)), tenth(s.max(-70.0))])).collect();
        json!({
            "integrated-lufs": self.integrated().map(tenth),
            "range-lu": tenth(self.range),
            "short-term-max-lufs": tenth(short.max(-70.0)),
            "momentary-max-lufs": tenth(momentary.max(-70.0)),
            "true-peak-db": tenth(self.peak_db()),
            "target-lufs": preset.and_then(|p| p.audio.as_ref()).and_then(|a| a.loudness_lufs),
            // Seconds, momentary, short-term.
            "curve": curve,
        })
    }
}
