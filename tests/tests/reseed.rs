//! Shots that a check refuses are made again with the next seed, they alone; and what shows a failure reaches people.

#![expect(clippy::unwrap_used, reason = "tests report by panicking")]

use std::time::Duration;

use mail_parser::{MessageParser, MimeHeaders as _};
use serde_json::Value;
use spotloom_tests::smtp::Smtp;
use spotloom_tests::{TestStudio, brief, wait_for};

/// Two shots, seeds 10 and 20, from a model that makes black of the seeds in `black`.
const PIPELINE: &str = r#"name: moody
description: Shots from a model with bad days
inputs:
  black: {type: list, default: []}
  log: {type: string, default: /dev/null}
  on_fail: {type: string, default: fail}
stages:
  shots:
    uses: saboteur
    for-each: [10, 20]
    with: {mode: shot, seed: "{{ each.value }}", black: "{{ inputs.black }}", file: "{{ inputs.log }}"}
    timeout: 60s
  shot_checks:
    uses: check
    for-each: [10, 20]
    retry-with-new-seed: {stage: shots, retries: 2}
    with: {clips: "{{ stages.shots.clip | pick(index=each.index) }}"}
  check:
    uses: check
    with: {masters: "{{ stages.shots.clip }}", sound: false, on-fail: report, severity: {letterbox: off, container: off, colour-tags: off}}
  report:
    uses: report
    cache: false
    with: {masters: "{{ stages.shots.clip }}", checks: "{{ stages.check.checks }}", pictures: "{{ stages.check.pictures }}", brief: {}}
deliver:
  files: "{{ stages.shots.clip | chain([stages.report.report, stages.report.manifest]) | list }}"
on-failure:
  files: "{{ stages.report.report }}"
  poster: "{{ stages.report.evidence }}"
notify: [failed]
"#;

fn studio() -> TestStudio {
    let studio = TestStudio::with_test_plugins();
    studio.write("pipelines/moody.yaml", PIPELINE);
    studio
}

fn moody(studio: &TestStudio, title: &str, black: &str) -> String {
    let log = studio.path("seeds.txt").display().to_string();
    brief(title, "moody", &format!("with: {{black: {black}, log: {log}}}\n"))
}

fn seeds(studio: &TestStudio) -> Vec<u32> {
    let mut seeds: Vec<u32> = studio.read("seeds.txt").lines().map(|l| l.parse().unwrap()).collect();
    seeds.sort_unstable();
    seeds
}

fn run(studio: &TestStudio, text: &str) -> (i32, Value) {
    studio.write("examples/moody.yaml", text);
    let done = studio.run(&["run", studio.path("examples/moody.yaml").to_str().unwrap(), "--json"]);
    (done.code, done.json())
}

#[test]
fn only_the_refused_shot_is_made_again_and_the_report_says_so() {
    let studio = studio();
    let (code, report) = run(&studio, &moody(&studio, "Bad day", "[20, 21]"));
    assert_eq!(code, 0, "{report:#}");
    assert_eq!(seeds(&studio), [10, 20, 21, 22], "the good shot once, the other until it was good");
    let files: Vec<&str> = report["files"].as_array().unwrap().iter().map(|f| f.as_str().unwrap()).collect();
    let has = |name: &str| files.iter().any(|f| f.contains(name));
    assert!(has("shot-10") && has("shot-22") && !has("shot-20") && !has("shot-21"), "{files:?}");
    let folder = "deliveries/test/bad-day-v1";
    let page = studio.read(&format!("{folder}/report.html"));
    assert!(
        page.contains("Made again with another seed") && page.contains("Try 3 is the one"),
        "the page says nothing"
    );
    let manifest: Value = serde_json::from_str(&studio.read(&format!("{folder}/manifest.json"))).unwrap();
    let manifest = manifest.get("report").unwrap_or(&manifest);
    let told = &manifest["reseeded"][0];
    assert_eq!((told["task"].as_str(), told["because"].as_array().unwrap().len()), (Some("shots[20]"), 2));
    let shown = studio.run(&["jobs", "show", &report["job"].to_string()]).ok().stdout;
    assert!(shown.contains("shots[20] was made again with another seed"), "{shown}");
}

