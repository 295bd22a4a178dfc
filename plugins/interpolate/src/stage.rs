//! The stage `interpolate`: frames read, frames made in between, and a mezzanine written.

use spotloom_media::rate::same;
use spotloom_media::{FilterChain, Frame, FrameFormat, Mezzanine, Pixel, ReadOptions, Reader, WriteOptions, Writer};
use spotloom_onnx::memory::available_to;
use spotloom_onnx::{Engine, Provider, pictures};
use spotloom_plugin_sdk::api::{Level, Output};
use spotloom_plugin_sdk::prelude::*;
use spotloom_plugin_sdk::recipe as recipes;

use crate::between::{Pair, Place};
use crate::contract::Contract;
use crate::cut::{CUT, Cuts, Gap};
use crate::memory::Motion;
use crate::network::Network;
use crate::params::{Method, Params};
use crate::rate;
use crate::recipe::{Made, Way, recipe};
use crate::sink::Sink;

/// Changes frame rates.
#[derive(Default)]
pub struct Interpolate;

impl Stage for Interpolate {
    type Params = Params;

    fn about() -> About {
        About::new("interpolate", env!("CARGO_PKG_VERSION"), "Brings a clip to another frame rate")
            .cpu(0)
            .input(input("clip", "The clip").required().media("video/*"))
            .input(
                input("model", "A model folder of the family `interpolate`; FFmpeg makes the frames without one")
                    .resource(Resource::Model),
            )
            .input(
                input("recipe", "The recipe of the clip, which that of the new one then holds")
                    .media("application/json"),
            )
            .output("clip", "The clip at its new rate, lossless", "video/x-matroska")
            .output("recipe", "Everything the clip was made of, to make it again", "application/json")
    }

    fn run(&mut self, params: Params, run: &Run) -> Result<Outputs, Failure> {
        let model = run.input("model");
        // Without a model nobody is asked what does the arithmetic.
        let provider = model.map(|_| Provider::chosen(params.provider)).transpose()?.unwrap_or_default();
        let open = |model: &Artifact| pictures::model::<Contract>(&model.path, &params.territory);
        let on = (provider, run.threads());
        if params.check_model {
            Network::load(open(run.require("model")?)?, on)?;
            return Ok(Outputs::new());
        }
        let rate = params
            .fps
            .as_ref()
            .ok_or_else(|| Params::wrong("the parameter `fps` is missing; expected a rate such as 24"))?;
        let to = rate::parse(rate).map_err(Params::wrong)?;
        if model.is_some() && params.method.is_some() {
            return Err(Params::wrong("`method` is about FFmpeg's ways, and a model is given; leave one of them out"));
        }
        let clip = &run.require("clip")?.path;
        let parents = recipes::parents(run)?;
        let mut reader = Reader::open(clip, ReadOptions::new(Pixel::Yuv420p10).threads(run.threads()))?;
        let from = reader.video().fps;
        if from.0 == 0 {
            return Err(Failure::new("bad-media", format!("{} does not say how fast it runs", clip.display()))
                .hint("give a video with a constant frame rate to `clip`"));
        }
        let first = reader.next().transpose()?;
        let first = first.ok_or_else(|| Failure::new("no-video", format!("{} has no frame", clip.display())))?;
        // At the clip's own rate there is nothing to be made.
        let wanted = model.filter(|_| !same(from, to)).map(open).transpose()?;
        if let Some(model) = &wanted {
            let size = (first.width() as usize, first.height() as usize);
            // What `auto` turns out to be decides how wide values are, and whose memory they take.
            let provider = Engine::on(provider, run.threads())?.gets();
            Motion { model, provider, size }.check(available_to(provider).as_ref())?;
        }
        let mut network = wanted.map(|model| Network::load(model, on)).transpose()?;
        let format = FrameFormat::new(first.width(), first.height(), Pixel::Yuv420p10);
        let path = run.scratch().join("clip.mkv");
        let options = WriteOptions { codec: Mezzanine::Lossless, format, fps: to, threads: run.threads() };
        let mut work = Work {
            run,
            from,
            to,
            format,
            expected: reader.video().frames.unwrap_or(0),
            sink: Sink::new(Writer::create(&path, options)?, first.clone()),
        };
        let method = params.method.unwrap_or_default();
        let count = match &mut network {
            Some(network) => work.with_network(network, first, reader)?,
            None => work.with_filter(method, first, reader)?,
        };
        let repeated = work.sink.fill(rate::frames(count, from, to))?;
        let written = work.sink.writer.finish()?;
        let used = match method {
            _ if network.as_ref().is_some_and(|network| network.made > 0) => "network",
            _ if model.is_some() || same(from, to) => "none",
            Method::Motion => "minterpolate-mci",
            Method::Blend => "minterpolate-blend",
        };
        let spec = filter(method, from, to);
        let way = match &network {
            Some(network) => Way::Network { network, provider },
            None => Way::Filter(method, &spec),
        };
        let made = Made { params: &params, to, method: used, way, clip: &path, written: &written, parents };
        let recipe = recipe(made, run)?.write(run, "clip")?;
        let mut output =
            Output { path, media: "video/x-matroska".into(), name: "clip.mkv".into(), facts: Default::default() };
        for (name, value) in [
            ("width", f64::from(format.width)),
            ("height", f64::from(format.height)),
            ("fps", f64::from(to.0) / f64::from(to.1)),
            ("frames", written.frames as f64),
            ("seconds", written.seconds),
        ] {
            output.facts.insert(name.into(), value.into());
        }
        let outputs = Outputs::new().output("clip", output).output("recipe", recipe);
        let outputs = outputs.fact("frames-repeated-at-the-end", repeated).fact("method", used);
        let Some(mut network) = network.filter(|network| network.made > 0) else { return Ok(outputs) };
        let facts = network.pictures.facts().into_iter();
        let outputs = facts.fold(outputs, |outputs, (name, said)| outputs.fact(name, said));
        let told = network.pictures.told();
        told.iter().for_each(|warning| run.log(Level::Warn, warning));
        Ok(if told.is_empty() { outputs } else { outputs.fact("warnings", told) })
    }
}

