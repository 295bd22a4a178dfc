//! What the transformer of a real family takes is reckoned before anything is loaded: from the shapes of its weights, as its graph
//! declares them. The graphs here declare weights without values: none of them is ever loaded.

mod support;
#[path = "../../onnx/tests/support/wire.rs"]
mod wire;

use std::fmt::Write as _;
use std::fs;

use spotloom_diffusion::contract::Model;
use spotloom_diffusion::error::Error;
use spotloom_diffusion::families::parts::{Call, Loader, Part};
use spotloom_diffusion::family::{self, Calls, Levers, Shot};
use spotloom_onnx::folder::sha256;
use spotloom_onnx::{Dtype, Engine, Provider};
use support::parity;
use tempfile::TempDir;
use wire::{message, number};

/// The number of 16-bit floats in ONNX.
const F16: usize = 10;

/// A graph with weights of these shapes, which do not say their type.
fn graph(shapes: &[[usize; 2]]) -> Vec<u8> {
    typed(shapes, None)
}

/// The same with weights of a type.
fn typed(shapes: &[[usize; 2]], element: Option<usize>) -> Vec<u8> {
    let side = |length: &usize| number(1, *length);
    let element: Vec<u8> = element.into_iter().flat_map(|element| number(2, element)).collect();
    let weight =
        |shape: &[usize; 2]| message(5, &[shape.iter().flat_map(side).collect::<Vec<u8>>(), element.clone()].concat());
    message(7, &shapes.iter().flat_map(weight).collect::<Vec<u8>>())
}

/// A tiny model that says that it makes clips of this size and so many frames, with a transformer that declares these weights.
fn model(fixture: &str, folder: &TempDir, [width, height, frames]: [usize; 3], shapes: &[[usize; 2]]) -> Model {
    for file in fs::read_dir(parity::folder(fixture)).expect("a fixture").flatten() {
        fs::copy(file.path(), folder.path().join(file.file_name())).expect("a copy");
    }
    fs::write(folder.path().join("transformer.onnx"), graph(shapes)).expect("a graph");
    let mut model = Model::open(folder.path()).expect("the model");
    let transformer = model.contract.components.get_mut("transformer").expect("a transformer");
    transformer.sha256 = sha256(&folder.path().join("transformer.onnx")).expect("the file");
    let video = &mut model.contract.video;
    (video.width, video.height, video.frames, video.sizes) = (width, height, frames, Vec::new());
    model
}

/// What is said of a shot, `fits` where nothing speaks against the transformer.
fn said(fixture: &str, size: [usize; 3], shapes: &[[usize; 2]], calls: Calls) -> String {
    let folder = TempDir::new().expect("a temporary folder");
    let model = model(fixture, &folder, size, shapes);
    let mut family = family::load(&model, &Engine::cpu(1).expect("ONNX Runtime")).expect("a family");
    let levers = Levers { calls: Some(calls), ..Levers::default() };
    let shot = Shot { levers, ..Shot::usual(&model.contract, "a golden bottle") };
    let error = family.begin(&shot).map(drop).expect_err("a graph without ports is never loaded");
    // How much memory there is depends on the machine, and the graph has none of the family's ports.
    match error {
        Error::Onnx(error) if error.code() == "tensor-too-large" => error.to_string(),
        _ => "fits".into(),
    }
}

/// Wan 2.1 14B: 1280x720 and 81 frames are 75,600 tokens, of 5,120 values each, 13,824 in the feed-forward network. Its table
/// of shifts has 30,720 columns and one row, and would pass what can be computed if it counted for every token.
const WAN: ([usize; 3], [[usize; 2]; 4]) =
    ([1280, 720, 81], [[5120, 5120], [5120, 13824], [13824, 5120], [30720, 5120]]);

