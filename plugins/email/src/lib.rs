//! Mails people what became of a job: plain text and HTML, the poster in the mail, the files attached when they are small:
//! [`attach`] chooses them.
//!
//! Invariant: the result says the truth. A mail is sent when the server has taken it; when the connection breaks after
//! the last line, nobody knows, and that is what is reported. Nothing a brief contains can add a header or a recipient.

mod address;
mod attach;
mod context;
mod message;
mod poster;
mod smtp;
mod template;

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use spotloom_plugin_sdk::prelude::*;

/// Whom to write to, and through which server.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Params {
    /// The mail server.
    pub server: Server,
    /// The sender: `studio@agency.example` or `Studio <studio@agency.example>`.
    pub from: String,
    /// The recipients, in the same forms.
    #[schemars(length(min = 1))]
    pub to: Vec<String>,
    /// Where answers go, when not to the sender.
    #[serde(default)]
    pub reply_to: Option<String>,
    /// What the mail tells; by default what there is to tell of the job.
    #[serde(default)]
    pub event: Option<Event>,
    /// Where the recipients find the files when they are not attached: a path or a link, as text. `{version}` stands
    /// for the number of the job's version.
    #[serde(default)]
    pub location: Option<String>,
    /// What else the mail should say of the job, line by line: pipeline, outputs, languages, …
    #[serde(default)]
    pub details: Vec<Detail>,
    /// Files are attached when they are no larger than this together, in megabytes as they travel; 0 for never. The spot comes
    /// first, then the report, then stills: what does not fit beside the rest is listed only.
    #[serde(default = "eight")]
    #[schemars(range(min = 0.0, max = 50.0))]
    pub attach_up_to: f64,
    /// Seconds to wait for each answer of the server, 1 to 300.
    #[serde(default = "sixty")]
    #[schemars(range(min = 1, max = 300))]
    pub timeout: u32,
}

/// One line about the job.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Detail {
    /// What it is: `Outputs`.
    pub label: String,
    /// What there is to say: `YouTube 15 s, Instagram Reel`.
    pub text: String,
}

/// A mail server.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[schemars(inline)]
pub struct Server {
    /// Its name or address.
    pub host: String,
    /// By default 587 with `starttls`, 465 with `implicit`, 25 with `none`.
    #[serde(default)]
    pub port: Option<u16>,
    /// How the connection is encrypted.
    #[serde(default)]
    pub tls: Tls,
    /// The user name, when the server asks for one.
    #[serde(default)]
    pub user: Option<String>,
    /// Name of the secret with the password.
    #[serde(default)]
    #[schemars(extend("format" = "secret"))]
    pub password: Option<String>,
}

/// How a connection is encrypted. There is no "if possible": that would also be "not at all".
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(inline)]
pub enum Tls {
    /// Not: for a relay on this machine or a trusted network.
    None,
    /// From the STARTTLS command on; required.
    #[default]
    Starttls,
    /// From the first byte.
    Implicit,
}

/// What a mail tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(inline)]
pub enum Event {
    Accepted,
    Delivered,
    Failed,
}

fn eight() -> f64 {
    8.0
}

fn sixty() -> u32 {
    60
}

/// The stage `email`.
#[derive(Default)]
pub struct Email;

impl Stage for Email {
    type Params = Params;

    fn about() -> About {
        About::new("email", env!("CARGO_PKG_VERSION"), "Sends a mail about a job and its files")
            .net()
            .effect()
            .input(
                input("template", "The mail's texts: subject.txt, body.txt and body.html")
                    .required()
                    .resource(Resource::NotificationTemplate),
            )
            .input(input("files", "The files to tell of, attached when they are small").many())
            .input(input("poster", "A still, shown in the mail").media("image/png"))
            .output("receipt", "The message's id and the server's answer", "application/json")
    }

    fn run(&mut self, params: Params, run: &Run) -> Result<Outputs, Failure> {
        let envelope = address::Envelope::new(&params)?;
        let password = params.server.password.as_deref().map(|name| run.secret(name)).transpose()?;
        let login = smtp::Login::new(&params.server, password)?;
        let event = params.event.unwrap_or_else(|| Event::of(run.job().outcome));

        let chosen = attach::choose(run.inputs("files"), params.attach_up_to)?;
        let poster = poster::prepare(run);
        let context = context::of(event, &params, run, &chosen, poster.as_ref());
        let texts = template::render(&run.require("template")?.path, &context)?;
        let id = message::id(event, run.job(), &envelope);
        let files = run.inputs("files").iter().zip(&chosen);
        let files: Vec<&Artifact> = files.filter(|(_, chosen)| **chosen).map(|(file, _)| file).collect();
        let mail = message::build(&envelope, &id, texts, poster, &files)?;

        let timeout = Duration::from_secs(u64::from(params.timeout.clamp(1, 300)));
        let answer = smtp::send(&params.server, login, timeout, &mail, run)?;

        let receipt = run.scratch().join("receipt.json");
        let text = json!({
            "message-id": id, "to": params.to, "server": params.server.host, "answer": answer, "attached": files.len(),
        });
        std::fs::write(&receipt, format!("{text:#}\n")).map_err(|e| io_failure("write", &receipt, &e))?;
        Ok(Outputs::new()
            .file("receipt", receipt, "application/json")
            .fact("message-id", id)
            .fact("to", params.to)
            .fact("attached", files.len()))
    }
}

impl Event {
    /// A job that still runs when this stage does is handing over its files.
    fn of(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Accepted => Self::Accepted,
            Outcome::Running | Outcome::Delivered => Self::Delivered,
            Outcome::Failed | Outcome::Cancelled => Self::Failed,
        }
    }
}

export_stage!(Email);
