//! Music under a voice: where somebody speaks the music goes down, a little before and a little longer.
//!
//! The voice is known as a whole, so the music is already down when the first word comes; a compressor keyed by the
//! voice would only hear it then.

use spotloom_media::{AudioClip, audio::RATE};

/// Samples in one step of the envelope.
const STEP: usize = RATE as usize / 50;
/// A step this much quieter than the loudest one is no speech.
const FLOOR_DB: f64 = -32.0;
/// Pauses shorter than this don't bring the music back, in seconds.
const HOLD: f64 = 0.6;
/// How long the way down takes, before the voice begins, and the way up, in seconds.
const DOWN: f64 = 0.25;
const UP: f64 = 0.7;

/// Lowers `music` by `db` where `voice` speaks. Both begin at the same moment.
pub(crate) fn duck(music: &AudioClip, voice: &AudioClip, db: f64) -> AudioClip {
    let gains = gains(&speech(voice, music.samples().len()), db);
    let samples = music.samples().iter().enumerate().map(|(i, (left, right))| {
        let at = i as f64 / STEP as f64;
        let (low, part) = (at as usize, at.fract());
        let gain = |step: usize| gains.get(step).copied().unwrap_or(0.0);
        let level = 10_f64.powf((gain(low) * (1.0 - part) + gain(low + 1) * part) / 20.0) as f32;
        (left * level, right * level)
    });
    AudioClip::new(samples.collect())
}

/// Which steps have speech in them, short pauses included.
fn speech(voice: &AudioClip, samples: usize) -> Vec<bool> {
    let power: Vec<f64> = voice
        .samples()
        .chunks(STEP)
        .map(|c| c.iter().map(|(l, r)| f64::from(l * l + r * r)).sum::<f64>() / c.len() as f64)
        .collect();
    let loudest = power.iter().copied().fold(0.0, f64::max);
    let floor = (loudest * 10_f64.powf(FLOOR_DB / 10.0)).max(1e-9);
    let mut speaks: Vec<bool> = power.iter().map(|p| *p > floor).collect();
    speaks.resize(samples.div_ceil(STEP) + 1, false);
    let hold = (HOLD * f64::from(RATE)) as usize / STEP;
    let mut last: Option<usize> = None;
    for step in 0..speaks.len() {
        if speaks[step] {
            if let Some(before) = last.filter(|before| step - before <= hold) {
                speaks[before..step].fill(true);
            }
            last = Some(step);
        }
    }
    speaks
}

/// The gain of every step in dB: 0 or `-db`, with ramps around.
fn gains(speaks: &[bool], db: f64) -> Vec<f64> {
    let mut gains: Vec<f64> = speaks.iter().map(|s| if *s { -db } else { 0.0 }).collect();
    let steps = |seconds: f64| seconds * f64::from(RATE) / STEP as f64;
    let (down, up) = (db / steps(DOWN), db / steps(UP));
    for i in 1..gains.len() {
        gains[i] = gains[i].min(gains[i - 1] + up);
    }
    for i in (0..gains.len().saturating_sub(1)).rev() {
        gains[i] = gains[i].min(gains[i + 1] + down);
    }
    gains
}
