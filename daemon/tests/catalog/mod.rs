//! A studio in memory, with the descriptions that the built plugins give of themselves (`*.json` beside this file).

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use spotloom::config::Channels;
use spotloom::ids::Sha256;
use spotloom::pipeline::{Catalog, NotFound, PluginInfo, ResourceFile};
use spotloom_plugin_api::Resource;

pub struct Studio {
    plugins: BTreeMap<String, PluginInfo>,
    presets: BTreeMap<String, Map<String, Value>>,
    assets: Vec<&'static str>,
    channels: Channels,
}

const PLUGINS: [&str; 13] = [
    include_str!("prompt.json"),
    include_str!("diffusion.json"),
    include_str!("try-on.json"),
    include_str!("footage.json"),
    include_str!("captions.json"),
    include_str!("compose.json"),
    include_str!("voice.json"),
    include_str!("transcode.json"),
    include_str!("check.json"),
    include_str!("report.json"),
    include_str!("folder.json"),
    include_str!("email.json"),
    include_str!("webhook.json"),
];

const MODELS: [&str; 6] = ["ambient-v7", "text-only", "pictures", "amy", "thorsten", "dresser"];

impl Studio {
    pub fn new() -> Self {
        let plugins = PLUGINS.iter().map(|text| {
            let description: spotloom_plugin_api::Description = serde_json::from_str(text).unwrap();
            (description.id.clone(), PluginInfo { sha256: sha(&description.id), description })
        });
        let preset = |name: &str, width: u32, height: u32, aspect: &str| {
            let data =
                json!({"width": width, "height": height, "fps": 30, "aspect": aspect, "safe-zone": {"top": 0.1}});
            (name.to_owned(), data.as_object().cloned().unwrap())
        };
        let channel = |value: Value| value.as_object().cloned().unwrap();
        Self {
            plugins: plugins.collect(),
            presets: BTreeMap::from([
                preset("youtube-15s", 1920, 1080, "16:9"),
                preset("linkedin-landscape", 1280, 720, "16:9"),
                preset("instagram-reel", 1080, 1920, "9:16"),
                preset("linkedin-square", 1080, 1080, "1:1"),
            ]),
            assets: vec!["assets/zest-can.png", "assets/shot.mov", "assets/summer.mp3", "assets/caf\u{e9}.png"],
            channels: Channels {
                email: Some(channel(json!({
                    "server": {"host": "smtp.agency.example", "user": "spots", "password": "smtp-password"},
                    "from": "spots@agency.example",
                }))),
                webhooks: BTreeMap::from([(
                    "client-dam".to_owned(),
                    channel(json!({"url": "https://dam.example/hook", "secret": "dam-secret"})),
                )]),
                folders: BTreeMap::from([("nas".to_owned(), channel(json!({"root": "/mnt/nas"})))]),
            },
        }
    }

    pub fn without_mail(mut self) -> Self {
        self.channels.email = None;
        self
    }
}

fn sha(of: &str) -> Sha256 {
    Sha256(format!("sha-of-{of}"))
}

fn file(path: String, media: &str) -> ResourceFile {
    let name = path.rsplit('/').next().unwrap_or_default().to_owned();
    ResourceFile { sha256: sha(&path), path, name, media: media.into() }
}

fn unknown<'a>(known: impl IntoIterator<Item = &'a str>) -> NotFound {
    NotFound { known: known.into_iter().map(str::to_owned).collect(), message: String::new() }
}

impl Catalog for Studio {
    fn plugin(&self, id: &str) -> Option<PluginInfo> {
        self.plugins.get(id).cloned()
    }

    fn plugin_ids(&self) -> Vec<String> {
        self.plugins.keys().cloned().collect()
    }

    fn resource(&self, kind: Resource, name: &str) -> Result<ResourceFile, NotFound> {
        let (folder, media, known): (&str, &str, &[&str]) = match kind {
            Resource::Model => ("models", "inode/directory", &MODELS),
            Resource::Brand => ("brands", "inode/directory", &["zest"]),
            Resource::Look => ("looks", "image/svg+xml", &["clean", "bold", "price-burst", "steps"]),
            Resource::PromptTemplate => ("prompts", "application/yaml", &["ad-shot", "storyboard-shot"]),
            Resource::NotificationTemplate => {
                ("notifications", "inode/directory", &["accepted", "delivered", "failed", "delivery"])
            }
            Resource::Preset => {
                let known = self.presets.keys().map(String::as_str);
                return match self.presets.contains_key(name) {
                    true => Ok(file(format!("/studio/presets/{name}"), "application/yaml")),
                    false => Err(unknown(known)),
                };
            }
            Resource::Asset => (".", "", &[]),
        };
        match known.contains(&name) {
            true => Ok(file(format!("/studio/{folder}/{name}"), media)),
            false => Err(unknown(known.iter().copied())),
        }
    }

    fn offered(&self, kind: Resource, name: &str, field: &str) -> Option<Vec<String>> {
        let offered: &[&str] = match (kind, name, field) {
            (Resource::Model, "ambient-v7", "modes") => {
                &["text-to-video", "image-to-video", "first-last", "extend", "loop", "retake"]
            }
            (Resource::Model, "text-only", "modes") => &["text-to-video"],
            (Resource::Model, "pictures", "modes") => &["image-to-video", "first-last", "extend", "loop", "retake"],
            (Resource::Model, "pictures", "family") => &["wan"],
            (Resource::Model, "ambient-v7" | "text-only", "family") => &["ambient"],
            (Resource::Model, "amy" | "thorsten", "family") => &["piper"],
            (Resource::Model, "dresser", "family") => &["fashn-vton"],
            (Resource::Model, "dresser", "categories") => &["tops", "one-pieces"],
            (Resource::Model, "amy", "locales") => &["en-US"],
            (Resource::Model, "thorsten", "locales") => &["de-DE"],
            _ => return None,
        };
        Some(offered.iter().map(|m| (*m).to_owned()).collect())
    }

    fn names(&self, kind: Resource) -> Vec<String> {
        if kind == Resource::Model { MODELS.map(str::to_owned).to_vec() } else { Vec::new() }
    }

    fn asset(&self, path: &str) -> Result<ResourceFile, NotFound> {
        if !self.assets.contains(&path) {
            return Err(unknown(self.assets.iter().copied()));
        }
        let media = match path.rsplit('.').next() {
            Some("png") => "image/png",
            Some("mov") => "video/quicktime",
            Some("mp3") => "audio/mpeg",
            _ => "application/octet-stream",
        };
        Ok(file(format!("/studio/{path}"), media))
    }

    fn preset(&self, name: &str) -> Result<Map<String, Value>, NotFound> {
        self.presets.get(name).cloned().ok_or_else(|| unknown(self.presets.keys().map(String::as_str)))
    }

    fn brand(&self, name: &str) -> Result<Map<String, Value>, NotFound> {
        match name {
            "zest" => Ok(json!({"name": "Zest", "voice": "Warm and quick.", "forbidden-words": ["healthy", "gesund"]})
                .as_object()
                .cloned()
                .unwrap()),
            _ => Err(unknown(["zest"])),
        }
    }

    fn channels(&self) -> &Channels {
        &self.channels
    }

    fn deliveries(&self) -> &str {
        "/studio/deliveries"
    }
}
