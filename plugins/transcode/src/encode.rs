//! One decode, many encoders: decoded frames go to one thread per master through short queues.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use spotloom_media::{
    AudioClip, Error, FilterChain, Frame, FrameFormat, MasterWriter, Pixel, ReadOptions, Reader, Written, filters,
};
use spotloom_plugin_sdk::Run;
use spotloom_plugin_sdk::api::Failure;

use crate::plan::Planned;

/// Frames that wait for a slow encoder. Short: a 4K frame is 12 MB.
const QUEUE: usize = 4;

/// A master to be encoded, with its sound.
pub(crate) struct Job<'a> {
    pub planned: &'a Planned,
    pub sound: AudioClip,
    pub path: PathBuf,
}

enum Step {
    Frame(Arc<Frame>),
    End,
}

/// Encodes all jobs in one pass over the mezzanine.
pub(crate) fn encode(
    mezzanine: &Path,
    fps: (u32, u32),
    total: u64,
    jobs: Vec<Job>,
    run: &Run,
) -> Result<Vec<Written>, Failure> {
    let reader = Reader::open(mezzanine, ReadOptions::new(Pixel::Yuv420p).threads(run.threads())).map_err(failure)?;
    let count = jobs.len();
    let message = format!("encoding {count} master{}", if count == 1 { "" } else { "s" });
    std::thread::scope(|scope| {
        let (queues, workers): (Vec<_>, Vec<_>) = jobs
            .into_iter()
            .map(|job| {
                let (sender, receiver) = sync_channel(QUEUE);
                (sender, scope.spawn(move || work(job, fps, &receiver)))
            })
            .unzip();
        let fed = feed(reader, queues, total, &message, run);
        let ended: Vec<_> = workers.into_iter().map(std::thread::ScopedJoinHandle::join).collect();
        fed?;
        ended
            .into_iter()
            .map(|worker| match worker {
                Ok(Ok(Some(written))) => Ok(written),
                Ok(Ok(None)) => Err(Failure::new("media-defect", "an encoder stopped before its last frame")),
                Ok(Err(error)) => Err(failure(error)),
                Err(panic) => std::panic::resume_unwind(panic),
            })
            .collect()
    })
}

/// Decodes and hands out. A queue whose worker has ended is dropped; its error is read when it is joined.
fn feed(
    reader: Reader,
    mut queues: Vec<SyncSender<Step>>,
    total: u64,
    message: &str,
    run: &Run,
) -> Result<(), Failure> {
    let mut done = 0;
    for frame in reader {
        run.check_cancelled()?;
        let frame = Arc::new(frame.map_err(failure)?);
        let before = queues.len();
        queues.retain(|queue| queue.send(Step::Frame(Arc::clone(&frame))).is_ok());
        if queues.len() < before {
            // One has failed, so the run will: no use in finishing the others.
            return Ok(());
        }
        done += 1;
        if done % 12 == 0 {
            run.progress(done, total.max(done), message);
        }
    }
    run.progress(done, done, message);
    for queue in queues {
        // A worker that has just failed takes no end; its error is read when it is joined.
        let _ = queue.send(Step::End);
    }
    Ok(())
}

/// Encodes one master. `None` when the frames stopped coming without an end.
fn work(job: Job, fps: (u32, u32), steps: &Receiver<Step>) -> Result<Option<Written>, Error> {
    let Job { planned, sound, path } = job;
    let mut writer = MasterWriter::create(&path, &planned.options, sound)?;
    let mut chain: Option<FilterChain> = None;
    let scale =
        if planned.scale { filters::cover(planned.options.width, planned.options.height) } else { String::new() };
    let retime = if planned.retime { filters::fps(planned.options.fps) } else { String::new() };
    let spec = filters::chain([retime.as_str(), scale.as_str()]);
    for step in steps {
        match (step, &mut chain) {
            (Step::Frame(frame), _) if spec.is_empty() => writer.write(&frame)?,
            (Step::Frame(frame), chain) => {
                let chain = match chain {
                    Some(chain) => chain,
                    None => chain.insert(new_chain(&spec, frame.format(), fps)?),
                };
                chain.push(&frame)?;
                pass_on(chain, &mut writer)?;
            }
            (Step::End, chain) => {
                if let Some(chain) = chain {
                    chain.finish()?;
                    pass_on(chain, &mut writer)?;
                }
                return writer.finish().map(Some);
            }
        }
    }
    Ok(None)
}

fn new_chain(spec: &str, format: FrameFormat, fps: (u32, u32)) -> Result<FilterChain, Error> {
    FilterChain::new(spec, format, fps, Pixel::Yuv420p)
}

fn pass_on(chain: &mut FilterChain, writer: &mut MasterWriter) -> Result<(), Error> {
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
        "missing-codec" => failure.hint("`spotloom doctor` says what to install"),
        _ => failure,
    }
}
