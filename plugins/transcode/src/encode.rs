//! One composition, many encoders: frames go to one thread per master through short queues.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use spotloom_media::{
    Error, FilterChain, Frame, FrameFormat, GifWriter, MasterWriter, Pixel, Sound, Written, filters, try_encoder,
};
use spotloom_plugin_sdk::Run;
use spotloom_plugin_sdk::api::Failure;

use crate::plan::{Mezzanine, Planned};
use crate::preset::Container;
use crate::sheet::Sheet;
use crate::source::{Frames, Source};

/// What waits for a slow encoder: at least two frames, a dozen of 1080p. An encoder that looks ahead takes some dozens at once and
/// then none for a while, in which the next can be painted.
const QUEUE_BYTES: usize = 36 << 20;

/// A master to be encoded, with its sound.
pub(crate) struct Job<'a> {
    pub planned: &'a Planned,
    pub sound: Sound,
    pub path: PathBuf,
    /// The slate, when there is one; of the master's size, in [`spotloom_media::Pixel::Rgba`].
    pub slate: Option<Frame>,
}

/// What was made, and by which encoder.
pub(crate) struct Made {
    pub written: Written,
    pub encoder: &'static str,
}

enum Step {
    Frame(Arc<Frame>),
    End,
}

/// One of the passes over the programme.
#[derive(Clone, Copy)]
pub(crate) struct Passage {
    /// Frames that passes before it have handed out, and those of all together.
    pub done: u64,
    pub of: u64,
    /// No other pass is to be expected.
    pub last: bool,
}

