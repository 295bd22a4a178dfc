//! Bad files through the real command: every one is told to be bad, and none costs much memory.
//!
//! What the messages say is held by the daemon's own snapshots; here it counts that the whole program stands.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![expect(clippy::print_stdout, reason = "what each case took is told to those who run it with --nocapture")]

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::Deserialize;
use spotloom_tests::{TestStudio, brief, build};

/// The most memory a command may take to refuse a file, in kilobytes.
const MOST_KB: u64 = 100_000;

/// Runs a command to its end and tells of it; a hang is ended after a minute and shows as a negative exit code.
/// The standard library gives no peak memory of a child; `wait4` does.
const WATCH: &str = r#"
import json, os, signal, subprocess, sys, time
out = open(sys.argv[1], "wb")
start = time.monotonic()
child = subprocess.Popen(sys.argv[2:], stdin=subprocess.DEVNULL, stdout=out, stderr=out)
signal.signal(signal.SIGALRM, lambda *_: child.kill())
signal.alarm(60)
_, status, usage = os.wait4(child.pid, 0)
print(json.dumps({"code": os.waitstatus_to_exitcode(status), "peak_kb": usage.ru_maxrss, "seconds": time.monotonic() - start}))
"#;

#[derive(Deserialize)]
struct Watched {
    code: i32,
    peak_kb: u64,
    seconds: f64,
}

/// Runs the program over a file; `codes` are the exit codes that are right. Gives the mistakes it told.
fn check(studio: &TestStudio, command: &str, file: &Path, codes: &[i32]) -> String {
    let told = studio.path("../told.txt");
    let output = Command::new("python3")
        .args(["-c", WATCH])
        .args([told.as_path(), &build::spotloom(), Path::new(command), file])
        .arg("--studio")
        .arg(studio.root())
        .env("NO_COLOR", "1")
        .output()
        .expect("python3");
    let watched: Watched = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(&output.stderr)));
    let text = String::from_utf8_lossy(&fs::read(&told).unwrap()).into_owned();
    let name = file.file_name().unwrap().to_string_lossy();
    println!("{:6.2} s {:6.1} MB  {command:<8} {name}", watched.seconds, watched.peak_kb as f64 / 1000.0);
    assert!(codes.contains(&watched.code), "{command} {name}: exit {}\n{}", watched.code, start(&text));
    assert!(!text.contains("panicked"), "{command} {name}: {}", start(&text));
    assert!(watched.code == 0 || text.contains("error["), "{command} {name} says nothing: {}", start(&text));
    assert!(text.len() < 60_000, "{command} {name}: {} bytes of mistakes: {}", text.len(), start(&text));
    assert!(watched.peak_kb < MOST_KB, "{command} {name} took {} kB", watched.peak_kb);
    text
}

fn start(text: &str) -> String {
    text.chars().take(2000).collect()
}

/// A studio in which every plugin has been asked what it is, so that none is started to judge a file.
fn studio() -> TestStudio {
    let studio = TestStudio::with_test_plugins();
    studio.run(&["plugins", "list"]).ok();
    studio
}

/// A file that is bad as a brief and as a pipeline.
fn check_file(studio: &TestStudio, name: &str, bytes: &[u8]) {
    let as_brief = studio.path(&format!("examples/{name}.yaml"));
    fs::write(&as_brief, bytes).unwrap();
    check(studio, "validate", &as_brief, &[1]);
    check(studio, "plan", &as_brief, &[1]);
    check(studio, "run", &as_brief, &[1]);
    let as_pipeline = studio.path("pipelines/hostile.yaml");
    fs::write(&as_pipeline, bytes).unwrap();
    check(studio, "validate", &as_pipeline, &[1]);
    check_pipeline(studio, name);
}

/// A good brief for the pipeline `hostile` as it lies there.
fn check_pipeline(studio: &TestStudio, name: &str) -> String {
    let file = format!("examples/with-{name}.yaml");
    studio.write(
        &file,
        &brief("Hostile", "hostile", "").replace("pipeline: hostile", "pipeline: hostile\nlocales: [en]"),
    );
    check(studio, "plan", &studio.path(&file), &[1])
}

/// A pipeline that is good YAML. Whether it can be refused without a brief is its own matter; with one it must be.
fn check_stage(studio: &TestStudio, name: &str, stage: &str) {
    let text = format!(
        "name: hostile\ndescription: Hostile\nstages:\n  one: {stage}\ndeliver:\n  files: \"{{{{ stages.one.text }}}}\"\n"
    );
    studio.write("pipelines/hostile.yaml", &text);
    check(studio, "validate", &studio.path("pipelines/hostile.yaml"), &[0, 1]);
    let told = check_pipeline(studio, name);
    assert!(told.contains("pipelines/hostile.yaml:"), "{name}: the place is not told: {}", start(&told));
}

