//! Events against a receiver that speaks real HTTP on loopback.
#![expect(clippy::unwrap_used, reason = "a test reports by panicking")]

mod support;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac};
use serde_json::{Value, json};
use sha2::Sha256;
use spotloom_plugin_sdk::api::{Failure, JobContext, Outcome, TaskFailure};
use spotloom_plugin_sdk::harness::{Done, Harness};
use spotloom_webhook::Webhook;
use support::{Answer, Request, receive};

const KEYS: [&str; 2] = ["MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="];
const OK: &str = "HTTP/1.1 204 No Content\r\n\r\n";

fn post(port: u16, secret: &str, change: impl FnOnce(&mut JobContext)) -> Done {
    let file = tempfile::Builder::new().suffix(".mp4").tempfile().unwrap();
    std::fs::write(&file, "video").unwrap();
    let url = format!("http://127.0.0.1:{port}/hook?token=do-not-show");
    Harness::<Webhook>::new()
        .params(json!({"url": url, "secret": "dam", "timeout": 1, "allow-http": true, "allow-private": true}))
        .secret("dam", secret)
        .job(change)
        .input("files", file.path(), "video/mp4")
        .run()
}

fn one_secret() -> String {
    format!("whsec_{}", KEYS[0])
}

/// What a receiver does, written from the specification and not with the plugin's own code.
fn verify(request: &Request, key: &str) -> bool {
    let text = [
        request.headers["webhook-id"].as_bytes(),
        request.headers["webhook-timestamp"].as_bytes(),
        request.body.as_slice(),
    ]
    .join(&b'.');
    request.headers["webhook-signature"].split(' ').any(|signature| {
        let (version, signature) = signature.split_once(',').unwrap();
        let mut mac = Hmac::<Sha256>::new_from_slice(&STANDARD.decode(key).unwrap()).unwrap();
        mac.update(&text);
        version == "v1" && mac.verify_slice(&STANDARD.decode(signature).unwrap()).is_ok()
    })
}

#[test]
fn a_delivery_arrives_signed() {
    let (port, requests) = receive(Answer::Text(OK));
    let done = post(port, &one_secret(), |job| job.id = "17".into());
    let receipt: Value = serde_json::from_str(&done.text("receipt")).unwrap();
    let request = requests.recv().unwrap();
    assert!(verify(&request, KEYS[0]));
    assert!(!verify(&request, KEYS[1]));
    assert_eq!(request.line, "POST /hook?token=do-not-show HTTP/1.1");
    assert_eq!(request.headers["content-type"], "application/json");
    assert!(request.headers["webhook-id"].starts_with("msg_17_"));
    assert_eq!(receipt["id"], json!(request.headers["webhook-id"]));
    assert_eq!(receipt["status"], 204);

    let body: Value = serde_json::from_slice(&request.body).unwrap();
    assert_eq!(body["type"], "spot.delivered");
    assert!(body["timestamp"].as_str().unwrap().ends_with('Z'));
    assert_eq!(body["data"]["job"], "17");
    assert_eq!(body["data"]["files"][0]["media"], "video/mp4");
    assert_eq!(body["data"]["files"][0]["bytes"], 5);
    assert_eq!(body["data"].get("failure"), None);
}

#[test]
fn while_a_secret_is_rotated_both_verify() {
    let (port, requests) = receive(Answer::Text(OK));
    let done = post(port, &format!("whsec_{} whsec_{}", KEYS[0], KEYS[1]), |_| {});
    assert_eq!(done.outputs("receipt").len(), 1);
    let request = requests.recv().unwrap();
    assert!(verify(&request, KEYS[0]) && verify(&request, KEYS[1]));
}

#[test]
fn a_failed_job_tells_its_cause() {
    let (port, requests) = receive(Answer::Text(OK));
    let cause = Failure::new("black-frames", "shot 2 is black for 1.2 s").hint("check the footage");
    let done = post(port, &one_secret(), |job| {
        job.outcome = Outcome::Failed;
        job.failure = Some(TaskFailure { task: "check[youtube-15s]".into(), failure: cause });
    });
    assert_eq!(done.outputs("receipt").len(), 1);
    let body: Value = serde_json::from_slice(&requests.recv().unwrap().body).unwrap();
    assert_eq!(body["type"], "spot.failed");
    let told = json!({
        "task": "check[youtube-15s]", "code": "black-frames",
        "message": "shot 2 is black for 1.2 s", "hint": "check the footage",
    });
    assert_eq!(body["data"]["failure"], told);
}

