//! A drawn layer with what a look says of it.

pub use spotloom_composition::layer::{DrawnLayer, Shade};
use spotloom_composition::picture::sprite::Sprite;

use crate::look::svg::{PictureMark, TextMark};
use crate::look::tone::Tone;

/// Graphics that move as one, and what has to be readable in them.
#[derive(Clone, Debug)]
pub struct Layer {
    pub id: String,
    /// The group of the look it comes from.
    pub group: String,
    pub drawn: DrawnLayer,
    /// Texts that have to be readable; their boxes are in pixels of the picture.
    pub texts: Vec<TextMark>,
    /// The picture without those texts, where there is anything else in it.
    pub ground: Option<Sprite>,
    /// Pictures in it; their areas are in pixels of the picture.
    pub pictures: Vec<PictureMark>,
    /// Set where the look has it light and dark.
    pub tone: Option<Tone>,
}
