//! What a plan may refer to: the studio's things, as they are now. The one door from the pure rooms to the world.
//!
//! A studio implements it over its folders, tests implement it over maps. Every answer is about *this moment*: hashes
//! are frozen into the plan.

use serde_json::{Map, Value};
use spotloom_plugin_api::{Description, Resource};

use crate::config::Channels;
use crate::ids::Sha256;

/// The studio as expansion sees it.
pub trait Catalog {
    /// A plugin by the name after `uses:`; `None` when there is none that may run.
    fn plugin(&self, id: &str) -> Option<PluginInfo>;

    /// The names [`Catalog::plugin`] answers to.
    fn plugin_ids(&self) -> Vec<String>;

    /// A file or folder by kind and name. Never asked for [`Resource::Asset`].
    ///
    /// # Errors
    /// There is none, or it can't be used.
    fn resource(&self, kind: Resource, name: &str) -> Result<ResourceFile, NotFound>;

    /// What a thing's own file lists under `field` (`modes` of a model), or the names that it has there (`components`); `None` when
    /// it lists nothing there.
    fn offered(&self, _kind: Resource, _name: &str, _field: &str) -> Option<Vec<String>> {
        None
    }

    /// The names of things of a kind.
    fn names(&self, _kind: Resource) -> Vec<String> {
        Vec::new()
    }

    /// A file of the studio by its path inside it, in NFC.
    ///
    /// # Errors
    /// It is missing, outside the studio, not a plain file, or unreadable.
    fn asset(&self, path: &str) -> Result<ResourceFile, NotFound>;

    /// Whether [`Catalog::asset`] would find that file, told without reading it.
    ///
    /// # Errors
    /// Those of [`Catalog::asset`], but for what only reading shows.
    fn has_asset(&self, path: &str) -> Result<(), NotFound> {
        self.asset(path).map(drop)
    }

    /// An output preset as data, checked: `width`, `height` and `fps` at least.
    ///
    /// # Errors
    /// There is none, or its file is wrong.
    fn preset(&self, name: &str) -> Result<Map<String, Value>, NotFound>;

    /// A brand's `brand.yaml` as data, checked.
    ///
    /// # Errors
    /// There is none, or its file is wrong.
    fn brand(&self, name: &str) -> Result<Map<String, Value>, NotFound>;

    /// Mail server, webhook receivers and folders that briefs may name.
    fn channels(&self) -> &Channels;

    /// The absolute folder every finished spot goes to, whatever else the brief asks for.
    fn deliveries(&self) -> &str;
}

/// A plugin that may run.
#[derive(Clone, Debug, PartialEq)]
pub struct PluginInfo {
    pub description: Description,
    /// Hash of the plugin's file.
    pub sha256: Sha256,
}

/// A file or folder that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResourceFile {
    /// Absolute.
    pub path: String,
    /// A file name fit for people, without folders.
    pub name: String,
    pub media: String,
    /// Of the content; for a folder over its sorted relative paths and file hashes.
    pub sha256: Sha256,
}

/// Why a name leads nowhere.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NotFound {
    /// What there is instead, so that the nearest name can be offered.
    pub known: Vec<String>,
    /// One sentence, when the reason is not simply that there is none: "leads out of the studio".
    pub message: String,
}