fn check_template(studio: &TestStudio, name: &str, template: &str) {
    check_stage(studio, name, &format!("{{uses: trivial, with: {{text: '{}'}}}}", template.replace('\'', "''")));
}

/// Text of `n` parts.
fn many(n: usize, part: impl Fn(usize) -> String) -> String {
    (0..n).fold(String::new(), |mut text, i| {
        let _ = write!(text, "{}", part(i));
        text
    })
}

#[test]
fn files_that_are_no_good_yaml() {
    let studio = studio();
    let mut bomb = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for i in 1..20 {
        let _ = writeln!(bomb, "a{i}: &a{i} [{}]", vec![format!("*a{}", i - 1); 10].join(", "));
    }
    let cases: &[(&str, Vec<u8>)] = &[
        ("deep-flow", "{a: ".repeat(10_000).into()),
        ("deep-lists", "- ".repeat(10_000).into()),
        ("deep-closed", [vec![b'['; 10_000], vec![b']'; 10_000]].concat()),
        ("deep-block", many(1_400, |i| format!("{}a:\n", " ".repeat(i))).into()),
        ("alias-bomb", bomb.into()),
        ("alias-of-itself", "a: &a [*a]\n".into()),
        ("merge-bomb", many(500, |i| format!("k{i}: &k{i}\n  <<: [*k{}]\n  x{i}: 1\n", i.max(1) - 1)).into()),
        ("brackets", vec![b'['; 200_000]),
        ("braces", vec![b'{'; 200_000]),
        ("keys", many(100_000, |i| format!("k{i}: 1\n")).into()),
        ("same-key", "a: 1\n".repeat(100_000).into()),
        ("complex-keys", "? ".repeat(100_000).into()),
        ("tags", "!a ".repeat(100_000).into()),
        ("anchors", many(50_000, |i| format!("- &a{i} x\n")).into()),
        ("documents", "---\n".repeat(100_000).into()),
        ("one-line", vec![b'x'; 900_000]),
        ("long-quote", [b"a: \"".to_vec(), vec![b'\\'; 900_001]].concat()),
        ("comment", [b"#".to_vec(), vec![b'x'; 900_000]].concat()),
        ("not-utf-8", [b"title: ".to_vec(), vec![0xe9; 1000]].concat()),
        ("utf-16", "title: x\n".encode_utf16().flat_map(u16::to_le_bytes).collect()),
        ("nul-bytes", vec![0; 100_000]),
        ("nul-inside", b"title: a\0b\n".to_vec()),
        ("tabs", "scenes:\n\t- prompt: x\n".into()),
        ("only-tabs", vec![b'\t'; 100_000]),
        ("escapes", "\u{1b}[2J\u{1b}]0;owned\u{7}: \u{202e}x\n".into()),
        ("directive", "%YAML 9.9\n---\na: 1\n".into()),
        ("empty", Vec::new()),
    ];
    for (name, bytes) in cases {
        check_file(&studio, name, bytes);
    }
    let told = fs::read(studio.path("../told.txt")).unwrap();
    assert!(!told.contains(&0x1b), "control characters reach the terminal");
}

#[test]
fn what_is_no_plain_file() {
    let studio = studio();
    let huge = studio.path("examples/huge.yaml");
    fs::File::create(&huge).unwrap().set_len(1 << 30).unwrap();
    let endless = studio.path("examples/endless.yaml");
    std::os::unix::fs::symlink("/dev/zero", &endless).unwrap();
    let circle = studio.path("examples/circle.yaml");
    std::os::unix::fs::symlink(&circle, &circle).unwrap();
    for file in [&huge, &endless, &circle, &studio.path("examples/nowhere.yaml"), &studio.path("brands")] {
        check(&studio, "plan", file, &[1]);
        check(&studio, "run", file, &[1]);
        if !file.is_dir() {
            check(&studio, "validate", file, &[1]);
        }
    }
}

