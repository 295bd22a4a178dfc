//! The stage `upscale`: frames read, enlarged and written one after another.

use spotloom_media::frame::MAX_SIDE;
use spotloom_media::{
    FilterChain, Frame, FrameFormat, Mezzanine, Pixel, ReadOptions, Reader, WriteOptions, Writer, filters,
};
use spotloom_onnx::memory::available_to;
use spotloom_onnx::{Engine, Provider, pictures};
use spotloom_plugin_sdk::api::{Level, Output};
use spotloom_plugin_sdk::prelude::*;
use spotloom_plugin_sdk::recipe as recipes;

use crate::contract::Contract;
use crate::memory::Enlargement;
use crate::network::Network;
use crate::params::Params;
use crate::recipe::{Made, Way, recipe};

/// Enlarges clips.
#[derive(Default)]
pub struct Upscale;

impl Stage for Upscale {
    type Params = Params;

    fn about() -> About {
        About::new("upscale", env!("CARGO_PKG_VERSION"), "Makes a clip larger, with a model or with FFmpeg")
            .cpu(0)
            .input(input("clip", "The clip").required().media("video/*"))
            .input(
                input("model", "A model folder of the family `upscale`; FFmpeg scales without one")
                    .resource(Resource::Model),
            )
            .input(
                input("recipe", "The recipe of the clip, which that of the larger one then holds")
                    .media("application/json"),
            )
            .output("clip", "The larger clip, lossless", "video/x-matroska")
            .output("recipe", "Everything the clip was made of, to make it again", "application/json")
    }

