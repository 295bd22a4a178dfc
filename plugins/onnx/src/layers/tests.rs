//! Small graphs, written as they stand in a file.

#[path = "../../tests/support/wire.rs"]
mod wire;

use wire::{message as field, number};

use super::*;

/// An input `x` of three channels and free sides.
fn input() -> Vec<u8> {
    let sides = [number(1, 1), number(1, 3), field(2, b"h"), field(2, b"w")].map(|side| field(1, &side)).concat();
    field(11, &[field(1, b"x"), field(2, &field(1, &[number(1, 1), field(2, &sides)].concat()))].concat())
}

/// A weight by its shape alone, as it stands in a file that has its values in another.
fn weight(name: &str, shape: &[usize]) -> Vec<u8> {
    field(5, &[field(8, name.as_bytes()), shape.iter().flat_map(|side| number(1, *side)).collect()].concat())
}

fn node(operator: &str, inputs: &[&str], output: &str, attributes: &[(&str, &[u8])]) -> Vec<u8> {
    let names = inputs.iter().flat_map(|name| field(1, name.as_bytes()));
    let attribute = |(name, value): &(&str, &[u8])| field(5, &[field(1, name.as_bytes()), value.to_vec()].concat());
    let attributes = attributes.iter().flat_map(attribute);
    let named = [field(2, output.as_bytes()), field(4, operator.as_bytes())].concat();
    field(1, &names.chain(named).chain(attributes).collect::<Vec<u8>>())
}

/// A graph whose weights are `w3_16` and their like: of a convolution of 3 by 3 from so many channels to so many.
fn check(nodes: &[Vec<u8>], largest: f64, alive: f64) {
    let sides = [(3, 16), (16, 16), (16, 3), (16, 12), (32, 3), (4, 16), (1, 3)];
    let weights = sides.iter().flat_map(|(from, to)| weight(&format!("w{from}_{to}"), &[*to, *from, 3, 3]));
    let scales = [1.0_f32, 1.0, 2.0, 2.0].iter().flat_map(|factor| factor.to_le_bytes()).collect::<Vec<u8>>();
    let scales = field(5, &[field(8, b"twice"), number(1, 4), number(2, 1), field(9, &scales)].concat());
    let whole = |name: &str, value: usize| {
        field(5, &[field(8, name.as_bytes()), number(1, 1), number(2, 7), number(7, value)].concat())
    };
    let constants = [scales, whole("zero", 0), whole("one", 1), whole("four", 4)].concat();
    let graph: Vec<u8> = [input(), constants].concat().into_iter().chain(weights).chain(nodes.concat()).collect();
    assert_eq!(Layers::read(&field(7, &graph)).expect("a model"), Layers { largest, alive }, "{nodes:?}");
}

fn conv(from: &str, kernel: &str, to: &str) -> Vec<u8> {
    node("Conv", &[from, kernel], to, &[])
}

#[test]
fn layers_are_as_large_as_kernels_and_strides_make_them() {
    // The picture, and what is made of it.
    check(&[conv("x", "w3_16", "a")], 16.0, 19.0);
    check(&[conv("x", "w3_16", "a"), conv("a", "w16_3", "b")], 16.0, 3.0 + 16.0 + 3.0);
    // What changes values in their places needs no others.
    check(&[conv("x", "w3_16", "a"), node("Relu", &["a"], "b", &[])], 16.0, 19.0);
    // A half of each side is a quarter.
    let strides = [number(8, 2), number(8, 2)].concat();
    let half = node("Conv", &["x", "w3_16"], "a", &[("strides", &strides)]);
    check(std::slice::from_ref(&half), 4.0, 7.0);
    let back = node("ConvTranspose", &["a", "w16_16"], "b", &[("strides", &strides)]);
    check(&[half.clone(), back], 16.0, 3.0 + 4.0 + 16.0);
    // Twice as wide and high.
    let twice = node("Resize", &["a", "", "twice"], "b", &[]);
    check(&[conv("x", "w3_16", "a"), twice.clone(), conv("b", "w16_3", "c")], 64.0, 3.0 + 16.0 + 64.0);
    check(&[half.clone(), twice, conv("b", "w16_3", "c")], 16.0, 3.0 + 4.0 + 16.0);
    let shuffled = node("DepthToSpace", &["b"], "c", &[("blocksize", &number(3, 2))]);
    check(&[conv("x", "w3_16", "a"), conv("a", "w16_12", "b"), shuffled], 16.0, 3.0 + 16.0 + 12.0);
    // To a size that is known when it runs: as large as the picture.
    check(&[half.clone(), node("Resize", &["a", "", "", "size"], "b", &[])], 16.0, 3.0 + 4.0 + 16.0);
    // The same where that size is worked out from other layers, twice.
    let sized = |from: &str, to: &str| {
        let names = ["shape", "sides", "channels", "size"].map(|name| format!("{to}_{name}"));
        let [shape, sides, channels, size] = names.each_ref().map(String::as_str);
        [
            node("Shape", &["x"], shape, &[]),
            node("Slice", &[shape, "zero", "four", "zero"], sides, &[]),
            node("Shape", &[from], channels, &[]),
            node("Concat", &[channels, sides], size, &[]),
            node("Resize", &[from, "", "", size], to, &[]),
        ]
        .concat()
    };
    let nodes = [half, sized("a", "b"), conv("b", "w16_16", "c"), sized("c", "d"), conv("d", "w16_3", "e")];
    check(&nodes, 16.0, 3.0 + 16.0 + 16.0);
}

#[test]
fn layers_stay_to_where_they_are_taken_last() {
    let [a, b] = [conv("x", "w3_16", "a"), conv("a", "w16_16", "b")];
    let both = node("Concat", &["a", "b"], "c", &[]);
    check(&[a.clone(), b.clone(), both.clone()], 32.0, 3.0 + 16.0 + 16.0 + 32.0);
    check(&[a.clone(), b, both, conv("c", "w32_3", "d")], 32.0, 3.0 + 32.0 + 32.0);
    // A part of the channels; and a kernel tells of how many places what was shuffled by hand has.
    let part = node("Slice", &["a", "zero", "four", "one"], "b", &[]);
    check(&[a.clone(), part, conv("b", "w4_16", "c")], 16.0, 3.0 + 16.0 + 4.0);
    check(&[a, conv("a", "w1_3", "b")], 48.0, 3.0 + 16.0 + 48.0);
    check(&[], 0.0, 3.0);
}

#[test]
fn what_is_too_large_is_refused() {
    let layers = Layers { largest: 1024.0, alive: 2051.0 };
    assert!(layers.check("rrdb", 544 * 544).is_ok());
    let error = layers.check("rrdb", 1600 * 1600).expect_err("too large");
    assert_eq!(error.code(), "tensor-too-large");
    assert!(
        error.to_string().starts_with("the widest layer of rrdb would be a tensor of 2621440000 values"),
        "{error}"
    );
    assert_eq!(layers.working(544 * 544), 7_283_576_832);
}