#[test]
fn the_id_is_the_events_own() {
    let id = |change: fn(&mut JobContext)| {
        let (port, requests) = receive(Answer::Text(OK));
        assert_eq!(post(port, &one_secret(), change).outputs("receipt").len(), 1);
        requests.recv().unwrap().headers["webhook-id"].clone()
    };
    let first = id(|_| {});
    assert_eq!(id(|job| job.attempt = 2), first, "a retry keeps it");
    assert_ne!(id(|job| job.task = "deliver[webhook:other]".into()), first);
    assert_ne!(id(|job| job.outcome = Outcome::Accepted), first);
    assert_ne!(id(|job| job.id = "2".into()), first);
}

#[test]
fn answers() {
    let check = |answer: Answer, code: &str, retryable: bool, retry_after: Option<f64>, says: &str| {
        let (port, _requests) = receive(answer);
        let done = post(port, &one_secret(), |_| {});
        let failure = done.failure();
        let got = (failure.code.as_str(), failure.retryable, failure.retry_after_s);
        assert_eq!(got, (code, retryable, retry_after), "{failure:?}");
        assert!(failure.message.contains(says), "{}", failure.message);
        assert!(!format!("{failure:?}").contains("do-not-show"), "{failure:?}");
    };
    let text = Answer::Text;
    let five = "HTTP/1.1 500 Internal Server Error\r\nContent-Length: 10\r\nRetry-After: 9\r\n\r\nno\r\ntables";
    check(text(five), "webhook-busy", true, None, "answered 500 Internal Server Error: no tables");
    let moved = "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n";
    check(text(moved), "webhook-redirected", false, None, "302 Found");
    check(text("HTTP/1.1 410 Gone\r\nContent-Length: 0\r\n\r\n"), "webhook-gone", false, None, "410 Gone");
    check(text("HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n"), "webhook-refused", false, None, "401");
    check(text("HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n"), "webhook-busy", true, None, "408");
    let slow = "HTTP/1.1 429 Too Many Requests\r\nRetry-After: 90\r\nContent-Length: 0\r\n\r\n";
    check(text(slow), "webhook-busy", true, Some(90.0), "429");
    let down =
        "HTTP/1.1 503 Service Unavailable\r\nRetry-After: Wed, 21 Oct 2015 07:28:00 GMT\r\nContent-Length: 0\r\n\r\n";
    check(text(down), "webhook-busy", true, Some(0.0), "503");
    check(text("hello\r\n\r\n"), "webhook-unreachable", true, None, "could not be reached");
    check(Answer::Drop, "webhook-unreachable", true, None, "could not be reached");
    check(Answer::Silence, "webhook-timeout", true, None, "did not answer within 1 s");
    check(Answer::Endless("HTTP/1.1 400 Bad Request\r\n\r\n"), "webhook-refused", false, None, "400 Bad Request: xxx");
}

#[test]
fn an_endless_answer_to_a_success_is_not_waited_for() {
    let (port, _requests) = receive(Answer::Endless("HTTP/1.1 200 OK\r\n\r\n"));
    assert_eq!(post(port, &one_secret(), |_| {}).outputs("receipt").len(), 1);
}

#[test]
fn nobody_there_and_no_secret() {
    // A port that was free a moment ago and is closed again.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let done = post(port, &one_secret(), |_| {});
    assert_eq!((done.failure().code.as_str(), done.failure().retryable), ("webhook-unreachable", true));
    let done = Harness::<Webhook>::new().params(json!({"url": "https://example.com", "secret": "dam"})).run();
    assert_eq!(done.failure().code, "missing-secret");
}

#[test]
fn a_private_address_is_never_connected_to() {
    let (port, requests) = receive(Answer::Text(OK));
    for host in ["127.0.0.1", "localhost", "2130706433", "[::ffff:127.0.0.1]"] {
        let done = Harness::<Webhook>::new()
            .params(json!({"url": format!("http://{host}:{port}/"), "secret": "dam", "allow-http": true}))
            .secret("dam", &one_secret())
            .run();
        assert_eq!(done.failure().code, "address-refused", "{host}");
    }
    assert!(requests.try_recv().is_err(), "a connection was made");
}
