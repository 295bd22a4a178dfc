//! A file being written: header, packets in order, trailer.

use std::fs::File;
use std::path::{Path, PathBuf};

use ffmpeg_next::format::context::{Output, StreamIo};
use ffmpeg_next::{Dictionary, Error as AvError, Packet, Rational, encoder, error::EAGAIN, format};

use crate::av;
use crate::error::{Error, Result};

const BUFFER: usize = 1 << 20;

pub(crate) struct Muxer {
    path: PathBuf,
    container: String,
    output: Output,
    time_bases: Vec<Rational>,
    /// Of each stream's packets.
    bytes: Vec<u64>,
}

impl Muxer {
    /// Creates the file. `container` is FFmpeg's short name.
    pub(crate) fn create(path: &Path, container: &str) -> Result<Self> {
        av::init();
        let file = File::create(path).map_err(|source| Error::Io { doing: "create", path: path.into(), source })?;
        // The MP4 muxer opens its own file again, by this name, to move the index to the front.
        let name = path.to_str().filter(|n| !n.contains('\0')).map(|n| format!("file:{n}")).ok_or_else(|| {
            Error::Unsupported {
                what: "the path of an output",
                found: format!("{}", path.display()),
                expected: "UTF-8",
            }
        })?;
        let stream = StreamIo::from_write_seek_with_capacity(file, BUFFER).map_err(Error::write(path, "opening"))?;
        let output =
            format::output_to_stream(stream, Some(&name), Some(container)).map_err(Error::write(path, "opening"))?;
        Ok(Self { path: path.into(), container: container.into(), output, time_bases: Vec::new(), bytes: Vec::new() })
    }

    /// Adds a stream for an opened encoder and returns its index.
    pub(crate) fn add(&mut self, encoder: &encoder::Encoder, rate: Option<Rational>) -> Result<usize> {
        let mut stream = self.output.add_stream_with(encoder).map_err(Error::write(&self.path, "adding a stream"))?;
        stream.set_time_base(encoder.time_base());
        if let Some(rate) = rate {
            stream.set_avg_frame_rate(rate);
            stream.set_rate(rate);
        }
        Ok(stream.index())
    }

    /// Tags of the whole file, `timecode` for example. Before [`Muxer::start`].
    pub(crate) fn tag(&mut self, tags: &[(&str, &str)]) {
        self.output.set_metadata(tags.iter().collect());
    }

    /// Writes the header. `fflags=+bitexact` keeps dates, versions and random ids out of every file.
    pub(crate) fn start(&mut self, options: &[(&str, &str)]) -> Result<()> {
        let mut dictionary: Dictionary = options.iter().collect();
        dictionary.set("fflags", "+bitexact");
        self.output.write_header_with(dictionary).map_err(Error::write(&self.path, "writing its header"))?;
        self.time_bases = self.output.streams().map(|s| s.time_base()).collect();
        self.bytes = vec![0; self.time_bases.len()];
        Ok(())
    }

    /// Writes all packets an encoder has ready, and says how many. A packet without a duration gets `duration`, in the encoder's
    /// time base.
    pub(crate) fn drain(&mut self, encoder: &mut encoder::Encoder, stream: usize, duration: i64) -> Result<usize> {
        let from = encoder.time_base();
        let to = self.time_bases.get(stream).copied().unwrap_or(from);
        let mut written = 0;
        loop {
            let mut packet = Packet::empty();
            match encoder.receive_packet(&mut packet) {
                Ok(()) => {}
                Err(AvError::Other { errno: EAGAIN } | AvError::Eof) => return Ok(written),
                Err(source) => return Err(Error::Write { path: self.path.clone(), doing: "encoding", source }),
            }
            packet.set_stream(stream);
            if packet.duration() == 0 {
                packet.set_duration(duration);
            }
            packet.rescale_ts(from, to);
            if let Some(bytes) = self.bytes.get_mut(stream) {
                *bytes += packet.size() as u64;
            }
            packet.write_interleaved(&mut self.output).map_err(Error::write(&self.path, "writing"))?;
            written += 1;
        }
    }

    /// Bytes of a stream's packets so far.
    pub(crate) fn bytes(&self, stream: usize) -> u64 {
        self.bytes.get(stream).copied().unwrap_or(0)
    }

    /// Writes the trailer and returns the size of the file.
    pub(crate) fn finish(mut self) -> Result<u64> {
        self.output.write_trailer().map_err(Error::write(&self.path, "writing its end"))?;
        drop(self.output);
        let metadata = std::fs::metadata(&self.path).map_err(|source| Error::Io {
            doing: "look at",
            path: self.path.clone(),
            source,
        })?;
        Ok(metadata.len())
    }

    /// FFmpeg's short name of what is written.
    pub(crate) fn container(&self) -> &str {
        &self.container
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}
