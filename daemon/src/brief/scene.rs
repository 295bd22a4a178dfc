//! One scene: generated, own footage, or a picture with a camera move.

use schemars::JsonSchema;
use serde::Serialize;

use super::check::{Known, asset, default_seconds, non_empty, settled, text};
use super::shot::{Mode, Retake, Shot, retake_schema, shot};
use super::text::Text;
use crate::yaml::{Fields, Mistakes, Node};

/// The longest a scene may be, in seconds.
const LONGEST_SCENE: f64 = 60.0;
/// The longest a spot may be, in seconds.
const LONGEST_SPOT: f64 = 600.0;
const MOST_SCENES: usize = 100;
/// Where footage may be entered: ten hours.
const LATEST_FROM: f64 = 36_000.0;

/// One shot: a `prompt` is generated, with the pictures and clips that it is made from; `footage` is used as it was
/// filmed; an `image` alone is shown with a camera move. Nothing is generated without a prompt.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Scene {
    /// What is to be seen, in plain English.
    #[schemars(default)]
    pub prompt: Option<String>,
    /// A picture: with a `prompt` the one the shot starts from, alone the one that is shown. A file of the studio.
    #[schemars(default)]
    pub image: Option<String>,
    /// A picture the generated shot ends with: a file of the studio.
    #[schemars(default)]
    pub last_image: Option<String>,
    /// A clip to go on from, to make again, or to close to a loop: a file of the studio.
    #[schemars(default)]
    pub clip: Option<String>,
    /// A clip that the generated shot leads into: a file of the studio.
    #[schemars(default)]
    pub clip_after: Option<String>,
    /// How the shot is generated, where that does not follow from the files: `extend` or `edit` a clip, or make a `loop`.
    #[schemars(default)]
    pub mode: Option<Mode>,
    /// The part of the `clip` that is made again, `{from: 1, to: 2.5}` in seconds; the rest of it stays.
    #[schemars(default, schema_with = "retake_schema")]
    pub retake: Retake,
    /// How far the shot may leave what is given: near 0 it stays as it is, at 1 only the prompt counts.
    #[schemars(default, range(min = 0.05, max = 1.0))]
    pub strength: Option<f64>,
    /// A seed of its own, in place of the one that follows from the brief's: for a variation that was liked.
    #[schemars(default)]
    pub seed: Option<u32>,
    /// How many clips to make of it, from as many seeds: the first is in the spot, the others are delivered beside it.
    #[schemars(default, range(min = 2, max = 16))]
    pub variations: Option<u32>,
    /// Own footage: a video file of the studio.
    #[schemars(default)]
    pub footage: Option<String>,
    /// Where the footage is entered, in seconds from its start.
    #[schemars(default, range(min = 0.0, max = 36000.0))]
    pub from: f64,
    /// Whether the footage's own sound is heard: what a person says in it, or a spot's finished mix. Music goes down under it.
    #[schemars(default)]
    pub keep_sound: bool,
    /// How the camera moves over a picture or over footage. A picture without it is approached slowly, footage is left alone.
    #[serde(rename = "move")]
    #[schemars(default, schema_with = "move_schema")]
    pub camera: Option<Move>,
    /// Its length.
    #[schemars(default = "super::check::default_seconds", range(min = 0.5, max = 60.0))]
    pub seconds: f64,
    /// How it takes over from the scene before.
    #[schemars(default)]
    pub transition: Transition,
    /// Words of its own, in place of the brief's headline.
    #[schemars(default)]
    pub headline: Option<Text>,
    /// What is said over it: the script of captions and voice.
    #[schemars(default)]
    pub say: Option<Text>,
    /// Where its picture comes from; follows from the other fields.
    #[schemars(skip)]
    pub source: Source,
}

/// Where a scene's picture comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    Generated,
    Footage,
    Picture,
}

