//! The music bed: as long as the picture, and ending where music ends.

use spotloom_media::{AudioClip, audio::RATE};

use crate::params::Params;

/// Steps of the onset search, in samples: 10 ms.
const HOP: usize = RATE as usize / 100;
/// An onset is a rise of at least this ratio of power over the 50 ms before.
const RISE: f64 = 2.0;
/// Where two rounds meet they overlap by this, in samples.
const SEAM: usize = RATE as usize / 50;

/// Music of exactly `samples`, repeated by whole bars, faded in, and faded out from a downbeat or an onset.
pub(crate) fn bed(music: &AudioClip, samples: usize, params: &Params) -> AudioClip {
    let mut bed = looped(music, samples, params);
    let seconds = samples as f64 / f64::from(RATE);
    let start = fade_start(&bed, seconds, params);
    let fade_in = (params.fade_in_seconds.min(seconds / 2.0) * f64::from(RATE)) as usize;
    let from = ((start * f64::from(RATE)) as usize).min(samples);
    let faded = bed.samples().iter().enumerate().map(|(i, (left, right))| {
        let rising = if i < fade_in { i as f32 / fade_in as f32 } else { 1.0 };
        let falling = if i < from {
            1.0
        } else {
            // A quarter of a cosine: slow to leave, and gone at the end.
            let part = (i - from) as f32 / (samples - from).max(1) as f32;
            (part * std::f32::consts::FRAC_PI_2).cos()
        };
        (left * rising * falling, right * rising * falling)
    });
    bed = AudioClip::new(faded.collect());
    bed
}

/// Seconds of a bar, when the tempo is known.
fn bar(params: &Params) -> Option<f64> {
    params.bpm.map(|bpm| 60.0 / bpm * f64::from(params.beats_per_bar))
}

/// Where the fade begins, in seconds: on the last downbeat that leaves it time, else on the strongest onset around
/// there, else simply that long before the end.
fn fade_start(bed: &AudioClip, seconds: f64, params: &Params) -> f64 {
    let fade = params.fade_out_seconds.min(seconds / 2.0);
    let plain = seconds - fade;
    if fade <= 0.0 {
        return seconds;
    }
    if let Some(bar) = bar(params) {
        let downbeat = (plain / bar).floor() * bar;
        // With slow music and a short film there may be no other downbeat than the first.
        return if downbeat > 0.0 && plain - downbeat <= (2.0 * fade).max(bar) { downbeat } else { plain };
    }
    onset(bed, (plain - fade).max(0.0), plain + fade / 3.0).unwrap_or(plain)
}

/// The strongest onset between two times, in seconds.
fn onset(clip: &AudioClip, from: f64, to: f64) -> Option<f64> {
    let power: Vec<f64> = clip
        .samples()
        .chunks(HOP)
        .map(|c| c.iter().map(|(l, r)| f64::from(l * l + r * r)).sum::<f64>() / c.len() as f64 + 1e-9)
        .collect();
    let step = |seconds: f64| (seconds * f64::from(RATE)) as usize / HOP;
    let rise = |i: usize| power[i] / (power[i - 5..i].iter().sum::<f64>() / 5.0);
    (step(from).max(5)..step(to).min(power.len()))
        .map(|i| (i, rise(i)))
        .filter(|(_, rise)| *rise >= RISE)
        .max_by(|a, b| a.1.total_cmp(&b.1))
        .map(|(i, _)| (i * HOP) as f64 / f64::from(RATE))
}

/// Repeats by whole bars when the tempo is known; else what there is, without the silence at its end.
fn looped(music: &AudioClip, samples: usize, params: &Params) -> AudioClip {
    let source = music.samples();
    if source.len() >= samples || source.is_empty() {
        return AudioClip::new(source.iter().copied().take(samples).collect());
    }
    let sounding = source.iter().rposition(|(l, r)| l.abs().max(r.abs()) > 1e-3).map_or(source.len(), |i| i + 1);
    let round = bar(params)
        .map(|bar| ((sounding as f64 / f64::from(RATE) / bar + 0.02).floor() * bar * f64::from(RATE)) as usize)
        .filter(|round| *round > 0)
        .unwrap_or(sounding)
        .min(source.len());
    let seam = SEAM.min(round / 4);
    let mut all: Vec<(f32, f32)> = Vec::with_capacity(samples + round);
    while all.len() < samples {
        // What is left of the round before goes out under the first samples of the next.
        for (i, (left, right)) in source[..round].iter().enumerate() {
            let tail = if all.is_empty() || i >= seam { None } else { source.get(round + i) };
            let part = i as f32 / seam.max(1) as f32;
            all.push(match tail {
                Some((l, r)) => (left * part + l * (1.0 - part), right * part + r * (1.0 - part)),
                None => (*left, *right),
            });
        }
    }
    all.truncate(samples);
    AudioClip::new(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn params(bpm: Option<f64>, fade: f64) -> Params {
        serde_json::from_value(serde_json::json!({"name": "x", "bpm": bpm, "fade-out-seconds": fade})).unwrap()
    }

    /// A click every `period` seconds over a quiet tone.
    fn clicks(seconds: f64, period: f64) -> AudioClip {
        let at = |i: usize| {
            let t = i as f64 / f64::from(RATE);
            let since = t % period;
            ((t * 300.0 * std::f64::consts::TAU).sin() * (0.02 + 0.6 * (-since * 40.0).exp())) as f32
        };
        AudioClip::new((0..(seconds * f64::from(RATE)) as usize).map(|i| (at(i), at(i))).collect())
    }

    #[test]
    fn the_fade_begins_where_the_music_has_a_beat() {
        fn check(clip: &AudioClip, seconds: f64, bpm: Option<f64>, fade: f64, expected: f64) {
            let found = fade_start(clip, seconds, &params(bpm, fade));
            assert!((found - expected).abs() < 0.03, "{found} s, expected {expected} s");
        }
        let music = clicks(20.0, 0.7);
        check(&music, 10.0, Some(120.0), 1.5, 8.0); // bars of 2 s
        check(&music, 10.0, Some(90.0), 1.5, 8.0); // bars of 2.667 s
        check(&music, 10.0, None, 1.5, 8.4); // the twelfth click
        check(&AudioClip::silence(20 * RATE as usize), 10.0, None, 1.5, 8.5);
        check(&music, 10.0, Some(120.0), 0.0, 10.0);
        check(&music, 1.5, Some(60.0), 1.0, 0.75); // no whole bar fits
    }

    #[test]
    fn rounds_are_whole_bars() {
        // 5 s of music at 120 bpm: two bars are 4 s, so the fifth second is left out of every round.
        let music = clicks(5.0, 0.5);
        let bed = looped(&music, 12 * RATE as usize, &params(Some(120.0), 0.0));
        assert_eq!(bed.samples().len(), 12 * RATE as usize);
        let at = |clip: &AudioClip, s: f64| clip.samples()[(s * f64::from(RATE)).round() as usize].0;
        assert!((at(&bed, 4.1) - at(&music, 0.1)).abs() < 1e-6);
        assert!((at(&bed, 11.3) - at(&music, 3.3)).abs() < 1e-6);
    }

    #[test]
    fn it_is_gone_at_the_end() {
        let bed = bed(&clicks(3.0, 0.5), 6 * RATE as usize + 17, &params(None, 1.0));
        assert_eq!(bed.samples().len(), 6 * RATE as usize + 17);
        assert!(bed.samples()[6 * RATE as usize..].iter().all(|s| s.0.abs() < 0.01));
    }
}
