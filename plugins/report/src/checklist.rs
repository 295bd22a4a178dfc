//! What is left to do by hand at an upload, by platform. Data: `templates/report/checklists.yaml`, and a preset's own
//! `checklist:` in place of what is `always` there.
//!
//! Invariant: no preset takes away that something has to be told as made with AI.

use std::collections::BTreeMap;

use serde::Deserialize;
use spotloom_plugin_sdk::prelude::*;

/// The built-in lists.
const BUILT_IN: &str = include_str!("../../../templates/report/checklists.yaml");

#[derive(Deserialize)]
struct Lists {
    everywhere: Vec<String>,
    generated: Vec<String>,
    spoken: Vec<String>,
    guide: Vec<String>,
    platforms: BTreeMap<String, Platform>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Platform {
    always: Vec<String>,
    generated: Vec<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Preset {
    checklist: Vec<String>,
}

/// What of the masters a machine made.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Made {
    /// Pictures.
    pub pictures: bool,
    /// What is said.
    pub voice: bool,
    /// By a voice that is only a guide.
    pub guide: bool,
}

/// The points for a platform, each once. `presets`: the texts of the files of all its placements, `None` for one that is not known.
///
/// # Errors
/// `bad-preset`, or a defect of the built-in lists.
pub(crate) fn points(platform: &str, made: Made, presets: &[Option<String>]) -> Result<Vec<String>, Failure> {
    let mut lists: Lists = serde_saphyr::from_str(BUILT_IN)
        .map_err(|e| Failure::new("bad-template", format!("templates/report/checklists.yaml: {e}")))?;
    let known = lists.platforms.remove(platform);
    // A guide must not go on air whatever a preset says.
    let mut points = if made.guide { lists.guide } else { Vec::new() };
    let (generated, always) = known.map_or((lists.generated, Vec::new()), |known| (known.generated, known.always));
    if made.pictures {
        points.extend(generated);
    }
    for preset in presets {
        let own: Preset = match preset {
            Some(text) => serde_saphyr::from_str(text)
                .map_err(|e| Failure::new("bad-preset", format!("a preset of {platform} can't be read: {e}")))?,
            None => Preset::default(),
        };
        points.extend(if own.checklist.is_empty() { always.clone() } else { own.checklist });
    }
    if made.voice {
        points.extend(lists.spoken);
    }
    points.extend(lists.everywhere);
    let mut once: Vec<String> = Vec::with_capacity(points.len());
    for point in points {
        if !once.contains(&point) {
            once.push(point);
        }
    }
    Ok(once)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_to_do() {
        let check = |platform: &str, generated: bool, preset: Option<&str>, contains: &str, yes: bool| {
            let made = Made { pictures: generated, ..Made::default() };
            let points = points(platform, made, &[preset.map(str::to_owned)]).unwrap().join("\n");
            assert_eq!(points.contains(contains), yes, "{platform}: {points}");
        };
        check("TikTok", true, None, "AI-generated", true);
        check("TikTok", false, None, "AI-generated", false);
        check("Broadcast", false, None, "clock number", true);
        check("Netflix", true, None, "made with AI", true);
        check("YouTube", true, None, "altered or synthetic", true);
        check("Somewhere else", true, None, "made with AI", true);
        check("TikTok", true, Some("checklist: [Ask Anna first]"), "Ask Anna first", true);
        check("TikTok", true, Some("checklist: [Ask Anna first]"), "AI-generated", true);
        check("TikTok", true, Some("checklist: [Ask Anna first]"), "covers more", false);
        check("Somewhere else", true, Some("checklist: [Ask Anna first]"), "made with AI", true);

        let spoken = |guide| points("TikTok", Made { voice: true, guide, ..Made::default() }, &[None]).unwrap();
        assert!(spoken(false)[0].contains("covers more") && spoken(false)[1].starts_with("Count the voice"));
        assert!(spoken(true)[0].contains("is a guide"), "{:?}", spoken(true));
        let made = Made { voice: true, ..Made::default() };
        let own = points("TikTok", made, &[Some("checklist: [Ask Anna first]".into())]).unwrap();
        assert!(own[0] == "Ask Anna first" && own[1].starts_with("Count the voice"), "{own:?}");
    }

    #[test]
    fn all_placements_of_a_platform_have_their_say_once() {
        let check = |presets: &[&str], expected: &[&str]| {
            let presets: Vec<_> = presets.iter().map(|p| (!p.is_empty()).then(|| format!("checklist: {p}"))).collect();
            let points = points("TikTok", Made::default(), &presets).unwrap();
            let found: Vec<&str> = points.iter().map(|p| p.split(';').next().unwrap()).collect();
            let last = "Play the file once from start to end, with sound, before it is booked.";
            assert_eq!(found, [expected, &[last]].concat(), "{presets:?}");
        };
        check(&["[Ask Anna, Ask Ben]", "[Ask Ben, Ask Cleo]"], &["Ask Anna", "Ask Ben", "Ask Cleo"]);
        check(&["[Ask Anna]", ""], &["Ask Anna", "Leave room for the caption"]);
        check(&["", ""], &["Leave room for the caption"]);
    }
}
