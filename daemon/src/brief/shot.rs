//! How a shot is generated: the mode, and what each mode takes. What a mode can't use is refused here, with its place.

use schemars::JsonSchema;
use serde::Serialize;

use super::check::{asset, settled};
use crate::yaml::{Fields, Mistakes, Node};

/// What is done to make a shot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// From the prompt alone.
    TextToVideo,
    /// From a first picture.
    ImageToVideo,
    /// To a last picture, and from a first one when it is given.
    FirstLast,
    /// After a `clip`, or before a `clip_after`.
    Extend,
    /// The end leads into the beginning.
    Loop,
    /// From `clip` to `clip_after`.
    Bridge,
    /// The `clip` again, nearer to the prompt.
    Edit,
    /// The part of the `clip` that `retake` names, again.
    Retake,
}

const MODES: [(&str, Mode); 8] = [
    ("text-to-video", Mode::TextToVideo),
    ("image-to-video", Mode::ImageToVideo),
    ("first-last", Mode::FirstLast),
    ("extend", Mode::Extend),
    ("loop", Mode::Loop),
    ("bridge", Mode::Bridge),
    ("edit", Mode::Edit),
    ("retake", Mode::Retake),
];

/// The part of a clip that is made again, in seconds; both are there or neither.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Retake {
    pub from: Option<f64>,
    pub to: Option<f64>,
}

pub(super) fn retake_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    let second =
        |what: &str| schemars::json_schema!({"type": "number", "minimum": 0, "maximum": 600, "description": what});
    schemars::json_schema!({
        "type": ["object", "null"],
        "properties": {"from": second("Where it begins."), "to": second("Where it ends.")},
        "required": ["from", "to"],
        "additionalProperties": false,
    })
}

/// What a scene says about how its shot is generated.
pub(super) struct Shot {
    pub mode: Option<Mode>,
    pub last_image: Option<String>,
    pub clip: Option<String>,
    pub clip_after: Option<String>,
    pub retake: Retake,
    pub strength: Option<f64>,
    pub seed: Option<u32>,
    pub variations: Option<u32>,
}

/// The most variations of one shot.
const MOST_VARIATIONS: i64 = 16;

/// Reads the fields of a scene that are about generating.
pub(super) fn shot(f: &mut Fields<'_>, m: &mut Mistakes) -> Option<Shot> {
    let node = f.node();
    let (prompt, image) = (f.get("prompt"), f.get("image"));
    let [last_image, clip, clip_after] = ["last_image", "clip", "clip_after"].map(|name| f.get(name));
    let [mode, strength, retake] = ["mode", "strength", "retake"].map(|name| f.get(name));
    let [seed, variations] = ["seed", "variations"].map(|name| f.get(name));
    let read = {
        let [last_image, clip, clip_after] = [last_image, clip, clip_after].map(|n| n.map(|n| asset(n, m)));
        let mode = mode.map(|n| m.choice(n, &MODES));
        let strength = strength.map(|n| m.number(n, "a number from 0.05 to 1", 0.05..=1.0));
        let retake = retake.map(|n| range(n, m));
        let seed = seed.map(|n| {
            let expected = "a whole number from 0 to 4294967295";
            m.integer(n, expected, 0..=i64::from(u32::MAX)).and_then(|s| u32::try_from(s).ok())
        });
        let variations = variations.map(|n| {
            let expected = "a whole number from 2 to 16";
            m.integer(n, expected, 2..=MOST_VARIATIONS).and_then(|s| u32::try_from(s).ok())
        });
        (last_image, clip, clip_after, mode, strength, retake, seed, variations)
    };
    let asked = Asked { node, image, last_image, clip, clip_after, mode, strength, retake };
    let loose = [
        ("last_image", last_image),
        ("clip", clip),
        ("clip_after", clip_after),
        ("mode", mode),
        ("strength", strength),
        ("retake", retake),
        ("seed", seed),
        ("variations", variations),
    ];
    let right = match (prompt, loose.into_iter().find_map(|(name, at)| Some((name, at?)))) {
        (None, Some((name, at))) => {
            let mistake = at.mistake("bad-value", format!("`{name}` is for generating, and the scene has no `prompt`"));
            m.push(mistake.expected("`prompt: …`, what is to be seen").hint(
                "nothing is generated without a prompt; a clip that is shown as it was filmed is `footage: assets/…`",
            ));
            false
        }
        (None, None) => true,
        (Some(_), _) => {
            let named = read.3.flatten();
            // A misspelt mode is reported already; what it takes is not known.
            (mode.is_some() && named.is_none()) || asked.fits(named, m)
        }
    };
    let (last_image, clip, clip_after, mode, strength, retake, seed, variations) = read;
    let shot = Shot {
        last_image: settled(last_image)?,
        clip: settled(clip)?,
        clip_after: settled(clip_after)?,
        mode: settled(mode)?,
        strength: settled(strength)?,
        retake: settled(retake)?.unwrap_or_default(),
        seed: settled(seed)?,
        variations: settled(variations)?,
    };
    right.then_some(shot)
}

