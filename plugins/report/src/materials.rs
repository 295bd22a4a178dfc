//! What the brief gives besides words: music, recordings, sounds, footage and pictures, each with the hash that the daemon
//! knows it by. Nothing is read here.

use std::path::{Component, Path, PathBuf};

use serde_json::{Map, Value, json};
use spotloom_plugin_sdk::prelude::*;
use unicode_normalization::UnicodeNormalization as _;

/// Fields of a scene that name a file.
const OF_SCENES: [(&str, &str); 5] = [
    ("footage", "footage"),
    ("image", "image"),
    ("last_image", "last-image"),
    ("clip", "clip"),
    ("clip_after", "clip-after"),
];

/// A file that the brief names, and what for.
struct Named<'a> {
    file: &'a str,
    used: Value,
}

/// Every given file once, with all that the brief uses it for; none where a pipeline gives one of its own.
pub(crate) fn list(brief: &Map<String, Value>, given: &[Artifact]) -> Vec<Value> {
    let named = named(brief);
    let mut seen: Vec<&Path> = Vec::new();
    let mut list = Vec::new();
    for artifact in given {
        if seen.contains(&artifact.path.as_path()) {
            continue;
        }
        seen.push(&artifact.path);
        // The daemon hands over real paths; the brief's are below the studio.
        let here: Vec<&Named<'_>> = named.iter().filter(|n| ends_with(&artifact.path, n.file)).collect();
        // `can.png` at the studio's root is not `assets/can.png`, whose path ends alike.
        let longest = here.iter().map(|n| parts(n.file)).max();
        let here: Vec<&Named<'_>> = here.into_iter().filter(|n| Some(parts(n.file)) == longest).collect();
        list.push(json!({
            "file": here.first().map_or(artifact.name.as_str(), |n| n.file),
            "media": artifact.media,
            "sha256": artifact.sha256,
            "bytes": std::fs::metadata(&artifact.path).map_or(0, |m| m.len()),
            "uses": here.iter().map(|n| n.used.clone()).collect::<Vec<_>>(),
        }));
    }
    list
}

fn ends_with(path: &Path, file: &str) -> bool {
    // Composed or not, as the machine has it that the file was named on.
    let composed = |path: &Path| -> PathBuf { path.to_string_lossy().nfc().collect::<String>().into() };
    let file = Path::new(file);
    composed(path).ends_with(composed(file.strip_prefix(".").unwrap_or(file)))
}

/// How deep a file lies below the studio.
fn parts(file: &str) -> usize {
    Path::new(file).components().filter(|part| matches!(part, Component::Normal(_))).count()
}

/// What the brief names, in the order in which people read it.
fn named(brief: &Map<String, Value>) -> Vec<Named<'_>> {
    let at = |path: [&str; 2]| brief.get(path[0]).and_then(|v| v.get(path[1])).unwrap_or(&Value::Null);
    let mut all = Vec::new();
    for (path, used) in [(["product", "image"], "product-image"), (["audio", "music"], "music")] {
        all.extend(at(path).as_str().map(|file| Named { file, used: json!({"as": used}) }));
    }
    for (path, used) in [(["audio", "recording"], "recording"), (["captions", "script"], "captions")] {
        match at(path) {
            Value::String(file) => all.push(Named { file, used: json!({"as": used}) }),
            Value::Object(files) => all.extend(files.iter().filter_map(|(locale, file)| {
                Some(Named { file: file.as_str()?, used: json!({"as": used, "locale": locale}) })
            })),
            _ => {}
        }
    }
    for cue in at(["audio", "cues"]).as_array().into_iter().flatten() {
        all.extend(cue["file"].as_str().map(|file| Named { file, used: json!({"as": "sound", "at": cue["at"]}) }));
    }
    for (i, scene) in brief.get("scenes").and_then(Value::as_array).into_iter().flatten().enumerate() {
        for (field, used) in OF_SCENES {
            let file = scene.get(field).and_then(Value::as_str);
            all.extend(file.map(|file| Named { file, used: json!({"as": used, "scene": i + 1}) }));
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_is_told_once_with_its_uses() {
        let brief = json!({
            "product": {"name": "Zest", "image": "assets/can.png"},
            "audio": {"music": "assets/music/sunny.m4a", "recording": {"en": "assets/en.wav", "de": "assets/de.wav"},
                "cues": [{"file": "assets/tick.wav", "at": 0.5}, {"file": "assets/tick.wav", "at": 1.0}]},
            "captions": {"burn": true, "script": "./assets/words.srt"},
            "scenes": [{"footage": "assets/shot.mov", "image": "can.png"}, {"prompt": "the sea", "image": "assets/can.png"},
                {"prompt": "on", "clip": "assets/shot.mov", "clip_after": "assets/cafe\u{301}.mov"}],
        });
        let brief = brief.as_object().cloned().unwrap();
        let check = |path: &str, file: &str, uses: Value| {
            let artifact = Artifact {
                path: path.into(),
                sha256: "ab".repeat(32),
                media: "x/y".into(),
                name: path.rsplit('/').next().unwrap().into(),
                facts: Map::new(),
            };
            let list = list(&brief, &[artifact.clone(), artifact]);
            assert_eq!(list.len(), 1, "{path}: the same file twice is one");
            assert_eq!((&list[0]["file"], &list[0]["uses"]), (&json!(file), &uses), "{path}");
            assert_eq!(list[0]["sha256"], "ab".repeat(32));
        };
        let both = json!([{"as": "product-image"}, {"as": "image", "scene": 2}]);
        check("/studio/assets/can.png", "assets/can.png", both);
        check("/studio/assets/music/sunny.m4a", "assets/music/sunny.m4a", json!([{"as": "music"}]));
        check("/studio/assets/de.wav", "assets/de.wav", json!([{"as": "recording", "locale": "de"}]));
        check("/studio/assets/words.srt", "./assets/words.srt", json!([{"as": "captions"}]));
        let twice = json!([{"as": "sound", "at": 0.5}, {"as": "sound", "at": 1.0}]);
        check("/studio/assets/tick.wav", "assets/tick.wav", twice);
        let both = json!([{"as": "footage", "scene": 1}, {"as": "clip", "scene": 3}]);
        check("/studio/assets/shot.mov", "assets/shot.mov", both);
        check("/studio/can.png", "can.png", json!([{"as": "image", "scene": 1}]));
        check("/studio/assets/caf\u{e9}.mov", "assets/cafe\u{301}.mov", json!([{"as": "clip-after", "scene": 3}]));
        // What only the pipeline knows, and names that merely end alike.
        check("/studio/assets/ana.jpg", "ana.jpg", json!([]));
        check("/studio/assets/other-can.png", "other-can.png", json!([]));
    }
}