#[test]
fn a_transformer_is_reckoned_by_the_widest_layer_that_its_weights_declare() {
    let folder = TempDir::new().expect("a temporary folder");
    let model = model("wan-t2v", &folder, WAN.0, &WAN.1);
    let [count, rows, columns] = model.contract.latent.cells(1280, 720, 81).expect("a clip");
    let tokens = count * (rows / 2) * (columns / 2);
    assert_eq!(tokens, 75_600);
    let engine = Engine::cpu(1).expect("ONNX Runtime");
    let part = Part::new("transformer", Vec::new(), Vec::new());
    let check = |heads: Option<usize>, call: Call, expected: Result<u64, &str>| {
        let mut model = model.clone();
        model.contract.attention_heads = heads;
        let mut loader = Loader::new(&model, &engine, &["transformer"]).expect("a loader");
        match (loader.transforming(&part, &call), expected) {
            (Ok(found), Ok(expected)) => assert_eq!(found, expected),
            (Err(error), Err(expected)) => assert_eq!(error.to_string(), expected),
            (found, expected) => panic!("{found:?} is not {expected:?}"),
        }
    };
    let call = |batch, tokens| Call { batch, tokens, timed: false };
    check(None, call(1, tokens), Ok(75_600 * 13_824));
    check(None, call(2, tokens), Ok(2 * 75_600 * 13_824));
    // With a time of its own for every token there is a row of shifts for each.
    check(None, Call { timed: true, ..call(1, 1560) }, Ok(1560 * 30_720));
    // Scores of attention that are written out, where they are more.
    check(Some(40), call(1, 1560), Ok(40 * 1560 * 1560));
    check(Some(40), call(2, 1560), Ok(2 * 40 * 1560 * 1560));
    check(Some(40), call(1, 100), Ok(100 * 13_824));
    let expected = "the transformer's attention would be a tensor of 228614400000 values; more than 2147483647 are not computed reliably";
    check(Some(40), call(1, tokens), Err(expected));
}

#[test]
fn weights_of_16_bits_are_reckoned_as_what_computes_takes_them() {
    let folder = TempDir::new().expect("a temporary folder");
    let mut model = model("wan-t2v", &folder, WAN.0, &WAN.1);
    let part = Part::new("transformer", Vec::new(), Vec::new());
    let check = |model: &Model, provider: Provider, expected: u64| {
        let engine = Engine::on(provider, 1).expect("ONNX Runtime");
        let mut loader = Loader::new(model, &engine, &["transformer"]).expect("a loader");
        let call = Call { batch: 1, tokens: 1560, timed: false };
        assert_eq!(loader.transforming(&part, &call).expect("a figure"), expected, "{provider}");
    };
    let auto = Engine::on(Provider::Auto, 1).expect("ONNX Runtime").gets();
    let (whole, half) = (1560 * 13_824, 1560 * 13_824 / 2);
    let check_all = |model: &Model| {
        check(model, Provider::Cpu, whole);
        check(model, Provider::Cuda, half);
        check(model, Provider::Auto, if auto == Provider::Cpu { whole } else { half });
    };
    let dtype = |model: &mut Model, dtype: Option<Dtype>| {
        model.contract.components.get_mut("transformer").expect("a transformer").dtype = dtype;
    };
    dtype(&mut model, Some(Dtype::F16));
    check_all(&model);
    // Where the contract leaves it open, the graph tells.
    dtype(&mut model, None);
    check(&model, Provider::Cuda, whole);
    let file = folder.path().join("transformer.onnx");
    fs::write(&file, typed(&WAN.1, Some(F16))).expect("a graph");
    model.contract.components.get_mut("transformer").expect("a transformer").sha256 = sha256(&file).expect("the file");
    check_all(&model);
}

#[test]
fn a_layer_that_is_too_wide_is_refused_in_every_family() {
    let (small, wide) = ([[24, 64], [64, 24]], [[24, 1 << 20], [1 << 20, 24]]);
    let shifts = [[24, 24], [1 << 20, 24]];
    let mut told = String::new();
    let mut check = |fixture: &str, size: [usize; 3], timed: bool| {
        assert_eq!(said(fixture, size, &small, Calls::Apart), "fits", "{fixture}");
        let _ = writeln!(told, "{fixture}: {}", said(fixture, size, &wide, Calls::Apart));
        assert_eq!(said(fixture, size, &shifts, Calls::Apart) == "fits", !timed, "{fixture}");
    };
    check("wan-t2v", [832, 480, 81], false);
    check("wan-ti2v", [1280, 704, 121], true);
    check("ltx", [704, 480, 161], true);
    check("cogvideox-2b", [720, 480, 49], false);
    insta::assert_snapshot!(told);
}

#[test]
fn guidance_in_one_call_takes_twice_as_much() {
    let (size, shapes) = WAN;
    assert_eq!(said("wan-t2v", size, &shapes, Calls::Apart), "fits");
    assert_eq!(said("wan-t2v", size, &shapes, Calls::Together), "fits");
    let wider = [[5120, 20480], [20480, 5120]];
    assert_eq!(said("wan-t2v", size, &wider, Calls::Apart), "fits");
    let together = said("wan-t2v", size, &wider, Calls::Together);
    assert!(together.contains("tensor of 3096576000 values"), "{together}");
    assert!(together.contains("`guidance-calls: apart`"), "{together}");
}
