//! The track under the picture: music looped, faded and lowered under a voice, then brought to a loudness.

use spotloom_media::{AudioClip, Result, audio::RATE};

use crate::params::Params;

/// The level music and voice are brought to before they are mixed, so that `music-gain-db` means the same for every track.
const REFERENCE_LUFS: f64 = -20.0;
/// Nothing is amplified more than this: noise would come up.
const MOST_GAIN_DB: f64 = 24.0;

/// What the track is made of.
pub(crate) struct Sources {
    pub music: Option<AudioClip>,
    pub voice: Option<AudioClip>,
}

/// Mixes the sources to exactly `samples`; silence when there are none.
pub(crate) fn program(sources: &Sources, samples: usize, params: &Params) -> Result<AudioClip> {
    let music = sources
        .music
        .as_ref()
        .map(|music| {
            let seconds = samples as f64 / f64::from(RATE);
            let (fade_in, fade_out) =
                (params.fade_in_seconds.min(seconds / 2.0), params.fade_out_seconds.min(seconds / 2.0));
            let gain = to_reference(music)? + params.music_gain_db;
            looped(music, samples).filter(&format!(
                "volume={gain:.3}dB,afade=t=in:st=0:d={fade_in:.3},afade=t=out:st={:.3}:d={fade_out:.3}",
                seconds - fade_out
            ))
        })
        .transpose()?;
    let voice = sources
        .voice
        .as_ref()
        .map(|voice| {
            let delay = (params.voiceover_start_seconds * 1000.0).round();
            voice.filter(&format!(
                "volume={:.3}dB,adelay=delays={delay}:all=1,apad=whole_len={samples}",
                to_reference(voice)?
            ))
        })
        .transpose()?;
    let mixed = match (music, voice) {
        (None, None) => AudioClip::silence(samples),
        (Some(one), None) | (None, Some(one)) => one,
        // The voice opens a compressor on the music: about 12 dB down while somebody speaks, back within half a second.
        (Some(music), Some(voice)) => AudioClip::mix(
            "[voice]asplit=2[key][speech];\
             [music][key]sidechaincompress=threshold=0.02:ratio=6:attack=60:release=500:knee=4[under];\
             [under][speech]amix=inputs=2:normalize=0:duration=first",
            &[("music", &music), ("voice", &voice)],
        )?,
    };
    Ok(fitted(mixed, samples))
}

/// Brings a track to a loudness without passing a true peak. Silence stays silence.
pub(crate) fn normalised(program: &AudioClip, lufs: f64, true_peak_db: f64) -> Result<AudioClip> {
    let before = program.loudness()?;
    let Some(integrated) = before.integrated_lufs else { return Ok(program.clone()) };
    let gain = (lufs - integrated).min(MOST_GAIN_DB);
    if before.true_peak_db + gain <= true_peak_db {
        return program.filter(&format!("volume={gain:.3}dB"));
    }
    // True peaks stand between samples, so the limiter works at four times the rate, a little below the limit because
    // coming back down to 48 kHz, and AAC after it, raise them again.
    let ceiling = 10_f64.powf((true_peak_db - 0.8) / 20.0);
    let limited = program.filter(&format!(
        "volume={gain:.3}dB,aresample=192000,alimiter=limit={ceiling:.5}:attack=2:release=60:level=disabled"
    ))?;
    Ok(fitted(limited, program.samples().len()))
}

fn to_reference(clip: &AudioClip) -> Result<f64> {
    Ok(clip.loudness()?.integrated_lufs.map_or(0.0, |i| (REFERENCE_LUFS - i).min(MOST_GAIN_DB)))
}

fn looped(clip: &AudioClip, samples: usize) -> AudioClip {
    AudioClip::new(clip.samples().iter().copied().cycle().take(samples).collect())
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
        let sources = Sources { music: Some(tone(2.0, -12.0)), voice: None };
        let program = program(&sources, samples, &params()).unwrap();
        assert_eq!(program.samples().len(), samples);
        assert!((lufs(&program, 3.0, 4.5) - REFERENCE_LUFS).abs() < 0.5, "still playing in its second round");
        let end = &program.samples()[samples - 480..];
        assert!(end.iter().all(|s| s.0.abs() < 0.01), "faded out");
    }

    #[test]
    fn music_goes_down_under_a_voice_and_comes_back() {
        let sources = Sources { music: Some(tone(10.0, -12.0)), voice: Some(tone(3.0, -12.0)) };
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
            let found = normalised(clip, lufs, peak).unwrap();
            assert_eq!(found.samples().len(), clip.samples().len());
            let measured = found.loudness().unwrap();
            assert!((measured.integrated_lufs.unwrap() - lufs).abs() < 1.0, "{measured:?} for {lufs}");
            assert!(measured.true_peak_db <= peak, "{measured:?} for {peak}");
        }
        check(&tone(4.0, -30.0), -14.0, -1.0);
        check(&tone(4.0, -3.0), -24.0, -2.0);
        // Quiet with loud clicks: the limiter has to work.
        let mut samples = tone(4.0, -30.0).samples().to_vec();
        samples.iter_mut().step_by(24_000).for_each(|s| *s = (0.9, -0.9));
        check(&AudioClip::new(samples), -16.0, -1.0);
        let silence = AudioClip::silence(48_000);
        assert_eq!(normalised(&silence, -14.0, -1.0).unwrap(), silence);
    }

    #[test]
    fn nothing_given_is_silence() {
        let program = program(&Sources { music: None, voice: None }, 4800, &params()).unwrap();
        assert_eq!(program, AudioClip::silence(4800));
    }
}