/// Encodes all jobs in one pass over the programme, with a contact sheet where one is wanted.
pub(crate) fn encode(
    source: &Source,
    mezzanine: &Mezzanine,
    passage: Passage,
    jobs: Vec<Job>,
    mut sheet: Option<&mut Sheet>,
    run: &Run,
) -> Result<Vec<Made>, Failure> {
    let frames = source.frames(run.threads()).map_err(failure)?;
    let fps = mezzanine.fps;
    let frame = FrameFormat::new(mezzanine.width, mezzanine.height, Pixel::Yuv420p).bytes();
    let queue = (QUEUE_BYTES / frame.max(1)).clamp(2, 24);
    let count = jobs.len();
    let message = format!("encoding {count} master{}", if count == 1 { "" } else { "s" });
    std::thread::scope(|scope| {
        let (queues, workers): (Vec<_>, Vec<_>) = jobs
            .into_iter()
            .map(|job| {
                let (sender, receiver) = sync_channel(queue);
                (sender, scope.spawn(move || work(job, fps, &receiver)))
            })
            .unzip();
        let fed = feed(frames, queues, passage, &message, sheet.as_deref_mut(), run);
        if passage.last {
            source.seen();
        }
        if let (Ok(()), Some(sheet)) = (&fed, sheet) {
            sheet.pack();
        }
        let ended: Vec<_> = workers.into_iter().map(std::thread::ScopedJoinHandle::join).collect();
        fed?;
        let mut all = Vec::with_capacity(count);
        let mut stopped = false;
        for worker in ended {
            match worker {
                Ok(Ok(Some(made))) => all.push(made),
                // One that was stopped because another has failed; that one's error is what matters.
                Ok(Ok(None)) => stopped = true,
                Ok(Err(error)) => return Err(failure(error)),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        if stopped {
            return Err(Failure::new("media-defect", "an encoder stopped before its last frame"));
        }
        Ok(all)
    })
}

/// Sees whether there is an encoder for a master.
pub(crate) fn try_out(job: &Job) -> Result<(), Failure> {
    match job.planned.preset.container {
        Container::Gif => Ok(()),
        _ => try_encoder(&job.path, &job.planned.options).map_err(failure),
    }
}

/// Paints or decodes, and hands out. A queue whose worker has ended is dropped; its error is read when it is joined.
fn feed(
    frames: Frames,
    mut queues: Vec<SyncSender<Step>>,
    passage: Passage,
    message: &str,
    mut sheet: Option<&mut Sheet>,
    run: &Run,
) -> Result<(), Failure> {
    let Passage { mut done, of, .. } = passage;
    for frame in frames {
        run.check_cancelled()?;
        let frame = frame.map_err(failure)?;
        if let Some(sheet) = &mut sheet {
            sheet.see(&frame).map_err(failure)?;
        }
        let before = queues.len();
        queues.retain(|queue| queue.send(Step::Frame(Arc::clone(&frame))).is_ok());
        if queues.len() < before {
            // One has failed, so the run will: no use in finishing the others.
            return Ok(());
        }
        done += 1;
        if done % 12 == 0 {
            run.progress(done, of.max(done), message);
        }
    }
    run.progress(done, of.max(done), message);
    for queue in queues {
        // A worker that has just failed takes no end; its error is read when it is joined.
        let _ = queue.send(Step::End);
    }
    Ok(())
}

/// Encodes one master. `None` when the frames stopped coming without an end.
fn work(job: Job, fps: (u32, u32), steps: &Receiver<Step>) -> Result<Option<Made>, Error> {
    let Job { planned, sound, path, slate } = job;
    let mut writer = Sink::create(&path, planned, sound)?;
    let black = Frame::black(writer.format());
    if let Some(slate) = &slate {
        let slate = converted(slate, writer.format())?;
        (0..planned.around.slate).try_for_each(|_| writer.write(&slate))?;
    }
    let dark = planned.around.leader() - if slate.is_some() { planned.around.slate } else { 0 };
    (0..dark).try_for_each(|_| writer.write(&black))?;

    let mut chain: Option<FilterChain> = None;
    let scale =
        if planned.scale { filters::cover(planned.options.width, planned.options.height) } else { String::new() };
    let retime = if planned.retime { filters::fps(planned.options.fps) } else { String::new() };
    let spec = filters::chain([retime.as_str(), scale.as_str()]);
    for step in steps {
        match (step, &mut chain) {
            (Step::Frame(frame), _) if spec.is_empty() && frame.format() == writer.format() => writer.write(&frame)?,
            (Step::Frame(frame), chain) => {
                let chain = match chain {
                    Some(chain) => chain,
                    None => chain.insert(FilterChain::new(&spec, frame.format(), fps, writer.format().pixel)?),
                };
                chain.push(&frame)?;
                pass_on(chain, &mut writer)?;
            }
            (Step::End, chain) => {
                if let Some(chain) = chain {
                    chain.finish()?;
                    pass_on(chain, &mut writer)?;
                }
                (0..planned.around.tail).try_for_each(|_| writer.write(&black))?;
                let encoder = writer.encoder();
                return Ok(Some(Made { written: writer.finish()?, encoder }));
            }
        }
    }
    Ok(None)
}

/// Where frames go: a master, or a preview that keeps them until the end.
enum Sink {
    Master(MasterWriter),
    Gif(GifWriter),
}

impl Sink {
    fn create(path: &Path, planned: &Planned, sound: Sound) -> Result<Self, Error> {
        let options = &planned.options;
        if planned.preset.container == Container::Gif {
            return GifWriter::create(path, (options.width, options.height), options.fps).map(Self::Gif);
        }
        MasterWriter::create(path, options, sound).map(Self::Master)
    }

    fn format(&self) -> FrameFormat {
        match self {
            Self::Master(writer) => writer.format(),
            Self::Gif(writer) => writer.format(),
        }
    }

    fn encoder(&self) -> &'static str {
        match self {
            Self::Master(writer) => writer.encoder(),
            Self::Gif(_) => "gif",
        }
    }

    fn write(&mut self, frame: &Frame) -> Result<(), Error> {
        match self {
            Self::Master(writer) => writer.write(frame),
            Self::Gif(writer) => writer.write(frame),
        }
    }

    fn finish(self) -> Result<Written, Error> {
        match self {
            Self::Master(writer) => writer.finish(),
            Self::Gif(writer) => writer.finish(),
        }
    }
}

/// One frame in another format.
pub(crate) fn converted(frame: &Frame, to: FrameFormat) -> Result<Frame, Error> {
    let spec = if (frame.width(), frame.height()) == (to.width, to.height) {
        String::new()
    } else {
        filters::cover(to.width, to.height)
    };
    let mut chain = FilterChain::new(&spec, frame.format(), (25, 1), to.pixel)?;
    chain.push(frame)?;
    chain.finish()?;
    Ok(chain.pull()?.unwrap_or_else(|| Frame::black(to)))
}

fn pass_on(chain: &mut FilterChain, writer: &mut Sink) -> Result<(), Error> {
    while let Some(frame) = chain.pull()? {
        writer.write(&frame)?;
    }
    Ok(())
}

/// A media error as a stage reports it.
pub(crate) fn failure(error: Error) -> Failure {
    let mut failure = Failure::new(error.code(), error.to_string());
    failure.retryable = error.is_retryable();
    match error.code() {
        "disk-full" => failure.hint("free some space on this disk; the job goes on when it is tried again").retryable(),
        "media-not-allowed" => failure.hint("convert it to one of these formats first"),
        "bad-media" | "no-video" => {
            failure.hint("open the file in a player; export or copy it again if it does not play to its end")
        }
        "no-encoder" => failure.hint("set the preset's `video.encoder` to `software`, or to one this machine has"),
        "missing-codec" => failure.hint("`spotloom doctor` says what to install"),
        _ => failure,
    }
}
