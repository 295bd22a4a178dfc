//! The stage `interpolate`: frames through a filter into a mezzanine.

use spotloom_media::{FilterChain, FrameFormat, Mezzanine, Pixel, ReadOptions, Reader, WriteOptions, Writer};
use spotloom_plugin_sdk::api::Output;
use spotloom_plugin_sdk::prelude::*;

use crate::params::{Method, Params};
use crate::rate;

/// How far apart two frames are, of 100, where the filter sees a cut. FFmpeg's own default.
const CUT: f64 = 10.0;

/// Changes frame rates.
#[derive(Default)]
pub struct Interpolate;

impl Stage for Interpolate {
    type Params = Params;

    fn about() -> About {
        About::new("interpolate", env!("CARGO_PKG_VERSION"), "Brings a clip to another frame rate")
            .input(input("clip", "The clip").required().media("video/*"))
            .output("clip", "The clip at its new rate, lossless", "video/x-matroska")
    }

    fn run(&mut self, params: Params, run: &Run) -> Result<Outputs, Failure> {
        let to = rate::parse(&params.fps).map_err(|reason| {
            Failure::new("bad-params", reason).hint("correct it under this stage's `with:` in the pipeline")
        })?;
        let clip = &run.require("clip")?.path;
        let mut reader = Reader::open(clip, ReadOptions::new(Pixel::Yuv420p10).threads(run.threads()))?;
        let from = reader.video().fps;
        let counted = reader.video().frames.unwrap_or(0);
        if from.0 == 0 {
            return Err(Failure::new("bad-media", format!("{} does not say how fast it runs", clip.display()))
                .hint("give a video with a constant frame rate to `clip`"));
        }
        let first = reader.next().transpose()?;
        let first = first.ok_or_else(|| Failure::new("no-video", format!("{} has no frame", clip.display())))?;
        let format = FrameFormat::new(first.width(), first.height(), Pixel::Yuv420p10);
        let mut chain = FilterChain::new(&filter(params.method, from, to), format, from, Pixel::Yuv420p10)?;
        let path = run.scratch().join("clip.mkv");
        let options = WriteOptions { codec: Mezzanine::Lossless, format, fps: to, threads: run.threads() };
        let mut out = Sink { writer: Writer::create(&path, options)?, wanted: u64::MAX, last: None };
        let mut read = 0;
        for frame in std::iter::once(Ok(first)).chain(reader) {
            run.check_cancelled()?;
            let frame = frame?;
            chain.push(&frame)?;
            out.last.get_or_insert(frame.clone());
            read += 1;
            out.drain(&mut chain)?;
            run.progress(read, counted.max(read), "making frames in between");
        }
        out.wanted = frames(read, from, to);
        chain.finish()?;
        out.drain(&mut chain)?;
        let repeated = out.fill()?;
        let written = out.writer.finish()?;
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
        let method = if reduced(from) == reduced(to) {
            "none"
        } else if params.method == Method::Motion {
            "minterpolate-mci"
        } else {
            "minterpolate-blend"
        };
        Ok(Outputs::new().output("clip", output).fact("method", method).fact("frames-repeated-at-the-end", repeated))
    }
}

/// The mezzanine, and what its end needs.
struct Sink {
    writer: Writer,
    /// Frames that the clip's length makes at its new rate.
    wanted: u64,
    last: Option<spotloom_media::Frame>,
}

impl Sink {
    fn drain(&mut self, chain: &mut FilterChain) -> Result<(), Failure> {
        while let Some(frame) = chain.pull()? {
            if self.writer.frames() < self.wanted {
                self.writer.write(&frame)?;
                self.last = Some(frame);
            }
        }
        Ok(())
    }

    /// The filter has nothing after the last frame to move towards: that frame stays to the end of the clip.
    fn fill(&mut self) -> Result<u64, Failure> {
        let before = self.writer.frames();
        if let Some(last) = &self.last {
            while self.writer.frames() < self.wanted {
                self.writer.write(last)?;
            }
        }
        Ok(self.writer.frames() - before)
    }
}

/// How many frames a clip of so many frames has at another rate: at least one, and within half a frame of its length.
fn frames(count: u64, from: (u32, u32), to: (u32, u32)) -> u64 {
    let above = u128::from(count) * u128::from(from.1) * u128::from(to.0);
    let below = u128::from(from.0) * u128::from(to.1);
    u64::try_from((above + below / 2) / below.max(1)).unwrap_or(u64::MAX).max(1)
}

fn reduced((n, d): (u32, u32)) -> (u32, u32) {
    let (mut a, mut b) = (n, d);
    while b != 0 {
        (a, b) = (b, a % b);
    }
    (n / a.max(1), d / a.max(1))
}

/// Empty when the rates are the same: frames then pass untouched.
fn filter(method: Method, from: (u32, u32), to: (u32, u32)) -> String {
    if reduced(from) == reduced(to) {
        return String::new();
    }
    let mode = match method {
        Method::Motion => "mi_mode=mci:mc_mode=aobmc:me_mode=bidir:vsbmc=1",
        Method::Blend => "mi_mode=blend",
    };
    format!("minterpolate=fps={}/{}:{mode}:scd=fdiff:scd_threshold={CUT}", to.0, to.1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_at_other_rates() {
        fn check(count: u64, from: (u32, u32), to: (u32, u32), expected: u64) {
            assert_eq!(frames(count, from, to), expected, "{count} at {from:?} to {to:?}");
        }
        check(24, (24, 1), (60000, 1001), 60);
        check(60, (60000, 1001), (24, 1), 24);
        check(24, (24, 1), (24, 1), 24);
        check(1, (240, 1), (1, 1), 1);
        check(100_000_000, (240, 1), (1, 1000), 417);
    }
}
