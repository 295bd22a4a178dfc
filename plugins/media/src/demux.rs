//! Opening a file that may attack.
//!
//! Invariant: the bytes of the one file named are all that is ever read. The file is opened here and handed over as a
//! stream without a name, so its content alone decides the format; formats that point at other files (playlists,
//! manifests, concat lists, image sequences) are not on the list, and every protocol is off.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use ffmpeg_next::format::context::{Input, StreamIo};
use ffmpeg_next::{Dictionary, Error as AvError, Stream, codec, decoder, format, media};

use crate::av;
use crate::error::{Error, Result};

/// Containers and pictures of one file. None of these demuxers opens a second one: references in QuickTime (`dref`) are
/// off unless asked for, and what AVI carries inside itself is held to this list as well.
const FORMATS: &str = "matroska,webm,mov,mp4,m4a,avi,mpegts,mpeg,mxf,asf,flv,dv,gif,yuv4mpegpipe,ivf,h264,hevc,wav,w64,aiff,\
    flac,mp3,ogg,aac,png_pipe,jpeg_pipe,webp_pipe,tiff_pipe,bmp_pipe";
/// A picture larger than this many pixels is refused before anything is allocated for it.
pub(crate) const MAX_PIXELS: u64 = 134_217_728;
const BUFFER: usize = 1 << 18;

/// Opens a file for demuxing.
pub(crate) fn open(path: &Path) -> Result<Input> {
    av::init();
    let io = |doing| move |source| Error::Io { doing, path: path.into(), source };
    let mut file = File::open(path).map_err(io("open"))?;
    let kind = file.metadata().map_err(io("look at"))?;
    if !kind.is_file() {
        return Err(Error::NotAllowed { path: path.into(), found: "not a file".into() });
    }
    let mut head = [0; 512];
    let read = file.read(&mut head).map_err(io("read"))?;
    if let Some(found) = playlist(&head[..read]) {
        return Err(Error::NotAllowed { path: path.into(), found: found.into() });
    }
    std::io::Seek::rewind(&mut file).map_err(io("read"))?;
    // libavformat decodes a frame to learn what is inside, without a limit of its own.
    if let Ok(size) = imagesize::reader_size(std::io::BufReader::new(&file)) {
        let (width, height) = (size.width as u64, size.height as u64);
        if width.saturating_mul(height) > MAX_PIXELS {
            return Err(Error::TooLarge { path: path.into(), width, height });
        }
    }
    std::io::Seek::rewind(&mut file).map_err(io("read"))?;
    let stream = StreamIo::from_read_seek_with_capacity(file, BUFFER).map_err(Error::damaged(path, "opening"))?;
    let options: Dictionary =
        [("format_whitelist", FORMATS), ("protocol_whitelist", "none"), ("err_detect", "crccheck")].iter().collect();
    format::input_from_stream(stream, None, Some(options)).map_err(|source| match source {
        // What libavformat says of a format that is not on the list.
        AvError::Other { errno: ffmpeg_next::error::EINVAL } => {
            Error::NotAllowed { path: path.into(), found: "another format".into() }
        }
        AvError::InvalidData if read == 0 => Error::NotAllowed { path: path.into(), found: "an empty file".into() },
        source => Error::Damaged { path: path.into(), doing: "opening", source },
    })
}

/// Text formats that name other files, told apart from damage so that a person learns why they are refused.
fn playlist(head: &[u8]) -> Option<&'static str> {
    let head = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head).trim_ascii_start();
    if head.starts_with(b"<") && head.windows(4).any(|w| w == b"<svg") {
        return Some("an SVG drawing: export it as PNG");
    }
    let table: [(&[u8], &str); 6] = [
        (b"#EXTM3U", "an HLS playlist"),
        (b"ffconcat", "an ffconcat list"),
        (b"<?xml", "an XML document, perhaps a DASH manifest"),
        (b"<MPD", "a DASH manifest"),
        (b"[playlist]", "a playlist"),
        (b"v=0", "an SDP session"),
    ];
    table.into_iter().find(|(magic, _)| head.starts_with(magic)).map(|(_, name)| name)
}

/// Opens the decoder of a stream.
pub(crate) fn decoder(
    path: &Path,
    parameters: codec::Parameters,
    threads: usize,
    time_base: ffmpeg_next::Rational,
) -> Result<decoder::Opened> {
    let id = parameters.id();
    let mut context =
        codec::Context::from_parameters(parameters).map_err(Error::damaged(path, "reading its header"))?;
    context.set_threading(codec::threading::Config {
        kind: codec::threading::Type::Frame,
        count: threads.max(1),
        ..Default::default()
    });
    let mut decoder = context.decoder();
    decoder.set_packet_time_base(time_base);
    // FFmpeg's TIFF decoder would refuse every tag that it does not know, such as the unit of the resolution.
    let strict =
        if id == codec::Id::TIFF { decoder::Check::CRC } else { decoder::Check::CRC | decoder::Check::EXPLODE };
    decoder.check(strict);
    let found = decoder::find(id).ok_or(AvError::DecoderNotFound).map_err(Error::damaged(path, "finding a decoder"))?;
    decoder
        .open_as_with(found, [("max_pixels", MAX_PIXELS.to_string().as_str())].iter().collect())
        .map_err(Error::damaged(path, "opening its decoder"))
}

/// The audio stream that counts, with its decoder, or the two that left and right lie in: where all sound is uncompressed and
/// of one channel, as broadcasters have it, the first two streams are a pair, unless they are of two languages. Empty where
/// there is no sound.
///
/// # Errors
/// When the decoder can't be opened.
pub(crate) fn sound(path: &Path, input: &Input) -> Result<Vec<(usize, decoder::Audio)>> {
    let open = |stream: Stream<'_>| -> Result<(usize, decoder::Audio)> {
        let opened = decoder(path, stream.parameters(), 1, stream.time_base())?;
        Ok((stream.index(), opened.audio().map_err(Error::damaged(path, "opening its sound decoder"))?))
    };
    let streams = || input.streams().filter(|s| s.parameters().medium() == media::Type::Audio);
    let language = |stream: Stream<'_>| stream.metadata().get("language").map(str::to_owned);
    let mut languages = streams().take(2).map(language);
    if streams().count() > 1 && languages.next() == languages.next() {
        // One that can't be opened is no half of a pair.
        let mono: Vec<_> = streams().map(open).filter_map(Result::ok).filter(|(_, d)| d.channels() == 1).collect();
        let alike = mono.len() == streams().count();
        if let [(_, left), (_, right), ..] = &mono[..]
            && alike
            && left.id().name().starts_with("pcm_")
            && (left.id(), left.rate(), left.format()) == (right.id(), right.rate(), right.format())
        {
            return Ok(mono.into_iter().take(2).collect());
        }
    }
    input.streams().best(media::Type::Audio).map(open).into_iter().collect()
}
