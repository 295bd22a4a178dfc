//! The stage `footage`: a file to a clip.

use std::path::Path as FilePath;

use spotloom_media::{ReadOptions, Reader, Subject, Written, filters, rate};
use spotloom_plugin_sdk::api::Output;
use spotloom_plugin_sdk::prelude::*;

use crate::camera::{self, Path, Window};
use crate::film::{Film, PIXEL, Picture};
use crate::params::{Params, Reframe, Room};
use crate::still::{self, Ground};

/// Makes clips of footage and pictures.
#[derive(Debug, Default)]
pub struct Footage;

impl Stage for Footage {
    type Params = Params;

    fn about() -> About {
        About::new("footage", env!("CARGO_PKG_VERSION"), "Own footage, or a picture with a camera move, to a clip")
            .cpu(0)
            .input(
                input("footage", "A video")
                    .resource(Resource::Asset)
                    .media("video/*")
                    .media("application/mxf")
                    .media("image/gif"),
            )
            .input(input("picture", "A picture, in place of footage").resource(Resource::Asset).media("image/*"))
            .output("clip", "The clip, lossless", "video/x-matroska")
    }

    fn run(&mut self, params: Params, run: &Run) -> Result<Outputs, Failure> {
        let fps = rate::exact(params.fps);
        let ground = Ground { colour: colour(&params.ground)?, field: Room::field(params.room) };
        for (name, side) in [("width", params.width), ("height", params.height)] {
            if side % 2 != 0 {
                return Err(Failure::new("bad-params", format!("`{name}` is {side}; expected an even number")));
            }
        }
        let path = run.scratch().join("clip.mkv");
        let (written, kind) = match (run.input("footage"), run.input("picture")) {
            (Some(footage), None) => (film(&params, &footage.path, &path, fps, run)?, "footage"),
            (None, Some(picture)) => (still_clip(&params, &picture.path, &path, fps, ground, run)?, "picture"),
            (None, None) => return Err(Failure::new("missing-input", "there is neither `footage` nor `picture`")),
            (Some(_), Some(_)) => {
                return Err(Failure::new("too-many-inputs", "there are both `footage` and `picture`")
                    .hint("a clip is made of one of the two"));
            }
        };
        let mut output =
            Output { path, media: "video/x-matroska".into(), name: "clip.mkv".into(), facts: Default::default() };
        for (name, value) in [
            ("width", f64::from(params.width)),
            ("height", f64::from(params.height)),
            ("fps", f64::from(fps.0) / f64::from(fps.1)),
            ("frames", written.frames as f64),
            ("seconds", written.seconds),
        ] {
            output.facts.insert(name.into(), value.into());
        }
        Ok(Outputs::new().output("clip", output).fact("source", kind))
    }
}

