//! What can go wrong while an ad is put together, each with a stable code and what to do about it.

use spotloom_plugin_sdk::api::Failure;
use thiserror::Error;

use crate::colour::Rgb;

/// A mistake in what was given. Never a defect of ours: those are bugs.
#[derive(Debug, Error)]
pub enum Error {
    #[error("the parameter `{name}` is {value}; expected {expected}")]
    Param { name: String, value: String, expected: String },

    #[error("brand kit: {0}")]
    Brand(String),

    #[error("look {look}: {message}")]
    Look { look: String, message: String },

    #[error("picture {name}: {message}")]
    Image { name: String, message: String },

    #[error(
        "the text `{name}` does not fit: \"{text}\" needs more than {width:.0} x {height:.0} (of a picture whose short \
         side is 1080) even at size {min_size:.0}"
    )]
    TextDoesNotFit { name: String, text: String, width: f64, height: f64, min_size: f64 },

    #[error(
        "the text `{name}` has the character {character:?} (U+{:04X}), which neither {font} nor the other fonts have{}",
        *character as u32,
        package.map(|p| format!("; {p} is not installed")).unwrap_or_default()
    )]
    MissingGlyph {
        name: String,
        character: char,
        font: String,
        /// The Debian package that should have it.
        package: Option<&'static str>,
    },

    #[error("the font family {family} is not installed; there are: {known}")]
    MissingFont { family: String, known: String },

    #[error(
        "the text `{name}` in {colour} has a contrast of {contrast:.1}:1 on what the look puts under it; 4.5:1 is needed"
    )]
    Contrast { name: String, colour: Rgb, contrast: f64 },

    #[error("look {look}: {place}nothing was given for `{{{{ {name} }}}}`; the ad's texts are: {known}")]
    Placeholder { look: String, place: String, name: String, known: String },

    #[error(
        "look {look}: {found} (of a picture whose short side is 1080): the brand {brand} keeps {space} of the logo's \
         height clear around it"
    )]
    ClearSpace { look: String, brand: String, space: f64, found: String },

    #[error("the text `{name}` says \"{word}\", which the brand {brand} does not want to say")]
    ForbiddenWord { name: String, word: String, brand: String },
}

impl Error {
    /// The stable code of the failure.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Param { .. } => "bad-params",
            Self::Brand(_) => "brand-invalid",
            Self::Look { .. } => "look-invalid",
            Self::Image { .. } => "bad-picture",
            Self::TextDoesNotFit { .. } => "text-does-not-fit",
            Self::MissingGlyph { .. } => "missing-glyph",
            Self::MissingFont { .. } => "missing-font",
            Self::Contrast { .. } => "contrast-too-low",
            Self::Placeholder { .. } => "unfilled-placeholder",
            Self::ClearSpace { .. } => "clear-space-broken",
            Self::ForbiddenWord { .. } => "forbidden-word",
        }
    }

    fn hint(&self) -> String {
        let hint = match self {
            Self::Param { .. } => {
                "correct it under this stage's `with:` in the pipeline, or in the brief it comes from"
            }
            Self::Brand(_) => "correct brand.yaml or add the file to the brand's folder",
            Self::Look { .. } => "correct the SVG file; templates/overlays/README.md says what a look may contain",
            Self::Image { .. } => "give a PNG, JPEG or SVG file of at most 8192 pixels a side, with texts as outlines",
            Self::TextDoesNotFit { .. } => "shorten the text for this language, or choose a look with more room",
            Self::MissingGlyph { package: Some(package), .. } => {
                return format!(
                    "install it on every machine that composes (apt-get install {package}), put a font that has the \
                     character into the brand's fonts/ folder, or replace the character"
                );
            }
            Self::MissingGlyph { package: None, .. } => {
                "replace the character, or put a font that has it into the brand's fonts/ folder"
            }
            Self::MissingFont { .. } => "put the font file into the brand's fonts/ folder, or name one that is there",
            Self::Contrast { .. } => {
                "make `ink` darker or `paper` lighter in brand.yaml, change the colour under the text, or choose another look"
            }
            Self::Placeholder { name, .. } => {
                return format!(
                    "give it in the brief, or let the look ask for it first: {{% if {name} %}} … {{% endif %}}"
                );
            }
            Self::ClearSpace { .. } => {
                "move it away in the look, shorten the text, choose another look, or change `clear-space` under `logo` in \
                 brand.yaml"
            }
            Self::ForbiddenWord { .. } => "reword the text, or change `forbidden-words` in brand.yaml",
        };
        hint.into()
    }
}

impl From<&Error> for Failure {
    fn from(error: &Error) -> Self {
        Self::new(error.code(), error.to_string()).hint(error.hint())
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::from(&error)
    }
}
