//! One master: its header, one decode that feeds every measurement, and the checks that come of it.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};
use spotloom_media::inspect::{Header, InspectOptions, Passed, Seen, header, inspect, stills};
use spotloom_media::{Error, Frame, Pixel};
use spotloom_plugin_sdk::prelude::*;

use crate::boxes;
use crate::check::{Check, Name, Verdict, round};
use crate::file::{self, Facts, Lasting};
use crate::layout::Layout;
use crate::mxf;
use crate::params::Params;
use crate::picture::{self, Around, Pictures};
use crate::pictures;
use crate::preset::Preset;
use crate::sound::{self, Sounds};
use crate::text::{self, Legibility};
use crate::webp;

/// Damaged places that are told one by one.
const MOST_DAMAGE: usize = 20;

/// What a master is held against.
#[derive(Clone, Copy)]
pub(crate) struct Held<'a> {
    pub params: &'a Params,
    pub preset: Option<&'a Preset>,
    pub layout: Option<&'a Layout>,
    /// It is no master but a shot fresh from its model: one scene from end to end, held against nothing but itself.
    pub shot: bool,
}

/// What is checked of a moving picture for mails and pages, which is small and has few colours: the masters beside it are
/// made of the same ad and are held against everything.
const OF_PREVIEWS: [Name; 6] =
    [Name::Decode, Name::Container, Name::VideoStream, Name::FileSize, Name::Length, Name::Black];
/// What is checked of a shot alone.
const OF_SHOTS: [Name; 5] = [Name::Decode, Name::Black, Name::Frozen, Name::Flicker, Name::Drift];

impl Held<'_> {
    /// Seconds of slate and black before the ad, and of black after it.
    pub(crate) fn around(&self) -> Around {
        self.preset.map_or(Around::default(), |p| Around { leader: p.leader.seconds(), tail: p.tail_black_seconds })
    }
}

/// What is handed on of a master.
pub(crate) struct Checked {
    pub checks: Vec<Check>,
    pub facts: Map<String, Value>,
    pub sound: Value,
    /// Contact sheet first.
    pub pictures: Vec<PathBuf>,
    pub sheet: Option<String>,
}

/// An error that ends a pass.
enum Stop {
    Media(Error),
    Asked(Failure),
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Media(error)
    }
}

/// Checks a master. A file that can't be opened at all is a failed check, not a failure of the stage.
///
/// # Errors
/// When the run is cancelled or pictures can't be written.
pub(crate) fn check(
    (path, name, media): (&Path, &str, &str),
    held: &Held<'_>,
    run: &Run,
    tell: &dyn Fn(f64),
) -> Result<Checked, Failure> {
    if media == "image/webp" {
        return webp::check(path, held);
    }
    let header = match header(path) {
        Ok(header) => header,
        Err(error) => return Ok(unreadable(&error, held)),
    };
    let boxes = if header.info.container.contains("mp4") {
        Some(boxes::read(path).map_err(|e| io_failure("read", path, &e))?)
    } else {
        None
    };
    let mxf = if header.info.container == "mxf" {
        Some(mxf::read(path).map_err(|e| io_failure("read", path, &e))?)
    } else {
        None
    };
    let around = held.around();
    let leader = around.leader;
    let seconds = header.info.video.as_ref().and_then(|v| v.seconds).or(header.info.seconds).unwrap_or_default();
    let later = if held.shot { Some(Layout::one_scene(seconds)) } else { held.layout.map(|l| l.behind(leader)) };
    let params = if held.shot { held.params.of_shot(seconds) } else { held.params.clone() };
    let held = &Held { layout: later.as_ref(), params: &params, ..*held };
    let facts = Facts { path, header: &header, boxes, mxf, preset: held.preset };
    let seen = match pass(path, &header, held, run, tell) {
        Ok(seen) => seen,
        Err(Stop::Asked(failure)) => return Err(failure),
        Err(Stop::Media(error)) => return Ok(unreadable(&error, held)),
    };
    let Pass { passed, damage, pictures, mut sounds, legibility, thumbs } = seen;
    let mut checks = vec![file::decode(&header, &passed, &damage)];
    checks.extend(file::checks(&facts));
    checks.extend(file::rates(&facts, &passed));
    let expected = held.params.seconds.or(held.layout.map(|l| l.seconds - leader)).filter(|s| *s > 0.0);
    let lasting = Lasting::of(&header, &passed);
    checks.push(file::length(&lasting, held.preset, expected, around));
    let (of_pictures, shots) = pictures.finish(passed.video_seconds, around, held.params, held.layout);
    checks.extend(of_pictures);
    checks.extend(shots.finish(held.layout));
    checks.extend(sounds.finish(passed.audio_seconds, around, held.params, held.preset, lasting.fps));
    if let Some(layout) = held.layout {
        checks.extend(held.preset.and_then(|p| text::safe_zone(layout, p.safe_zone)));
        checks.extend(legibility.finish(layout, held.params));
    }
    let preview = media.starts_with("image/");
    let wanted = |c: &Check| (!held.shot || OF_SHOTS.contains(&c.name)) && (!preview || OF_PREVIEWS.contains(&c.name));
    let mut checks: Vec<Check> =
        checks.into_iter().filter(wanted).filter_map(|c| held.params.judge(c, held.shot)).collect();

    let stem = Path::new(name).file_stem().map_or_else(|| name.to_owned(), |s| s.to_string_lossy().into_owned());
    let mut made = Vec::new();
    let sheet = (!thumbs.is_empty()).then(|| format!("{stem}.sheet.jpg"));
    if let Some(sheet) = &sheet {
        let to = run.scratch().join(sheet);
        pictures::write_sheet(&thumbs, &to)?;
        made.push(to);
    }
    made.extend(places(path, &stem, &mut checks, run)?);
    let sound = sounds.document(held.preset);
    Ok(Checked { checks, facts: summary(&header, &passed), sound, pictures: made, sheet })
}

