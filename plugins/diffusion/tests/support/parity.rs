//! The cases that the exporter wrote beside a tiny model (`export/`): what the reference pipeline was given, and what
//! it made.

use std::path::{Path, PathBuf};

use ndarray::{ArrayD, Axis};
use serde_json::Value;
use spotloom_diffusion::contract::{Mode, Model};
use spotloom_diffusion::error::Error;
use spotloom_diffusion::families::text::Rows;
use spotloom_diffusion::family::{Condition, Frames, Shot};
use spotloom_diffusion::picture::Picture;
use spotloom_media::{Pixel, ReadOptions, Reader};
use spotloom_onnx::{Engine, SessionOptions};

use super::safetensors::SafeTensors;

/// A tiny model and its cases.
pub struct Fixture {
    pub model: Model,
    /// With latents that come back at every step, and with latents that stay.
    pub engines: [Engine; 2],
    pub cases: Vec<Case>,
}

/// One call of the reference pipeline.
pub struct Case {
    fixture: String,
    facts: Value,
    folder: PathBuf,
}

/// The brightness of every pixel of every frame of a clip, 10 bits.
pub fn frames(clip: &Path) -> Vec<u16> {
    let frames = Reader::open(clip, ReadOptions::new(Pixel::Yuv420p10)).expect("a clip").map(|f| f.expect("a frame"));
    frames
        .flat_map(|f| f.plane(0).chunks_exact(2).map(|v| u16::from_le_bytes([v[0], v[1]])).collect::<Vec<_>>())
        .collect()
}

/// The folder of a fixture.
pub fn folder(fixture: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(fixture)
}

impl Fixture {
    pub fn open(fixture: &str) -> Self {
        let folder = folder(fixture);
        let text = std::fs::read_to_string(folder.join("cases.json")).expect("cases");
        let cases: Vec<Value> = serde_json::from_str(&text).expect("JSON");
        assert!(!cases.is_empty());
        let case = |facts| Case { fixture: fixture.into(), facts, folder: folder.clone() };
        Self {
            model: Model::open(&folder).expect("the model"),
            engines: [false, true].map(|resident_latents| Engine {
                session: SessionOptions { resident_latents, ..SessionOptions::default() },
                ..Engine::cpu(2).expect("ONNX Runtime")
            }),
            cases: cases.into_iter().map(case).collect(),
        }
    }
}

impl Case {
    pub fn name(&self) -> String {
        format!("{}, {}", self.fixture, self.text("name"))
    }

    pub fn text(&self, key: &str) -> String {
        self.facts[key].as_str().expect("text").to_owned()
    }

    pub fn number(&self, key: &str) -> f64 {
        self.facts[key].as_f64().expect("a number")
    }

    /// A fact as its own type.
    pub fn fact<T: serde::de::DeserializeOwned>(&self, key: &str) -> T {
        serde_json::from_value(self.facts[key].clone()).expect("a fact")
    }

    fn golden(&self) -> SafeTensors {
        SafeTensors::open(&self.folder.join("golden.safetensors"))
    }

    fn tensor_name(&self, key: &str) -> Option<&str> {
        self.facts["tensors"][key].as_str()
    }

    pub fn tensor(&self, key: &str) -> ArrayD<f32> {
        self.golden().f32(self.tensor_name(key).expect("a tensor"))
    }

    /// The clip that is made again.
    pub fn clip(&self) -> Vec<Picture> {
        self.golden().pictures(self.tensor_name("clip").expect("a clip"))
    }

    fn limit(&self, key: &str) -> f32 {
        self.facts["tolerance"][key].as_f64().expect("a limit") as f32
    }

    /// What the stage would ask for; `noise` names the tensor to start from.
    pub fn shot(&self, model: &Model, noise: &str) -> Shot {
        let frames = self.number("frames") as usize;
        let picture = |key: &str, start| {
            let name = self.tensor_name(key)?;
            Some(Condition { start, pictures: vec![self.golden().picture(name)] })
        };
        Shot {
            negative_prompt: self.text("negative"),
            mode: self.fact::<Mode>("mode"),
            width: self.facts["size"][0].as_u64().expect("pixels") as usize,
            height: self.facts["size"][1].as_u64().expect("pixels") as usize,
            frames,
            conditions: picture("image", 0).into_iter().chain(picture("last_image", frames - 1)).collect(),
            noise: Some(self.tensor(noise)),
            steps: self.number("steps") as usize,
            shift: self.facts["shift"].as_f64().unwrap_or(model.contract.sampling.shift),
            guidance: self.number("guidance") as f32,
            ..Shot::usual(&model.contract, self.text("prompt"))
        }
    }

    pub fn check(&self, what: &str, limit: &str, found: &ArrayD<f32>, expected: &ArrayD<f32>) {
        let name = self.name();
        assert_eq!(found.shape(), expected.shape(), "{name}: {what}");
        let differs = found.iter().zip(expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(differs <= self.limit(limit), "{name}: {what} differs by {differs}");
    }

    /// The encoded prompt and the negative one.
    pub fn check_text(&self, rows: &[Rows]) {
        for (rows, key) in rows.iter().zip(["text", "negative_text"]) {
            self.check(key, "text", &rows.values, &self.tensor(key));
        }
    }

    /// Holds the latents after each step against the reference's, unless they are `resident`, which is seen to.
    pub fn steps(&self, resident: bool) -> impl FnMut(usize, Option<&ArrayD<f32>>) -> Result<(), Error> + '_ {
        let steps = self.tensor("steps");
        move |step, sample| {
            assert_eq!(sample.is_none(), resident, "{}", self.name());
            let Some(sample) = sample else { return Ok(()) };
            let expected = steps.index_axis(Axis(0), step).to_owned();
            self.check(&format!("the latents of step {step}"), "latents", sample, &expected);
            Ok(())
        }
    }

    /// Holds a clip, [1, 3, frames, height, width], against the reference's.
    pub fn check_video(&self, video: &ArrayD<f32>) {
        let expected = self.tensor("frames");
        let found =
            video.index_axis(Axis(0), 0).mapv(|v| (v / 2.0 + 0.5).clamp(0.0, 1.0)).permuted_axes(vec![1, 2, 3, 0]);
        self.check("the clip", "frames", &found.as_standard_layout().into_owned(), &expected);
    }

    /// Holds every frame against the reference's; there must be as many.
    pub fn check_frames(&self, frames: &mut dyn Frames) {
        for (index, expected) in self.tensor("frames").axis_iter(Axis(0)).enumerate() {
            let frame = frames.next(&mut |_| Ok(())).expect("no failure").expect("a frame");
            let planes = ArrayD::from_shape_vec(vec![3, frame.height, frame.width], frame.data).expect("planes");
            let planes = planes.mapv(|v| v / 2.0 + 0.5).permuted_axes(vec![1, 2, 0]);
            let found = planes.as_standard_layout().into_owned();
            self.check(&format!("frame {index}"), "frames", &found, &expected.to_owned());
        }
        assert!(frames.next(&mut |_| Ok(())).expect("no failure").is_none(), "{}: no frame more", self.name());
    }
}
