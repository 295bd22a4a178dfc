//! The expansion by a language model, and the checks on its answer.

use std::error::Error;
use std::io::Read;
use std::time::{Duration, SystemTime};

use reqwest::blocking::{Client, Response};
use reqwest::header::RETRY_AFTER;
use reqwest::{StatusCode, Url};
use serde::Deserialize;
use serde_json::{Value, json};
use spotloom_plugin_sdk::prelude::*;

use crate::template::{Scene, Template};
use crate::{Chat, grammar, words};

/// As much of an answer as is read, in bytes.
const MAX_ANSWER: u64 = 1 << 20;

/// What came out of it.
#[derive(Debug, PartialEq, Deserialize)]
pub(crate) struct Answer {
    pub(crate) prompt: String,
    #[serde(default)]
    pub(crate) negative_prompt: Option<String>,
}

/// Asks once.
///
/// # Errors
/// Worth another try: `chat-unreachable`, `chat-busy`, `chat-unusable`. Final: `chat-refused`, `bad-url`.
pub(crate) fn ask(
    chat: &Chat,
    key: Option<&str>,
    template: &Template,
    scene: &Scene,
    seed: u64,
) -> Result<Answer, Failure> {
    let none = grammar::Words::default();
    let body = json!({
        "model": chat.model,
        "messages": [
            {"role": "system", "content": template.render("system", &template.system, scene, &none)?},
            {"role": "user", "content": template.render("user", &template.user, scene, &none)?},
        ],
        // Several servers read it as a signed number of 32 bits.
        "seed": seed % (1 << 31),
        "stream": false,
    });
    let url = endpoint(&chat.url)?;
    let host = url.host_str().unwrap_or_default().to_owned();

    // An error only says that a provider is installed already, which is what is wanted.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = Client::builder()
        .user_agent(concat!("spotloom/", env!("CARGO_PKG_VERSION")))
        .timeout(Duration::from_secs(u64::from(chat.timeout.clamp(1, 600))))
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .build()
        .map_err(|e| Failure::new("tls-setup", format!("no HTTP client could be made: {}", causes(e))))?;
    let request = client.post(url).json(&body);
    let request = if let Some(key) = key { request.bearer_auth(key) } else { request };
    let unreachable = |why: String| {
        Failure::new("chat-unreachable", format!("{host} could not be asked: {why}"))
            .hint("check that the language model's server runs; `expand: grammar` needs none")
            .retryable()
    };
    let response = request.send().map_err(|e| unreachable(causes(e)))?;
    if !response.status().is_success() {
        return Err(refused(&host, &chat.model, response));
    }
    let mut text = String::new();
    response.take(MAX_ANSWER).read_to_string(&mut text).map_err(|e| unreachable(e.to_string()))?;
    read(&text, scene.max_words).map_err(|why| {
        Failure::new("chat-unusable", format!("the answer of {} can't be used: {why}", chat.model))
            .hint("another try may answer better; or use another model, or `expand: grammar`")
            .retryable()
    })
}

fn endpoint(url: &str) -> Result<Url, Failure> {
    let bad = |why: String| {
        Failure::new("bad-url", format!("`chat.url` is refused: {why}")).hint("write it as http://localhost:11434/v1")
    };
    let base = url.trim_end_matches('/');
    let full = if base.ends_with("/chat/completions") { base.to_owned() } else { format!("{base}/chat/completions") };
    let url = Url::parse(&full).map_err(|e| bad(e.to_string()))?;
    if matches!(url.scheme(), "http" | "https") { Ok(url) } else { Err(bad("it is neither http nor https".into())) }
}

fn refused(host: &str, model: &str, response: Response) -> Failure {
    let status = response.status();
    let after = response.headers().get(RETRY_AFTER).and_then(|v| v.to_str().ok()).and_then(wait);
    let mut said = String::new();
    // What could be read of it is worth showing, whole or not.
    let _ = response.take(2000).read_to_string(&mut said);
    let said: String = words(&said).chars().take(200).collect();
    let message = format!("{host} answered {status} for the model {model}: {said}");
    match status {
        StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT => {
            Failure { retry_after_s: after, ..Failure::new("chat-busy", message).retryable() }
        }
        s if s.is_server_error() => Failure { retry_after_s: after, ..Failure::new("chat-busy", message).retryable() },
        _ => Failure::new("chat-refused", message)
            .hint("check `chat.url`, `chat.model` and the secret of `chat.api-key`"),
    }
}

