//! Between our frames and FFmpeg's: copies, tags, one-time set-up.

use std::sync::Once;

use ffmpeg_next::util::color;
use ffmpeg_next::{frame, picture};

use crate::frame::{Frame, FrameFormat, Pixel};

/// Registers FFmpeg once and keeps its chatter to errors.
pub(crate) fn init() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // Only registers error texts on every FFmpeg that is supported; it has no way to fail.
        let _ = ffmpeg_next::init();
        ffmpeg_next::log::set_level(ffmpeg_next::log::Level::Error);
    });
}

/// Copies a frame into FFmpeg's memory, tagged.
pub(crate) fn to_av(frame: &Frame, pts: i64) -> frame::Video {
    let format = frame.format();
    let mut av = frame::Video::new(format.pixel.av(), format.width, format.height);
    for plane in 0..format.pixel.planes() {
        let (row, padded) = (format.stride(plane), av.stride(plane));
        let data = av.data_mut(plane);
        for (from, to) in frame.plane(plane).chunks_exact(row).zip(data.chunks_mut(padded)) {
            to[..row].copy_from_slice(from);
        }
    }
    tag(&mut av, format.pixel);
    av.set_pts(Some(pts));
    av
}

/// Copies a frame out of FFmpeg's memory. `None` when its layout is not `pixel` or its rows run upwards.
pub(crate) fn from_av(av: &frame::Video, pixel: Pixel, index: u64) -> Option<Frame> {
    let format = FrameFormat::new(av.width(), av.height(), pixel);
    if av.format() != pixel.av() || av.planes() < pixel.planes() {
        return None;
    }
    let mut planes = Vec::with_capacity(pixel.planes());
    for plane in 0..pixel.planes() {
        let (row, padded) = (format.stride(plane), av.stride(plane));
        // A flipped frame has a negative stride, which reads as a huge one here.
        if padded < row || padded > i32::MAX as usize {
            return None;
        }
        let mut packed = Vec::with_capacity(format.plane_bytes(plane));
        for from in av.data(plane).chunks(padded).take(format.plane_size(plane).1) {
            packed.extend_from_slice(from.get(..row)?);
        }
        planes.push(packed);
    }
    let mut frame = Frame::from_planes(format, planes).ok()?;
    frame.index = index;
    Some(frame)
}

/// Writes what every frame here is (see `frame.rs`) into the frame's own tags.
pub(crate) fn tag(av: &mut frame::Video, pixel: Pixel) {
    if pixel.is_rgb() {
        av.set_color_space(color::Space::RGB);
        av.set_color_range(color::Range::JPEG);
    } else {
        av.set_color_space(color::Space::BT709);
        av.set_color_range(color::Range::MPEG);
    }
    av.set_color_primaries(color::Primaries::BT709);
    av.set_color_transfer_characteristic(color::TransferCharacteristic::BT709);
    // A decoded frame says which type it was; an encoder would take that as an order.
    av.set_kind(picture::Type::None);
}
