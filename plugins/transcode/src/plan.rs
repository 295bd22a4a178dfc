//! What each master will be, decided before anything is encoded. Pure.

use spotloom_media::{MasterOptions, RateControl};
use spotloom_plugin_sdk::api::Failure;

use crate::params::Params;
use crate::preset::{self, Preset};

/// The facts of the mezzanine that matter here.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Mezzanine {
    pub width: u32,
    pub height: u32,
    pub fps: (u32, u32),
    pub seconds: f64,
}

/// One master to be made.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Planned {
    /// The preset's name.
    pub name: String,
    pub preset: Preset,
    /// `Zest_SummerSplash_CitrusHero_16x9_YouTube_12s_en.mp4`
    pub file: String,
    pub options: MasterOptions,
    /// The size of the picture differs from the mezzanine's.
    pub scale: bool,
    /// The frame rate differs from the mezzanine's.
    pub retime: bool,
}

/// Holds the mezzanine against every preset.
///
/// # Errors
/// The first preset that can't be met: `wrong-aspect`, `too-long`, `too-short`, `too-large`; or `duplicate-output`.
pub(crate) fn plan(
    mezzanine: Mezzanine,
    presets: Vec<(String, Preset)>,
    params: &Params,
) -> Result<Vec<Planned>, Failure> {
    let mut planned: Vec<Planned> = Vec::with_capacity(presets.len());
    for (name, preset) in presets {
        if planned.iter().any(|p| p.name == name) {
            return Err(Failure::new("duplicate-output", format!("the preset {name} is asked for twice"))
                .hint("name each preset once under `outputs:`"));
        }
        let options = options(mezzanine, &name, &preset)?;
        let file = distinct_names(&preset.label(), &name)
            .map(|label| file_name(params, &preset, &label, mezzanine.seconds))
            // Some file systems don't tell cases apart.
            .find(|file| planned.iter().all(|p| !p.file.eq_ignore_ascii_case(file)))
            .unwrap_or_default();
        planned.push(Planned {
            scale: (options.width, options.height) != (mezzanine.width, mezzanine.height),
            retime: !same_rate(options.fps, mezzanine.fps),
            name,
            preset,
            file,
            options,
        });
    }
    Ok(planned)
}

fn options(mezzanine: Mezzanine, name: &str, preset: &Preset) -> Result<MasterOptions, Failure> {
    let Mezzanine { width, height, fps, seconds } = mezzanine;
    let shape = |w: u32, h: u32| f64::from(w) / f64::from(h);
    if (shape(width, height) / shape(preset.width, preset.height) - 1.0).abs() > 0.015 {
        let message = format!("{name} takes {} and the composed video is {width}x{height}", preset.aspect);
        return Err(Failure::new("wrong-aspect", message).hint(
            "give each transcode only the presets of the aspect it was composed for (`for-each: {{ aspects }}`)",
        ));
    }
    length(name, preset, mezzanine)?;
    let limit = preset.max_fps.and_then(preset::rational);
    let fps = limit.filter(|limit| value(fps) > value(*limit) + 1e-6).unwrap_or(fps);
    Ok(MasterOptions {
        width: preset.width,
        height: preset.height,
        fps,
        rate: rate(name, preset, seconds)?,
        gop: (preset.video.gop_seconds * value(fps)).round().max(1.0) as u32,
        audio_kbps: preset.audio.kbps,
    })
}

fn length(name: &str, preset: &Preset, mezzanine: Mezzanine) -> Result<(), Failure> {
    let Mezzanine { seconds, fps, .. } = mezzanine;
    // Containers round times; half a frame over is not a longer film.
    let slack = 0.5 / value(fps);
    if let Some(most) = preset.limits.max_seconds.filter(|most| seconds > most + slack) {
        return Err(Failure::new(
            "too-long",
            format!("{name} takes at most {most} s and the video lasts {seconds:.2} s"),
        )
        .hint(format!(
            "shorten the scenes in the brief by {:.1} s in all, or leave {name} out of its outputs",
            seconds - most
        )));
    }
    if let Some(least) = preset.limits.min_seconds.filter(|least| seconds < least - slack) {
        return Err(Failure::new(
            "too-short",
            format!("{name} takes at least {least} s and the video lasts {seconds:.2} s"),
        )
        .hint(format!(
            "lengthen the scenes in the brief by {:.1} s in all, or leave {name} out of its outputs",
            least - seconds
        )));
    }
    Ok(())
}