fn film(params: &Params, source: &FilePath, path: &FilePath, fps: (u32, u32), run: &Run) -> Result<Written, Failure> {
    let name = source.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let clip = [f64::from(params.width), f64::from(params.height)];
    let whole = params.seconds + params.handle;
    let rate = f64::from(fps.0) / f64::from(fps.1);
    let (wanted, enough) = ((whole * rate).round() as u64, (params.seconds * rate).round() as u64);
    let info = spotloom_media::probe(source)?;
    if info.seconds.is_none() && info.container.ends_with("_pipe") {
        return Err(Failure::new("bad-media", format!("{name} is a picture, not footage"))
            .hint("write `image:` in place of `footage:`"));
    }
    run.progress(0, wanted, "looking for the subject");
    let focus = params.camera.and_then(|c| c.focus);
    let subject = match (focus, params.reframe) {
        (Some(focus), _) => Subject::fixed(focus),
        (None, Reframe::Centre) => Subject::fixed([0.5, 0.5]),
        (None, Reframe::Subject) => {
            Subject::find(source, Some((params.from, whole)), clip[0] / clip[1], run.threads())?
        }
    };
    run.check_cancelled()?;
    // Just large enough for the closest moment; what stands over is there to move in.
    let near = params.camera.as_ref().map_or(1.0, |c| camera::closest(Some(c)));
    let (w, h) = ((clip[0] * near).ceil() as u32, (clip[1] * near).ceil() as u32);
    let filter = filters::chain([&*filters::fps(fps), &*filters::fill(w, h)]);
    let options = ReadOptions::new(PIXEL).filter(filter).threads(run.threads()).part(params.from, whole);
    let mut film = Film::create(path, (params.width, params.height), fps, run.threads())?;
    for frame in Reader::open(source, options)? {
        run.check_cancelled()?;
        let picture = Picture::new(&frame?);
        let size = [picture.width as f64, picture.height as f64];
        let t = film.frames() as f64 / rate;
        let focus = subject.at(t);
        let window = match &params.camera {
            Some(camera) => Path::new(size, clip, Some(camera), focus).at(t / whole),
            None => {
                let cover = (size[0] / clip[0]).min(size[1] / clip[1]);
                camera::within(Window { middle: [focus[0] * size[0], focus[1] * size[1]], step: cover }, size, clip)
            }
        };
        if film.frames() < wanted {
            film.add(&picture, window)?;
        }
        run.progress(film.frames(), wanted, "reframing footage");
    }
    if film.frames() < enough {
        let there = film.frames() as f64 / rate;
        let message = format!(
            "{name} is too short: entered at {} s it lasts {there:.2} s, and the scene takes {} s",
            params.from, params.seconds
        );
        return Err(Failure::new("footage-too-short", message)
            .hint("shorten the scene's `seconds`, or enter the footage earlier with `from`"));
    }
    Ok(film.finish()?)
}

fn still_clip(
    params: &Params,
    source: &FilePath,
    path: &FilePath,
    fps: (u32, u32),
    ground: Ground,
    run: &Run,
) -> Result<Written, Failure> {
    let rate = f64::from(fps.0) / f64::from(fps.1);
    let count = (((params.seconds + params.handle) * rate).round() as u64).max(1);
    let camera = params.camera.as_ref();
    let size = (params.width, params.height);
    run.progress(0, count, "reading the picture");
    // Words stand where room was asked for, and the camera must not carry the product into them.
    let ground = match params.room {
        Some(_) => {
            let clip = [f64::from(size.0), f64::from(size.1)];
            let middle = camera.and_then(|c| c.focus).unwrap_or([0.5, 0.5]);
            let path = Path::new(clip.map(|side| side * camera::closest(camera)), clip, camera, middle);
            Ground { field: path.always(ground.field), ..ground }
        }
        None => ground,
    };
    let still = still::read(source, size, camera::closest(camera), ground, run.threads())?;
    let picture = Picture::new(&still.frame);
    let focus = match params.reframe {
        Reframe::Subject => camera.and_then(|c| c.focus).unwrap_or(still.focus),
        Reframe::Centre => camera.and_then(|c| c.focus).unwrap_or([0.5, 0.5]),
    };
    let whole = [picture.width as f64, picture.height as f64];
    let way = Path::new(whole, [f64::from(size.0), f64::from(size.1)], camera, focus);
    let mut film = Film::create(path, size, fps, run.threads())?;
    for number in 0..count {
        run.check_cancelled()?;
        film.add(&picture, way.at(number as f64 / count as f64))?;
        run.progress(number + 1, count, "moving the camera");
    }
    Ok(film.finish()?)
}

fn colour(text: &str) -> Result<[u8; 3], Failure> {
    let hex = text.strip_prefix('#').filter(|h| h.len() == 6 && h.is_ascii());
    let channel = |at: usize| hex.and_then(|h| u8::from_str_radix(&h[at..at + 2], 16).ok());
    match (channel(0), channel(2), channel(4)) {
        (Some(r), Some(g), Some(b)) => Ok([r, g, b]),
        _ => Err(Failure::new("bad-params", format!("`ground` is `{text}`; expected a colour like #F28C0F"))),
    }
}
