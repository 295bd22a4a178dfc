//! Each family through the stage, as a pipeline would run it: a tiny random model, a shot, and where the model takes
//! one, a picture. What the frames are is held by `parity_*`; here, that a clip of the right length comes out.

mod support;

use serde_json::{Value, json};
use spotloom_diffusion::contract::Model;
use spotloom_diffusion::family::{self, Shot};
use spotloom_diffusion::finish::{colour, film::Film};
use spotloom_onnx::{Engine, SessionOptions};
use spotloom_plugin_sdk::harness::Done;
use support::parity;
use tempfile::TempDir;

/// One run of a tiny model at 12 frames a second.
fn run(fixture: &str, folder: &TempDir, params: &Value, files: &[(&str, &Done)]) -> Done {
    let mut all = json!({"steps": 2, "fps": 12, "motion-fps": 12});
    all.as_object_mut().expect("an object").extend(params.as_object().expect("an object").clone());
    let mut run = support::shot(&parity::folder(fixture), folder.path(), "a golden bottle", &all);
    for (port, done) in files {
        let media = if port.contains("image") { "image/png" } else { "video/x-matroska" };
        run = run.input(port, done.path("clip"), media);
    }
    run.run()
}

/// What is shown to models that take pictures and clips: half a second of a sea, which is not moved.
fn sea(folder: &TempDir, fps: u32) -> Done {
    let params = json!({"steps": 1, "seconds": 0.5, "fps": fps});
    support::shot(&support::model(), folder.path(), "sea", &params).run()
}

