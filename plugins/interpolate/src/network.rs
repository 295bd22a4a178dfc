//! The network: two pictures and the time between them in, the picture of that time out.

use ndarray::{Array4, ArrayD, IxDyn, s};
use spotloom_media::{Frame, FrameFormat, Pixel};
use spotloom_onnx::pictures::Ports;
use spotloom_onnx::{Error, Model, PictureNetwork, Port, Provider, Tensor, memory};

use crate::contract::{Contract, NETWORK, Times};

pub(crate) struct Network {
    pub pictures: PictureNetwork<Contract>,
    /// Pictures made so far.
    pub made: u64,
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
    /// Loads a model.
    pub(crate) fn load(model: Model<Contract>, on: (Provider, usize)) -> Result<Self, Error> {
        let pictures = PictureNetwork::load(model, on, NETWORK, |contract| {
            let ports = &contract.ports;
            let time = Port::float(&ports.time, &[]).of_any_rank();
            let time = if contract.times == Times::Middle { time.optional() } else { time };
            Ports {
                pictures: vec![ports.first.clone(), ports.second.clone()],
                others: vec![time],
                output: ports.output.clone(),
            }
        })?;
        let port = &pictures.model.contract.ports.time;
        let one = |side: &Option<usize>| side.is_none_or(|values| values == 1);
        let time = match &pictures.input_shape(port)[..] {
            [batch, channel, None, None] if one(batch) && one(channel) => Time::Plane,
            shape if shape.iter().all(one) => Time::Number(shape.len()),
            shape => {
                let shape: Vec<_> =
                    shape.iter().map(|side| side.map_or("?".into(), |values| values.to_string())).collect();
                let shape = shape.join(",");
                let reason =
                    format!("is [{shape}]; expected one value, or [1,1,height,width] with free height and width");
                return Err(pictures.wrong(port, reason)?);
            }
        };
        Ok(Self { pictures, made: 0, time })
    }

    pub(crate) fn contract(&self) -> &Contract {
        &self.pictures.model.contract
    }

    /// A frame of 16-bit RGB as it takes pictures, continued at the right and at the bottom to sides that are its multiples.
    pub(crate) fn picture(&self, frame: &Frame) -> Result<Array4<f32>, Error> {
        let (width, height) = frame.format().plane_size(0);
        let whole = |side: usize| side.next_multiple_of(self.contract().multiple);
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
        let ports = self.contract().ports.clone();
        let inputs = [
            (ports.first.as_str(), Tensor::F32(first.view().into_dyn())),
            (&ports.second, Tensor::F32(second.view().into_dyn())),
            (&ports.time, Tensor::F32(time.view())),
        ];
        let made = self.pictures.run(&inputs, [1, 3, height, width], "a frame in between")?;
        self.made += 1;
        Ok(made)
    }
}
