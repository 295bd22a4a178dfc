//! The stage as the daemon runs it, with a model that lays the garment on the middle of the person.

#![expect(clippy::unwrap_used, reason = "a test's helpers report by panicking")]

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use spotloom_plugin_sdk::api::End;
use spotloom_plugin_sdk::harness::{Done, Harness};
use spotloom_try_on::TryOn;
use spotloom_try_on::photo::Photo;
use tempfile::TempDir;

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures")
}

/// Somebody in dark clothes before a light wall, 300x400.
fn person() -> PathBuf {
    fixtures().join("vton/large.png")
}

/// Orange in the middle third of white, of some size.
fn garment(folder: &TempDir, width: usize, height: usize) -> PathBuf {
    let colour = |i: usize| {
        let (x, y) = (i % width * 3 / width, i / width * 3 / height);
        if (x, y) == (1, 1) { [0xF2, 0x8C, 0x0F] } else { [255; 3] }
    };
    save(folder, "garment.png", Photo { width, height, rgb: (0..width * height).flat_map(colour).collect() })
}

fn save(folder: &TempDir, name: &str, photo: Photo) -> PathBuf {
    let path = folder.path().join(name);
    photo.write(&path).unwrap();
    path
}

fn dress(model: &Path, person: &Path, garment: &Path, params: Value) -> Done {
    Harness::<TryOn>::new()
        .params(params)
        .input("model", model, "inode/directory")
        .input("person", person, "image/png")
        .input("garment", garment, "image/png")
        .run()
}

fn paste() -> PathBuf {
    fixtures().join("paste")
}

#[test]
fn the_garment_comes_onto_the_person_in_its_own_colour() {
    let folder = TempDir::new().unwrap();
    let shirt = garment(&folder, 240, 360);
    let done = dress(&paste(), &person(), &shirt, json!({"category": "tops", "seed": 7}));
    let made = Photo::read(&done.path("picture")).unwrap().0;
    // The model's canvas is 192x288: the person is 192x256 of it, and what is beside it is cut off.
    assert_eq!((made.width, made.height), (192, 256));
    let near = |x: usize, y: usize, expected: [u8; 3]| {
        let found = made.at(x, y);
        assert!(found.iter().zip(expected).all(|(a, b)| a.abs_diff(b) <= 2), "{x},{y}: {found:?}, not {expected:?}");
    };
    near(96, 128, [0xF2, 0x8C, 0x0F]);
    near(52, 64, [255; 3]);
    let wall = Photo::read(&person()).unwrap().0;
    near(4, 4, wall.at(6, 6));
    near(188, 252, wall.at(294, 394));
    let facts = done.facts();
    assert_eq!((&facts["steps"], &facts["seed"], &facts["model"]), (&json!(4), &json!(7), &json!("paste")));
    assert_eq!(facts["notice"], "for tests alone");
    assert!(facts.get("warnings").is_none(), "{facts:?}");

    // The recipe is whole: asked for what it says, the stage makes the same picture.
    let recipe: Value = serde_json::from_str(&done.text("recipe")).unwrap();
    assert_eq!(recipe["inputs"]["garment"][0]["name"], "garment.png");
    let again = dress(&paste(), &person(), &shirt, recipe["params"].clone());
    let hash = spotloom_onnx::folder::sha256(&again.path("picture")).unwrap();
    assert_eq!(recipe["picture"]["sha256"], hash);
}

#[test]
fn the_same_seed_gives_the_same_picture_and_another_one_another() {
    let folder = TempDir::new().unwrap();
    let shirt = garment(&folder, 60, 60);
    let made = |seed: u64| {
        let params = json!({"category": "bottoms", "seed": seed, "steps": 3});
        std::fs::read(dress(&fixtures().join("vton"), &person(), &shirt, params).path("picture")).unwrap()
    };
    assert!(made(1) == made(1), "not repeatable");
    assert!(made(1) != made(2), "the seed is not used");
}

