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

/// The points for a platform. `generated`: whether pictures were made by a model; `preset`: the text of its file.
///
/// # Errors
/// `bad-preset`, or a defect of the built-in lists.
pub(crate) fn points(platform: &str, generated: bool, preset: Option<&str>) -> Result<Vec<String>, Failure> {
    let lists: Lists = serde_saphyr::from_str(BUILT_IN)
        .map_err(|e| Failure::new("bad-template", format!("templates/report/checklists.yaml: {e}")))?;
    let own: Preset = match preset {
        Some(text) => serde_saphyr::from_str(text)
            .map_err(|e| Failure::new("bad-preset", format!("a preset of {platform} can't be read: {e}")))?,
        None => Preset::default(),
    };
    let mut points = Vec::new();
    if own.checklist.is_empty() {
        let known = lists.platforms.get(platform);
        match known {
            Some(known) if generated => points.extend(known.generated.iter().chain(&known.always).cloned()),
            Some(known) => points.extend(known.always.iter().cloned()),
            None if generated => points.extend(lists.generated),
            None => {}
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
            let points = points(platform, generated, preset).unwrap().join("\n");
            assert_eq!(points.contains(contains), yes, "{platform}: {points}");
        };
        check("TikTok", true, None, "AI-generated", true);
        check("TikTok", false, None, "AI-generated", false);
        check("YouTube", true, None, "altered or synthetic", true);
        check("Somewhere else", true, None, "made with AI", true);
        check("TikTok", true, Some("checklist: [Ask Anna first]"), "Ask Anna first", true);
        check("TikTok", true, Some("checklist: [Ask Anna first]"), "AI-generated", false);
    }
}
