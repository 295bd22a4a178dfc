//! The three graphs of a model folder: loaded, used and dropped one after another.

use std::path::Path;

use ndarray::{Array2, Array4, ArrayD, Ix2, Ix4, arr1};
use spotloom_onnx::{Engine, Error, Graph, Model, Port, Provider, Tensor, memory};

use crate::contract::{Contract, DETECTOR, POSE, TRANSFORMER};
use crate::detect::{self, CELLS, Person, SIDE, VALUES};
use crate::photo::Photo;
use crate::pose::{JOINTS, PARTS, Pose, Window};
use crate::sampler::{self, Given};

/// A model folder, ready to be used.
pub struct Network {
    pub model: Model<Contract>,
    engine: Engine,
}

/// What the picture is made of, `[1, C, height, width]` from -1 to 1.
#[derive(Clone, Debug)]
pub struct Conditions {
    pub person: Array4<f32>,
    pub garment: Array4<f32>,
    pub person_pose: Array4<f32>,
    pub garment_pose: Array4<f32>,
    /// 1 and up, in the order of the contract's categories.
    pub category: i64,
}

/// How it is made.
#[derive(Clone, Copy, Debug)]
pub struct Walk {
    pub steps: usize,
    pub guidance: f64,
    pub shift: f64,
    pub unguided: usize,
}

impl Network {
    /// Opens a model folder and sees that there is memory for it; loads no graph.
    ///
    /// # Errors
    /// Those of [`Model::open`], `not-enough-memory`.
    pub fn open(folder: &Path, threads: usize, provider: Provider) -> Result<Self, Error> {
        let model = Model::<Contract>::open(folder)?;
        let engine = Engine::on(provider, threads)?;
        let network = Self { model, engine };
        let needed = network.weights(TRANSFORMER)?;
        memory::require(&network.model.contract.name, needed, memory::available_to(engine.gets()).as_ref())?;
        Ok(network)
    }

    /// ONNX Runtime's version.
    #[must_use]
    pub fn runtime(&self) -> &str {
        &self.engine.runtime.version
    }

    /// What does the arithmetic.
    #[must_use]
    pub fn provider(&self) -> Provider {
        self.engine.provider
    }

    /// Bytes of a component's weights while it is loaded: the processor computes with 32 bits, and turns weights of 16 into
    /// these while it holds both.
    fn weights(&self, role: &str) -> Result<u64, Error> {
        let halved = self.model.is_half(role)?;
        let times = if halved && self.engine.gets() == Provider::Cpu { 3 } else { 1 };
        Ok(self.model.bytes_on_disk(role)?.saturating_mul(times))
    }

    /// Loads each graph once and holds its ports against what this stage gives and takes.
    ///
    /// # Errors
    /// `model-unreadable`, `model-port-mismatch` and their kin.
    pub fn check(&self) -> Result<(), Error> {
        self.detector()?;
        self.pose()?;
        self.transformer()?;
        Ok(())
    }

    fn detector(&self) -> Result<Graph, Error> {
        let image = Port::float("images", &[Some(1), Some(3), Some(SIDE), Some(SIDE)]);
        let values = Port::float("output", &[Some(1), Some(CELLS), Some(VALUES)]);
        Graph::open(&self.engine, &self.model, DETECTOR, &[image], &[values])
    }

    /// The graph, with the width and height of what it looks at.
    fn pose(&self) -> Result<(Graph, (usize, usize)), Error> {
        let image = Port::float("input", &[None, Some(3), None, None]);
        let part = |name: &str| Port::float(name, &[None, Some(JOINTS), None]);
        let graph = Graph::open(&self.engine, &self.model, POSE, &[image], &[part("simcc_x"), part("simcc_y")])?;
        match graph.input_shape("input")[..] {
            [_, _, Some(height), Some(width)] => Ok((graph, (width, height))),
            _ => Err(Error::Port {
                model: self.model.contract.name.clone(),
                file: self.model.component(POSE)?.file.clone(),
                direction: "input",
                port: "input".into(),
                reason: "does not say its height and width; export it with both fixed".into(),
            }),
        }
    }

    fn transformer(&self) -> Result<Graph, Error> {
        let Contract { width, height, .. } = self.model.contract;
        let map = |name: &str, channels| Port::float(name, &[Some(1), Some(channels), Some(height), Some(width)]);
        let inputs = [
            map("sample", 3),
            Port::float("timestep", &[Some(1)]),
            map("person", 3),
            map("garment", 3),
            map("person_pose", 1),
            map("garment_pose", 1),
            Port::i64("category", &[Some(1)]),
        ];
        Graph::open(&self.engine, &self.model, TRANSFORMER, &inputs, &[map("velocity", 3)])
    }

    fn failed(&self, component: &str, reason: impl Into<String>) -> Error {
        Error::Inference { model: self.model.contract.name.clone(), component: component.into(), reason: reason.into() }
    }

