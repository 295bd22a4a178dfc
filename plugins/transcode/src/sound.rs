//! The track under the picture: music as long as it, lowered under a voice, effects on their cues, and all of it
//! brought to a loudness.

use spotloom_media::{AudioClip, Result, audio::RATE};

use crate::duck;
use crate::music;
use crate::params::Params;

/// The level music and voice are brought to before they are mixed, so that `music-gain-db` means the same for every track.
const REFERENCE_LUFS: f64 = -20.0;
/// Nothing is amplified more than this: noise would come up.
const MOST_GAIN_DB: f64 = 24.0;
/// The peak effects are brought to before `effects-gain-db`: as loud as the accents of the music.
const EFFECT_PEAK_DB: f64 = -9.0;
/// So far below the limit the limiter holds peaks: coming back down to 48 kHz, and AAC after it, raise them again.
const PEAK_MARGIN_DB: f64 = 0.8;
/// What the limiter's look-ahead of 2 ms comes to at 192 kHz, in samples.
const LIMITER_DELAY: usize = 383;
/// As near to the target as this is near enough, in LU.
const NEAR: f64 = 0.1;

/// What the track is made of.
#[derive(Default)]
pub(crate) struct Sources {
    pub music: Option<AudioClip>,
    pub voice: Option<AudioClip>,
    /// What footage brings along, in its place.
    pub own: Option<AudioClip>,
    /// Each with the moment it is heard, in seconds.
    pub effects: Vec<(AudioClip, f64)>,
}

/// Mixes the sources to exactly `samples`; silence when there are none.
pub(crate) fn program(sources: &Sources, samples: usize, params: &Params) -> Result<AudioClip> {
    let music = sources
        .music
        .as_ref()
        .map(|music| {
            let gain = to_reference(music)? + params.music_gain_db;
            music::bed(music, samples, params).filter(&format!("volume={gain:.3}dB"))
        })
        .transpose()?;
    let voice = sources
        .voice
        .as_ref()
        .map(|voice| {
            let level = voice.filter(&format!("volume={:.3}dB", to_reference(voice)?))?;
            let start = (params.voiceover_start_seconds * f64::from(RATE)).round() as usize;
            Ok::<_, spotloom_media::Error>(placed(&level, start, samples))
        })
        .transpose()?;
    // Both are what the music goes down under.
    let spoken = match (voice, sources.own.clone()) {
        (Some(voice), Some(own)) => Some(sum(&voice, &fitted(own, samples))),
        (voice, own) => voice.or(own),
    };
    let mut mixed = match (&music, &spoken) {
        (None, None) => AudioClip::silence(samples),
        (Some(one), None) | (None, Some(one)) => fitted(one.clone(), samples),
        (Some(music), Some(voice)) => sum(&duck::duck(music, voice, params.duck_db), voice),
    };
    for (i, (effect, at)) in sources.effects.iter().enumerate() {
        let own = params.cue_gains_db.get(i).copied().flatten().unwrap_or(0.0);
        let peak = effect.loudness()?.true_peak_db;
        let gain = if peak.is_finite() { EFFECT_PEAK_DB - peak + params.effects_gain_db + own } else { 0.0 };
        let effect = effect.filter(&format!("volume={gain:.3}dB"))?;
        mixed = sum(&mixed, &placed(&effect, (at * f64::from(RATE)).round() as usize, samples));
    }
    Ok(fitted(mixed, samples))
}

/// What a preset asks of the loudness.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Target {
    pub lufs: f64,
    pub true_peak_db: f64,
    pub max_short_term_lufs: Option<f64>,
}

