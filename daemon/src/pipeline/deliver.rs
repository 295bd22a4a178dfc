//! The tasks nobody writes down: handing files over and telling people. They are tasks like all others, with the same
//! record and the same retries.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json, json};
use spotloom_plugin_api::Resource;

use super::catalog::Catalog;
use super::expand::{Expansion, default_pool, default_retry, default_timeouts};
use super::model::{Deliver, Pipeline};
use super::plan::{InputRef, PlannedTask, Trigger};
use super::template::slug;
use super::value::Evaluated;
use crate::brief::{Brief, Delivery, Notice};
use crate::error::{Diagnostic, list, nearest};
use crate::ids::TaskKey;
use crate::yaml::Node;

/// The plugins that implied tasks use.
pub(super) const PLUGINS: [&str; 3] = ["folder", "email", "webhook"];

/// The deliveries folder every spot goes to.
const DELIVERIES: &str = "deliveries";

/// Stands for the version in the name of the delivery folder: known only once the job is in the ledger.
pub const VERSION: &str = "{version}";

/// Parameters that tell more, for plugins that have a place for them.
const OPTIONAL: [&str; 3] = ["location", "details", "event"];

/// Every channel the brief names is there.
pub(super) fn check_channels(brief: &Brief, catalog: &dyn Catalog, mistakes: &mut Vec<Diagnostic>) {
    let channels = catalog.channels();
    let mut check = |way: Way<'_>, path: &[&str]| {
        let (kind, name, known): (&str, &str, Vec<&str>) = match way {
            Way::Email(_) if channels.email.is_some() => return,
            Way::Email(_) => {
                let mistake = Diagnostic::new("unknown-channel", "the studio has no mail server");
                let mistake = mistake.at(brief.place(path));
                mistakes.push(mistake.hint("set `channels.email` in spotloom.yaml, or take the address out"));
                return;
            }
            Way::Webhook(name) => ("webhook", name, channels.webhooks.keys().map(String::as_str).collect()),
            Way::Folder(name) => {
                let known = channels.folders.keys().map(String::as_str).chain([DELIVERIES]);
                ("folder", name, known.collect())
            }
        };
        if !known.contains(&name) {
            let message = format!("the studio has no {kind} `{name}`");
            let mistake = Diagnostic::new("unknown-channel", message).at(brief.place(path));
            mistakes.push(match (nearest(name, known.iter().copied()), known.as_slice()) {
                (Some(near), _) => mistake.hint(format!("did you mean `{near}`?")),
                (None, []) => mistake.hint(format!("add it under `channels.{kind}s` in spotloom.yaml")),
                (None, known) => mistake.hint(format!("there is {}", list(known, "and"))),
            });
        }
    };
    for (i, delivery) in brief.deliver.iter().enumerate() {
        let field = match delivery {
            Delivery::Email(_) => "email",
            Delivery::Webhook(_) => "webhook",
            Delivery::Folder(_) => "folder",
        };
        check(Way::of(delivery), &["deliver", &i.to_string(), field]);
    }
    for (i, person) in brief.stakeholders.iter().enumerate() {
        let i = i.to_string();
        person.email.iter().for_each(|to| check(Way::Email(to), &["stakeholders", &i, "email"]));
        person.webhook.iter().for_each(|name| check(Way::Webhook(name), &["stakeholders", &i, "webhook"]));
    }
}

/// One way out of the studio.
#[derive(Clone, Copy)]
enum Way<'a> {
    Email(&'a str),
    Webhook(&'a str),
    Folder(&'a str),
}

impl<'a> Way<'a> {
    fn of(delivery: &'a Delivery) -> Self {
        match delivery {
            Delivery::Email(to) => Self::Email(to),
            Delivery::Webhook(name) => Self::Webhook(name),
            Delivery::Folder(name) => Self::Folder(name),
        }
    }

    fn plugin(self) -> &'static str {
        match self {
            Self::Email(_) => "email",
            Self::Webhook(_) => "webhook",
            Self::Folder(_) => "folder",
        }
    }

    fn name(self) -> &'a str {
        match self {
            Self::Email(name) | Self::Webhook(name) | Self::Folder(name) => name,
        }
    }
}

