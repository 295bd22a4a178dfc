//! What a network that makes a picture of pictures takes in memory, reckoned from its graph before it is loaded: how many values
//! each of its layers has for a pixel of the picture that goes in, as the shapes of its kernels and their strides tell.
//!
//! Theory of operation: the nodes are followed in their order, as they run. A convolution makes so many channels of each place as
//! its kernel declares; pooling, strides, resizing and shuffled pixels change how many places there are; what else there is gives as
//! much as it takes. A layer is in memory from where it is made to where it is last taken.
//!
//! What it does not know: scores of attention, and graphs in graphs. A picture that is resized to a size that is only known when it
//! runs is taken to become as large as the largest before it.

use std::collections::BTreeMap;

use crate::declared::{Ports, all, dimensions, numbers};
use crate::error::Error;
use crate::external::{Content, Reader};
use crate::folder::{Described, Model};
use crate::memory;
use crate::provider::Provider;

/// Bytes that ONNX Runtime takes for each value of the layers that are alive: four as they are computed, as much again where a
/// convolution takes its layers in an order of its own, and what its arena grows ahead by. Measured on the processor with untrained
/// networks of the shapes of Real-ESRGAN x4 (RRDBNet: 23.1 to 26.9 kB a pixel, reckoned 24.6), its compact one (1.61, reckoned
/// 1.57) and RIFE 4 (0.41 to 0.46, reckoned 0.42).
const BYTES: f64 = 12.0;
/// Copies of the weights that the processor has: as they were read, and laid out for it.
const COPIES: u64 = 2;

/// The layers of a graph, in values for each pixel of the picture that goes in.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Layers {
    /// The largest of them.
    pub largest: f64,
    /// The most that is in memory at once.
    pub alive: f64,
}

impl Layers {
    /// Those of a component. Of a file that is not in order nothing is known: what is wrong with it is told when it is loaded.
    #[must_use]
    pub fn of<C: Described>(model: &Model<C>, role: &str) -> Self {
        model.read(role).ok().and_then(|bytes| Self::read(&bytes).ok()).unwrap_or_default()
    }

    /// Those of an ONNX file.
    ///
    /// # Errors
    /// What is wrong, when the bytes are no protocol buffer.
    pub(crate) fn read(bytes: &[u8]) -> Result<Self, String> {
        let mut walk = Walk::default();
        for input in Ports::read(bytes)?.inputs {
            let shape = input.tensor.and_then(|tensor| tensor.shape).unwrap_or_default();
            if let [_, Some(channels), _, _] = shape[..] {
                let channels = channels as f64;
                walk.given += channels;
                walk.made.insert(input.name, Layer { values: channels, channels, last: 0 });
            }
        }
        for graph in all(bytes, 7)? {
            for weight in all(graph, 5)? {
                walk.weight(weight)?;
            }
            for (at, node) in all(graph, 1)?.into_iter().enumerate() {
                walk.node(at, &Node::read(node)?);
            }
        }
        Ok(walk.layers())
    }

    /// At least so many values in the largest, and in memory: what the ports are known to take and give, where the graph tells less.
    #[must_use]
    pub fn at_least(self, largest: usize, alive: usize) -> Self {
        Self { largest: self.largest.max(largest as f64), alive: self.alive.max(alive as f64) }
    }

    /// Refuses pictures of so many pixels whose layers are too large to be computed reliably.
    ///
    /// # Errors
    /// `tensor-too-large`.
    pub fn check(&self, model: &str, pixels: usize) -> Result<(), Error> {
        let values = (self.largest * pixels as f64) as u64;
        memory::check_elements(
            &format!("the widest layer of {model}"),
            &[usize::try_from(values).unwrap_or(usize::MAX)],
        )
        .map(drop)
    }

    /// Bytes that the layers of pictures of so many pixels take.
    #[must_use]
    pub fn working(&self, pixels: usize) -> u64 {
        (self.alive * pixels as f64 * BYTES) as u64
    }

    /// Bytes that a run takes for pictures of so many pixels, the weights of its component included.
    ///
    /// # Errors
    /// Those of [`Model::bytes_on_disk`].
    pub fn bytes<C: Described>(
        &self,
        model: &Model<C>,
        role: &str,
        provider: Provider,
        pixels: usize,
    ) -> Result<u64, Error> {
        let copies = if provider.may_be_processor() { COPIES } else { 1 };
        let weights = model.bytes_in_memory(role, provider)?.saturating_mul(copies);
        Ok(weights.saturating_add(self.working(pixels)))
    }
}

/// What comes of a picture, for each of its pixels.
#[derive(Clone, Copy, Debug)]
struct Layer {
    values: f64,
    /// Of them, in one place.
    channels: f64,
    /// The node that takes it last.
    last: usize,
}

