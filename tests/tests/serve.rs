//! The daemon from outside: briefs dropped in every way people and programs drop files, real mail, real webhooks.

#![expect(clippy::unwrap_used, reason = "tests report by panicking")]

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::time::Duration;

use mail_parser::{MessageParser, MimeHeaders as _};
use serde_json::Value;
use spotloom_tests::receiver::Receiver;
use spotloom_tests::smtp::Smtp;
use spotloom_tests::{TestStudio, brief, wait_for};

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYo=";

fn finished_jobs(studio: &TestStudio) -> Vec<Value> {
    let jobs = studio.run(&["jobs", "list", "--json"]).ok().json();
    jobs.as_array().unwrap().iter().filter(|j| j["finished"] == true).cloned().collect()
}

fn wait_finished(studio: &TestStudio, count: usize) -> Vec<Value> {
    wait_for(&format!("{count} finished jobs"), Duration::from_secs(60), || {
        Some(finished_jobs(studio)).filter(|j| j.len() >= count)
    })
}

#[test]
fn a_brief_is_taken_once_however_it_arrives() {
    let studio = TestStudio::with_test_plugins();
    studio.write("spotloom.yaml", "intake: {settle: 1.0, poll: 1}\nlimits: {min-free-disk-mb: 1}\n");
    let daemon = studio.serve();
    wait_for("the daemon", Duration::from_secs(20), || daemon.log().contains("Ready").then_some(()));

    // Written in chunks with pauses shorter than the settle time, over a longer time than that.
    let text = brief("Slowly", "five", "");
    let mut file = OpenOptions::new().create_new(true).append(true).open(studio.path("briefs/slowly.yaml")).unwrap();
    for chunk in text.as_bytes().chunks(text.len().div_ceil(5)) {
        file.write_all(chunk).unwrap();
        file.sync_all().unwrap();
        std::thread::sleep(Duration::from_millis(600));
        assert!(studio.list("briefs/processing").is_empty(), "it was taken half-written");
    }
    drop(file);
    // Renamed into place.
    studio.write("elsewhere.yaml", &brief("Renamed", "five", ""));
    fs::rename(studio.path("elsewhere.yaml"), studio.path("briefs/renamed.yaml")).unwrap();
    // Saved as editors do: a swap file, a backup, then a rename over the old name, twice.
    studio.write("briefs/.saved.yaml.swp", "not a brief");
    studio.write("briefs/saved.yaml", &brief("Saved too early", "five", ""));
    fs::rename(studio.path("briefs/saved.yaml"), studio.path("briefs/saved.yaml~")).unwrap();
    studio.write("briefs/.saved.new", &brief("Saved", "five", ""));
    fs::rename(studio.path("briefs/.saved.new"), studio.path("briefs/saved.yaml")).unwrap();
    // Not a brief at all.
    studio.write("briefs/notes.docx", "not a brief");

    wait_finished(&studio, 3);
    std::thread::sleep(Duration::from_millis(2500));
    let jobs = finished_jobs(&studio);
    let mut titles: Vec<_> = jobs.iter().map(|j| j["title"].as_str().unwrap()).collect();
    titles.sort_unstable();
    assert_eq!(titles, ["Renamed", "Saved", "Slowly"], "each once: {}", daemon.log());
    assert_eq!(
        studio.list("briefs/done").len(),
        6,
        "three briefs, each with its report: {:?}",
        studio.list("briefs/done")
    );
    assert!(studio.list("briefs").contains(&"notes.docx".to_owned()), "what is no brief is left alone");
    let report = studio.list("briefs/done").into_iter().find(|n| n.starts_with("slowly") && n.ends_with("report.txt"));
    assert!(studio.read(&format!("briefs/done/{}", report.unwrap())).contains("It is done"));
}

#[test]
fn a_bad_brief_is_rejected_with_a_report_and_loses_nothing() {
    let studio = TestStudio::with_test_plugins();
    let _daemon = studio.serve();
    let text = brief("Bad", "fvie", "colour: red\n");
    studio.write("briefs/bad.yaml", &text);
    let rejected = wait_for("the rejection", Duration::from_secs(30), || {
        Some(studio.list("briefs/rejected")).filter(|l| l.len() == 2)
    });
    let (report, kept) = (&rejected[0], &rejected[1]);
    assert!(report.ends_with(".report.txt"), "{rejected:?}");
    assert_eq!(studio.read(&format!("briefs/rejected/{kept}")), text, "byte for byte");
    let report = studio.read(&format!("briefs/rejected/{report}"));
    assert!(report.contains("colour") && report.contains("bad.yaml:7:1"), "{report}");
    assert!(finished_jobs(&studio).is_empty());
}

