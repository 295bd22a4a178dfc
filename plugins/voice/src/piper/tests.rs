//! The network's samples against those of onnxruntime in Python (`tests/fixtures/make.py`).

use std::path::Path;

use serde::Deserialize;

use super::*;

#[derive(Deserialize)]
struct Golden {
    seed: u32,
    ids: Vec<i64>,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    scales: [f32; 3],
    samples: usize,
}

fn fixtures() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures")
}

#[test]
fn samples_are_those_of_the_reference() {
    let golden: Golden = serde_json::from_slice(&std::fs::read(fixtures().join("golden.json")).unwrap()).unwrap();
    let bytes = std::fs::read(fixtures().join("golden.f32")).unwrap();
    let mut expected = bytes.chunks_exact(4).map(|b| f32::from_le_bytes(b.try_into().unwrap()));
    let manner = Manner { pace: 1.0, seed: golden.seed, ..Manner::default() };
    for threads in [1, 2] {
        let mut voice = Voice::open(&fixtures().join("tone"), &manner, &[], threads).unwrap();
        let mut expected = expected.clone();
        for case in &golden.cases {
            voice.scales = case.scales;
            let samples = voice.samples(&golden.ids).unwrap();
            assert_eq!(samples.len(), case.samples, "{:?}", case.scales);
            let far = samples.iter().zip(&mut expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(far < 1e-5, "{far} away with {:?}", case.scales);
        }
    }
    assert!(expected.all(|v| v.abs() <= 1.0));
}

#[test]
fn languages_fit_by_the_language() {
    let locales = ["en-US".to_owned(), "es".to_owned()];
    for (locale, expected) in [("en", true), ("en-GB", true), ("es-MX", true), ("de", false), ("e", false)] {
        assert_eq!(speaks(&locales, locale), expected, "{locale}");
    }
}