/// A node, as far as it matters here.
#[derive(Debug, Default)]
struct Node<'a> {
    operator: &'a [u8],
    inputs: Vec<&'a [u8]>,
    outputs: Vec<&'a [u8]>,
    /// How many places become one, or one becomes.
    strides: f64,
    group: f64,
    /// The side of a block of pixels that are shuffled.
    block: f64,
    /// The tensor of a constant.
    value: Option<&'a [u8]>,
}

impl<'a> Node<'a> {
    fn read(bytes: &'a [u8]) -> Result<Self, String> {
        let mut node = Self { strides: 1.0, group: 1.0, block: 1.0, ..Self::default() };
        let mut reader = Reader { bytes };
        while let Some((field, content)) = reader.field()? {
            match (field, content) {
                (1, Content::Bytes(name)) => node.inputs.push(name),
                (2, Content::Bytes(name)) => node.outputs.push(name),
                (4, Content::Bytes(name)) => node.operator = name,
                (5, Content::Bytes(attribute)) => node.attribute(attribute)?,
                _ => {}
            }
        }
        Ok(node)
    }

    fn attribute(&mut self, bytes: &'a [u8]) -> Result<(), String> {
        match all(bytes, 1)?.first().copied().unwrap_or_default() {
            b"strides" => self.strides = numbers(bytes, 8)?.iter().map(|stride| *stride as f64).product(),
            b"group" => self.group = numbers(bytes, 3)?.first().map_or(1.0, |group| *group as f64),
            b"blocksize" => self.block = numbers(bytes, 3)?.first().map_or(1.0, |side| *side as f64),
            b"value" => self.value = all(bytes, 5)?.first().copied(),
            _ => {}
        }
        Ok(())
    }
}

/// The way through a graph.
#[derive(Default)]
struct Walk {
    /// Layers by their names.
    made: BTreeMap<String, Layer>,
    /// Values of what goes in, which stays to the end: the caller has it.
    given: f64,
    /// Shapes of weights.
    shapes: BTreeMap<String, Vec<usize>>,
    /// Values of short constants: what is resized by them, or cut out between them.
    values: BTreeMap<String, Vec<f64>>,
    /// Node by node: the names of what it makes, and whether it may be written over what it takes.
    nodes: Vec<(Vec<String>, bool)>,
    /// Places of the largest picture so far, for each pixel.
    places: f64,
}

impl Walk {
    fn weight(&mut self, bytes: &[u8]) -> Result<(), String> {
        let name = all(bytes, 8)?.first().copied().unwrap_or_default();
        self.constant(text(name), bytes)
    }

    fn constant(&mut self, name: String, tensor: &[u8]) -> Result<(), String> {
        let shape = dimensions(tensor)?;
        if shape.len() <= 1 {
            self.values.insert(name.clone(), short(tensor)?);
        }
        self.shapes.insert(name, shape);
        Ok(())
    }

    fn node(&mut self, at: usize, node: &Node<'_>) {
        let outputs: Vec<String> = node.outputs.iter().map(|name| text(name)).collect();
        if let (Some(tensor), [output]) = (node.value, &outputs[..]) {
            // What is cut short here is so when it is loaded.
            let _ = self.constant(output.clone(), tensor);
        }
        let inputs: Vec<String> = node.inputs.iter().map(|name| text(name)).collect();
        let mut taken = Vec::new();
        for name in &inputs {
            if let Some(layer) = self.made.get_mut(name) {
                layer.last = at;
                taken.push(*layer);
            }
        }
        let made = (!taken.is_empty()).then(|| self.makes(node, &inputs, &taken, outputs.len()));
        if let Some((values, channels)) = made {
            self.places = self.places.max(if channels > 0.0 { values / channels } else { 0.0 });
            for name in &outputs {
                self.made.insert(name.clone(), Layer { values, channels, last: at });
            }
        }
        // What makes other places or channels can't write them over what it takes.
        let over = !matches!(
            node.operator,
            b"Conv"
                | b"ConvTranspose"
                | b"Concat"
                | b"Resize"
                | b"Upsample"
                | b"MatMul"
                | b"Pad"
                | b"Slice"
                | b"Split"
                | b"GridSample"
                | b"DepthToSpace"
        );
        self.nodes.push((if made.is_some() { outputs } else { Vec::new() }, over));
    }