#[test]
fn stakeholders_are_told_and_channels_delivered_to() {
    let studio = TestStudio::with_test_plugins();
    let smtp = Smtp::start();
    let receiver = Receiver::start(SECRET);
    fs::create_dir_all(studio.path("nas")).unwrap();
    studio.write("secrets/dam", &format!("{SECRET}\n"));
    studio.write(
        "spotloom.yaml",
        &format!(
            "intake: {{settle: 0.3, poll: 1}}\nlimits: {{grace-s: 1, min-free-disk-mb: 1}}\n\
             channels:\n  email:\n    from: Spotloom <spots@agency.example>\n    \
             server: {{host: 127.0.0.1, port: {}, tls: none}}\n  webhooks:\n    \
             client-dam: {{url: \"http://127.0.0.1:{}/hook\", secret: dam, allow-private: true, allow-http: true}}\n  \
             folders:\n    nas: {{root: {}}}\n\
             secrets: {{dam: {{file: secrets/dam}}}}\n",
            smtp.port,
            receiver.port,
            studio.path("nas").display(),
        ),
    );
    let people = "deliver: [{email: producer@agency.example}, {webhook: client-dam}, {folder: nas}]\n\
                  stakeholders: [{email: client@zest.example, on: [accepted, delivered, failed]}]\n";
    let daemon = studio.serve();
    studio.write("briefs/told.yaml", &brief("Told", "five", people));
    wait_finished(&studio, 1);

    let parser = MessageParser::default();
    let mails = smtp.messages();
    let parsed: Vec<_> = mails.iter().map(|m| parser.parse(m.as_slice()).unwrap()).collect();
    let to = |who: &str| -> Vec<&mail_parser::Message<'_>> {
        parsed.iter().filter(|m| m.to().unwrap().first().unwrap().address() == Some(who)).collect()
    };
    let log = daemon.log();
    assert_eq!((to("client@zest.example").len(), to("producer@agency.example").len()), (2, 1), "{log}");
    let (accepted, delivered) = (to("client@zest.example")[0], to("client@zest.example")[1]);
    for mail in [accepted, delivered, to("producer@agency.example")[0]] {
        assert_eq!(mail.from().unwrap().first().unwrap().address(), Some("spots@agency.example"));
        assert_eq!(mail.header_raw("Auto-Submitted").map(str::trim), Some("auto-generated"));
        assert!(mail.subject().unwrap().contains("Told"), "{:?}", mail.subject());
        assert!(mail.body_text(0).unwrap().contains("Told"));
        assert!(mail.body_html(0).unwrap().contains("<html"), "an HTML part is there too");
    }
    assert_ne!(accepted.subject(), delivered.subject());
    let attached = to("producer@agency.example")[0].attachments().filter_map(|a| a.attachment_name()).count();
    assert!(attached >= 1, "the small file travels with the delivery mail");

    let hooks = receiver.received();
    assert_eq!(hooks.len(), 1, "{log}");
    assert!(hooks[0].verified, "the signature is wrong: {:?}", hooks[0]);
    let body = hooks[0].json();
    assert_eq!((body["type"].as_str(), body["data"]["title"].as_str()), (Some("spot.delivered"), Some("Told")));
    assert_eq!(body["data"]["files"].as_array().unwrap().len(), 1);

    let nas = walk(&studio.path("nas"));
    assert!(
        nas.iter().any(|f| f.ends_with("text_v1.txt")) && nas.iter().any(|f| f.ends_with("manifest.json")),
        "{nas:?}"
    );

    // And the real cause when something breaks.
    studio.write("briefs/broken.yaml", &brief("Broken", "sabotage", &format!("with: {{mode: segfault}}\n{people}")));
    wait_finished(&studio, 2);
    let mails = smtp.messages();
    let failed: Vec<_> = mails
        .iter()
        .map(|m| parser.parse(m.as_slice()).unwrap())
        .filter(|m| m.subject().unwrap().contains("Broken"))
        .collect();
    let last = failed.last().expect("a mail about the failure");
    let text = last.body_text(0).unwrap();
    assert!(text.contains("SIGSEGV") && text.contains("deed"), "the real cause is told:\n{text}");
    assert_eq!(receiver.received().len(), 1, "nothing was delivered");
}

#[test]
fn a_changed_brief_is_a_new_version_and_keeps_the_old_one() {
    let studio = TestStudio::with_test_plugins();
    let _daemon = studio.serve();
    for (n, text) in [brief("Again", "five", ""), brief("Again", "five", "with: {seconds: 0.04}\n")].iter().enumerate()
    {
        studio.write("briefs/again.yaml", text);
        wait_finished(&studio, n + 1);
    }
    let jobs = finished_jobs(&studio);
    let versions: Vec<_> = jobs.iter().map(|j| j["version"].as_u64().unwrap()).collect();
    assert_eq!(versions, [2, 1]);
    assert_eq!(studio.list("deliveries/test"), ["again-v1", "again-v2"]);
}

fn walk(folder: &std::path::Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap().flatten() {
        if entry.path().is_dir() {
            found.extend(walk(&entry.path()));
        } else {
            found.push(entry.path().display().to_string());
        }
    }
    found
}

#[test]
fn a_failed_job_is_taken_up_again_when_asked_from_outside() {
    let studio = TestStudio::with_test_plugins();
    let _daemon = studio.serve();
    studio.write("briefs/stubborn.yaml", &brief("Stubborn", "sabotage", "with: {mode: fail}\n"));
    let job = wait_finished(&studio, 1)[0]["id"].to_string();
    let tries = || {
        let shown = studio.run(&["jobs", "show", &job, "--json"]).ok().json();
        shown["attempts"].as_array().unwrap().iter().filter(|a| a["task"] == "deed").count()
    };
    assert_eq!(tries(), 1);
    studio.run(&["jobs", "retry", &job]).ok();
    // Sooner than the daemon would look by itself.
    wait_for("the second try", Duration::from_secs(10), || (tries() == 2).then_some(()));
}