/// One clip on its way to another rate.
struct Work<'r> {
    run: &'r Run,
    from: (u32, u32),
    to: (u32, u32),
    format: FrameFormat,
    /// Frames that the clip says it has; 0 where it does not.
    expected: u64,
    sink: Sink,
}

impl Work<'_> {
    /// Gives all frames to FFmpeg's filter, and says how many there were.
    fn with_filter(&mut self, method: Method, first: Frame, rest: Reader) -> Result<u64, Failure> {
        let spec = filter(method, self.from, self.to);
        let mut chain = FilterChain::new(&spec, self.format, self.from, Pixel::Yuv420p10)?;
        let (mut read, mut last) = (0, None);
        for frame in std::iter::once(Ok(first)).chain(rest) {
            self.run.check_cancelled()?;
            let frame = frame?;
            chain.push(&frame)?;
            last = Some(frame);
            read += 1;
            self.drain(&mut chain, read)?;
            self.progress(read);
        }
        if let Some(last) = last {
            // The filter gives a frame only when there is one behind it.
            if !spec.is_empty() {
                chain.push(&last)?;
            }
            self.sink.stand(last);
        }
        chain.finish()?;
        self.drain(&mut chain, read)?;
        Ok(read)
    }

    fn drain(&mut self, chain: &mut FilterChain, read: u64) -> Result<(), Failure> {
        while let Some(frame) = chain.pull()? {
            self.sink.give(frame, rate::frames(read, self.from, self.to))?;
        }
        Ok(())
    }

    /// Goes from frame to frame: one that stands where the new rate has one is passed as it is, others are made, and where a
    /// scene ends the nearer neighbour stands. Says how many frames there were.
    fn with_network(&mut self, network: &mut Network, first: Frame, rest: Reader) -> Result<u64, Failure> {
        let size = (self.format.width, self.format.height);
        let times = network.contract().times;
        let mut rgb = FilterChain::new("", self.format, self.from, Pixel::Rgb48)?;
        let made = FrameFormat::new(size.0, size.1, Pixel::Rgb48);
        let mut yuv = FilterChain::new("", made, self.from, Pixel::Yuv420p10)?;
        let (mut cuts, mut earlier) = (Cuts::default(), first);
        let (mut read, mut index) = (1, 0);
        for later in rest {
            self.run.check_cancelled()?;
            let later = later?;
            read += 1;
            let gap = cuts.between(&earlier, &later);
            let mut pair = None;
            loop {
                let place = Place::of(index, self.from, self.to, times);
                if place.frame + 1 >= read {
                    break;
                }
                let frame = if place.part == 0.0 || gap == Gap::Still {
                    earlier.clone()
                } else if gap == Gap::Cut {
                    if place.part > 0.5 { later.clone() } else { earlier.clone() }
                } else {
                    let pair = match &mut pair {
                        Some(pair) => pair,
                        none => {
                            let mut picture = |frame: &Frame| -> Result<_, Failure> {
                                Ok(network.picture(&converted(&mut rgb, frame)?)?)
                            };
                            none.insert(Pair::new(picture(&earlier)?, picture(&later)?))
                        }
                    };
                    let picture = pair.at(network, place.part, || {
                        // A run may take a minute: each is a sign of life.
                        self.progress(read);
                        self.run.check_cancelled()
                    })?;
                    converted(&mut yuv, &Network::frame(&picture, size))?
                };
                self.sink.give(frame, rate::frames(read, self.from, self.to))?;
                index += 1;
            }
            earlier = later;
            self.progress(read);
        }
        if Place::of(index, self.from, self.to, times) == (Place { frame: read - 1, part: 0.0 }) {
            self.sink.give(earlier, rate::frames(read, self.from, self.to))?;
        } else {
            self.sink.stand(earlier);
        }
        Ok(read)
    }

    fn progress(&self, read: u64) {
        self.run.progress(read, self.expected.max(read), "making frames in between");
    }
}

/// A frame in other pixels.
fn converted(chain: &mut FilterChain, frame: &Frame) -> Result<Frame, Failure> {
    chain.push(frame)?;
    chain.pull()?.ok_or_else(|| Failure::new("internal", "a conversion of pixels kept its frame back"))
}

/// Empty when the rates are the same: frames then pass untouched.
fn filter(method: Method, from: (u32, u32), to: (u32, u32)) -> String {
    if same(from, to) {
        return String::new();
    }
    let mode = match method {
        Method::Motion => "mi_mode=mci:mc_mode=aobmc:me_mode=bidir:vsbmc=1",
        Method::Blend => "mi_mode=blend",
    };
    format!("minterpolate=fps={}/{}:{mode}:scd=fdiff:scd_threshold={CUT}", to.0, to.1)
}
