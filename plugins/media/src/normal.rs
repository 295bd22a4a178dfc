//! What decoded frames need to become what all frames here are: progressive, BT.709 limited (when YUV) in standard
//! dynamic range, upright and with square pixels.
//!
//! - Interlaced frames are woven into whole ones (`bwdif`, one frame for two fields, so that the rate stays).
//! - High dynamic range (PQ of SMPTE ST 2084 or HLG of ARIB STD-B67, both in ITU-R BT.2100) is mapped to standard: light is
//!   made linear with 203 cd/m2, the reference white of ITU-R BT.2408, as 1; BT.2020 primaries become BT.709; a Möbius
//!   curve keeps everything up to 30 % of white as it is and rolls off what is brighter, up to 1000 cd/m2. Reference
//!   white lands at 85 % of the signal.
//! - Wide primaries in standard range (Display P3 of phones, BT.2020) become BT.709's.

use ffmpeg_next::util::color;
use ffmpeg_next::{filter, frame};

use crate::error::{Error, Result};
use crate::filters::{self, SWS_FLAGS};
use crate::frame::Pixel;
use crate::probe::VideoInfo;

/// Of HDR, in cd/m2: reference white, and where highlights end.
const WHITE: f64 = 203.0;
const PEAK: f64 = 1000.0;

/// The filters for frames like this one, to be worked on as `to`; empty when there is nothing to do.
pub(crate) fn normalise(av: &frame::Video, video: &VideoInfo, to: Pixel) -> Result<String> {
    let weave = if av.is_interlaced() { "bwdif=mode=send_frame:deint=all" } else { "" };
    let turn = match video.rotation {
        90 => "transpose=clock",
        180 => "transpose=clock,transpose=clock",
        270 => "transpose=cclock",
        _ => "",
    };
    let mirror = if video.mirrored { "hflip" } else { "" };
    let square = match video.sample_aspect {
        (n, d) if n == d => String::new(),
        // The longer way round, so that no detail is thrown away.
        (n, d) if n > d => format!("scale=w=trunc(iw*sar/2)*2:h=ih:flags={SWS_FLAGS},setsar=1"),
        _ => format!("scale=w=iw:h=trunc(ih/sar/2)*2:flags={SWS_FLAGS},setsar=1"),
    };
    let luma_alone = to == Pixel::Gray8 && av.format().descriptor().is_some_and(|d| d.name().starts_with("gray"));
    let colour = if luma_alone || has_no_matrix(av.format()) && to.is_rgb() {
        String::new()
    } else if has_no_matrix(av.format()) {
        filters::rgb_to_yuv(to)
    } else {
        colours(av)?
    };
    // Weaving before anything mixes the lines of two fields.
    Ok(filters::chain([weave, &colour, &square, mirror, turn]))
}

/// Whether a picture has full range and no matrix. Grey is taken for that by libswscale whatever a filter says: brought to
/// limited range, it would never come back from it.
pub(crate) fn has_no_matrix(pixel: ffmpeg_next::format::Pixel) -> bool {
    let name = pixel.descriptor().map_or("", |d| d.name());
    let kinds = ["rgb", "bgr", "gbr", "argb", "abgr", "0rgb", "0bgr", "pal8", "x2rgb", "x2bgr", "gray", "ya8", "ya16"];
    kinds.iter().any(|kind| name.starts_with(kind))
}

fn colours(av: &frame::Video) -> Result<String> {
    let (matrix, range) = source_colors(av);
    let curve = match av.color_transfer_characteristic() {
        color::TransferCharacteristic::SMPTE2084 => Some("smpte2084"),
        color::TransferCharacteristic::ARIB_STD_B67 => Some("arib-std-b67"),
        _ => None,
    };
    let primaries = match av.color_primaries() {
        color::Primaries::BT2020 => Some("bt2020"),
        color::Primaries::SMPTE432 => Some("smpte432"),
        color::Primaries::SMPTE431 => Some("smpte431"),
        _ => None,
    };
    let known = ["zscale", "tonemap"].iter().all(|name| filter::find(name).is_some());
    // zscale's names differ from libswscale's.
    let zmatrix = match matrix {
        "bt2020" => "bt2020nc",
        "bt709" => "bt709",
        "smpte240m" => "smpte240m",
        "fcc" => "fcc",
        _ => "smpte170m",
    };
    let zrange = if range == "pc" { "full" } else { "limited" };
    // Whole chroma first: zscale refuses halves of odd sizes.
    let whole = format!("scale=flags={SWS_FLAGS}:in_range={range}:out_range={range},format=yuv444p12le");
    let out = "zscale=t=bt709:m=bt709:p=bt709:r=limited:d=none,format=yuv444p10le";
    Ok(match (curve, primaries) {
        (Some(_), _) if !known => return Err(Error::Missing { what: "the zscale filter, which HDR footage needs" }),
        (Some(curve), primaries) => format!(
            "{whole},zscale=tin={curve}:min={zmatrix}:pin={}:rin={zrange}:t=linear:npl={WHITE},format=gbrpf32le,\
             zscale=p=bt709,tonemap=mobius:param=0.3:desat=0:peak={:.4},{out}",
            primaries.unwrap_or("bt2020"),
            PEAK / WHITE
        ),
        (None, Some(primaries)) if known => format!(
            "{whole},zscale=tin=bt709:min={zmatrix}:pin={primaries}:rin={zrange}:t=linear,format=gbrpf32le,\
             zscale=p=bt709,{out}"
        ),
        _ if (matrix, range) == ("bt709", "tv") => String::new(),
        _ => format!(
            "scale=flags={SWS_FLAGS}:in_color_matrix={matrix}:in_range={range}:out_color_matrix=bt709:out_range=tv"
        ),
    })
}

/// The matrix (by libswscale's names) and range a YUV frame is in. Untagged footage follows the custom of players:
/// standard definition is BT.601, anything larger BT.709, and JPEG is BT.601 full range.
fn source_colors(av: &frame::Video) -> (&'static str, &'static str) {
    let jpeg = av.format().descriptor().is_some_and(|d| d.name().starts_with("yuvj"));
    let range = if jpeg || av.color_range() == color::Range::JPEG { "pc" } else { "tv" };
    let matrix = match av.color_space() {
        color::Space::BT709 => "bt709",
        color::Space::BT470BG | color::Space::SMPTE170M => "smpte170m",
        color::Space::SMPTE240M => "smpte240m",
        color::Space::FCC => "fcc",
        color::Space::BT2020NCL | color::Space::BT2020CL => "bt2020",
        _ if jpeg || av.width().max(av.height()) < 1024 && av.width().min(av.height()) <= 576 => "smpte170m",
        _ => "bt709",
    };
    (matrix, range)
}
