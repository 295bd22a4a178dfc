//! A brand kit: the folder with `brand.yaml`, the logo files and the brand's own fonts.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::Deserialize;

use crate::colour::Rgb;
use crate::error::Error;

/// The file `brand.yaml`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Brand {
    /// The name as people say it.
    pub name: String,
    pub colours: Colours,
    #[serde(default)]
    pub fonts: Fonts,
    pub logo: Logo,
    /// How the brand speaks, for prompts and copy.
    #[serde(default)]
    pub voice: Option<String>,
    /// Who speaks for the brand where a brief has words to be spoken and no recording.
    #[serde(default)]
    pub speech: Speech,
    /// The small print by language (`en`, `de`, `ar`); shown on the end card unless the brief has its own.
    #[serde(default)]
    pub legal: BTreeMap<String, String>,
    /// Words that may not appear in any text on screen; case does not matter.
    #[serde(default)]
    pub forbidden_words: Vec<String>,
}

/// Who speaks, unless a brief's `audio` says otherwise. The stage `voice` reads it through the pipeline.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Speech {
    /// A voice of the studio's `models/`, or one for some languages: `{en: amy, de: thorsten}`.
    pub voice: Option<Spoken>,
    /// Which speaker of that voice, where it has several.
    pub speaker: Option<Spoken>,
    /// How fast: 1 is the voice's own pace, 2 twice as fast.
    #[schemars(range(min = 0.5, max = 2.0))]
    pub pace: Option<f64>,
}

/// The same for all languages, or by language.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Spoken {
    Everywhere(String),
    ByLanguage(BTreeMap<String, String>),
}

/// Colours as `#RRGGBB`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Colours {
    /// The colour people know the brand by.
    pub primary: Rgb,
    /// What goes with it.
    pub secondary: Rgb,
    /// For small, loud things: the button, the bar.
    pub accent: Rgb,
    /// The dark of texts and shades.
    pub ink: Rgb,
    /// The light of grounds, and of texts on dark.
    pub paper: Rgb,
}

/// Font families, out of the brand's `fonts/` folder or those that come with Spotloom.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Fonts {
    /// For headlines.
    pub display: String,
    /// For everything else.
    pub text: String,
    /// Tried in this order for characters that the two above lack, before the fonts that come with Spotloom.
    pub fallback: Vec<String>,
}

impl Default for Fonts {
    fn default() -> Self {
        Self { display: "Sora".into(), text: "Manrope".into(), fallback: Vec::new() }
    }
}

/// Logo files (SVG with outlines, or PNG), by their path inside the brand's folder.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Logo {
    /// For dark grounds and footage.
    pub light: PathBuf,
    /// For light grounds.
    pub dark: PathBuf,
    /// The mark without the name, where there is one.
    #[serde(default)]
    pub mark: Option<PathBuf>,
    /// What should stay free around the logo, as a fraction of its height, 0 to 2: no text and no other picture. A look that
    /// breaks it stops the job before anything is rendered.
    #[serde(default = "default_clear_space")]
    #[schemars(range(min = 0, max = 2))]
    pub clear_space: f64,
}

fn default_clear_space() -> f64 {
    0.25
}

impl Logo {
    /// Key and file of each variant.
    pub fn files(&self) -> impl Iterator<Item = (&'static str, &Path)> {
        let always = [("logo-light", &self.light), ("logo-dark", &self.dark)];
        always.into_iter().chain(self.mark.iter().map(|m| ("mark", m))).map(|(key, file)| (key, file.as_path()))
    }
}

impl Brand {
    /// Reads `brand.yaml` in `folder`.
    ///
    /// # Errors
    /// The file is missing, is not YAML, or has a field that is unknown, missing or of the wrong kind.
    pub fn read(folder: &Path) -> Result<Self, Error> {
        let file = folder.join("brand.yaml");
        let text =
            std::fs::read_to_string(&file).map_err(|e| Error::Brand(format!("can't read {}: {e}", file.display())))?;
        serde_saphyr::from_str(&text).map_err(|e| Error::Brand(format!("brand.yaml: {e}")))
    }

    /// The small print for a locale: its own, else that of its language.
    #[must_use]
    pub fn legal_for(&self, locale: &str) -> Option<&str> {
        let language = locale.split('-').next().unwrap_or(locale);
        self.legal.get(locale).or_else(|| self.legal.get(language)).map(String::as_str)
    }

    /// # Errors
    /// A text has a word of `forbidden_words`.
    pub fn check_words<'a>(&self, texts: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<(), Error> {
        for (name, text) in texts {
            let words = format!(" {} ", spaced(text));
            for word in &self.forbidden_words {
                if !word.trim().is_empty() && words.contains(&format!(" {} ", spaced(word))) {
                    return Err(Error::ForbiddenWord {
                        name: name.into(),
                        word: word.clone(),
                        brand: self.name.clone(),
                    });
                }
            }
        }
        Ok(())
    }
}

/// Lower case, anything between words as one space.
fn spaced(text: &str) -> String {
    let lower = text.to_lowercase();
    lower.split(|c: char| !c.is_alphanumeric()).filter(|w| !w.is_empty()).collect::<Vec<_>>().join(" ")
}

/// A file of the brand's folder, which links may not lead out of.
///
/// # Errors
/// It is missing or outside of the folder.
pub fn confined(folder: &Path, relative: &Path) -> Result<PathBuf, Error> {
    let root = folder.canonicalize().map_err(|e| Error::Brand(format!("can't open {}: {e}", folder.display())))?;
    let file = root
        .join(relative)
        .canonicalize()
        .map_err(|e| Error::Brand(format!("can't open {}: {e}", relative.display())))?;
    if file.starts_with(&root) {
        Ok(file)
    } else {
        Err(Error::Brand(format!("{} is outside of the brand's folder", relative.display())))
    }
}