/// Adds the tasks of delivery and notification.
pub(super) fn expand(expansion: &mut Expansion<'_>, pipeline: &Pipeline) {
    let brief = expansion.brief;
    let over = pipeline.deliver.as_ref().and_then(|deliver| handed_over(expansion, deliver));
    if over.as_ref().is_some_and(|(files, _)| files.is_empty()) {
        let mistake =
            pipeline.deliver.iter().map(|d| d.files.mistake("missing-input", "there is nothing to hand over"));
        expansion.mistakes.extend(mistake.map(|m| m.hint("is every stage left out by its `when`?")));
        return;
    }
    let shown = pipeline.on_failure.as_ref().and_then(|shown| handed_over(expansion, shown));
    if let Some(over) = &over {
        let mut ways: Vec<Way<'_>> = vec![Way::Folder(DELIVERIES)];
        ways.extend(brief.deliver.iter().map(Way::of).filter(|w| !matches!(w, Way::Folder(DELIVERIES))));
        for way in ways {
            let key = TaskKey::new(format!("deliver[{}:{}]", way.plugin(), way.name()));
            task(expansion, key, "deliver", way, Trigger::Needs, given(over), None);
        }
    }
    for notice in &pipeline.notify {
        for person in brief.stakeholders.iter().filter(|p| p.on.contains(notice)) {
            let way = match (&person.email, &person.webhook) {
                (Some(to), _) => Way::Email(to),
                (None, Some(name)) => Way::Webhook(name),
                (None, None) => continue,
            };
            let key = TaskKey::new(format!("notify[{},{}]", notice.name(), way.name()));
            if expansion.tasks.iter().any(|t| t.key == key) {
                continue;
            }
            let (trigger, inputs) = match notice {
                Notice::Accepted | Notice::Approval => (Trigger::OnAccepted, BTreeMap::new()),
                Notice::Failed => (Trigger::OnFailed, shown.as_ref().map(given).unwrap_or_default()),
                Notice::Delivered => (Trigger::OnDelivered, over.as_ref().map(given).unwrap_or_default()),
            };
            task(expansion, key, "notify", way, trigger, inputs, Some(*notice));
        }
    }
}

fn task(
    expansion: &mut Expansion<'_>,
    key: TaskKey,
    stage: &str,
    way: Way<'_>,
    trigger: Trigger,
    mut inputs: BTreeMap<String, Vec<InputRef>>,
    notice: Option<Notice>,
) {
    let plugins = expansion.plugins;
    let Some(plugin) = plugins.get(way.plugin()) else {
        let message = format!("{key} needs the plugin `{}`, which there is not", way.plugin());
        expansion
            .mistakes
            .push(Diagnostic::new("unknown-plugin", message).hint("`spotloom doctor` says what is missing"));
        return;
    };
    // A task gets only what its plugin has a port for.
    inputs.retain(|port, _| plugin.input(port).is_some());
    if plugin.input("template").is_some() {
        let name = notice.map_or("delivery", Notice::name);
        match expansion.catalog.resource(Resource::NotificationTemplate, name) {
            Ok(file) => {
                let file = InputRef::File {
                    resource: Some(Resource::NotificationTemplate),
                    path: file.path,
                    name: file.name,
                    media: file.media,
                    sha256: file.sha256,
                };
                inputs.insert("template".into(), vec![file]);
            }
            Err(reason) => {
                let kind = Some(Resource::NotificationTemplate);
                expansion.mistakes.push(super::check::not_found(kind, name, &reason));
                return;
            }
        }
    }
    let mut params = params(expansion, way, notice);
    // What only some versions of a channel's plugin take.
    params.retain(|name, _| !OPTIONAL.contains(&name.as_str()) || plugin.schema.properties().any(|p| p == name));
    let params = Json::Object(params);
    for error in plugin.schema.errors(&params) {
        let name = format!("the channel of {key}");
        let mistake = error.into_diagnostic(&name);
        expansion.mistakes.push(mistake.hint("the channel's settings stand in spotloom.yaml under `channels`"));
    }
    let resources = &plugin.info.description.resources;
    let (timeout_s, stall_timeout_s) = default_timeouts();
    expansion.tasks.push(PlannedTask {
        key,
        stage: stage.into(),
        uses: plugin.reference(),
        secrets: plugin.secrets(&params),
        params: params.as_object().cloned().unwrap_or_default(),
        needs: expansion.needs(&inputs).into_iter().collect(),
        inputs,
        trigger,
        retry: default_retry(resources),
        timeout_s,
        stall_timeout_s,
        cache: plugin.info.description.cacheable,
        pool: default_pool(resources).into(),
        // Telling people is not part of the work: a full mailbox does not make a finished spot a failed one.
        continue_on_error: stage == "notify",
        reseed: None,
    });
}

