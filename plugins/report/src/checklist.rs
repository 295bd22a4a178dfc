//! What is left to do by hand at an upload, by platform. Data: `templates/report/checklists.yaml`, and a preset's own
//! `checklist:` over it.

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

/// The points for a platform. `preset`: the text of its file.
///
/// # Errors
/// `bad-preset`, or a defect of the built-in lists.
pub(crate) fn points(platform: &str, made: Made, preset: Option<&str>) -> Result<Vec<String>, Failure> {
    let lists: Lists = serde_saphyr::from_str(BUILT_IN)
        .map_err(|e| Failure::new("bad-template", format!("templates/report/checklists.yaml: {e}")))?;
    let own: Preset = match preset {
        Some(text) => serde_saphyr::from_str(text)
            .map_err(|e| Failure::new("bad-preset", format!("a preset of {platform} can't be read: {e}")))?,
        None => Preset::default(),
    };
    let generated = made.pictures;
    // A guide must not go on air whatever a preset says.
    let mut points = if made.guide { lists.guide } else { Vec::new() };
    if own.checklist.is_empty() {
        let known = lists.platforms.get(platform);
        match known {
            Some(known) if generated => points.extend(known.generated.iter().chain(&known.always).cloned()),
            Some(known) => points.extend(known.always.iter().cloned()),
            None if generated => points.extend(lists.generated),
            None => {}
        }
        if made.voice {
            points.extend(lists.spoken);
        }
    } else {
        points.extend(own.checklist);
    }
    points.extend(lists.everywhere);
    Ok(points)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_to_do() {
        let check = |platform: &str, generated: bool, preset: Option<&str>, contains: &str, yes: bool| {
            let made = Made { pictures: generated, ..Made::default() };
            let points = points(platform, made, preset).unwrap().join("\n");
            assert_eq!(points.contains(contains), yes, "{platform}: {points}");
        };
        check("TikTok", true, None, "AI-generated", true);
        check("TikTok", false, None, "AI-generated", false);
        check("Broadcast", false, None, "clock number", true);
        check("Netflix", true, None, "made with AI", true);
        check("YouTube", true, None, "altered or synthetic", true);
        check("Somewhere else", true, None, "made with AI", true);
        check("TikTok", true, Some("checklist: [Ask Anna first]"), "Ask Anna first", true);
        check("TikTok", true, Some("checklist: [Ask Anna first]"), "AI-generated", false);

        let spoken = |guide| points("TikTok", Made { voice: true, guide, ..Made::default() }, None).unwrap();
        assert!(spoken(false)[0].contains("covers more") && spoken(false)[1].starts_with("Count the voice"));
        assert!(spoken(true)[0].contains("is a guide"), "{:?}", spoken(true));
    }
}