/// `Retry-After` in either of its forms, in seconds, at most a day.
fn wait(value: &str) -> Option<f64> {
    let seconds = match value.trim().parse::<u32>() {
        Ok(seconds) => f64::from(seconds),
        Err(_) => {
            let at = httpdate::parse_http_date(value.trim()).ok()?;
            at.duration_since(SystemTime::now()).unwrap_or_default().as_secs_f64()
        }
    };
    Some(seconds.min(86400.0))
}

/// A caption out of a completion: plain text, or JSON with `prompt` and perhaps `negative_prompt`.
fn read(completion: &str, max_words: usize) -> Result<Answer, String> {
    let completion: Value = serde_json::from_str(completion).map_err(|e| format!("it is not JSON: {e}"))?;
    if completion.pointer("/choices/0/finish_reason").and_then(Value::as_str) == Some("length") {
        return Err("it was cut off at the server's length limit".into());
    }
    let content = completion
        .pointer("/choices/0/message/content")
        .and_then(Value::as_str)
        .ok_or("it has no `choices[0].message.content`")?;
    let content = unfenced(content);
    let mut answer = if content.starts_with('{') {
        serde_json::from_str(content).map_err(|e| format!("its JSON has no `prompt`: {e}"))?
    } else {
        Answer { prompt: content.trim_matches('"').to_owned(), negative_prompt: None }
    };
    answer.prompt = words(&answer.prompt);
    match answer.prompt.split(' ').filter(|w| !w.is_empty()).count() {
        0 => Err("it is empty".into()),
        n if n > max_words => Err(format!("it has {n} words, and {max_words} are allowed")),
        _ => Ok(answer),
    }
}

/// Without the code fence that models like to put around JSON.
fn unfenced(content: &str) -> &str {
    let content = content.trim();
    let Some(inside) = content.strip_prefix("```").and_then(|c| c.strip_suffix("```")) else { return content };
    inside.split_once('\n').map_or(inside, |(_, rest)| rest).trim()
}

/// An error and its causes in one line, without the URL.
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
    fn answers() {
        let check = |content: &str, expected: Result<(&str, Option<&str>), &str>| {
            let completion = json!({"choices": [{"message": {"content": content}}]}).to_string();
            let got = read(&completion, 5);
            match expected {
                Ok((prompt, negative)) => {
                    let negative_prompt = negative.map(str::to_owned);
                    assert_eq!(got, Ok(Answer { prompt: prompt.into(), negative_prompt }), "{content}");
                }
                Err(says) => assert!(got.as_ref().is_err_and(|e| e.contains(says)), "{content}: {got:?}"),
            }
        };
        check("waves at sunset", Ok(("waves at sunset", None)));
        check("\"waves\n at sunset\"\n", Ok(("waves at sunset", None)));
        check(r#"{"prompt": "waves", "negative_prompt": "people"}"#, Ok(("waves", Some("people"))));
        check("```json\n{\"prompt\": \"waves\"}\n```", Ok(("waves", None)));
        check("", Err("empty"));
        check("```\n```", Err("empty"));
        check("{\"caption\": \"waves\"}", Err("no `prompt`"));
        check("one two three four five six", Err("6 words, and 5 are allowed"));
        assert!(read("<html>", 5).unwrap_err().contains("not JSON"));
        assert!(read("{}", 5).unwrap_err().contains("choices[0]"));
        let cut = json!({"choices": [{"message": {"content": "waves"}, "finish_reason": "length"}]}).to_string();
        assert!(read(&cut, 5).unwrap_err().contains("cut off"));
    }

    #[test]
    fn endpoints() {
        let check = |url: &str, expected: Option<&str>| {
            assert_eq!(endpoint(url).ok().map(String::from).as_deref(), expected, "{url}");
        };
        check("http://localhost:11434/v1", Some("http://localhost:11434/v1/chat/completions"));
        check("https://api.example/v1/", Some("https://api.example/v1/chat/completions"));
        check("https://api.example/v1/chat/completions", Some("https://api.example/v1/chat/completions"));
        check("file:///etc", None);
        check("localhost", None);
    }
}