#[test]
fn seeds_run_out_and_the_frame_is_there_to_see() {
    let studio = studio();
    let (code, report) = run(&studio, &moody(&studio, "Worse", "[10, 11, 12, 13]"));
    assert_eq!((code, &report["failure"]["task"]), (3, &"shot_checks[10]".into()), "{report:#}");
    assert_eq!(seeds(&studio), [10, 11, 12, 20]);
    let shown: Vec<&str> = report["shown"].as_array().unwrap().iter().map(|f| f.as_str().unwrap()).collect();
    assert!(!shown.is_empty() && shown.iter().all(|f| std::fs::read(f).unwrap().starts_with(b"\x89PNG")), "{shown:?}");
}

#[test]
fn killed_between_two_seeds_it_goes_on_with_the_second() {
    for point in ["task-reseeded:1:before", "task-reseeded:1:after", "task-started:5:after"] {
        let studio = studio();
        let mut doomed = studio.serve_with(&[("SPOTLOOM_FAILPOINT", point)]);
        studio.write("briefs/moody.yaml", &moody(&studio, "Cut short", "[20]"));
        let died = wait_for(point, Duration::from_secs(60), || doomed.child.try_wait().unwrap());
        assert!(!died.success(), "{point}: it ended in peace");
        let healed = studio.serve();
        wait_for("the brief on its shelf", Duration::from_secs(60), || {
            (studio.list("briefs/done").len() == 2).then_some(())
        });
        assert_eq!(healed.stop(), 0, "{point}");
        let seeds = seeds(&studio);
        assert!(seeds.iter().filter(|s| **s == 20).count() == 1, "{point}: {seeds:?}");
        assert!(seeds.contains(&21) && !seeds.contains(&22), "{point}: {seeds:?}");
    }
}

#[test]
fn the_mail_and_the_shelf_show_what_failed() {
    let studio = studio();
    let smtp = Smtp::start();
    studio.write(
        "spotloom.yaml",
        &format!(
            "intake: {{settle: 0.3, poll: 1}}\nlimits: {{min-free-disk-mb: 1}}\nchannels:\n  email: {{server: {{host: 127.0.0.1, port: {}, tls: none}}, from: studio@agency.example}}\n",
            smtp.port
        ),
    );
    // Nothing looks at the shots here, so that the masters are what fails.
    let blind: String =
        PIPELINE.lines().filter(|l| !l.contains("retry-with-new-seed")).map(|l| format!("{l}\n")).collect();
    studio.write(
        "pipelines/moody.yaml",
        &blind.replace("clip | pick(index=each.index) }}\"", "clip | pick(index=each.index) }}\", on-fail: warn"),
    );
    let text = moody(&studio, "Dark", "[20]") + "stakeholders: [{email: ops@agency.example, on: [failed]}]\n";
    let _daemon = studio.serve();
    studio.write("briefs/dark.yaml", &text);
    let failed = wait_for("the brief on its shelf", Duration::from_secs(60), || {
        Some(studio.list("briefs/failed")).filter(|l| l.len() == 3)
    });
    let page = failed.iter().find(|n| n.ends_with(".report.html")).expect("a page");
    let page = studio.read(&format!("briefs/failed/{page}"));
    assert!(
        page.contains("nothing was delivered") && page.contains("data:image&#x2f;png;base64,"),
        "the page shows nothing"
    );
    let text = failed.iter().find(|n| n.ends_with(".report.txt")).unwrap();
    let text = studio.read(&format!("briefs/failed/{text}"));
    assert!(text.contains("It is black from") && text.contains(".report.html"), "{text}");
    assert!(studio.list("deliveries/test").is_empty(), "something was delivered");

    let mail = wait_for("the mail", Duration::from_secs(20), || smtp.messages().into_iter().next());
    let mail = MessageParser::default().parse(&mail).unwrap();
    let body = mail.body_html(0).unwrap().into_owned();
    assert!(body.contains("It is black from") && body.contains("cid:poster"), "{body}");
    let names: Vec<_> = mail.parts.iter().filter_map(|p| p.attachment_name()).collect();
    assert!(names.contains(&"report.html"), "{names:?}");
}