#[test]
fn what_a_picture_lacks_is_said() {
    let folder = TempDir::new().unwrap();
    let shirt = garment(&folder, 240, 360);
    let params = json!({"category": "tops"});
    let warnings = |done: &Done| done.facts()["warnings"].to_string();
    // Worn by somebody.
    assert!(warnings(&dress(&paste(), &person(), &person(), params.clone())).contains("somebody seems to wear"));
    // Cut out.
    let path = folder.path().join("cut.png");
    let mut encoder = png::Encoder::new(std::fs::File::create(&path).unwrap(), 20, 30);
    encoder.set_color(png::ColorType::Rgba);
    let pixels: Vec<u8> = (0..600).flat_map(|i| if i < 300 { [0, 0, 0, 0] } else { [20, 40, 200, 255] }).collect();
    encoder.write_header().unwrap().write_image_data(&pixels).unwrap();
    let done = dress(&paste(), &person(), &path, params.clone());
    assert!(warnings(&done).contains("cut.png is transparent in places"), "{}", warnings(&done));
    let made = Photo::read(&done.path("picture")).unwrap().0;
    assert!(made.at(96, 80).iter().all(|v| *v > 250), "what is cut out is white, not {:?}", made.at(96, 80));
    // Nobody there.
    let blank = save(&folder, "blank.png", Photo { width: 90, height: 120, rgb: vec![255; 90 * 120 * 3] });
    let failure = dress(&paste(), &blank, &shirt, params).failure().clone();
    assert_eq!((failure.code.as_str(), failure.message.as_str()), ("no-person", "nobody can be seen in blank.png"));
}

#[test]
fn what_is_wrong_has_a_name() {
    let folder = TempDir::new().unwrap();
    let shirt = garment(&folder, 60, 60);
    let code = |model: &Path, params: Value| dress(model, &person(), &shirt, params).failure().code.clone();
    let tops = || json!({"category": "tops"});
    assert_eq!(code(&paste(), json!({"category": "hats"})), "bad-params");
    assert_eq!(code(&paste(), json!({})), "bad-params");
    assert_eq!(code(&paste(), json!({"category": "tops", "steps": 201})), "bad-params");
    assert_eq!(code(&paste(), json!({"category": "tops", "guidance": 0.5})), "bad-params");
    assert_eq!(code(folder.path(), tops()), "model-contract-missing");
    let missing = Harness::<TryOn>::new().params(tops()).input("model", paste(), "inode/directory").run();
    assert_eq!(missing.failure().code, "missing-input");

    // A copy of the model with something wrong in it.
    let copy = |change: &dyn Fn(String) -> String| {
        let model = TempDir::new().unwrap();
        for file in ["transformer.onnx", "pose.onnx", "person_detector.onnx"] {
            std::fs::copy(paste().join(file), model.path().join(file)).unwrap();
        }
        let text = std::fs::read_to_string(paste().join("model.yaml")).unwrap();
        std::fs::write(model.path().join("model.yaml"), change(text)).unwrap();
        model
    };
    let with = |from: &'static str, to: &'static str| move |text: String| text.replace(from, to);
    assert_eq!(code(copy(&with("family: fashn-vton", "family: wan")).path(), tops()), "model-contract-invalid");
    assert_eq!(code(copy(&with("width: 192", "width: 200")).path(), tops()), "model-port-mismatch");
    assert_eq!(code(&paste(), json!({"category": "tops", "provider": "tensorrt"})), "provider-unusable");
    let broken = copy(&|text| text);
    std::fs::write(broken.path().join("pose.onnx"), b"no network").unwrap();
    assert_eq!(code(broken.path(), tops()), "model-hash-mismatch");
    let here = copy(&with("notice: for tests alone", "notice: '', territories: {except: [EU]}"));
    let used = |territory: &str| json!({"category": "tops", "territory": [territory]});
    assert_eq!(code(here.path(), used("EU")), "licence-territory");
    assert!(dress(here.path(), &person(), &shirt, used("US")).path("picture").is_file());
}

#[test]
fn a_model_is_checked_without_pictures() {
    let check = |model: &Path| {
        Harness::<TryOn>::new().params(json!({"check-model": true})).input("model", model, "inode/directory").run()
    };
    assert!(matches!(check(&paste()).end, End::Succeeded { .. }));
    assert!(matches!(check(&fixtures().join("vton")).end, End::Succeeded { .. }));
}

#[test]
fn it_ends_when_asked() {
    let folder = TempDir::new().unwrap();
    let shirt = garment(&folder, 60, 60);
    let done = Harness::<TryOn>::new()
        .params(json!({"category": "tops", "steps": 200}))
        .input("model", paste(), "inode/directory")
        .input("person", person(), "image/png")
        .input("garment", &shirt, "image/png")
        .cancel_after(3)
        .run();
    assert_eq!(done.end, End::Cancelled);
}
