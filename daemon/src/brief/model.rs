//! The typed brief. Doc comments are the reference and the JSON Schema that editors show.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};

use super::audio::{Audio, Codes};
use super::captions::Captions;
use super::names::{Name, names};
use super::scene::Scene;
use super::text::{Locale, Text};
use crate::error::{Diagnostics, Place};
use crate::yaml::{self, Node};

/// A campaign brief: one spot, in all its languages and formats.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "Spotloom brief")]
pub struct Brief {
    /// The campaign the spot belongs to: the folder it is delivered into.
    pub campaign: String,
    /// The spot's own name, unique within the campaign. Dropping a changed brief with the same title makes a new version.
    pub title: String,
    /// The pipeline that makes it: `social-ad`, `storyboard`, or one of the studio's own.
    pub pipeline: String,
    /// A brand of the studio: a folder in `brands/`.
    pub brand: String,
    /// The languages to make, as tags like `en`, `de-AT` or `zh-Hant`. The first one is the fallback.
    #[schemars(default = "super::check::default_locales", length(min = 1, max = 50))]
    pub locales: Vec<Locale>,
    /// What is advertised.
    #[schemars(default)]
    pub product: Product,
    /// The words on screen: `headline`, `subline`, `cta`, `legal`, and whatever else the look knows.
    #[schemars(default)]
    pub copy: BTreeMap<String, Text>,
    /// The storyboard: one shot each, in order.
    #[schemars(length(min = 1, max = 100))]
    pub scenes: Vec<Scene>,
    /// What is heard.
    #[schemars(default)]
    pub audio: Audio,
    /// What is read.
    #[schemars(default)]
    pub captions: Captions,
    /// What broadcasters know it by.
    #[schemars(default)]
    pub codes: Codes,
    /// The masters to make, as names of presets: `youtube-15s`, `instagram-reel`, …
    #[schemars(length(min = 1, max = 50))]
    pub outputs: Vec<String>,
    /// Another number gives other pictures for the same words; the same number gives the same ones again.
    #[schemars(default, range(max = 4294967295u32))]
    pub seed: u32,
    /// What the law and the contracts demand.
    #[schemars(default)]
    pub rights: Rights,
    /// Where the finished files go, besides the studio's own deliveries folder.
    #[schemars(default)]
    pub deliver: Vec<Delivery>,
    /// Who is told what.
    #[schemars(default)]
    pub stakeholders: Vec<Stakeholder>,
    /// Values for the pipeline's inputs, in place of their defaults.
    #[schemars(default)]
    pub with: BTreeMap<String, Value>,
    /// The file it was read from, to show where a mistake is that only the studio can find.
    #[serde(skip)]
    pub(super) source: Node,
}

/// What is advertised. Free names (`price`, `url`, …) are texts.
#[derive(Clone, Debug, Default, PartialEq, Serialize, JsonSchema)]
pub struct Product {
    /// Its name, as it may be written in a picture.
    #[schemars(default)]
    pub name: Option<Text>,
    /// A picture of it: a file of the studio, like `assets/can.png`.
    #[schemars(default)]
    pub image: Option<String>,
    #[serde(flatten)]
    pub other: BTreeMap<String, Text>,
}

/// What the law and the contracts demand.
#[derive(Clone, Debug, Default, PartialEq, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Rights {
    /// Whether the spot must say that it is made with AI.
    #[schemars(default)]
    pub ai_disclosure: AiDisclosure,
    /// Where it may be shown: ISO codes like `DE`, `US`, or `EU`, `WORLD`. Empty means not said.
    #[schemars(default)]
    pub territories: Vec<String>,
    /// Notes on licences of pictures and music.
    #[schemars(default)]
    pub licence_notes: Option<String>,
}

/// Whether the spot must say that it is made with AI.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum AiDisclosure {
    /// It must, and the files carry it.
    #[default]
    Required,
    /// It need not.
    NotRequired,
}

/// One way for the finished files to leave.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Delivery {
    /// To this address, attached or as links.
    Email(String),
    /// To a webhook of the studio, by name.
    Webhook(String),
    /// Into a folder of the studio's channels, by name.
    Folder(String),
}

/// Someone who is told: has either `email` or `webhook`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Stakeholder {
    /// An address.
    #[schemars(default)]
    pub email: Option<String>,
    /// A webhook of the studio, by name.
    #[schemars(default)]
    pub webhook: Option<String>,
    /// What the person may do.
    #[schemars(default)]
    pub role: Role,
    /// What to tell.
    #[schemars(default = "super::check::default_on")]
    pub on: Vec<Notice>,
}

/// What a stakeholder may do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Is told.
    #[default]
    Viewer,
    /// May approve and reject.
    Approver,
}

/// What someone can be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Notice {
    /// The brief is right and in the queue.
    Accepted,
    /// Something waits for a decision.
    Approval,
    /// It is done and delivered.
    Delivered,
    /// It has failed, and why.
    Failed,
}

impl Notice {
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Approval => "approval",
            Self::Delivered => "delivered",
            Self::Failed => "failed",
        }
    }
}

impl Brief {
    /// Reads and checks a brief.
    ///
    /// # Errors
    /// Every mistake with its place, in the order of the file.
    pub fn parse(file: &str, bytes: &[u8]) -> Result<Self, Diagnostics> {
        Self::from_node(&yaml::parse(file, bytes)?)
    }

    /// Checks everything in one pass.
    ///
    /// # Errors
    /// Every mistake with its place, in the order of the file.
    pub fn from_node(node: &Node) -> Result<Self, Diagnostics> {
        super::check::brief(node)
    }

    /// The normalised content: what templates see as `brief`. Every field is there, absent ones as null.
    #[must_use]
    pub fn to_json(&self) -> Value {
        json!({
            "campaign": self.campaign,
            "title": self.title,
            "pipeline": self.pipeline,
            "brand": self.brand,
            "locales": self.locales,
            "product": self.product,
            "copy": self.copy,
            "scenes": self.scenes,
            "audio": self.audio,
            "captions": self.captions,
            "codes": self.codes,
            "outputs": self.outputs,
            "seed": self.seed,
            "rights": self.rights,
            "deliver": self.deliver,
            "stakeholders": self.stakeholders,
        })
    }

    /// Where a value stands, by its path (`["scenes", "0", "image"]`); the nearest thing around it if it was left out.
    #[must_use]
    pub fn place(&self, path: &[&str]) -> Place {
        self.source.follow(path.iter().copied()).0.place()
    }

    /// The file as it was read.
    #[must_use]
    pub fn source(&self) -> &Node {
        &self.source
    }

    /// Like [`Brief::place`], but only for what the file says itself.
    #[must_use]
    pub fn written(&self, path: &[&str]) -> Option<&Node> {
        let (node, led) = self.source.follow(path.iter().copied());
        led.then_some(node)
    }

    /// What it names that has to be there.
    #[must_use]
    pub fn names(&self) -> Vec<Name<'_>> {
        names(&self.source)
    }
}
