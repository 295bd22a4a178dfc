//! What a longer ad takes in memory: composing and encoding 10 s of footage and 60 s of it take the same. Scenes with words of their
//! own take some, for the graphics of the whole ad are drawn beforehand.

use spotloom_tests::TestStudio;

use crate::masters;
use crate::report::Report;

pub fn measure(report: &mut Report) {
    let studio = masters::presets();
    studio.write("pipelines/bench-length.yaml", PIPELINE);
    let source = "testsrc2=size=1920x1080:rate=30:duration=60,format=yuv420p";
    let how = ["-f", "lavfi", "-i", source, "-c:v", "libx264", "-preset", "veryfast", "source.mp4"];
    masters::make(&studio.path("assets"), &how);
    let [short, long, scenes] = [(1, 10), (1, 60), (6, 10)].map(|(scenes, seconds)| made(&studio, scenes, seconds));
    let note = |cost: &masters::Cost| {
        format!("`spotloom run`, composing and encoding, all processes; {:.0} s wall", cost.wall)
    };
    report.add("peak memory for 10 s of 1080p30", short.memory, "MB", note(&short));
    report.add("peak memory for 60 s of 1080p30", long.memory, "MB", note(&long));
    report.add("the same in six scenes with words each", scenes.memory, "MB", note(&scenes));
    report.judge("the longer / the shorter", long.memory / short.memory, "times", 1.1, "memory");
}

fn made(studio: &TestStudio, scenes: usize, seconds: usize) -> masters::Cost {
    eprintln!("bench: an ad of {scenes} times {seconds} s");
    let scene = format!("{{prompt: none, seconds: {seconds}, headline: Taste the sun}}");
    let list = vec![scene.as_str(); scenes].join(", ");
    studio.write(
        "length.yaml",
        &format!(
            "campaign: Bench\ntitle: Length {scenes} x {seconds}\npipeline: bench-length\nbrand: zest\n\
             copy: {{headline: Taste the sun, subline: Nothing else}}\nscenes: [{list}]\noutputs: [bench-wide]\n"
        ),
    );
    let mut run = spotloom_tests::command();
    run.args(["run", "length.yaml"]).current_dir(studio.path(""));
    masters::cost(&mut run)
}

const PIPELINE: &str = r#"
name: bench-length
description: The same footage, scene after scene
stages:
  footage:
    uses: footage
    for-each: "{{ brief.scenes }}"
    with: {footage: assets/source.mp4, seconds: "{{ each.seconds }}", width: 1920, height: 1080, fps: 30}
  compose:
    uses: compose
    for-each: {aspect: "{{ aspects }}"}
    with:
      clips: "{{ stages.footage.clip }}"
      brand: "{{ brief.brand }}"
      look: clean
      width: "{{ each.aspect.width }}"
      height: "{{ each.aspect.height }}"
      fps: 30
      copy: "{{ brief.copy }}"
      scenes: "{{ brief.scenes }}"
  masters:
    uses: transcode
    for-each: {aspect: "{{ aspects }}"}
    with:
      composition: "{{ stages.compose.composition | pick(aspect=each.aspect.name) }}"
      clips: "{{ stages.footage.clip }}"
      presets: "{{ each.aspect.presets }}"
      name: bench
deliver: {files: "{{ stages.masters.masters }}"}
"#;