    /// Values and channels of each output of a node.
    fn makes(&self, node: &Node<'_>, inputs: &[String], taken: &[Layer], outputs: usize) -> (f64, f64) {
        let most = |of: fn(&Layer) -> f64| taken.iter().map(of).fold(0.0, f64::max);
        let (values, channels) = (most(|layer| layer.values), most(|layer| layer.channels));
        let weight = |index: usize| inputs.get(index).and_then(|name| self.shapes.get(name)).map(Vec::as_slice);
        let side = |length: usize| length.max(1) as f64;
        match (node.operator, weight(1)) {
            (b"Conv", Some([out, per_group, ..])) => {
                let places = values / (side(*per_group) * node.group) / node.strides.max(1.0);
                (places * *out as f64, *out as f64)
            }
            (b"ConvTranspose", Some([into, per_group, ..])) => {
                let out = *per_group as f64 * node.group;
                (values / side(*into) * node.strides * out, out)
            }
            (b"MatMul" | b"Gemm", Some([rows, columns])) => {
                let out = values / side(*rows) * *columns as f64;
                (out, out)
            }
            (b"MaxPool" | b"AveragePool", _) => (values / node.strides.max(1.0), channels),
            (b"GlobalAveragePool" | b"GlobalMaxPool" | b"ReduceMean", _) => (0.0, channels),
            // Numbers about a layer are none: what is resized to a size that is worked out from them has its own channels.
            (b"Shape" | b"Size", _) => (0.0, 0.0),
            (b"Concat", _) => (taken.iter().map(|l| l.values).sum(), taken.iter().map(|l| l.channels).sum()),
            (b"DepthToSpace", _) => (values, channels / node.block.powi(2).max(1.0)),
            (b"Slice", _) => {
                let kept = self.kept(&inputs[1..], channels);
                (values / channels.max(1.0) * kept, kept)
            }
            (b"Split", _) => (values / side(outputs), channels / side(outputs)),
            (b"Resize" | b"Upsample", _) => {
                let at = if node.operator == b"Upsample" { 1 } else { 2 };
                match self.value(inputs.get(at)) {
                    Some([_, _, down, across]) => (values * down * across, channels),
                    _ => (values.max(channels * self.places.max(1.0)), channels),
                }
            }
            _ => (values, channels),
        }
    }

    /// The channels that are cut out of so many, by starts, ends and axes that are known; all where others or none are cut.
    fn kept(&self, cut: &[String], channels: f64) -> f64 {
        match [0, 1, 2].map(|at| self.value(cut.get(at))) {
            [Some([start]), Some([end]), Some([1.0])] => {
                let place = |at: f64| if at < 0.0 { channels + at } else { at }.clamp(0.0, channels);
                (place(*end) - place(*start)).max(0.0)
            }
            _ => channels,
        }
    }

    fn value(&self, name: Option<&String>) -> Option<&[f64]> {
        name.and_then(|name| self.values.get(name)).map(Vec::as_slice)
    }

    fn layers(&self) -> Layers {
        let end = self.nodes.len();
        let mut leaves: BTreeMap<usize, f64> = BTreeMap::new();
        let (mut now, mut alive, mut largest) = (self.given, self.given, 0.0_f64);
        for (at, (outputs, over)) in self.nodes.iter().enumerate() {
            let made: f64 = outputs.iter().filter_map(|name| self.made.get(name)).map(|layer| layer.values).sum();
            let gone = leaves.remove(&at).unwrap_or(0.0);
            alive = alive.max(now + made - if *over { gone.min(made) } else { 0.0 });
            now += made - gone;
            for layer in outputs.iter().filter_map(|name| self.made.get(name)) {
                largest = largest.max(layer.values);
                // One that nothing takes is what the network gives.
                let last = if layer.last > at { layer.last } else { end };
                *leaves.entry(last).or_default() += layer.values;
            }
        }
        Layers { largest, alive }
    }
}

fn text(name: &[u8]) -> String {
    String::from_utf8_lossy(name).into_owned()
}

/// The first values of a constant of floats or of long integers.
fn short(tensor: &[u8]) -> Result<Vec<f64>, String> {
    const MOST: usize = 4;
    let raw = all(tensor, 9)?.concat();
    Ok(match numbers(tensor, 2)?.first() {
        Some(1) => {
            let raw = if raw.is_empty() { all(tensor, 4)?.concat() } else { raw };
            let floats = raw.as_chunks::<4>().0.iter().take(MOST);
            floats.map(|value| f64::from(f32::from_le_bytes(*value))).collect()
        }
        Some(7) if raw.is_empty() => {
            numbers(tensor, 7)?.iter().take(MOST).map(|value| value.cast_signed() as f64).collect()
        }
        Some(7) => raw.as_chunks::<8>().0.iter().take(MOST).map(|value| i64::from_le_bytes(*value) as f64).collect(),
        _ => Vec::new(),
    })
}

#[cfg(test)]
mod tests;
