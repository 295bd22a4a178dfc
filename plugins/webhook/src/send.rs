//! One POST, and what its answer means.

use std::error::Error;
use std::io::Read;
use std::time::{Duration, Instant, SystemTime};

use reqwest::StatusCode;
use reqwest::blocking::{Client, Response};
use reqwest::header::{CONTENT_TYPE, RETRY_AFTER};
use spotloom_plugin_sdk::prelude::*;

use crate::address::Target;

/// As much of an answer as is ever read, in bytes.
const MAX_ANSWER: usize = 64 << 10;
/// As much of an answer as people are shown, in characters.
const EXCERPT: usize = 200;
/// The longest wait that a receiver can ask for.
const MAX_WAIT: Duration = Duration::from_hours(24);

/// An event, ready to go.
pub(crate) struct Message<'a> {
    pub(crate) id: &'a str,
    pub(crate) timestamp: i64,
    pub(crate) signature: &'a str,
    pub(crate) body: Vec<u8>,
}

/// Sends it; the status of a 2xx answer.
///
/// # Errors
/// `webhook-unreachable`, `webhook-timeout`, `webhook-busy` (worth another try), `webhook-gone`, `webhook-redirected`,
/// `webhook-refused` (final).
pub(crate) fn post(target: &Target, message: Message<'_>, timeout: Duration) -> Result<u16, Failure> {
    // An error only says that a provider is installed already, which is what is wanted.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let deadline = Instant::now() + timeout;
    let response = Client::builder()
        .user_agent(concat!("spotloom/", env!("CARGO_PKG_VERSION")))
        .timeout(timeout)
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .no_proxy()
        .resolve_to_addrs(&target.host, &target.addresses)
        .build()
        .map_err(|e| Failure::new("tls-setup", format!("no HTTPS client could be made: {}", causes(e))))?
        .post(target.url.clone())
        .header(CONTENT_TYPE, "application/json")
        .header("webhook-id", message.id)
        .header("webhook-timestamp", message.timestamp)
        .header("webhook-signature", message.signature)
        .body(message.body)
        .send()
        .map_err(|e| not_sent(&target.host, timeout, e))?;
    let status = response.status();
    if status.is_success() { Ok(status.as_u16()) } else { Err(refused(&target.host, response, deadline)) }
}

fn not_sent(host: &str, timeout: Duration, error: reqwest::Error) -> Failure {
    let failure = if error.is_timeout() {
        Failure::new("webhook-timeout", format!("{host} did not answer within {} s", timeout.as_secs()))
            .hint("the receiver should answer at once and do its work afterwards")
    } else {
        Failure::new("webhook-unreachable", format!("{host} could not be reached: {}", causes(error)))
            .hint("check that the receiver runs, and its certificate")
    };
    failure.retryable()
}

/// What an answer other than 2xx means for the next try.
fn refused(host: &str, response: Response, deadline: Instant) -> Failure {
    let status = response.status();
    let retry_after = response.headers().get(RETRY_AFTER).and_then(|v| v.to_str().ok()).and_then(wait);
    let said = excerpt(response, deadline);
    let message = format!("{host} answered {status}{said}");
    match status {
        StatusCode::GONE => Failure::new("webhook-gone", message)
            .hint("the receiver wants no more events: remove this channel from the brief or spotloom.yaml"),
        s if s.is_redirection() => Failure::new("webhook-redirected", message)
            .hint("redirects are not followed: put the final URL into the channel in spotloom.yaml"),
        StatusCode::TOO_MANY_REQUESTS
        | StatusCode::BAD_GATEWAY
        | StatusCode::SERVICE_UNAVAILABLE
        | StatusCode::GATEWAY_TIMEOUT => {
            let mut failure = Failure::new("webhook-busy", message).retryable();
            failure.retry_after_s = retry_after.map(|w| w.as_secs_f64());
            failure
        }
        s if s.is_server_error() || s == StatusCode::REQUEST_TIMEOUT => {
            Failure::new("webhook-busy", message).retryable()
        }
        _ => Failure::new("webhook-refused", message).hint("check the URL and the signing secret with the receiver"),
    }
}

/// `Retry-After` in either of its forms, at most a day.
fn wait(value: &str) -> Option<Duration> {
    let wait = match value.trim().parse() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => httpdate::parse_http_date(value.trim()).ok()?.duration_since(SystemTime::now()).unwrap_or_default(),
    };
    Some(wait.min(MAX_WAIT))
}

/// The beginning of an answer as one line, for a message; an answer without end, or a slow one, is cut.
fn excerpt(mut response: Response, deadline: Instant) -> String {
    let mut read = Vec::new();
    let mut buffer = [0; 4096];
    while read.len() < MAX_ANSWER && Instant::now() < deadline {
        match response.read(&mut buffer) {
            Ok(n) if n > 0 => read.extend_from_slice(&buffer[..n]),
            // What came before the end, or before the connection broke, is still worth showing.
            _ => break,
        }
    }
    let text = String::from_utf8_lossy(&read);
    let line = text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|w| !w.is_empty());
    let line: String = line.collect::<Vec<_>>().join(" ").chars().take(EXCERPT).collect();
    if line.is_empty() { String::new() } else { format!(": {line}") }
}

/// An error and its causes in one line, without the URL, which may hold a token.
fn causes(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(c) = cause {
        text = format!("{text}: {c}");
        cause = c.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after() {
        let check = |value: &str, expected: Option<u64>| assert_eq!(wait(value), expected.map(Duration::from_secs));
        check("120", Some(120));
        check(" 0 ", Some(0));
        check("999999999", Some(86400));
        check("Wed, 21 Oct 2015 07:28:00 GMT", Some(0));
        check("Tue, 31 Dec 2999 23:59:59 GMT", Some(86400));
        check("-1", None);
        check("soon", None);
    }
}
