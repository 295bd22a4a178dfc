//! Each family through the stage, as a pipeline would run it: a tiny random model, a shot, and where the model takes
//! one, a picture. What the frames are is held by `parity_*`; here, that a clip of the right length comes out.

mod support;

use serde_json::json;
use support::parity;
use tempfile::TempDir;

#[test]
fn every_family_makes_a_clip_and_says_with_what() {
    let still_folder = TempDir::new().expect("a temporary folder");
    let still = support::shot(&support::model(), still_folder.path(), "sea", &json!({"steps": 1})).run();
    let check = |fixture: &str, picture: bool, scheduler: &str| {
        let folder = TempDir::new().expect("a temporary folder");
        let params = json!({"steps": 2, "fps": 12, "motion-fps": 12});
        let mut run = support::shot(&parity::folder(fixture), folder.path(), "a golden bottle", &params);
        if picture {
            run = run.input("image", still.path("clip"), "image/png");
        }
        let done = run.run();
        let facts = &done.outputs("clip")[0].facts;
        assert_eq!((&facts["frames"], &facts["width"]), (&json!(6), &json!(192)), "{fixture}");
        assert_eq!(facts["model"], json!(format!("tiny-{fixture}")));
        assert_eq!(done.facts()["scheduler"], json!(scheduler), "{fixture}");
        assert_eq!(done.facts()["warnings"], json!([]), "{fixture}");
    };
    check("wan-t2v", false, "unipc");
    check("wan-a14b", false, "unipc");
    check("wan-i2v", true, "unipc");
    check("wan-i2v-clip", true, "unipc");
    check("wan-ti2v", false, "unipc");
    check("wan-ti2v", true, "unipc");
    check("ltx", false, "flow-euler");
    check("ltx", true, "flow-euler");
    check("cogvideox-2b", false, "ddim");
    check("cogvideox-5b", false, "sde-dpm");
    check("cogvideox-v1.5", false, "sde-dpm");
}