/// Brings a track to a loudness without passing a true peak or a short-term loudness. Silence stays silence.
///
/// Two passes after EBU R128: one measures, one corrects. Where the limiter has to work it takes loudness away, so what
/// it gave is measured again and the gain raised by what is missing.
pub(crate) fn normalised(program: &AudioClip, target: Target) -> Result<AudioClip> {
    let mut program = program.clone();
    for _ in 0..3 {
        let clip = levelled(&program, target)?;
        let Some(most) = target.max_short_term_lufs else { return Ok(clip) };
        let over = clip.loudness_curve()?.max_short_term() - most;
        if over <= 0.0 {
            return Ok(clip);
        }
        // The loud parts come down towards the rest; levelling then raises everything a little.
        let threshold = 10_f64.powf((most - 8.0) / 20.0);
        let samples = clip.samples().len();
        program = fitted(
            clip.filter(&format!("acompressor=threshold={threshold:.5}:ratio=3:attack=40:release=600:knee=4"))?,
            samples,
        );
    }
    levelled(&program, target)
}

fn levelled(program: &AudioClip, target: Target) -> Result<AudioClip> {
    let before = program.loudness()?;
    let Some(integrated) = before.integrated_lufs else { return Ok(program.clone()) };
    let mut gain = (target.lufs - integrated).min(MOST_GAIN_DB);
    if before.true_peak_db + gain <= target.true_peak_db {
        return program.filter(&format!("volume={gain:.3}dB"));
    }
    // True peaks stand between samples, so the limiter works at four times the rate. What it gives out is later by what it
    // looks ahead; not every FFmpeg that we run on can take that back itself.
    let ceiling = 10_f64.powf((target.true_peak_db - PEAK_MARGIN_DB) / 20.0);
    let limit = |gain: f64| -> Result<AudioClip> {
        let limited = program.filter(&format!(
            "volume={gain:.3}dB,aresample=192000,apad=pad_len={LIMITER_DELAY},\
             alimiter=limit={ceiling:.5}:attack=2:release=60:level=disabled,atrim=start_sample={LIMITER_DELAY},\
             asetpts=N/SR/TB"
        ))?;
        Ok(fitted(limited, program.samples().len()))
    };
    let mut limited = limit(gain)?;
    for _ in 0..4 {
        let Some(reached) = limited.loudness()?.integrated_lufs else { break };
        let missing = target.lufs - reached;
        if missing.abs() <= NEAR || gain >= MOST_GAIN_DB {
            break;
        }
        gain = (gain + missing).min(MOST_GAIN_DB);
        limited = limit(gain)?;
    }
    Ok(limited)
}

/// Takes the sound away at both ends, with 5 ms to go and to come.
pub(crate) fn with_silent_ends(clip: &AudioClip, head: usize, tail: usize) -> AudioClip {
    if head + tail == 0 {
        return clip.clone();
    }
    let (total, ramp) = (clip.samples().len(), RATE as usize / 200);
    let level = |i: usize| {
        let from_head = i.checked_sub(head).map_or(0.0, |d| (d as f32 / ramp as f32).min(1.0));
        let from_tail = (total - i - 1).checked_sub(tail).map_or(0.0, |d| (d as f32 / ramp as f32).min(1.0));
        from_head.min(from_tail)
    };
    AudioClip::new(clip.samples().iter().enumerate().map(|(i, (l, r))| (l * level(i), r * level(i))).collect())
}

/// Silence before and after.
pub(crate) fn surrounded(clip: &AudioClip, before: usize, after: usize) -> AudioClip {
    if before + after == 0 {
        return clip.clone();
    }
    let silence = |count| std::iter::repeat_n((0.0, 0.0), count);
    AudioClip::new(silence(before).chain(clip.samples().iter().copied()).chain(silence(after)).collect())
}

/// A clip at its place in a track of `samples`.
pub(crate) fn placed(clip: &AudioClip, start: usize, samples: usize) -> AudioClip {
    fitted(surrounded(clip, start.min(samples), 0), samples)
}

pub(crate) fn sum(a: &AudioClip, b: &AudioClip) -> AudioClip {
    AudioClip::new(a.samples().iter().zip(b.samples()).map(|(a, b)| (a.0 + b.0, a.1 + b.1)).collect())
}

