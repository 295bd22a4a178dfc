//! The network: two pictures and the time between them in, the picture of that time out.

use std::path::Path;

use ndarray::{Array4, ArrayD, Ix4, IxDyn, s};
use spotloom_media::{Frame, FrameFormat, Pixel};
use spotloom_onnx::{Engine, Error, Graph, Model, Port, Provider, Tensor, memory};

use crate::contract::{Contract, NETWORK, Times};

pub(crate) struct Network {
    pub model: Model<Contract>,
    pub runtime: String,
    pub provider: Provider,
    /// Pictures made so far.
    pub made: u64,
    graph: Graph,
    time: Time,
}

/// How it is told the time.
enum Time {
    /// As one number, in so many dimensions.
    Number(usize),
    /// The same for each pixel.
    Plane,
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
        let ports = &model.contract.ports;
        let picture = |name: &str| Port::float(name, &[Some(1), Some(3), None, None]);
        let time = Port::float(&ports.time, &[]).of_any_rank();
        let time = if model.contract.times == Times::Middle { time.optional() } else { time };
        let inputs = [picture(&ports.first), picture(&ports.second), time];
        let graph = Graph::open(&engine, &model, NETWORK, &inputs, &[picture(&ports.output)])?;
        let file = model.component(NETWORK)?.file.clone();
        let wrong = |port: &str, reason: String| Error::Port {
            model: model.contract.name.clone(),
            file: file.clone(),
            direction: "input",
            port: port.into(),
            reason,
        };
        for port in [&ports.first, &ports.second] {
            match graph.input_shape(port)[..] {
                [_, None, _, Some(3)] => {
                    return Err(wrong(port, "has its channels last; export it as [1,3,height,width]".into()));
                }
                [_, _, None, None] => {}
                ref shape => {
                    let sides = shape.iter().skip(2).map(|side| side.map_or("any".into(), |pixels| pixels.to_string()));
                    let sides = sides.collect::<Vec<_>>().join(" by ");
                    return Err(wrong(
                        port,
                        format!("takes {sides} pixels (height by width) alone; export it with free height and width"),
                    ));
                }
            }
        }
        let one = |side: &Option<usize>| side.is_none_or(|values| values == 1);
        let time = match &graph.input_shape(&ports.time)[..] {
            [batch, channel, None, None] if one(batch) && one(channel) => Time::Plane,
            shape if shape.iter().all(one) => Time::Number(shape.len()),
            shape => {
                let shape: Vec<_> =
                    shape.iter().map(|side| side.map_or("?".into(), |values| values.to_string())).collect();
                return Err(wrong(
                    &ports.time,
                    format!(
                        "is [{}]; expected one value, or [1,1,height,width] with free height and width",
                        shape.join(",")
                    ),
                ));
            }
        };
        Ok(Self { runtime: engine.runtime.version.clone(), provider: engine.gets(), made: 0, model, graph, time })
    }

    /// A frame of 16-bit RGB as it takes pictures, continued at the right and at the bottom to sides that are its multiples.
    pub(crate) fn picture(&self, frame: &Frame) -> Result<Array4<f32>, Error> {
        let (width, height) = frame.format().plane_size(0);
        let whole = |side: usize| side.next_multiple_of(self.model.contract.multiple);
        let shape = [1, 3, whole(height), whole(width)];
        memory::check_elements("a picture for the network", &shape)?;
        let samples = frame.to_unit();
        let at = |(_, c, y, x): (_, usize, usize, usize)| {
            samples[(c * height + y.min(height - 1)) * width + x.min(width - 1)]
        };
        Ok(Array4::from_shape_fn(shape, at))
    }

    /// The frame of a picture, as large as it was before it was continued.
    pub(crate) fn frame(picture: &Array4<f32>, (width, height): (u32, u32)) -> Frame {
        let mut frame = Frame::new(FrameFormat::new(width, height, Pixel::Rgb48));
        let size = frame.format().plane_size(0);
        frame.put_unit((0, 0), size, picture.slice(s![.., .., ..size.1, ..size.0]).iter().copied());
        frame
    }

    /// The picture that lies a part of the way from one to the next, 0 to 1.
    pub(crate) fn between(
        &mut self,
        first: &Array4<f32>,
        second: &Array4<f32>,
        part: f32,
    ) -> Result<Array4<f32>, Error> {
        let (_, _, height, width) = first.dim();
        let time = match self.time {
            Time::Number(dimensions) => ArrayD::from_elem(IxDyn(&vec![1; dimensions]), part),
            Time::Plane => ArrayD::from_elem(IxDyn(&[1, 1, height, width]), part),
        };
        let contract = &self.model.contract;
        let ports = &contract.ports;
        let results = self.graph.run(&[
            (&ports.first, Tensor::F32(first.view().into_dyn())),
            (&ports.second, Tensor::F32(second.view().into_dyn())),
            (&ports.time, Tensor::F32(time.view())),
        ])?;
        let made = results.array(&ports.output)?;
        let failed =
            |reason: String| Error::Inference { model: contract.name.clone(), component: NETWORK.into(), reason };
        if made.shape() != first.shape() {
            return Err(failed(format!("it gave {:?}; expected {:?}", made.shape(), first.shape())));
        }
        if made.iter().any(|value| !value.is_finite()) {
            return Err(Error::NonFinite { model: contract.name.clone(), place: "a frame in between".into() });
        }
        self.made += 1;
        made.into_dimensionality::<Ix4>().map_err(|e| failed(e.to_string()))
    }

    /// What a person should know of the runs so far.
    pub(crate) fn told(&mut self) -> Vec<String> {
        self.graph.told()
    }
}
