//! Filter texts for the common cases, with BT.709 and limited range always said.
//!
//! libswscale assumes BT.601 unless told, and rounds differently per processor unless told: both are told here, so
//! nobody else has to know.

use crate::frame::Pixel;

/// Exact rounding, the same on every processor.
pub(crate) const SWS_FLAGS: &str = "lanczos+accurate_rnd+full_chroma_int+bitexact";

const BT709: &str = "in_color_matrix=bt709:out_color_matrix=bt709:in_range=tv:out_range=tv";

/// Scales to exactly `width` x `height`, whatever that does to the shape.
#[must_use]
pub fn stretch(width: u32, height: u32) -> String {
    format!("scale=w={width}:h={height}:flags={SWS_FLAGS}:{BT709},setsar=1")
}

/// Scales until `width` x `height` is covered and cuts what stands over, from the middle.
#[must_use]
pub fn cover(width: u32, height: u32) -> String {
    format!(
        "scale=w={width}:h={height}:force_original_aspect_ratio=increase:flags={SWS_FLAGS}:{BT709},\
         crop=w={width}:h={height}:exact=1,setsar=1"
    )
}

/// Scales until `width` x `height` is covered and cuts nothing: one side may be longer.
#[must_use]
pub fn fill(width: u32, height: u32) -> String {
    format!(
        "scale=w={width}:h={height}:force_original_aspect_ratio=increase:force_divisible_by=2:flags={SWS_FLAGS}:{BT709},setsar=1"
    )
}

/// Scales until it fits inside `width` x `height` and fills the rest with black.
#[must_use]
pub fn contain(width: u32, height: u32) -> String {
    format!(
        "scale=w={width}:h={height}:force_original_aspect_ratio=decrease:force_divisible_by=2:flags={SWS_FLAGS}:{BT709},\
         pad=w={width}:h={height}:x=(ow-iw)/2:y=(oh-ih)/2,setsar=1"
    )
}

/// Repeats or drops frames to reach a constant rate.
#[must_use]
pub fn fps((numerator, denominator): (u32, u32)) -> String {
    format!("fps=fps={numerator}/{denominator}:round=near")
}

/// Filters one after another; empty ones are left out.
#[must_use]
pub fn chain<'a>(parts: impl IntoIterator<Item = &'a str>) -> String {
    parts.into_iter().filter(|p| !p.is_empty()).collect::<Vec<_>>().join(",")
}

/// RGB into BT.709 limited range at full chroma, with the depth of where it goes.
pub(crate) fn rgb_to_yuv(to: Pixel) -> String {
    let via = if to.is_ten_bit() { Pixel::Yuv444p10 } else { Pixel::Yuv444p };
    format!("scale=flags={SWS_FLAGS}:out_color_matrix=bt709:out_range=tv,format={}", via.name())
}

/// The last filters of every graph: ends in `to`.
pub(crate) fn ending(to: Pixel, from_yuv: bool) -> String {
    let ranges = match (from_yuv, to.is_rgb()) {
        (true, true) => "in_color_matrix=bt709:in_range=tv".into(),
        (true, false) => BT709.to_owned(),
        (false, _) => return format!("scale=flags={SWS_FLAGS},format={}", to.name()),
    };
    format!("scale=flags={SWS_FLAGS}:{ranges},format={}", to.name())
}
