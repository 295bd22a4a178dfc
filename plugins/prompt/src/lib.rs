//! Turns a scene of a brief into the caption that a video model is given.
//!
//! Invariant: with `grammar` and `none` the same parameters give the same caption, on every machine, and what the brief
//! asked for stands first and unchanged. What a language model answers with `chat` is checked before it is used.

mod chat;
mod grammar;
mod template;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;
use spotloom_plugin_sdk::prelude::*;

use crate::template::{Scene, Template};

/// As much of a scene as is taken, in characters.
const MAX_PROMPT: usize = 2000;

/// A scene and how to expand it.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Params {
    /// The scene in the brief's words. May be left out when there is a picture instead.
    #[serde(default)]
    pub prompt: Option<String>,
    /// Length of the shot.
    #[schemars(range(min = 0.1, max = 600.0))]
    pub seconds: f64,
    /// Which shot of the spot this is, from 0.
    #[serde(default)]
    pub index: u32,
    /// How many shots there are.
    #[serde(default = "one")]
    pub total: u32,
    /// How the brand sounds, in its own words.
    #[serde(default)]
    pub voice: Option<String>,
    /// The product's name.
    #[serde(default)]
    pub product: Option<String>,
    /// The brand's colours, by name or code.
    #[serde(default)]
    pub colours: Vec<String>,
    /// The spot's seed. The shot's own is this plus `index`.
    #[serde(default)]
    pub seed: u64,
    /// What not to show, besides what the template says.
    #[serde(default)]
    pub negative_prompt: Option<String>,
    /// How to expand the scene.
    #[serde(default)]
    pub expand: Expand,
    /// The language model to ask, with `expand: chat`.
    #[serde(default)]
    pub chat: Option<Chat>,
}

/// How a scene is expanded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(inline)]
pub enum Expand {
    /// By the template's word lists, chosen by the seed. Needs no network.
    #[default]
    Grammar,
    /// Not at all.
    None,
    /// By a language model behind an OpenAI-compatible endpoint.
    Chat,
}

/// An OpenAI-compatible endpoint.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[schemars(inline)]
pub struct Chat {
    /// Its base URL, `http://localhost:11434/v1`; `/chat/completions` is added.
    pub url: String,
    /// The model's name there.
    pub model: String,
    /// Name of the secret with the key, when the endpoint asks for one.
    #[serde(default)]
    #[schemars(extend("format" = "secret"))]
    pub api_key: Option<String>,
    /// Seconds to wait for the answer, 1 to 600.
    #[serde(default = "sixty")]
    #[schemars(range(min = 1, max = 600))]
    pub timeout: u32,
}

fn one() -> u32 {
    1
}

fn sixty() -> u32 {
    60
}

/// The stage `prompt`.
#[derive(Default)]
pub struct Prompt;

impl Stage for Prompt {
    type Params = Params;

    fn about() -> About {
        About::new("prompt", env!("CARGO_PKG_VERSION"), "Turns a scene of a brief into a detailed caption")
            // Only `expand: chat` uses it, but what a plugin needs can't depend on its parameters.
            .net()
            .input(
                input("template", "How captions are made: a caption, word lists, texts for a language model")
                    .required()
                    .resource(Resource::PromptTemplate),
            )
            .output("shot", "The caption with seconds and seed", "application/json")
    }

    fn run(&mut self, params: Params, run: &Run) -> Result<Outputs, Failure> {
        check(&params)?;
        let template = Template::read(&run.require("template")?.path)?;
        let mut scene = Scene {
            prompt: words(params.prompt.as_deref().unwrap_or_default()),
            seconds: params.seconds,
            index: params.index,
            total: params.total.max(params.index.saturating_add(1)),
            voice: params.voice.as_deref().map(words),
            product: params.product.as_deref().map(words),
            colours: params.colours,
            negative: join(&template.negative, params.negative_prompt.as_deref().unwrap_or_default()),
            max_words: template.max_words,
        };
        if scene.prompt.is_empty() {
            scene.prompt =
                words(&template.render("fallback", &template.fallback, &scene, &grammar::Words::default())?);
        }
        let (prompt, negative) = match params.expand {
            Expand::None => (scene.prompt.clone(), scene.negative.clone()),
            Expand::Grammar => (grammar::expand(&template, &scene, params.seed)?, scene.negative.clone()),
            Expand::Chat => {
                let chat = params.chat.as_ref().ok_or_else(|| {
                    Failure::new("bad-params", "`expand: chat` needs `chat` with `url` and `model`")
                        .hint("chat: {url: http://localhost:11434/v1, model: NAME}")
                })?;
                let key = chat.api_key.as_deref().map(|name| run.secret(name)).transpose()?;
                run.progress(0, 1, format!("asking {}", chat.model));
                let answer = chat::ask(chat, key, &template, &scene, params.seed)?;
                (answer.prompt, answer.negative_prompt.map_or(scene.negative.clone(), |n| join(&scene.negative, &n)))
            }
        };

        let shot = run.scratch().join("shot.json");
        let seed = params.seed.wrapping_add(u64::from(params.index));
        let mut text = json!({"prompt": prompt, "negative_prompt": negative, "seconds": params.seconds, "seed": seed});
        // Whoever reads the caption can tell what the brief asked for from what the template added; a model writes all of it anew.
        if params.expand != Expand::Chat {
            text["asked"] = scene.prompt.into();
        }
        std::fs::write(&shot, format!("{text:#}\n")).map_err(|e| io_failure("write", &shot, &e))?;
        Ok(Outputs::new().file("shot", shot, "application/json").fact("prompt", prompt))
    }
}

fn check(params: &Params) -> Result<(), Failure> {
    let bad = |what: String| Err(Failure::new("bad-params", what));
    if !(0.1..=600.0).contains(&params.seconds) {
        return bad(format!("`seconds` is {}; it must be 0.1 to 600", params.seconds));
    }
    let length = params.prompt.iter().flat_map(|p| p.chars()).count();
    if length > MAX_PROMPT {
        return bad(format!("`prompt` has {length} characters; {MAX_PROMPT} are allowed"));
    }
    Ok(())
}

/// On one line, with single spaces: briefs wrap long scenes.
fn words(text: &str) -> String {
    text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|w| !w.is_empty()).collect::<Vec<_>>().join(" ")
}

fn join(a: &str, b: &str) -> String {
    [words(a), words(b)].into_iter().filter(|t| !t.is_empty()).collect::<Vec<_>>().join(", ")
}

export_stage!(Prompt);