/// The channel's own settings, and what this task adds to them.
fn params(expansion: &Expansion<'_>, way: Way<'_>, notice: Option<Notice>) -> Map<String, Json> {
    let (brief, channels) = (expansion.brief, expansion.catalog.channels());
    let folder = format!("{}/{}-v{VERSION}", slug(&brief.campaign), slug(&brief.title));
    let event = notice.unwrap_or(Notice::Delivered).name();
    let mut params = match way {
        Way::Email(_) => channels.email.clone(),
        Way::Webhook(name) => channels.webhooks.get(name).cloned(),
        Way::Folder(name) => channels.folders.get(name).cloned().or_else(|| {
            let root = json!({"root": expansion.catalog.deliveries()});
            (name == DELIVERIES).then(|| root.as_object().cloned()).flatten()
        }),
    }
    .unwrap_or_default();
    match way {
        Way::Email(to) => {
            params.insert("to".into(), json!([to]));
            params.insert("event".into(), json!(event));
            if event == Notice::Delivered.name() {
                let location = format!("{}/{folder}", expansion.catalog.deliveries().trim_end_matches('/'));
                params.insert("location".into(), json!(location));
            }
            let languages: Vec<&str> = brief.locales.iter().map(|l| l.as_str()).collect();
            let detail = |label: &str, text: String| json!({"label": label, "text": text});
            let details = [
                detail("Pipeline", brief.pipeline.clone()),
                detail("Masters", brief.outputs.join(", ")),
                detail("Languages", languages.join(", ")),
            ];
            params.insert("details".into(), json!(details));
        }
        Way::Webhook(_) => {
            params.insert("event".into(), json!(event));
        }
        Way::Folder(_) => {
            let below = params.get("subfolder").and_then(Json::as_str).map(|s| format!("{s}/")).unwrap_or_default();
            params.insert("subfolder".into(), json!(format!("{below}{folder}")));
        }
    }
    params
}

/// Files and poster by port, without those there are none of.
fn given((files, poster): &(Vec<InputRef>, Vec<InputRef>)) -> BTreeMap<String, Vec<InputRef>> {
    let ports = [("files", files), ("poster", poster)].into_iter().filter(|(_, f)| !f.is_empty());
    ports.map(|(name, files)| (name.to_owned(), files.clone())).collect()
}

/// What is handed over, evaluated.
fn handed_over(expansion: &mut Expansion<'_>, deliver: &Deliver) -> Option<(Vec<InputRef>, Vec<InputRef>)> {
    let mut files = |node: &Node| {
        let value = expansion.evaluate(node)?;
        let mut inputs = Vec::new();
        let right = collect(value, &mut inputs);
        if !right {
            let mistake = node.mistake("wrong-type", "only files that stages make can be handed over");
            expansion.mistakes.push(mistake.expected("`{{ stages.STAGE.OUTPUT }}`"));
        }
        right.then_some(inputs)
    };
    let poster = deliver.poster.as_ref().map_or(Some(Vec::new()), &mut files);
    let files = files(&deliver.files);
    let mut poster = poster?;
    poster.truncate(1);
    Some((files?, poster))
}

fn collect(value: Evaluated, inputs: &mut Vec<InputRef>) -> bool {
    match value {
        Evaluated::Reference(reference) => inputs.push(reference.input()),
        Evaluated::Json(Json::Null) => {}
        Evaluated::Json(Json::Array(items)) => return items.is_empty(),
        Evaluated::List(items) => return items.into_iter().all(|item| collect(item, inputs)),
        Evaluated::Json(_) | Evaluated::Mapping(_) => return false,
    }
    true
}