/// How the camera moves over a picture.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Move {
    /// Closer or further away.
    #[schemars(default)]
    pub zoom: Option<Zoom>,
    /// The direction the camera goes.
    #[schemars(default)]
    pub pan: Option<Pan>,
    /// How far: 0.15 enlarges by 15 % or goes 15 % of the picture to the side.
    #[schemars(default = "default_amount", range(min = 0.02, max = 1.0))]
    pub amount: f64,
    /// What the camera looks at, as fractions from the left and from the top; found in the picture when not given.
    #[schemars(default)]
    pub focus: Option<[f64; 2]>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Zoom {
    In,
    Out,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Pan {
    Left,
    Right,
    Up,
    Down,
}

/// How one scene becomes the next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Transition {
    /// From one frame to the next.
    Cut,
    /// A dissolve.
    #[default]
    Fade,
    /// Out to the brand's dark colour and in again.
    Dip,
    /// The new scene moves over the old one.
    Wipe,
}

fn default_amount() -> f64 {
    0.15
}

/// A move may be one word.
fn move_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
    let whole = generator.subschema_for::<Move>();
    schemars::json_schema!({
        "anyOf": [{"enum": MOVES.map(|(word, ..)| word)}, whole, {"type": "null"}],
    })
}

/// The moves that have a word of their own.
const MOVES: [(&str, Option<Zoom>, Option<Pan>); 7] = [
    ("still", None, None),
    ("in", Some(Zoom::In), None),
    ("out", Some(Zoom::Out), None),
    ("left", None, Some(Pan::Left)),
    ("right", None, Some(Pan::Right)),
    ("up", None, Some(Pan::Up)),
    ("down", None, Some(Pan::Down)),
];

pub(super) fn scene_list(node: &Node, known: &Known, m: &mut Mistakes) -> Option<Vec<Scene>> {
    let items = non_empty(node, "a list of shots, like `- {prompt: waves at sunset, seconds: 4}`", m)?;
    if items.len() > MOST_SCENES {
        let message = format!("there are {} scenes", items.len());
        m.push(node.mistake("too-many", message).expected(format!("at most {MOST_SCENES}")));
        return None;
    }
    let scenes: Vec<Option<Scene>> = items.iter().map(|item| scene(item, known, m)).collect();
    let scenes: Vec<Scene> = scenes.into_iter().collect::<Option<_>>()?;
    let seconds: f64 = scenes.iter().map(|s| s.seconds).sum();
    if seconds > LONGEST_SPOT {
        let message = format!("the scenes are {seconds} seconds long in all");
        m.push(node.mistake("out-of-range", message).expected(format!("at most {LONGEST_SPOT} seconds")));
        return None;
    }
    Some(scenes)
}

