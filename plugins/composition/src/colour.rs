//! sRGB colours: parsing, contrast, and the way to BT.709 limited-range video.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, de};

/// An opaque sRGB colour, written `#RRGGBB`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rgb(pub [u8; 3]);

impl FromStr for Rgb {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("expected a colour like #F28C0F, found `{text}`");
        let hex = text.strip_prefix('#').filter(|h| h.len() == 6 && h.is_ascii()).ok_or_else(wrong)?;
        let channel = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).map_err(|_| wrong());
        Ok(Self([channel(0)?, channel(2)?, channel(4)?]))
    }
}

impl fmt::Display for Rgb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [r, g, b] = self.0;
        write!(f, "#{r:02X}{g:02X}{b:02X}")
    }
}

impl<'de> Deserialize<'de> for Rgb {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

impl JsonSchema for Rgb {
    fn schema_name() -> Cow<'static, str> {
        "Colour".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "pattern": "^#[0-9A-Fa-f]{6}$"})
    }
}

impl Rgb {
    /// Relative luminance (WCAG), 0 to 1.
    #[must_use]
    pub fn luminance(self) -> f64 {
        let linear = self.0.map(|c| {
            let c = f64::from(c) / 255.0;
            if c <= 0.04045 { c / 12.92 } else { ((c + 0.055) / 1.055).powf(2.4) }
        });
        0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    }

    /// Contrast ratio (WCAG), 1 to 21.
    #[must_use]
    pub fn contrast(self, other: Self) -> f64 {
        let (a, b) = (self.luminance(), other.luminance());
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    /// `t` of the way to `other`, channel by channel.
    #[must_use]
    pub fn mix(self, other: Self, t: f64) -> Self {
        let t = t.clamp(0.0, 1.0);
        let channel = |i: usize| {
            let (a, b) = (f64::from(self.0[i]), f64::from(other.0[i]));
            (a + (b - a) * t).round().clamp(0.0, 255.0) as u8
        };
        Self([channel(0), channel(1), channel(2)])
    }

    /// BT.709 limited range, 8 bit.
    #[must_use]
    pub fn to_yuv(self) -> [u8; 3] {
        let [y, u, v] = yuv709(self.0.map(f32::from));
        [y + 16.0, u + 128.0, v + 128.0].map(|c| c.round().clamp(0.0, 255.0) as u8)
    }
}

/// BT.709 limited-range Y, U, V for R, G, B of 0 to 255, without the offsets 16, 128, 128: so that it is linear and
/// holds for colours premultiplied with alpha too.
#[must_use]
pub fn yuv709([r, g, b]: [f32; 3]) -> [f32; 3] {
    const KR: f32 = 0.2126;
    const KB: f32 = 0.0722;
    let y = KR * r + (1.0 - KR - KB) * g + KB * b;
    let u = (b - y) / (2.0 * (1.0 - KB));
    let v = (r - y) / (2.0 * (1.0 - KR));
    [y * (219.0 / 255.0), u * (224.0 / 255.0), v * (224.0 / 255.0)]
}

/// 8-bit sRGB of a BT.709 limited-range sample.
#[must_use]
pub fn rgb709([y, u, v]: [u8; 3]) -> [u8; 3] {
    let y = (f32::from(y) - 16.0) * (255.0 / 219.0);
    let u = (f32::from(u) - 128.0) * (255.0 / 224.0);
    let v = (f32::from(v) - 128.0) * (255.0 / 224.0);
    let (r, b) = (y + 1.5748 * v, y + 1.8556 * u);
    let g = (y - 0.2126 * r - 0.0722 * b) / 0.7152;
    // Rounded and clamped; `f32::round` is a call on a plain x86-64, and this is done for every pixel of a poster.
    [r, g, b].map(|c| (c + 0.5) as u8)
}