pub(crate) fn to_reference(clip: &AudioClip) -> Result<f64> {
    Ok(clip.loudness()?.integrated_lufs.map_or(0.0, |i| (REFERENCE_LUFS - i).min(MOST_GAIN_DB)))
}

/// Cuts or continues with silence.
fn fitted(clip: AudioClip, samples: usize) -> AudioClip {
    if clip.samples().len() == samples {
        return clip;
    }
    let silence = std::iter::repeat((0.0, 0.0));
    AudioClip::new(clip.samples().iter().copied().chain(silence).take(samples).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tone(seconds: f64, db: f64) -> AudioClip {
        let level = 10_f64.powf(db / 20.0);
        let at = |i: usize| ((i as f64 * 330.0 * std::f64::consts::TAU / f64::from(RATE)).sin() * level) as f32;
        AudioClip::new((0..(seconds * f64::from(RATE)) as usize).map(|i| (at(i), at(i))).collect())
    }

    fn params() -> Params {
        serde_json::from_value(serde_json::json!({"name": "x"})).unwrap()
    }

    /// Loudness of a part of a clip.
    fn lufs(clip: &AudioClip, from: f64, to: f64) -> f64 {
        let at = |s: f64| (s * f64::from(RATE)) as usize;
        AudioClip::new(clip.samples()[at(from)..at(to)].to_vec()).loudness().unwrap().integrated_lufs.unwrap_or(-99.0)
    }

    #[test]
    fn music_is_looped_faded_and_exact() {
        let samples = 6 * RATE as usize + 17;
        let sources = Sources { music: Some(tone(2.0, -12.0)), ..Sources::default() };
        let program = program(&sources, samples, &params()).unwrap();
        assert_eq!(program.samples().len(), samples);
        assert!((lufs(&program, 3.0, 4.5) - REFERENCE_LUFS).abs() < 0.5, "still playing in its second round");
        let end = &program.samples()[samples - 480..];
        assert!(end.iter().all(|s| s.0.abs() < 0.01), "faded out");
    }

    #[test]
    fn music_goes_down_under_a_voice_and_comes_back() {
        let sources = Sources { music: Some(tone(10.0, -12.0)), voice: Some(tone(3.0, -12.0)), ..Sources::default() };
        let with = Params { voiceover_start_seconds: 3.0, fade_out_seconds: 0.0, ..params() };
        let program = program(&sources, 10 * RATE as usize, &with).unwrap();
        // Both are the same tone here, so under the voice the sum would be 6 dB over it if the music stayed.
        assert!((lufs(&program, 1.0, 2.8) - REFERENCE_LUFS).abs() < 0.5);
        let under = lufs(&program, 4.0, 5.8) - REFERENCE_LUFS;
        assert!((0.0..4.0).contains(&under), "{under} dB over the voice");
        assert!((lufs(&program, 8.0, 9.5) - REFERENCE_LUFS).abs() < 1.0, "back again");
    }

    #[test]
    fn loudness_is_reached_and_peaks_are_held() {
        fn check(clip: &AudioClip, lufs: f64, peak: f64) {
            let target = Target { lufs, true_peak_db: peak, max_short_term_lufs: None };
            let found = normalised(clip, target).unwrap();
            assert_eq!(found.samples().len(), clip.samples().len());
            let measured = found.loudness().unwrap();
            assert!((measured.integrated_lufs.unwrap() - lufs).abs() < 0.3, "{measured:?} for {lufs}");
            assert!(measured.true_peak_db <= peak, "{measured:?} for {peak}");
        }
        check(&tone(4.0, -30.0), -14.0, -1.0);
        check(&tone(4.0, -3.0), -24.0, -2.0);
        // Quiet with loud clicks: the limiter has to work.
        let mut samples = tone(4.0, -30.0).samples().to_vec();
        samples.iter_mut().step_by(24_000).for_each(|s| *s = (0.9, -0.9));
        check(&AudioClip::new(samples), -16.0, -1.0);
        let silence = AudioClip::silence(48_000);
        let target = Target { lufs: -14.0, true_peak_db: -1.0, max_short_term_lufs: None };
        assert_eq!(normalised(&silence, target).unwrap(), silence);
    }

    /// What is heard stands where it stood, also where the limiter has to work.
    #[test]
    fn the_limiter_moves_nothing_in_time() {
        let mut samples = tone(2.0, -30.0).samples().to_vec();
        samples[40_000] = (0.9, 0.9);
        let target = Target { lufs: -20.0, true_peak_db: -6.0, max_short_term_lufs: None };
        let found = normalised(&AudioClip::new(samples), target).unwrap();
        let loudest = |(i, _): &(usize, f32)| *i;
        let levels = found.samples().iter().map(|s| s.0.abs()).enumerate();
        let at = levels.max_by(|a, b| a.1.total_cmp(&b.1)).as_ref().map(loudest).unwrap();
        assert!(at.abs_diff(40_000) <= 2, "the peak is {at}");
        assert_eq!(found.samples().len(), 96_000);
    }

    #[test]
    fn short_spots_are_held_to_a_short_term_loudness() {
        // Three seconds are 8 dB louder than the rest: with the whole at -23 they stand above -18.
        let mut samples = tone(17.0, -38.0).samples().to_vec();
        samples.extend_from_slice(tone(3.0, -30.0).samples());
        let clip = AudioClip::new(samples);
        let loudest = |max_short_term_lufs| {
            let target = Target { lufs: -23.0, true_peak_db: -1.0, max_short_term_lufs };
            let clip = normalised(&clip, target).unwrap();
            assert!((clip.loudness().unwrap().integrated_lufs.unwrap() + 23.0).abs() < 0.3);
            clip.loudness_curve().unwrap().max_short_term()
        };
        let (free, held) = (loudest(None), loudest(Some(-18.0)));
        assert!(free > -17.8 && held <= -18.0, "{free} {held}");
    }

    #[test]
    fn effects_are_heard_on_their_cue() {
        let sources = Sources { effects: vec![(tone(0.2, -30.0), 1.0), (tone(0.2, 0.0), 2.5)], ..Sources::default() };
        let mixed = program(&sources, 3 * RATE as usize, &params()).unwrap();
        let peak = |from: f64, to: f64| {
            let at = |s: f64| (s * f64::from(RATE)) as usize;
            mixed.samples()[at(from)..at(to)].iter().map(|s| s.0.abs()).fold(0.0, f32::max)
        };
        assert_eq!((peak(0.0, 0.99), peak(1.3, 2.4)), (0.0, 0.0));
        assert!((0.3..0.4).contains(&peak(1.0, 1.2)) && (0.3..0.4).contains(&peak(2.5, 2.7)));
        let quieter = Params { cue_gains_db: vec![None, Some(-20.0)], ..params() };
        let mixed = super::program(&sources, 3 * RATE as usize, &quieter).unwrap();
        let peak = |from: f64| {
            mixed.samples()[(from * f64::from(RATE)) as usize..][..9600].iter().map(|s| s.0).fold(0.0, f32::max)
        };
        assert!((0.3..0.4).contains(&peak(1.0)) && (0.03..0.04).contains(&peak(2.5)), "{} {}", peak(1.0), peak(2.5));
    }

    #[test]
    fn ends_are_silent_to_the_sample() {
        let clip = with_silent_ends(&tone(1.0, -6.0), 9600, 4800);
        assert!(clip.samples()[..9600].iter().chain(&clip.samples()[43_200..]).all(|s| *s == (0.0, 0.0)));
        assert!(clip.samples()[9600..12_000].iter().any(|s| s.0.abs() > 0.1));
    }

    #[test]
    fn nothing_given_is_silence() {
        let program = program(&Sources::default(), 4800, &params()).unwrap();
        assert_eq!(program, AudioClip::silence(4800));
    }
}
