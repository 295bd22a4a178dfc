//! The picture track as a file, for whoever edits on: frames are encoded on one thread while the next are painted.

use std::path::Path;
use std::sync::mpsc;

use spotloom_composition::Composer;
use spotloom_media::{Error as MediaError, Frame, WriteOptions, Writer};
use spotloom_plugin_sdk::prelude::*;

/// Frames that wait for the encoder.
const QUEUE: usize = 3;

/// Paints and writes every frame.
pub(crate) fn write(path: &Path, options: WriteOptions, mut composer: Composer, run: &Run) -> Result<(), Failure> {
    let frames = composer.timeline().frames;
    let (to, painted) = mpsc::sync_channel::<Frame>(QUEUE);
    let (used, back) = mpsc::channel();
    std::thread::scope(|scope| {
        let encoder = scope.spawn(move || -> Result<(), MediaError> {
            let mut writer = Writer::create(path, options)?;
            for frame in painted {
                writer.write(&frame)?;
                // The painter may be gone already; then nobody needs the buffer.
                let _ = used.send(frame);
            }
            writer.finish().map(|_| ())
        });
        let mut paint = || -> Result<(), Failure> {
            for number in 0..frames {
                run.check_cancelled()?;
                let mut frame = back.try_recv().unwrap_or_else(|_| Frame::new(options.format));
                composer.paint(number, &mut frame)?;
                if number % 10 == 0 {
                    run.progress(number, frames, "writing the picture track");
                }
                // The encoder has given up; its error is found when it is joined.
                if to.send(frame).is_err() {
                    break;
                }
            }
            Ok(())
        };
        let made = paint();
        drop(to);
        let written = encoder.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        made?;
        written.map_err(Failure::from)
    })
}
