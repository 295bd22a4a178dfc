//! Tells another system what became of a job: a signed POST after the Standard Webhooks specification, 1.0.
//!
//! Invariant: only a 2xx answer counts as delivered, the same event keeps its id over all retries, and no connection is
//! made to an address that was not checked first.

mod address;
mod event;
mod send;
mod sign;

use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;
use spotloom_plugin_sdk::prelude::*;

pub use crate::event::Event;

/// Whom to tell, and how.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Params {
    /// The receiver's URL, `https://…`. Redirects are not followed.
    pub url: String,
    /// Name of the secret that signs: `whsec_` and 24 to 64 bytes in base64. To rotate it, give several, separated
    /// by spaces; each signs.
    #[schemars(extend("format" = "secret"))]
    pub secret: String,
    /// What to tell; by default what there is to tell of the job.
    #[serde(default)]
    pub event: Option<Event>,
    /// Seconds to wait for the answer, 1 to 120.
    #[serde(default = "twenty")]
    #[schemars(range(min = 1, max = 120))]
    pub timeout: u32,
    /// Also connect to private, loopback and link-local addresses: for a receiver on the studio's own network.
    #[serde(default)]
    pub allow_private: bool,
    /// Also accept `http://`: signed, but readable on the way.
    #[serde(default)]
    pub allow_http: bool,
}

fn twenty() -> u32 {
    20
}

/// The stage `webhook`.
#[derive(Default)]
pub struct Webhook;

impl Stage for Webhook {
    type Params = Params;

    fn about() -> About {
        About::new("webhook", env!("CARGO_PKG_VERSION"), "Posts a signed event about a job and its files")
            .net()
            .effect()
            .input(input("files", "The files to tell of; their content is not sent").many())
            .input(input("poster", "A still to tell of").media("image/*"))
            .output("receipt", "The event's id and the receiver's answer", "application/json")
    }

    fn run(&mut self, params: Params, run: &Run) -> Result<Outputs, Failure> {
        if !(1..=120).contains(&params.timeout) {
            return Err(Failure::new("bad-params", format!("`timeout` is {}; it must be 1 to 120", params.timeout)));
        }
        let secrets = sign::secrets(&params.secret, run.secret(&params.secret)?)?;
        let now = jiff::Timestamp::now();
        let event = params.event.unwrap_or_else(|| Event::of(run.job().outcome));
        let id = event::id(event, run.job());
        let body = event::body(event, now, run)?;
        let signature = sign::sign(&secrets, &id, now.as_second(), &body);

        run.progress(0, 1, "resolving the receiver's address");
        let target = address::check(&params.url, params.allow_http, params.allow_private)?;
        run.check_cancelled()?;
        run.progress(0, 1, format!("posting to {}", target.host));
        let message = send::Message { id: &id, timestamp: now.as_second(), signature: &signature, body };
        let status = send::post(&target, message, Duration::from_secs(u64::from(params.timeout)))?;

        let receipt = run.scratch().join("receipt.json");
        let text =
            json!({"id": id, "type": event.name(), "host": target.host, "status": status, "time": now.to_string()});
        std::fs::write(&receipt, format!("{text:#}\n")).map_err(|e| io_failure("write", &receipt, &e))?;
        Ok(Outputs::new()
            .file("receipt", receipt, "application/json")
            .fact("id", id)
            .fact("host", target.host)
            .fact("status", status))
    }
}

export_stage!(Webhook);
