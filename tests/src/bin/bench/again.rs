//! What a changed headline costs: an ad whose shot is generated is made, its headline is changed, and it is made again.
//! The ledger says which tasks ran and which came from the cache; nothing may be generated the second time.

use serde_json::Value;
use spotloom_tests::TestStudio;

use crate::masters;
use crate::report::Report;

pub fn measure(report: &mut Report) {
    let studio = masters::presets();
    eprintln!("bench: an ad with a generated shot, then with another headline");
    let (first, _) = made(&studio, "Taste the sun");
    let (second, tasks) = made(&studio, "Taste the summer");
    let (cached, ran): (Vec<&Value>, Vec<&Value>) =
        tasks.iter().partition(|t| t["state"]["from_cache"].as_bool().unwrap_or_default());
    let names = |tasks: &[&Value]| tasks.iter().filter_map(|t| t["stage"].as_str()).collect::<Vec<_>>().join(", ");
    let seconds =
        |t: &Value| (t["ended_at"].as_f64().unwrap_or(0.0) - t["started_at"].as_f64().unwrap_or(0.0)) / 1000.0;
    let wall = |stages: &[&str]| -> f64 {
        ran.iter().filter(|t| stages.contains(&t["uses"].as_str().unwrap_or_default())).map(|t| seconds(t)).sum()
    };
    let note = "social-ad, one shot of 3 s at 1280x720 and an end card of 3 s, one 1080p30 master";
    report.add("first run of an ad, CPU", first.cpu, "s", format!("{note}; {:.1} s wall", first.wall));
    let note = format!("{:.1} s wall; ran: {}; from the cache: {}", second.wall, names(&ran), names(&cached));
    report.add("second run with another headline, CPU", second.cpu, "s", note);
    report.judge(
        "generation in the second run, wall",
        wall(&["prompt", "diffusion"]),
        "s",
        0.0,
        "of the tasks that ran",
    );
    let rest = second.wall - wall(&["compose", "transcode"]);
    let note = "wall: planning, checks, report, delivery, starting hosts";
    report.add("second run beside composing and encoding", rest, "s", note);
}

/// Makes the ad with a headline; what that cost, and its tasks.
fn made(studio: &TestStudio, headline: &str) -> (masters::Cost, Vec<Value>) {
    studio.write(
        "again.yaml",
        &format!(
            "campaign: Bench\ntitle: Again\npipeline: social-ad\nbrand: zest\n\
             copy: {{headline: {headline}, subline: Nothing else, cta: Find your Zest}}\n\
             scenes: [{{prompt: waves at sunset with warm light, seconds: 3}}]\noutputs: [bench-wide]\nseed: 7\n"
        ),
    );
    let mut run = spotloom_tests::command();
    run.args(["run", "again.yaml"]).current_dir(studio.path(""));
    let cost = masters::cost(&mut run);
    let jobs = studio.run(&["jobs", "--json"]).ok().json();
    let newest = jobs["jobs"].as_array().or(jobs.as_array()).and_then(|j| j.iter().max_by_key(|j| j["id"].as_u64()));
    let id = newest.unwrap()["id"].to_string();
    let shown = studio.run(&["jobs", "show", &id, "--json"]).ok().json();
    (cost, shown["tasks"].as_array().unwrap().clone())
}
