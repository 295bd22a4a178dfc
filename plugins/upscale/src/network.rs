//! The network: a picture in, tile by tile, a larger one out.

use ndarray::{Array4, s};
use spotloom_media::{Frame, FrameFormat, Pixel};
use spotloom_onnx::pictures::Ports;
use spotloom_onnx::{Error, Model, PictureNetwork, Provider, Tensor, memory};

use crate::contract::{Contract, NETWORK};
use crate::tiles::spans;

pub(crate) struct Network(pub PictureNetwork<Contract>);

impl Network {
    /// Loads a model.
    pub(crate) fn load(model: Model<Contract>, on: (Provider, usize)) -> Result<Self, Error> {
        let ports =
            |_: &Contract| Ports { pictures: vec!["input".into()], others: Vec::new(), output: "output".into() };
        PictureNetwork::load(model, on, NETWORK, ports).map(Self)
    }

    pub(crate) fn contract(&self) -> &Contract {
        &self.0.model.contract
    }

    /// Enlarges a 16-bit RGB frame. `pause` is asked before each tile and may end the work.
    pub(crate) fn enlarge<E: From<Error>>(
        &mut self,
        frame: &Frame,
        tile: usize,
        mut pause: impl FnMut() -> Result<(), E>,
    ) -> Result<Frame, E> {
        let (width, height) = (frame.width() as usize, frame.height() as usize);
        let scale = self.contract().scale;
        let pad = self.contract().pad;
        let picture = Array4::from_shape_vec((1, 3, height, width), frame.to_unit());
        let picture = picture.map_err(|e| self.0.failed(format!("it is given 16-bit RGB alone: {e}")))?;
        let (columns, rows) = (spans(width, tile, pad), spans(height, tile, pad));
        let large = FrameFormat::new(frame.width() * scale as u32, frame.height() * scale as u32, Pixel::Rgb48);
        let mut out = Frame::new(large);
        for row in &rows {
            for column in &columns {
                pause()?;
                let window = picture.slice(s![.., .., row.read.clone(), column.read.clone()]);
                let shape = [1, 3, row.read.len() * scale, column.read.len() * scale];
                memory::check_elements("an enlarged tile", &shape)?;
                let result = self.0.run(&[("input", Tensor::F32(window.into_dyn()))], shape, "an enlarged tile")?;
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
}