#[test]
fn templates_that_never_end_or_never_stop_talking() {
    let studio = studio();
    let cases: &[(&str, &str)] = &[
        ("loops", "{% for a in range(100000) %}{% for b in range(100000) %}{% endfor %}{% endfor %}"),
        ("talks", "{% for a in range(9999) %}{% for b in range(9999) %}{{ 'x' * 999 }}{% endfor %}{% endfor %}"),
        ("repeats", "{{ 'x' * 1000000000 }}"),
        ("repeats-twice", "{{ ('x' * 100000) * 100000 }}"),
        ("repeats-lists", "{{ [1] * 1000000000 }}"),
        (
            "doubles",
            "{% set ns = namespace(x='x') %}{% for i in range(60) %}{% set ns.x = ns.x ~ ns.x %}{% endfor %}{{ ns.x }}",
        ),
        ("range", "{{ range(100000000000) | list }}"),
        ("joins", "{{ range(90000) | join('x' * 90000) }}"),
        ("replaces", "{{ ('x' * 9000) | replace('x', 'y' * 90000) }}"),
        ("indents", "{{ ('x\\n' * 9000) | indent(9000) }}"),
        ("indents-far", "{{ 'x' | indent(1000000000, true) }}"),
        ("json", "{{ range(99999) | list | tojson(indent=90000) | length }}"),
        ("formats", "{{ '%999999999d' | format(1) }}"),
        ("macro", "{% macro m(x) %}{{ m(x) }}{% endmacro %}{{ m(1) }}"),
        ("macro-twice", "{% macro m(x) %}{{ m(x) }}{{ m(x) }}{% endmacro %}{{ m(1) }}"),
        ("includes", "{% include 'pipelines/hostile.yaml' %}"),
        ("overflows", "{{ 9223372036854775807 + 1 }}"),
        ("overflows-far", "{{ 10 ** 100000 }}"),
        ("divides", "{{ 1 // 0 }}"),
        ("subtracts", "{{ -9223372036854775807 - 9223372036854775807 - 9223372036854775807 }}"),
        ("slices", "{{ 'x'[0:1:0] }}"),
        ("batches", "{{ [1] | batch(1000000000, 'x') | list }}"),
        ("slices-much", "{{ [1] | slice(1000000000, 'x') | list }}"),
    ];
    for (name, template) in cases {
        check_template(&studio, name, template);
    }
    check_template(&studio, "deep-brackets", &format!("{{{{ {}1{} }}}}", "(".repeat(20_000), ")".repeat(20_000)));
    check_template(&studio, "deep-not", &format!("{{{{ {}1 }}}}", "not ".repeat(50_000)));
    check_template(&studio, "deep-minus", &format!("{{{{ {}1 }}}}", "-".repeat(100_000)));
    check_template(&studio, "long-sum", &format!("{{{{ 1{} | nothing }}}}", "+1".repeat(50_000)));
    check_template(&studio, "deep-ifs", &"{% if true %}".repeat(20_000));
}

#[test]
fn more_work_than_there_may_be() {
    let studio = studio();
    let numbers = (0..2500).map(|i| i.to_string()).collect::<Vec<_>>().join(", ");
    check_stage(&studio, "for-each", &format!("{{uses: trivial, for-each: [{numbers}], with: {{text: x}}}}"));
    check_stage(&studio, "for-each-range", "{uses: trivial, for-each: '{{ range(99999) | list }}', with: {text: x}}");
    let hundred = (0..100).map(|i| i.to_string()).collect::<Vec<_>>().join(", ");
    let matrix = many(4, |i| format!("m{i}: [{hundred}], "));
    check_stage(&studio, "matrix", &format!("{{uses: trivial, for-each: {{{matrix}}}, with: {{text: x}}}}"));
    let stages = many(5_000, |i| format!("  s{i}: {{uses: trivial, with: {{text: x}}}}\n"));
    check_file(&studio, "stages", format!("name: hostile\ndescription: Many\nstages:\n{stages}").as_bytes());
    let circle = many(500, |i| format!("  s{i}: {{uses: trivial, needs: [s{}], with: {{text: x}}}}\n", (i + 1) % 500));
    check_file(&studio, "circle", format!("name: hostile\ndescription: Round\nstages:\n{circle}").as_bytes());
    let scenes = many(5_000, |_| "  - {prompt: sea}\n".into());
    check_file(&studio, "scenes", format!("title: x\nscenes:\n{scenes}").as_bytes());
}

/// The files whose messages the daemon's snapshots hold.
#[test]
fn the_bad_files_of_the_daemons_own_tests() {
    let studio = studio();
    let files = |kind: &str| {
        let folder = build::root().join("daemon/tests/bad").join(kind);
        let mut files: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()).collect();
        files.sort();
        assert!(!files.is_empty());
        files
    };
    for file in files("briefs") {
        check(&studio, "validate", &file, &[1]);
        check(&studio, "plan", &file, &[1]);
    }
    let good = studio.read("examples/sunset-story.yaml");
    for file in files("pipelines") {
        fs::copy(&file, studio.path("pipelines/hostile.yaml")).unwrap();
        check(&studio, "validate", &studio.path("pipelines/hostile.yaml"), &[0, 1]);
        let name = file.file_stem().unwrap().to_string_lossy().into_owned();
        let with = studio.path(&format!("examples/with-{name}.yaml"));
        fs::write(&with, good.replace("pipeline: storyboard", "pipeline: hostile")).unwrap();
        check(&studio, "plan", &with, &[1]);
    }
}