fn unreadable(error: &Error, held: &Held<'_>) -> Checked {
    let check = Check::fail(Name::Decode, format!("It can't be read: {error}."));
    let checks = held.params.judge(check.figures("not readable", "every frame"), held.shot).into_iter().collect();
    Checked { checks, facts: Map::new(), sound: Value::Null, pictures: Vec::new(), sheet: None }
}

struct Pass {
    passed: Passed,
    damage: Vec<(f64, String)>,
    pictures: Pictures,
    sounds: Sounds,
    legibility: Legibility,
    thumbs: Vec<Frame>,
}

fn pass(path: &Path, header: &Header, held: &Held<'_>, run: &Run, tell: &dyn Fn(f64)) -> Result<Pass, Stop> {
    let video = header.info.video.as_ref().ok_or_else(|| Error::NoVideo { path: path.into() })?;
    let seconds = video.seconds.or(header.info.seconds).unwrap_or(0.0);
    let sheet = pictures::sheet_times(seconds);
    let texts = held.layout.map_or(&[][..], |l| l.texts.as_slice());
    let mut times: Vec<f64> = sheet.iter().copied().chain(texts.iter().flat_map(text::instants)).collect();
    times.sort_by(f64::total_cmp);
    times.dedup_by(|a, b| (*a - *b).abs() < 1e-3);
    let size = picture::measured_size(video.width, video.height);
    let options = InspectOptions {
        video: picture::filters(size),
        audio: sound::FILTERS.into(),
        pixel: Pixel::Yuv420p,
        stills: times,
        threads: run.threads(),
    };
    let (mut pictures, mut sounds) = (Pictures::new(size), Sounds::default());
    let mut legibility = Legibility::new();
    let (mut damage, mut thumbs, mut frames) = (Vec::new(), Vec::new(), 0_u64);
    let passed = inspect::<Stop>(path, &options, &mut |seen| {
        match seen {
            Seen::Picture { at, frame, marks } => {
                pictures.see(at, &frame, &marks);
                frames += 1;
                if frames % 15 == 0 {
                    run.check_cancelled().map_err(Stop::Asked)?;
                    tell(at);
                }
            }
            Seen::Sound { at, samples, marks } => sounds.see(at, samples, &marks),
            Seen::Still { at, frame } => {
                if sheet.iter().any(|t| (t - at).abs() < 0.06) && thumbs.len() < pictures::SHEET {
                    thumbs.push(pictures::thumb(&frame));
                }
                if let Some(layout) = held.layout {
                    legibility.see(at, &frame, layout, held.params);
                }
            }
            Seen::Damage { at, what } => {
                if damage.len() < MOST_DAMAGE {
                    damage.push((at, what));
                }
            }
        }
        Ok(())
    })?;
    Ok(Pass { passed, damage, pictures, sounds, legibility, thumbs })
}

/// A picture of every place that did not pass.
fn places(path: &Path, stem: &str, checks: &mut [Check], run: &Run) -> Result<Vec<PathBuf>, Failure> {
    let wrong: Vec<&mut Check> = checks.iter_mut().filter(|c| c.verdict != Verdict::Pass && c.from.is_some()).collect();
    if wrong.is_empty() {
        return Ok(Vec::new());
    }
    let times: Vec<f64> =
        wrong.iter().map(|c| (c.from.unwrap_or_default() + c.until.unwrap_or_default()) / 2.0).collect();
    // The place may be damage itself: then there is nothing to show.
    let frames = stills(path, &times, run.threads()).unwrap_or_default();
    let mut made = Vec::new();
    for (check, frame) in wrong.into_iter().zip(frames) {
        let name =
            serde_json::to_value(check.name).ok().and_then(|v| v.as_str().map(str::to_owned)).unwrap_or_default();
        let name = format!("{stem}.{name}.png");
        let to = run.scratch().join(&name);
        pictures::write_place(&frame, &to)?;
        check.picture = Some(name);
        made.push(to);
    }
    Ok(made)
}

/// What the file is, for the report and for those who compare.
fn summary(header: &Header, passed: &Passed) -> Map<String, Value> {
    let info = &header.info;
    let video = info.video.as_ref().map(|v| {
        json!({
            "codec": v.codec, "profile": header.video_profile, "width": v.width, "height": v.height,
            "fps": round(f64::from(v.fps.0) / f64::from(v.fps.1.max(1))), "frames": passed.frames, "pixel": v.pixel,
            "matrix": v.color.matrix, "primaries": v.color.primaries, "transfer": v.color.transfer, "range": v.color.range,
            "kbps": passed.video_kbps().round(),
        })
    });
    let audio = info.audio.as_ref().map(|a| {
        json!({
            "codec": a.codec, "profile": header.audio_profile, "rate": a.rate, "channels": a.channels,
            "tracks": header.audio_streams, "kbps": passed.audio_kbps().round(),
        })
    });
    let facts = json!({
        "container": info.container, "bytes": info.bytes, "seconds": round(passed.video_seconds),
        "kbps": (info.bytes as f64 * 8.0 / 1000.0 / passed.video_seconds.max(0.001)).round(),
        "video": video, "audio": audio,
    });
    facts.as_object().cloned().unwrap_or_default()
}