/// The bits the picture may take, so that the file stays under the preset's size whatever is in it.
fn rate(name: &str, preset: &Preset, seconds: f64) -> Result<RateControl, Failure> {
    let room = preset.limits.max_megabytes.map(|mb| mb * 8000.0 / seconds * 0.97 - f64::from(preset.audio.kbps));
    match (preset.video.constant_kbps, preset.video.crf, preset.video.max_kbps) {
        (Some(kbps), ..) => match room {
            Some(room) if f64::from(kbps) > room => Err(Failure::new(
                "too-large",
                format!(
                    "{name} takes {kbps} kb/s and at most {} MB, which is too little for {seconds:.1} s",
                    preset.limits.max_megabytes.unwrap_or_default()
                ),
            )
            .hint("shorten the scenes in the brief, or lower the preset's `constant-kbps`")),
            _ => Ok(RateControl::Constant { kbps }),
        },
        (None, crf, max) => {
            let max = f64::from(max.unwrap_or(8000));
            let max_kbps = room.map_or(max, |room| room.min(max)).max(100.0);
            let buffer = preset.video.buffer_kbps.map_or(1.5 * max, f64::from) * max_kbps / max;
            Ok(RateControl::Quality { crf: crf.unwrap_or(18.0), max_kbps: max_kbps as u32, buffer_kbps: buffer as u32 })
        }
    }
}

fn file_name(params: &Params, preset: &Preset, label: &str, seconds: f64) -> String {
    let ratio = preset.aspect.replace(':', "x");
    let locale = params.locale.as_ref().map(|l| format!("_{l}")).unwrap_or_default();
    format!("{}_{ratio}_{label}_{:.0}s{locale}.mp4", params.name, seconds.round())
}

/// Names for a placement, the best first: its label, then with what the preset's name adds to that (`YouTube`,
/// `YouTube15s`), then with a number.
fn distinct_names(label: &str, preset: &str) -> impl Iterator<Item = String> {
    let camel = camel_case(preset);
    let adds = match camel.get(..label.len()) {
        Some(start) if start.eq_ignore_ascii_case(label) => camel[label.len()..].to_owned(),
        _ => camel,
    };
    let numbered = (2_u32..).map({
        let label = label.to_owned();
        move |n| format!("{label}{n}")
    });
    [label.to_owned(), format!("{label}{adds}")].into_iter().chain(numbered)
}

/// `instagram-reel` as `InstagramReel`.
fn camel_case(name: &str) -> String {
    let capital = |word: &str| {
        let mut letters = word.chars();
        letters.next().map(|first| first.to_uppercase().chain(letters).collect::<String>()).unwrap_or_default()
    };
    name.split(|c: char| !c.is_alphanumeric()).map(capital).collect()
}

pub(crate) fn value((numerator, denominator): (u32, u32)) -> f64 {
    f64::from(numerator) / f64::from(denominator.max(1))
}

fn same_rate(a: (u32, u32), b: (u32, u32)) -> bool {
    u64::from(a.0) * u64::from(b.1) == u64::from(b.0) * u64::from(a.1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placements_of_one_platform_are_told_apart() {
        fn check(label: &str, preset: &str, expected: [&str; 3]) {
            assert_eq!(distinct_names(label, preset).take(3).collect::<Vec<_>>(), expected);
        }
        check("YouTube", "youtube-15s", ["YouTube", "YouTube15s", "YouTube2"]);
        check("YouTube", "youtube", ["YouTube", "YouTube", "YouTube2"]);
        check("InstagramFeed", "instagram-square", ["InstagramFeed", "InstagramFeedInstagramSquare", "InstagramFeed2"]);
        check("X", "eule-ü", ["X", "XEuleÜ", "X2"]);
    }
}
