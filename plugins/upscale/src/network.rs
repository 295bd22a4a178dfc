//! The network: a picture in, tile by tile, a larger one out.

use std::path::Path;

use ndarray::{Array4, ArrayView4, Ix4, s};
use spotloom_media::{Frame, FrameFormat, Pixel};
use spotloom_onnx::{Engine, Error, Graph, Model, Port, Provider, Tensor, memory};

use crate::contract::{Contract, NETWORK};
use crate::tiles::spans;

pub(crate) struct Network {
    pub model: Model<Contract>,
    graph: Graph,
    pub runtime: String,
    pub provider: Provider,
}

impl Network {
    /// Loads a model folder, for use in these places.
    pub(crate) fn open(
        folder: &Path,
        (provider, threads): (Provider, usize),
        places: &[String],
    ) -> Result<Self, Error> {
        let model = Model::<Contract>::open(folder)?;
        model.contract.licence.check(&model.contract.name, places)?;
        let engine = Engine::on(provider, threads)?;
        let sides = |a, b| [Some(1), Some(3), a, b];
        let graph = Graph::open(
            &engine,
            &model,
            NETWORK,
            &[Port::float("input", &sides(None, None))],
            &[Port::float("output", &sides(None, None))],
        )?;
        if let [_, _, Some(height), Some(width)] = graph.input_shape("input")[..] {
            return Err(Error::Port {
                model: model.contract.name.clone(),
                file: model.component(NETWORK)?.file.clone(),
                direction: "input",
                port: "input".into(),
                reason: format!("takes {width}x{height} alone; export it with free height and width"),
            });
        }
        Ok(Self { model, graph, runtime: engine.runtime.version.clone(), provider: engine.gets() })
    }

    /// Enlarges a 16-bit RGB frame. `pause` is asked before each tile and may end the work.
    pub(crate) fn enlarge<E: From<Error>>(
        &mut self,
        frame: &Frame,
        tile: usize,
        mut pause: impl FnMut() -> Result<(), E>,
    ) -> Result<Frame, E> {
        let (width, height) = (frame.width() as usize, frame.height() as usize);
        let scale = self.model.contract.scale;
        let pad = self.model.contract.pad;
        let picture = Array4::from_shape_vec((1, 3, height, width), frame.to_unit());
        let picture = picture.map_err(|e| self.failed(format!("it is given 16-bit RGB alone: {e}")))?;
        let (columns, rows) = (spans(width, tile, pad), spans(height, tile, pad));
        let large = FrameFormat::new(frame.width() * scale as u32, frame.height() * scale as u32, Pixel::Rgb48);
        let mut out = Frame::new(large);
        for row in &rows {
            for column in &columns {
                pause()?;
                let window = picture.slice(s![.., .., row.read.clone(), column.read.clone()]);
                let shape = [1, 3, row.read.len() * scale, column.read.len() * scale];
                memory::check_elements("an enlarged tile", &shape)?;
                let result = self.run(window, shape)?;
                let inner = |read: &std::ops::Range<usize>, keep: &std::ops::Range<usize>| {
                    (keep.start - read.start) * scale..(keep.end - read.start) * scale
                };
                let kept = result.slice(s![.., .., inner(&row.read, &row.keep), inner(&column.read, &column.keep)]);
                let place = (column.keep.start * scale, row.keep.start * scale);
                out.put_unit(place, (column.keep.len() * scale, row.keep.len() * scale), kept.iter().copied());
            }
        }
        Ok(out)
    }

    fn run(&mut self, window: ArrayView4<'_, f32>, shape: [usize; 4]) -> Result<Array4<f32>, Error> {
        let result = self.graph.run(&[("input", Tensor::F32(window.into_dyn()))])?.array("output")?;
        if result.shape() != shape {
            return Err(self.failed(format!(
                "it gave {:?}; a scale of {} asks for {shape:?}",
                result.shape(),
                self.model.contract.scale
            )));
        }
        if result.iter().any(|v| !v.is_finite()) {
            return Err(self.failed("it gave values that are no numbers".into()));
        }
        result.into_dimensionality::<Ix4>().map_err(|e| self.failed(e.to_string()))
    }

    fn failed(&self, reason: String) -> Error {
        Error::Inference { model: self.model.contract.name.clone(), component: NETWORK.into(), reason }
    }

    /// What a person should know of the runs so far.
    pub(crate) fn told(&mut self) -> Vec<String> {
        self.graph.told()
    }
}