fn scene(node: &Node, known: &Known, m: &mut Mistakes) -> Option<Scene> {
    let mut f = Fields::of(node, "a scene", m)?;
    let (prompt_node, image_node, footage_node) = (f.get("prompt"), f.get("image"), f.get("footage"));
    let prompt = prompt_node.map(|n| m.text(n, "what is to be seen"));
    let image = image_node.map(|n| asset(n, m));
    let footage = footage_node.map(|n| asset(n, m));
    let from_node = f.get("from");
    let expected = "the second of the footage to begin at, from 0 to 36000";
    let from = from_node.map_or(Some(0.0), |n| m.number(n, expected, 0.0..=LATEST_FROM));
    let sound_node = f.get("keep_sound");
    let keep_sound = sound_node.map_or(Some(false), |n| m.boolean(n));
    let move_node = f.get("move");
    let camera = move_node.map(|n| camera(n, m));
    let seconds = f
        .get("seconds")
        .map_or(Some(default_seconds()), |n| m.number(n, "a number of seconds from 0.5 to 60", 0.5..=LONGEST_SCENE));
    let transition = f.get("transition").map_or(Some(Transition::default()), |n| {
        let choices = [
            ("cut", Transition::Cut),
            ("fade", Transition::Fade),
            ("dip", Transition::Dip),
            ("wipe", Transition::Wipe),
        ];
        m.choice(n, &choices)
    });
    let headline = f.get("headline").map(|n| text(n, known, "words to show", m));
    let say = f.get("say").map(|n| text(n, known, "words to be spoken", m));
    let made = shot(&mut f, m);
    let mut right = true;
    if let (Some(own), Some(_)) = (footage_node, prompt_node.or(image_node)) {
        let other = if prompt_node.is_some() { "prompt" } else { "image" };
        let mistake = own.mistake("bad-value", format!("a scene can't show both `footage` and `{other}`"));
        m.push(mistake.hint("take one of the two away, or make two scenes of it"));
        right = false;
    }
    if let (Some(at), None) = (from_node, footage_node) {
        let mistake = at.mistake("bad-value", "`from` says where footage is entered, and the scene has no `footage`");
        m.push(mistake.hint(
            "add `footage: assets/…`, or take `from` away; the part of a clip to make again is `retake: {from, to}`",
        ));
        right = false;
    }
    if let (Some(at), None, Some(true)) = (sound_node, footage_node, keep_sound) {
        let mistake = at.mistake("bad-value", "only footage has a sound to keep, and the scene has no `footage`");
        m.push(mistake.hint("take `keep_sound` away; music, voice and sounds at moments stand under `audio`"));
        right = false;
    }
    if let (Some(at), Some(_), None) = (move_node, prompt_node, footage_node) {
        let mistake = at.mistake("bad-value", "`move` is for pictures and footage, and this scene is generated");
        m.push(mistake.hint(
            "say the movement in the prompt (`slow pan right`), or take the prompt away to show the picture itself",
        ));
        right = false;
    }
    let empty = prompt.is_none() && image.is_none() && footage.is_none();
    // With a misspelt field in it, or one for generating, that is what is wrong.
    if empty && made.is_some() && f.rest().next().is_none() {
        let mistake = node.mistake("missing-field", "a scene needs something to show");
        m.push(mistake.expected("`prompt`, `image` or `footage`"));
    }
    f.finish(m);
    if empty || !right {
        return None;
    }
    let source = match (&prompt, &footage) {
        (_, Some(_)) => Source::Footage,
        (Some(_), None) => Source::Generated,
        (None, None) => Source::Picture,
    };
    let Shot { mode, last_image, clip, clip_after, retake, strength, seed, variations } = made?;
    Some(Scene {
        prompt: settled(prompt)?,
        image: settled(image)?,
        last_image,
        clip,
        clip_after,
        mode,
        retake,
        strength,
        seed,
        variations,
        footage: settled(footage)?,
        from: from?,
        keep_sound: keep_sound?,
        camera: settled(camera)?,
        seconds: seconds?,
        transition: transition?,
        headline: settled(headline)?,
        say: settled(say)?,
        source,
    })
}

/// One word, or all of it.
fn camera(node: &Node, m: &mut Mistakes) -> Option<Move> {
    if node.as_text().is_some() {
        let words = MOVES.map(|(word, zoom, pan)| (word, (zoom, pan)));
        let (zoom, pan) = m.choice(node, &words)?;
        return Some(Move { zoom, pan, amount: default_amount(), focus: None });
    }
    let mut f = Fields::of(node, "a move", m)?;
    let zoom = f.get("zoom").map(|n| m.choice(n, &[("in", Zoom::In), ("out", Zoom::Out)]));
    let pans = [("left", Pan::Left), ("right", Pan::Right), ("up", Pan::Up), ("down", Pan::Down)];
    let pan = f.get("pan").map(|n| m.choice(n, &pans));
    let amount = f.get("amount").map_or(Some(default_amount()), |n| m.number(n, "a number from 0.02 to 1", 0.02..=1.0));
    let focus = f.get("focus").map(|n| focus(n, m));
    f.finish(m);
    Some(Move { zoom: settled(zoom)?, pan: settled(pan)?, amount: amount?, focus: settled(focus)? })
}

fn focus(node: &Node, m: &mut Mistakes) -> Option<[f64; 2]> {
    let expected = "two fractions from the left and from the top, like `[0.5, 0.3]`";
    let items = m.list(node, expected)?;
    let [x, y] = items else {
        m.push(node.mistake("wrong-type", format!("found {} numbers", items.len())).expected(expected));
        return None;
    };
    let (x, y) = (m.number(x, expected, 0.0..=1.0), m.number(y, expected, 0.0..=1.0));
    Some([x?, y?])
}
