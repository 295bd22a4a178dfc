//! The parameters under `with:`; their doc comments are the reference.

use schemars::JsonSchema;
use serde::Deserialize;

/// Parameters of `footage`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Params {
    /// Where the footage is entered, in seconds from its start; 0 to 36000.
    #[serde(default)]
    #[schemars(range(min = 0, max = 36000))]
    pub from: f64,
    /// Length in seconds, 0.2 to 600.
    #[schemars(range(min = 0.2, max = 600))]
    pub seconds: f64,
    /// How much longer the clip is made for the transitions around it, in seconds; footage only as far as it reaches.
    #[serde(default = "default_handle")]
    #[schemars(range(min = 0, max = 5))]
    pub handle: f64,
    /// Width in pixels; even, 16 to 4096.
    #[schemars(range(min = 16, max = 4096))]
    pub width: u32,
    /// Height in pixels; even, 16 to 4096.
    #[schemars(range(min = 16, max = 4096))]
    pub height: u32,
    /// Frames per second, 1 to 120. 23.976, 29.97 and 59.94 mean the exact 1001 rates.
    #[serde(default = "default_fps")]
    #[schemars(range(min = 1, max = 120))]
    pub fps: f64,
    /// How the camera moves. Left out, a picture is approached slowly and footage is left alone.
    #[serde(default, rename = "move")]
    pub camera: Option<Move>,
    /// What stays in the frame when the shape changes.
    #[serde(default)]
    pub reframe: Reframe,
    /// What is behind a picture with transparent parts: a colour like `#F28C0F`.
    #[serde(default = "default_ground")]
    pub ground: String,
    /// What a picture with transparent parts leaves free around the thing it shows, for words and logo. Left out, the
    /// thing stands in the middle.
    #[serde(default)]
    pub room: Option<Room>,
}

/// Free margins as fractions of the picture.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Room {
    #[schemars(range(min = 0.0, max = 0.8))]
    pub top: f64,
    #[schemars(range(min = 0.0, max = 0.8))]
    pub right: f64,
    #[schemars(range(min = 0.0, max = 0.8))]
    pub bottom: f64,
    #[schemars(range(min = 0.0, max = 0.8))]
    pub left: f64,
}

/// Where a thing stands when nothing is said: a little above the middle.
const MIDDLE: Room = Room { top: 0.163, right: 0.14, bottom: 0.177, left: 0.14 };

impl Room {
    /// Left, top, width and height of what is not left free, as fractions; at least a tenth each way.
    #[must_use]
    pub fn field(room: Option<Self>) -> [f64; 4] {
        let room = room.unwrap_or(MIDDLE);
        [room.left, room.top, (1.0 - room.left - room.right).max(0.1), (1.0 - room.top - room.bottom).max(0.1)]
    }
}

/// A camera move.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Move {
    /// Closer or further away.
    #[serde(default)]
    pub zoom: Option<Zoom>,
    /// The direction the camera goes.
    #[serde(default)]
    pub pan: Option<Pan>,
    /// How far: 0.15 enlarges by 15 % or goes 15 % of the picture to the side.
    #[serde(default = "default_amount")]
    #[schemars(range(min = 0.0, max = 1.0))]
    pub amount: f64,
    /// What the camera looks at, as fractions from the left and from the top; found in the picture when not given.
    #[serde(default)]
    pub focus: Option<[f64; 2]>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Zoom {
    In,
    Out,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Pan {
    Left,
    Right,
    Up,
    Down,
}

/// What stays in the frame when the shape changes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Reframe {
    /// The subject, followed smoothly.
    #[default]
    Subject,
    /// The middle.
    Centre,
}

fn default_handle() -> f64 {
    1.0
}

fn default_fps() -> f64 {
    30.0
}

fn default_amount() -> f64 {
    0.15
}

fn default_ground() -> String {
    "#FFFFFF".into()
}
