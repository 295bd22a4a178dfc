//! Networks that make a picture of pictures, of any size and in one run: what the stages behind the shots share.
//!
//! Invariant: a picture that comes back has the shape that was asked for, and every value of it is a number.

use std::path::Path;

use ndarray::{Array4, Ix4};

use crate::error::Error;
use crate::folder::{Described, Model};
use crate::graph::{Graph, Tensor};
use crate::port::Port;
use crate::provider::Provider;
use crate::runtime::Engine;

mod recipe;

/// A model of one graph whose ports for pictures are `[1,3,height,width]`, RGB in 0-1.
pub struct PictureNetwork<C> {
    pub model: Model<C>,
    component: &'static str,
    output: String,
    graph: Graph,
    provider: Provider,
    version: String,
}

/// Reads a model folder that may be used in these places, and loads nothing.
///
/// # Errors
/// Those of [`Model::open`], `licence-territory`.
pub fn model<C: Described>(folder: &Path, places: &[String]) -> Result<Model<C>, Error> {
    let model = Model::<C>::open(folder)?;
    model.contract.licence().check(model.contract.name(), places)?;
    Ok(model)
}

impl<C: Described> PictureNetwork<C> {
    /// Loads a component of a model. `pictures` are its inputs that are pictures, `others` the rest.
    ///
    /// # Errors
    /// Those of [`Graph::open`]; `model-port-mismatch` for a picture whose size is not free.
    pub fn load(
        model: Model<C>,
        (provider, threads): (Provider, usize),
        component: &'static str,
        ports: impl FnOnce(&C) -> Ports,
    ) -> Result<Self, Error> {
        let engine = Engine::on(provider, threads)?;
        let Ports { pictures, others, output } = ports(&model.contract);
        let picture = |name: &String| Port::float(name, &[Some(1), Some(3), None, None]);
        let inputs: Vec<_> = pictures.iter().map(picture).chain(others).collect();
        let graph = Graph::open(&engine, &model, component, &inputs, &[picture(&output)])?;
        let version = engine.runtime.version.clone();
        let network = Self { model, component, output, graph, provider: engine.gets(), version };
        for port in &pictures {
            network.check_free(port)?;
        }
        Ok(network)
    }

    fn check_free(&self, port: &str) -> Result<(), Error> {
        let reason = match self.graph.input_shape(port)[..] {
            [_, None, _, Some(3)] => "has its channels last; export it as [1,3,height,width]".into(),
            [_, _, None, None] => return Ok(()),
            ref shape => {
                let sides = shape.iter().skip(2).map(|side| side.map_or("any".into(), |pixels| pixels.to_string()));
                let sides = sides.collect::<Vec<_>>().join(" by ");
                format!("takes {sides} pixels (height by width) alone; export it with free height and width")
            }
        };
        Err(self.wrong(port, reason)?)
    }

    /// What is wrong with an input.
    ///
    /// # Errors
    /// Those of [`Model::component`].
    pub fn wrong(&self, port: &str, reason: String) -> Result<Error, Error> {
        let file = self.model.component(self.component)?.file.clone();
        Ok(Error::Port {
            model: self.model.contract.name().into(),
            file,
            direction: "input",
            port: port.into(),
            reason,
        })
    }

    /// What an input's dimensions are; `None` is free. Empty when there is no such input.
    #[must_use]
    pub fn input_shape(&self, name: &str) -> Vec<Option<usize>> {
        self.graph.input_shape(name)
    }

    /// The picture of one run. `what` names it where it is no picture.
    ///
    /// # Errors
    /// `inference-failed`, also for a picture of another shape; `non-finite`.
    pub fn run(&mut self, inputs: &[(&str, Tensor<'_>)], shape: [usize; 4], what: &str) -> Result<Array4<f32>, Error> {
        let made = self.graph.run(inputs)?.array(&self.output)?;
        if made.shape() != shape {
            return Err(self.failed(format!("it gave {:?}; its contract asks for {shape:?}", made.shape())));
        }
        if made.iter().any(|value| !value.is_finite()) {
            return Err(Error::NonFinite { model: self.model.contract.name().into(), place: what.into() });
        }
        made.into_dimensionality::<Ix4>().map_err(|e| self.failed(e.to_string()))
    }

    /// The failure of a run.
    #[must_use]
    pub fn failed(&self, reason: String) -> Error {
        Error::Inference { model: self.model.contract.name().into(), component: self.component.into(), reason }
    }

    /// What a report says of it.
    #[must_use]
    pub fn facts(&self) -> [(&'static str, String); 6] {
        [
            ("method", "network".into()),
            ("model", self.model.contract.name().into()),
            ("model-sha256", self.model.sha256.clone()),
            ("licence", self.model.contract.licence().spdx.clone()),
            ("provider", self.provider.to_string()),
            ("onnxruntime", self.version.clone()),
        ]
    }

    /// What a person should know of the runs since the last call.
    pub fn told(&mut self) -> Vec<String> {
        self.graph.told()
    }
}

/// What a network takes and gives, by the names of its ports.
pub struct Ports {
    /// Inputs that are pictures.
    pub pictures: Vec<String>,
    pub others: Vec<Port>,
    /// The picture that it makes.
    pub output: String,
}