    fn run(&mut self, params: Params, run: &Run) -> Result<Outputs, Failure> {
        params.check()?;
        // Without a model nobody is asked what does the arithmetic.
        let provider = run.input("model").map(|_| Provider::chosen(params.provider)).transpose()?.unwrap_or_default();
        let open = |model: &Artifact| pictures::model::<Contract>(&model.path, &params.territory);
        let on = (provider, run.threads());
        if params.check_model {
            Network::load(open(run.require("model")?)?, on)?;
            return Ok(Outputs::new());
        }
        let clip = &run.require("clip")?.path;
        // Loaded once it is known what it is for; what its contract forbids is told before that.
        let model = run.input("model").map(open).transpose()?;
        let scale = match &model {
            Some(model) => agreed(params.scale, model.contract.scale as u32, &model.contract.name)?,
            None => params.scale.unwrap_or(2),
        };
        let tile = params.tile.or(model.as_ref().map(|model| model.contract.tile)).unwrap_or_default();
        let pixel = if model.is_some() { Pixel::Rgb48 } else { Pixel::Yuv420p10 };
        let parents = recipes::parents(run)?;
        let mut reader = Reader::open(clip, ReadOptions::new(pixel).threads(run.threads()))?;
        let fps = reader.video().fps;
        let total = reader.video().frames.unwrap_or(0);
        if fps.0 == 0 {
            return Err(Failure::new("bad-media", format!("{} does not say how fast it runs", clip.display()))
                .hint("give a video with a constant frame rate to `clip`"));
        }
        let first = reader.next().transpose()?;
        let first = first.ok_or_else(|| Failure::new("no-video", format!("{} has no frame", clip.display())))?;
        let (width, height) = (first.width() * scale, first.height() * scale);
        if width > MAX_SIDE || height > MAX_SIDE {
            return Err(Failure::new(
                "too-large",
                format!(
                    "{}x{} enlarged {scale} times is {width}x{height}; the longest side can be {MAX_SIDE}",
                    first.width(),
                    first.height()
                ),
            )
            .hint("lower `scale`, or give a smaller clip"));
        }
        if let Some(model) = &model {
            let size = (first.width() as usize, first.height() as usize);
            // What `auto` turns out to be decides how wide values are, and whose memory they take.
            let provider = Engine::on(provider, run.threads())?.gets();
            Enlargement { model, provider, size, tile }.check(available_to(provider).as_ref())?;
        }
        let mut network = model.map(|model| Network::load(model, on)).transpose()?;
        let between = if network.is_some() { FrameFormat::new(width, height, Pixel::Rgb48) } else { first.format() };
        let spec = if network.is_some() { String::new() } else { classical(width, height, params.sharpen) };
        let mut chain = FilterChain::new(&spec, between, fps, Pixel::Yuv420p10)?;
        let path = run.scratch().join("clip.mkv");
        let format = FrameFormat::new(width, height, Pixel::Yuv420p10);
        let options = WriteOptions { codec: Mezzanine::Lossless, format, fps, threads: run.threads() };
        let mut writer = Writer::create(&path, options)?;
        for frame in std::iter::once(Ok(first)).chain(reader) {
            run.check_cancelled()?;
            let frame = frame?;
            match &mut network {
                Some(network) => {
                    let done = writer.frames();
                    let large = network.enlarge(&frame, tile, || {
                        // A large picture takes minutes: each tile is a sign of life.
                        run.progress(done, total.max(done), "enlarging");
                        run.check_cancelled()
                    })?;
                    chain.push(&large)?;
                }
                None => chain.push(&frame)?,
            }
            drain(&mut chain, &mut writer)?;
            run.progress(writer.frames(), total.max(writer.frames()), "enlarging");
        }
        chain.finish()?;
        drain(&mut chain, &mut writer)?;
        let written = writer.finish()?;
        let way = match &network {
            Some(network) => Way::Network { network, provider, tile },
            None => Way::Filter(&spec),
        };
        let made = Made { params: &params, scale, way, clip: &path, written: &written, parents };
        let recipe = recipe(made, run)?.write(run, "clip")?;
        let mut output =
            Output { path, media: "video/x-matroska".into(), name: "clip.mkv".into(), facts: Default::default() };
        for (name, value) in [
            ("width", f64::from(width)),
            ("height", f64::from(height)),
            ("frames", written.frames as f64),
            ("fps", f64::from(fps.0) / f64::from(fps.1)),
            ("seconds", written.seconds),
        ] {
            output.facts.insert(name.into(), value.into());
        }
        let outputs = Outputs::new().output("clip", output).output("recipe", recipe).fact("scale", scale);
        Ok(match network {
            Some(Network(mut network)) => {
                let outputs =
                    network.facts().into_iter().fold(outputs, |outputs, (name, said)| outputs.fact(name, said));
                let told = network.told();
                told.iter().for_each(|warning| run.log(Level::Warn, warning));
                if told.is_empty() { outputs } else { outputs.fact("warnings", told) }
            }
            None => {
                run.log(
                    Level::Warn,
                    "no model was given: FFmpeg's lanczos filter enlarged the clip, which adds no detail",
                );
                outputs.fact("method", "lanczos").fact("warnings", vec!["enlarged without a model: no detail is added"])
            }
        })
    }
}

/// The model's own scale, which a pipeline may repeat but not change.
fn agreed(asked: Option<u32>, model: u32, name: &str) -> Result<u32, Failure> {
    match asked {
        Some(asked) if asked != model => {
            Err(Failure::new("bad-params", format!("`scale` is {asked}, and the model {name} enlarges {model} times"))
                .hint("leave `scale` out, or use another model"))
        }
        _ => Ok(model),
    }
}

fn classical(width: u32, height: u32, sharpen: f64) -> String {
    let sharpened = if sharpen > 0.0 { format!("unsharp=5:5:{sharpen:.3}:5:5:0") } else { String::new() };
    filters::chain([filters::stretch(width, height).as_str(), sharpened.as_str()])
}

fn drain(chain: &mut FilterChain, writer: &mut Writer) -> Result<(), Failure> {
    while let Some(frame) = chain.pull()? {
        let frame: Frame = frame;
        writer.write(&frame)?;
    }
    Ok(())
}
