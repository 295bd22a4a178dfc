//! Captions from a language model, against a server that speaks real HTTP on loopback.
#![expect(clippy::unwrap_used, reason = "a test reports by panicking")]

mod support;

use std::path::Path;

use serde_json::{Value, json};
use spotloom_plugin_sdk::harness::{Done, Harness};
use spotloom_prompt::Prompt;
use support::serve;

fn answer(status: &str, headers: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n{headers}\r\n{body}", body.len())
}

fn completion(content: &str) -> String {
    answer("200 OK", "", &json!({"choices": [{"message": {"role": "assistant", "content": content}}]}).to_string())
}

fn ask(url: &str) -> Done {
    let template = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../templates/prompts/ad-shot.yaml");
    Harness::<Prompt>::new()
        .params(json!({
            "prompt": "waves at sunset", "seconds": 5, "seed": 42, "voice": "fresh and bold", "product": "Zest",
            "colours": ["#ff9900", "leaf green"], "negative-prompt": "people", "expand": "chat",
            "chat": {"url": url, "model": "small-instruct", "api-key": "llm", "timeout": 1},
        }))
        .secret("llm", "sk-canary")
        .input("template", template, "application/yaml")
        .run()
}

#[test]
fn a_model_is_asked_and_answers() {
    let (url, requests) = serve(completion(
        "```json\n{\"prompt\": \"Waves at sunset, slow dolly\", \"negative_prompt\": \"boats\"}\n```",
    ));
    let done = ask(&url);
    let shot: Value = serde_json::from_str(&done.text("shot")).unwrap();
    let expected = json!({"prompt": "Waves at sunset, slow dolly", "negative_prompt": "people, boats", "seconds": 5.0, "seed": 42});
    assert_eq!(shot, expected);

    let request = requests.recv().unwrap();
    assert_eq!(request.line, "POST /v1/chat/completions HTTP/1.1");
    assert_eq!(request.authorization.as_deref(), Some("Bearer sk-canary"));
    assert_eq!((&request.body["model"], &request.body["seed"]), (&json!("small-instruct"), &json!(42)));
    let messages = request.body["messages"].as_array().unwrap();
    let asked: Vec<_> = messages
        .iter()
        .map(|m| format!("[{}]\n{}", m["role"].as_str().unwrap(), m["content"].as_str().unwrap()))
        .collect();
    insta::assert_snapshot!(asked.join("\n"));
}

#[test]
fn what_can_go_wrong() {
    let check = |response: String, code: &str, retryable: bool, after: Option<f64>, says: &str| {
        let (url, _requests) = serve(response);
        let done = ask(&url);
        let failure = done.failure();
        let got = (failure.code.as_str(), failure.retryable, failure.retry_after_s);
        assert_eq!(got, (code, retryable, after), "{failure:?}");
        assert!(failure.message.contains(says), "{}", failure.message);
        assert!(!format!("{failure:?}").contains("sk-canary"));
    };
    check(
        answer("401 Unauthorized", "", "no\nkey"),
        "chat-refused",
        false,
        None,
        "401 Unauthorized for the model small-instruct: no key",
    );
    check(answer("404 Not Found", "", "no such model"), "chat-refused", false, None, "no such model");
    check(answer("302 Found", "Location: http://127.0.0.1:1/\r\n", ""), "chat-refused", false, None, "302 Found");
    check(answer("429 Too Many Requests", "Retry-After: 7\r\n", ""), "chat-busy", true, Some(7.0), "429");
    check(answer("503 Service Unavailable", "", "loading"), "chat-busy", true, None, "loading");
    check(answer("200 OK", "", "<html>"), "chat-unusable", true, None, "not JSON");
    check(completion(""), "chat-unusable", true, None, "it is empty");
    check(completion(&"word ".repeat(61)), "chat-unusable", true, None, "61 words, and 60 are allowed");
    check(String::new(), "chat-unreachable", true, None, "127.0.0.1 could not be asked");
    check("nonsense\r\n\r\n".into(), "chat-unreachable", true, None, "could not be asked");
}

#[test]
fn nobody_there() {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let done = ask(&format!("http://127.0.0.1:{port}/v1"));
    assert_eq!((done.failure().code.as_str(), done.failure().retryable), ("chat-unreachable", true));
}

#[test]
fn the_key_is_marked_as_a_secret_where_the_daemon_looks() {
    let schema = Harness::<Prompt>::describe().params;
    assert_eq!(schema.pointer("/properties/chat/properties/api-key/format"), Some(&json!("secret")), "{schema:#}");
}