#[test]
fn every_family_makes_a_clip_and_says_with_what() {
    let folder = TempDir::new().expect("a temporary folder");
    let still = sea(&folder, 24);
    let check = |fixture: &str, picture: bool, scheduler: &str| {
        let folder = TempDir::new().expect("a temporary folder");
        let files: &[_] = if picture { &[("image", &still)] } else { &[] };
        let done = run(fixture, &folder, &json!({}), files);
        let facts = &done.outputs("clip")[0].facts;
        assert_eq!((&facts["frames"], &facts["width"]), (&json!(6), &json!(192)), "{fixture}");
        assert_eq!(facts["model"], json!(format!("tiny-{fixture}")));
        assert_eq!(done.facts()["scheduler"], json!(scheduler), "{fixture}");
        assert_eq!(done.facts()["warnings"], json!([]), "{fixture}");
    };
    check("wan-t2v", false, "unipc");
    check("wan-a14b", false, "unipc");
    check("wan-a14b-i2v", true, "unipc");
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

/// What a trained model draws is what is delivered: at its own rate its frames come out as they are, but for their size, and at
/// another rate those that fall on a frame of the result.
#[test]
fn what_comes_out_are_the_models_own_frames() {
    let folder = TempDir::new().expect("a temporary folder");
    let check = |fixture: &str, fps: u32, every: usize| {
        let model = Model::open(&parity::folder(fixture)).expect("a model");
        let video = &model.contract.video;
        let (width, height) = (video.width as u32 * 2, video.height as u32 * 2);
        let seconds = ((video.frames - 1) * every + 1) as f64 / f64::from(fps);
        let params = json!({
            "width": width, "height": height, "fps": fps, "motion-fps": f64::from(fps) / every as f64, "grain": 0, "steps": 2,
            "seconds": seconds,
        });
        let done = support::shot(&parity::folder(fixture), folder.path(), "a golden bottle", &params).run();
        let made = parity::frames(&done.path("clip"));

        let session = family::session(SessionOptions::default(), model.contract.family);
        let engine = Engine { session, ..Engine::cpu(2).expect("a runtime") };
        let mut family = family::load(&model, &engine).expect("a family");
        let shot = Shot { seed: 7, steps: 2, ..Shot::usual(&model.contract, "a golden bottle") };
        let film = Film::new((video.width, video.height), width, height, shot.seed, 0.0);
        let mut own = family.begin(&shot).expect("a shot");
        for k in 0..video.frames {
            let frame = own.next(&mut |_| Ok(())).expect("a frame").expect("as many frames as a clip has");
            let expected = film.frame((k * every) as u64, &colour::to_ycbcr(&frame)).expect("a frame");
            let expected: Vec<_> = expected.plane(0).as_chunks().0.iter().map(|v| u16::from_le_bytes(*v)).collect();
            let size = expected.len();
            assert_eq!(&made[k * every * size..][..size], expected, "{fixture}, frame {k}");
        }
    };
    for (fixture, fps) in [("wan-t2v", 16), ("wan-a14b", 16), ("ltx", 25), ("cogvideox-2b", 8)] {
        check(fixture, fps, 1);
    }
    check("wan-t2v", 24, 3);
}

/// What moves most from one frame to the next, in steps of 10 bits, of pictures averaged over themselves: in noise of random
/// weights, nothing else tells a cut.
fn largest_step(done: &Done) -> f64 {
    let (frames, size) = (parity::frames(&done.path("clip")), 192 * 108);
    let means = frames.chunks(size).map(|f| f.iter().map(|v| f64::from(*v)).sum::<f64>() / size as f64);
    let means: Vec<_> = means.collect();
    means.windows(2).map(|m| (m[1] - m[0]).abs()).fold(0.0, f64::max)
}

#[test]
fn every_family_makes_shots_that_are_longer_than_its_clip() {
    let folder = TempDir::new().expect("a temporary folder");
    let still = sea(&folder, 24);
    // Four seconds are 48 frames of the model; a clip of Wan has 9 here, one of LTX 17, one of CogVideoX 9.
    let check = |fixture: &str, picture: bool, clips: u64| {
        let folder = TempDir::new().expect("a temporary folder");
        let files: &[_] = if picture { &[("image", &still)] } else { &[] };
        let done = run(fixture, &folder, &json!({"seconds": 4}), files);
        assert_eq!(done.outputs("clip")[0].facts["frames"], json!(48), "{fixture}");
        assert_eq!((&done.facts()["clips"], &done.facts()["steps"]), (&json!(clips), &json!(2 * clips)), "{fixture}");
        // The longest that is one clip shows how restless the model is by itself.
        let one = run(fixture, &folder, &json!({"seconds": 0.75}), files);
        let (step, own) = (largest_step(&done), largest_step(&one));
        assert!(step < (1.6 * own).max(40.0), "{fixture}: a step of {step} of 1023, within a clip {own}");
        let again = run(fixture, &folder, &json!({"seconds": 4}), files);
        assert_eq!(parity::frames(&done.path("clip")), parity::frames(&again.path("clip")), "{fixture}");
    };
    // Through windows: 13 latent frames, three at once (four where a patch has two), one of them shared.
    check("wan-t2v", false, 6);
    check("wan-a14b", false, 6);
    // From their own last frame.
    check("wan-i2v", true, 6);
    check("wan-i2v-clip", true, 6);
    check("wan-ti2v", false, 6);
    check("ltx", false, 3);
    check("cogvideox-2b", false, 6);
    check("cogvideox-v1.5", false, 5);
}

#[test]
fn models_that_go_on_from_a_picture_extend_and_those_that_know_a_last_one_bridge_loop_and_retake() {
    let folder = TempDir::new().expect("a temporary folder");
    let clip = sea(&folder, 12);
    let check = |fixture: &str, params: Value, ports: &[&str], frames: u64, kept: &[usize]| {
        let folder = TempDir::new().expect("a temporary folder");
        let files: Vec<_> = ports.iter().map(|port| (*port, &clip)).collect();
        let done = run(fixture, &folder, &params, &files);
        assert_eq!(done.outputs("clip")[0].facts["frames"], json!(frames), "{fixture} {params}");
        // Frames of the clip that is given stay what they are, to the rounding of their size.
        let (made, given) = (parity::frames(&done.path("clip")), parity::frames(&clip.path("clip")));
        assert_eq!(given.len() / 6, made.len() / frames as usize);
        let size = given.len() / 6;
        for (k, at) in kept.iter().enumerate() {
            let pairs = made[at * size..(at + 1) * size].iter().zip(&given[k * size..(k + 1) * size]);
            let differs = pairs.map(|(a, b)| f64::from(a.abs_diff(*b))).sum::<f64>() / size as f64;
            assert!(differs < 4.0, "{fixture} {params}: frame {at} differs by {differs}");
        }
    };
    let extend = || json!({"mode": "extend", "seconds": 1.5});
    check("wan-ti2v", extend(), &["clip"], 18, &[0, 1, 2, 3, 4, 5]);
    check("wan-i2v", extend(), &["clip"], 18, &[0, 1, 2, 3, 4, 5]);
    check("wan-i2v-clip", extend(), &["clip"], 18, &[0, 1, 2, 3, 4, 5]);
    check("ltx", extend(), &["clip"], 18, &[0, 1, 2, 3, 4, 5]);
    // Nothing of a clip that is made again is kept as it is.
    let edit = || json!({"mode": "edit", "strength": 0.5});
    check("wan-t2v", edit(), &["clip"], 6, &[]);
    check("wan-ti2v", edit(), &["clip"], 6, &[]);
    check("ltx", edit(), &["clip"], 6, &[]);
    check("wan-i2v", json!({"seconds": 2}), &["clip", "clip-after"], 24, &[0, 1, 2, 3, 4, 5]);
    check("wan-i2v", json!({"mode": "loop", "seconds": 1.5}), &["clip"], 18, &[0, 1, 2, 3, 4, 5]);
    check("wan-i2v", json!({"mode": "loop", "seconds": 1.5}), &["image"], 18, &[]);
    // As long as one clip, or hardly longer.
    for frames in [8, 9, 10] {
        let params = json!({"seconds": f64::from(frames) / 12.0});
        check("wan-i2v", params, &["image", "last-image"], u64::from(frames as u32), &[]);
    }
    check("wan-i2v", json!({"mode": "retake", "from": 0.2, "to": 0.35}), &["clip"], 6, &[0, 1]);
}

#[test]
fn a_clip_that_is_made_again_is_nearer_to_what_it_was_the_less_it_may_leave_it() {
    let folder = TempDir::new().expect("a temporary folder");
    // Two seconds and a half are longer than a clip of these models.
    let params = json!({"steps": 1, "seconds": 2.5, "fps": 12});
    let clip = support::shot(&support::model(), folder.path(), "sea", &params).run();
    let made = |fixture: &str, strength: f64| {
        let folder = TempDir::new().expect("a temporary folder");
        let params = json!({"mode": "edit", "strength": strength, "steps": 16, "seconds": 2.5});
        let done = run(fixture, &folder, &params, &[("clip", &clip)]);
        assert_eq!(done.outputs("clip")[0].facts["frames"], json!(30), "{fixture}");
        parity::frames(&done.path("clip"))
    };
    for fixture in ["wan-t2v", "wan-ti2v", "ltx"] {
        // A codec of random weights keeps little of a picture: after a single step there is what it makes of the clip.
        let clip = made(fixture, 1.0 / 16.0);
        let distance = |strength: f64| {
            let pairs = made(fixture, strength).into_iter().zip(&clip);
            pairs.map(|(a, b)| f64::from(a.abs_diff(*b))).sum::<f64>() / clip.len() as f64
        };
        let [little, much] = [0.25, 1.0].map(distance);
        assert!(little > 0.0 && little < much, "{fixture}: {little} and {much}");
    }
}

#[test]
fn what_a_model_can_not_begin_with_is_refused_by_the_mode_that_was_asked_for() {
    let folder = TempDir::new().expect("a temporary folder");
    let clip = sea(&folder, 12);
    let check = |fixture: &str, params: Value, ports: &[&str], expected: &str| {
        let folder = TempDir::new().expect("a temporary folder");
        let files: Vec<_> = ports.iter().map(|port| (*port, &clip)).collect();
        let done = run(fixture, &folder, &params, &files);
        assert!(done.failure().message.contains(expected), "{fixture} {params}: {}", done.failure());
    };
    let without = "without a picture or a clip to begin with";
    check("wan-i2v", json!({"seconds": 1.5}), &["clip-after"], &format!("to extend {without}"));
    check("ltx", json!({"seconds": 5}), &["clip-after"], &format!("to extend {without}"));
    check("wan-i2v", json!({}), &["last-image"], &format!("to first-last {without}"));
    check("wan-i2v", json!({"mode": "loop"}), &[], "needs an `image` or a `clip`");
    check("wan-i2v", json!({"mode": "retake", "from": 0.2, "to": 0.201}), &["clip"], "to");
}

/// LTX hands on nine frames where its clips are long enough, so that it knows how things move.
#[test]
fn a_family_that_is_told_several_frames_goes_on_from_them() {
    let (model, folder) = (TempDir::new().expect("a temporary folder"), TempDir::new().expect("a temporary folder"));
    for file in std::fs::read_dir(parity::folder("ltx")).expect("the fixture").flatten() {
        std::fs::copy(file.path(), model.path().join(file.file_name())).expect("a copy");
    }
    let contract = model.path().join("model.yaml");
    let text = std::fs::read_to_string(&contract).expect("the contract");
    std::fs::write(&contract, text.replace("frames: 17", "frames: 33")).expect("the contract");
    assert_eq!(Model::open(model.path()).expect("the model").contract.carried(), 9);
    let params = json!({"steps": 1, "seconds": 1, "fps": 12});
    let clip = support::shot(&support::model(), folder.path(), "sea", &params).run();
    let check = |params: Value, ports: &[&str], frames: u64, clips: u64| {
        let mut all = json!({"steps": 2, "fps": 12, "motion-fps": 12});
        all.as_object_mut().expect("an object").extend(params.as_object().expect("an object").clone());
        let folder = TempDir::new().expect("a temporary folder");
        let mut run = support::shot(model.path(), folder.path(), "a golden bottle", &all);
        for port in ports {
            run = run.input(port, clip.path("clip"), "video/x-matroska");
        }
        let done = run.run();
        assert_eq!(done.outputs("clip")[0].facts["frames"], json!(frames), "{params}");
        assert_eq!(done.facts()["clips"], json!(clips), "{params}");
        let step = largest_step(&done);
        assert!(step < 60.0, "{params}: a step of {step} of 1023");
    };
    check(json!({"seconds": 6}), &[], 72, 3);
    check(json!({"mode": "extend", "seconds": 4}), &["clip"], 48, 2);
}