    /// The people in some photos.
    ///
    /// # Errors
    /// The graph can't be loaded or fails.
    pub fn people(&self, photos: &[&Photo]) -> Result<Vec<Vec<Person>>, Error> {
        let mut graph = self.detector()?;
        let found = photos.iter().map(|photo| {
            let input = detect::input(photo);
            let output = graph.run(&[("images", Tensor::F32(input.view().into_dyn()))])?.array("output")?;
            let shape = format!("it gave {:?}", output.shape());
            let values = output.into_shape_with_order((CELLS, VALUES)).map_err(|_| self.failed(DETECTOR, shape))?;
            Ok(detect::people(values.view(), photo))
        });
        found.collect()
    }

    /// How these people stand; the whole photo is looked at when there are none.
    ///
    /// # Errors
    /// The graph can't be loaded or fails.
    pub fn poses(&self, photo: &Photo, people: &[Person]) -> Result<Vec<Pose>, Error> {
        let (mut graph, (width, height)) = self.pose()?;
        let people: Vec<Option<&Person>> =
            if people.is_empty() { vec![None] } else { people.iter().map(Some).collect() };
        let poses = people.into_iter().map(|person| {
            let window = Window::around(person, photo, width as f64 / height as f64);
            let input = window.input(photo, (width, height));
            let results = graph.run(&[("input", Tensor::F32(input.view().into_dyn()))])?;
            let part = |name: &str, side: usize| self.part(results.array(name)?, name, side * PARTS);
            let (across, down) = (part("simcc_x", width)?, part("simcc_y", height)?);
            Ok(Pose::new(&window.joints(across.view(), down.view(), (width, height))))
        });
        poses.collect()
    }

    fn part(&self, values: ArrayD<f32>, name: &str, length: usize) -> Result<Array2<f32>, Error> {
        if values.shape() != [1, JOINTS, length] {
            let reason = format!("`{name}` is {:?}; expected [1, {JOINTS}, {length}]", values.shape());
            return Err(self.failed(POSE, reason));
        }
        values.remove_axis(ndarray::Axis(0)).into_dimensionality::<Ix2>().map_err(|e| self.failed(POSE, e.to_string()))
    }

    /// Walks from noise to the picture, `[1, 3, height, width]`, and says what a person should know of it. `pause` is told
    /// the step before each velocity and may end the work.
    ///
    /// # Errors
    /// The graph can't be loaded, fails, or gives values that are no numbers; those of `pause`.
    pub fn dress<E: From<Error>>(
        &self,
        noise: Array4<f32>,
        given: &Conditions,
        walk: Walk,
        mut pause: impl FnMut(usize) -> Result<(), E>,
    ) -> Result<(Array4<f32>, Vec<String>), E> {
        let mut graph = self.transformer()?;
        let nothing = Conditions {
            person: Array4::zeros(given.person.raw_dim()),
            garment: Array4::zeros(given.garment.raw_dim()),
            person_pose: Array4::zeros(given.person_pose.raw_dim()),
            garment_pose: Array4::zeros(given.garment_pose.raw_dim()),
            category: 0,
        };
        let times = sampler::times(walk.steps, walk.shift);
        let made = sampler::walk(noise, &times, walk.guidance, walk.unguided, |step, sample, time, with| {
            pause(step)?;
            let conditions = if with == Given::Both { given } else { &nothing };
            Ok::<_, E>(self.velocity(&mut graph, sample, time, conditions)?)
        })?;
        Ok((made, graph.told()))
    }

    fn velocity(
        &self,
        graph: &mut Graph,
        sample: &Array4<f32>,
        time: f32,
        given: &Conditions,
    ) -> Result<Array4<f32>, Error> {
        let (time, category) = (arr1(&[time]), arr1(&[given.category]));
        let map = |map| Tensor::F32(ndarray::ArrayView4::into_dyn(map));
        let results = graph.run(&[
            ("sample", map(sample.view())),
            ("timestep", Tensor::F32(time.view().into_dyn())),
            ("person", map(given.person.view())),
            ("garment", map(given.garment.view())),
            ("person_pose", map(given.person_pose.view())),
            ("garment_pose", map(given.garment_pose.view())),
            ("category", Tensor::I64(category.view().into_dyn())),
        ])?;
        let velocity = results.array("velocity")?;
        if velocity.shape() != sample.shape() {
            let reason = format!("it gave {:?}; expected {:?}", velocity.shape(), sample.shape());
            return Err(self.failed(TRANSFORMER, reason));
        }
        if velocity.iter().any(|v| !v.is_finite()) {
            return Err(self.failed(TRANSFORMER, "it gave values that are no numbers"));
        }
        velocity.into_dimensionality::<Ix4>().map_err(|e| self.failed(TRANSFORMER, e.to_string()))
    }
}