fn range(node: &Node, m: &mut Mistakes) -> Option<Retake> {
    let mut f = Fields::of(node, "the part that is made again", m)?;
    let mut second = |name: &'static str| {
        let expected = "a number of seconds from 0 to 600";
        f.require(name, expected).and_then(|n| m.number(n, expected, 0.0..=600.0))
    };
    let (from, to) = (second("from"), second("to"));
    f.finish(m);
    let (from, to) = (from?, to?);
    if from >= to {
        let mistake = node.mistake("bad-value", format!("the part begins at {from} and ends at {to} seconds"));
        m.push(mistake.expected("`from` before `to`"));
        return None;
    }
    Some(Retake { from: Some(from), to: Some(to) })
}

/// Where a scene says what.
struct Asked<'a> {
    node: &'a Node,
    image: Option<&'a Node>,
    last_image: Option<&'a Node>,
    clip: Option<&'a Node>,
    clip_after: Option<&'a Node>,
    mode: Option<&'a Node>,
    strength: Option<&'a Node>,
    retake: Option<&'a Node>,
}

impl Asked<'_> {
    /// Whether everything that is given is of use, and everything that is needed is given.
    fn fits(&self, named: Option<Mode>, m: &mut Mistakes) -> bool {
        let mode = match named.or_else(|| self.implied()) {
            Some(mode) => mode,
            None => {
                let at = self.clip.unwrap_or(self.node);
                let mistake = at.mistake("missing-field", "the scene does not say what is done with its `clip`");
                m.push(mistake.expected("`mode: extend`, `edit` or `loop`, or `retake: {from: …, to: …}`"));
                return false;
            }
        };
        let has = |node: Option<&Node>| node.is_some();
        let (image, clip, after) = (has(self.image), has(self.clip), has(self.clip_after));
        // What it may take, and what is missing.
        let (may, missing): (&[&str], Option<&str>) = match mode {
            Mode::TextToVideo => (&[], None),
            Mode::ImageToVideo => (&["image", "strength"], (!image).then_some("an `image`")),
            Mode::FirstLast => {
                (&["image", "last_image", "strength"], (!has(self.last_image)).then_some("a `last_image`"))
            }
            Mode::Extend => {
                (&["clip", "clip_after", "strength"], (clip == after).then_some("one of `clip` and `clip_after`"))
            }
            Mode::Loop => {
                (&["image", "clip", "strength"], (image && clip).then_some("an `image` or a `clip`, not both"))
            }
            Mode::Bridge => {
                (&["clip", "clip_after", "strength"], (!(clip && after)).then_some("`clip` and `clip_after`"))
            }
            Mode::Edit => (&["clip", "strength"], (!clip).then_some("a `clip`")),
            Mode::Retake => (
                &["clip", "retake", "strength"],
                match (clip, has(self.retake)) {
                    (true, true) => None,
                    (false, _) => Some("a `clip`"),
                    (true, false) => Some("`retake: {from: …, to: …}`, in seconds"),
                },
            ),
        };
        let name = MODES.iter().find(|(_, known)| *known == mode).map_or("", |(name, _)| *name);
        if let Some(missing) = missing {
            let at = self.mode.unwrap_or(self.node);
            m.push(at.mistake("missing-field", format!("the mode `{name}` needs {missing}")));
        }
        let given = [
            ("image", self.image),
            ("last_image", self.last_image),
            ("clip", self.clip),
            ("clip_after", self.clip_after),
            ("strength", self.strength),
            ("retake", self.retake),
        ];
        let mut right = missing.is_none();
        for (field, at) in given.into_iter().filter(|(field, _)| !may.contains(field)) {
            if let Some(at) = at {
                let mistake = at.mistake("bad-value", format!("the mode `{name}` takes no `{field}`"));
                m.push(mistake.hint("take it away, or ask for another `mode`"));
                right = false;
            }
        }
        right
    }

    /// What the files say is done.
    fn implied(&self) -> Option<Mode> {
        match (self.clip, self.clip_after) {
            (Some(_), Some(_)) => Some(Mode::Bridge),
            (Some(_), None) => self.retake.map(|_| Mode::Retake),
            (None, Some(_)) => Some(Mode::Extend),
            (None, None) if self.last_image.is_some() => Some(Mode::FirstLast),
            (None, None) if self.image.is_some() => Some(Mode::ImageToVideo),
            (None, None) => Some(Mode::TextToVideo),
        }
    }
}
