//! The stage against the reference pipeline: what that made of the same weights lies beside them (export/tiny.py).
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::path::{Path, PathBuf};

use ndarray::Array4;
use serde_json::Value;
use spotloom_onnx::Provider;
use spotloom_try_on::network::{Conditions, Network, Walk};
use spotloom_try_on::photo::Photo;
use spotloom_try_on::pose::Pose;
use spotloom_try_on::skeleton::Map;

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/vton").join(name)
}

fn photo(name: &str) -> Photo {
    Photo::read(&fixture(name)).unwrap().0
}

fn case() -> Value {
    serde_json::from_slice(&std::fs::read(fixture("case.json")).unwrap()).unwrap()
}

fn pose(network: &Network, photo: &Photo) -> Pose {
    let people = network.people(&[photo]).unwrap().swap_remove(0);
    assert_eq!(people.len(), 1, "{people:?}");
    Pose::main(network.poses(photo, &people).unwrap()).unwrap()
}

/// Joints to a thousandth of the picture, and the drawing but for outlines.
#[test]
fn somebody_stands_as_the_reference_sees_it() {
    let network = Network::open(&fixture(""), 1, Provider::Cpu).unwrap();
    let photo = photo("large.png");
    let found = pose(&network, &photo);
    let expected: Vec<(f64, f64, bool)> = serde_json::from_value(case()["body"].clone()).unwrap();
    assert_eq!(found.body.len(), expected.len());
    for (i, (joint, (x, y, seen))) in found.body.iter().zip(expected).enumerate() {
        assert_eq!(joint.is_seen(), seen, "joint {i}");
        let off = (joint.x / photo.width as f64 - x).abs().max((joint.y / photo.height as f64 - y).abs());
        assert!(off < 1e-3, "joint {i}: {joint:?}; the reference has it at {x} {y} of the picture");
    }
    drawn("large_pose.png", &Map::of(&found, &photo), 0.05);
}

/// A drawing of the reference's.
fn drawing(name: &str) -> Vec<u8> {
    photo(name).rgb.chunks_exact(3).map(|p| p[0]).collect()
}

/// How much of what is drawn in either is not the same in both.
fn drawn(name: &str, map: &Map, limit: f64) {
    let expected = drawing(name);
    let pairs = || map.grey.iter().zip(&expected);
    let lit = pairs().filter(|(a, b)| **a > 0 || **b > 0).count();
    let other = pairs().filter(|(a, b)| a.abs_diff(**b) > 2).count();
    assert!(
        lit > 100 && (other as f64) < limit * lit as f64,
        "{name}: {other} of {lit} pixels are not the reference's"
    );
}

/// The reference's own noise is not ours: it is a formula that both sides know.
fn noise(shape: [usize; 4]) -> Array4<f32> {
    let of = |i: usize| (1.4 * (0.7 * i as f64 + 3.0 * (0.13 * i as f64).sin()).sin()) as f32;
    Array4::from_shape_vec(shape, (0..shape.iter().product()).map(of).collect()).unwrap()
}

/// From two photos to the picture, with the reference's drawing in place of ours: only outlines differ, and those are held
/// above.
#[test]
fn the_picture_is_the_references() {
    let network = Network::open(&fixture(""), 1, Provider::Cpu).unwrap();
    let case = case();
    let contract = &network.model.contract;
    let (width, height) = (contract.width, contract.height);
    let (person, garment) = (photo("person.png"), photo("garment.png"));
    let own = Map::of(&pose(&network, &person), &person);
    drawn("person_pose.png", &own, 0.05);
    let ((person, place), (garment, beside)) =
        (person.fit(width, height).unwrap(), garment.fit(width, height).unwrap());
    let drawn = drawing("person_pose.png").into_iter().map(|v| f32::from(v) / 127.5 - 1.0).collect();
    let given = Conditions {
        person: person.tensor(place, width, height),
        garment: garment.tensor(beside, width, height),
        person_pose: Array4::from_shape_vec((1, 1, height, width), drawn).unwrap(),
        garment_pose: Map::black(width, height).tensor(beside, width, height),
        category: contract.category(case["category"].as_str().unwrap()).unwrap(),
    };
    let steps = usize::try_from(case["steps"].as_u64().unwrap()).unwrap();
    let walk = Walk { steps, guidance: 1.5, shift: 1.5, unguided: 1 };
    let (made, told) =
        network.dress(noise([1, 3, height, width]), &given, walk, |_| Ok::<_, spotloom_onnx::Error>(())).unwrap();
    assert_eq!(told, &[] as &[String]);
    let every = usize::try_from(case["every"].as_u64().unwrap()).unwrap();
    let expected: Vec<f32> = serde_json::from_value(case["image"].clone()).unwrap();
    let values = made.iter().step_by(every).map(|v| v.clamp(-1.0, 1.0));
    assert_eq!(values.len(), expected.len());
    // Values from -1 to 1; the tolerance is that of pictures from 0 to 1.
    let worst = values.zip(&expected).map(|(a, b)| (a - b).abs() / 2.0).fold(0.0, f32::max);
    assert!(f64::from(worst) < case["tolerance"].as_f64().unwrap(), "{worst:e}");
}
