//! A picture made ready for the camera: large enough for its closest moment, and on a ground where it is transparent.
//!
//! A product cut out of its background stands in a studio in the colour given: light on the wall behind it, a floor that the
//! wall runs into, a soft shadow with a dark line where it touches. It is whole in every shape: in the middle, or where the words
//! leave room for it.

use std::path::Path;

use spotloom_media::{Error, FilterChain, Frame, FrameFormat, Pixel, ReadOptions, Reader, filters, subject};

use crate::film::PIXEL;

/// Pictures are kept this much larger than their closest moment needs.
const SPARE: f64 = 1.0;

/// A picture ready for the camera, and what it shows.
pub struct Still {
    /// In [`PIXEL`].
    pub frame: Frame,
    pub focus: [f64; 2],
}

/// What a cut-out product stands on, and where: left, top, width and height as fractions of the picture.
#[derive(Clone, Copy)]
pub struct Ground {
    pub colour: [u8; 3],
    pub field: [f64; 4],
}

/// Reads a picture for a clip of `size`, in which the camera comes `closest` times as near.
pub fn read(path: &Path, size: (u32, u32), closest: f64, ground: Ground, threads: usize) -> Result<Still, Error> {
    let mut reader = Reader::open(path, ReadOptions::new(Pixel::Rgba).threads(threads))?;
    let frame = reader.next().ok_or_else(|| Error::NoVideo { path: path.into() })??;
    let cut_out = frame.plane(0).chunks_exact(4).any(|p| p[3] < 250);
    let need = [f64::from(size.0) * closest * SPARE, f64::from(size.1) * closest * SPARE];
    if cut_out {
        let canvas = [need[0].ceil() as u32 & !1, need[1].ceil() as u32 & !1];
        return Ok(Still { frame: on_ground(&frame, canvas, ground)?, focus: [0.5, 0.5] });
    }
    let (w, h) = (f64::from(frame.width()), f64::from(frame.height()));
    let factor = (need[0] / w).max(need[1] / h).min(1.0);
    let even = |side: f64| ((side * factor / 2.0).ceil() as u32 * 2).max(2);
    let filter = if factor < 0.999 { filters::stretch(even(w), even(h)) } else { String::new() };
    let small = "scale=w=96:h=96:force_original_aspect_ratio=decrease:flags=area,setsar=1";
    let look = convert(&frame, small, Pixel::Yuv444p)?;
    let focus = subject::middle(&look, None, f64::from(size.0) / f64::from(size.1));
    Ok(Still { frame: convert(&frame, &filter, PIXEL)?, focus })
}

/// One frame through a filter.
fn convert(frame: &Frame, filter: &str, to: Pixel) -> Result<Frame, Error> {
    let mut chain = FilterChain::new(filter, frame.format(), (25, 1), to)?;
    chain.push(frame)?;
    chain.finish()?;
    let frame = chain.pull()?;
    frame.ok_or_else(|| Error::Filter {
        spec: filter.into(),
        doing: "taking the one frame of a picture",
        source: spotloom_media::NO_FRAME,
    })
}

/// A cut-out product on a lit ground.
fn on_ground(product: &Frame, [width, height]: [u32; 2], ground: Ground) -> Result<Frame, Error> {
    let (left, top, right, bottom) = bounds(product);
    let (bw, bh) = ((right - left).max(1), (bottom - top).max(1));
    let [left_free, top_free, across, down] = ground.field;
    let room = [f64::from(width) * across, f64::from(height) * down];
    let factor = (room[0] / f64::from(bw)).min(room[1] / f64::from(bh));
    let (w, h) = ((f64::from(bw) * factor).round().max(1.0) as u32, (f64::from(bh) * factor).round().max(1.0) as u32);
    // Alpha first into the colours, or transparent black bleeds into the edges.
    let mut cut = Frame::new(FrameFormat::new(bw, bh, Pixel::Rgba));
    let stride = product.width() as usize * 4;
    for (row, out) in cut.plane_mut(0).chunks_exact_mut(bw as usize * 4).enumerate() {
        let at = (top as usize + row) * stride + left as usize * 4;
        out.copy_from_slice(&product.plane(0)[at..at + bw as usize * 4]);
        for pixel in out.chunks_exact_mut(4) {
            let alpha = u16::from(pixel[3]);
            pixel[..3].iter_mut().for_each(|c| *c = (u16::from(*c) * alpha / 255) as u8);
        }
    }
    let scaled = convert(&cut, &format!("scale=w={w}:h={h}:flags=lanczos+accurate_rnd+bitexact"), Pixel::Rgba)?;
    let mut canvas = Frame::new(FrameFormat::new(width, height, Pixel::Rgb48));
    let start = |side: u32, free: f64, room: f64, of: u32| {
        (f64::from(side) * free + (room - f64::from(of)) / 2.0).clamp(0.0, f64::from(side - of.min(side))) as u32
    };
    let (x0, y0) = (start(width, left_free, room[0], w), start(height, top_free, room[1], h));
    let (middle, foot, wide) = (f64::from(x0) + f64::from(w) / 2.0, f64::from(y0 + h), f64::from(w));
    // A wide soft one, and a dark line where the product touches the floor.
    let shadows = [
        Shadow { middle: [middle, foot - wide * 0.02], half: [wide * 1.05, wide * 0.17], dark: 0.34 },
        Shadow { middle: [middle, foot - wide * 0.025], half: [wide * 0.62, wide * 0.055], dark: 0.62 },
    ];
    let room = Room { size: [f64::from(width), f64::from(height)], middle, horizon: foot - f64::from(h) * 0.10 };
    for (y, row) in canvas.plane_mut(0).chunks_exact_mut(width as usize * 6).enumerate() {
        for (x, pixel) in row.chunks_exact_mut(6).enumerate() {
            let [lighter, darker] = room.light(x as f64, y as f64);
            let dark: f64 = shadows.iter().map(|s| 1.0 - s.at(x as f64, y as f64)).product();
            let inside = (x as u32).checked_sub(x0).zip((y as u32).checked_sub(y0)).filter(|(x, y)| *x < w && *y < h);
            let over = inside.map(|(x, y)| {
                let i = (y * w + x) as usize * 4;
                &scaled.plane(0)[i..i + 4]
            });
            for (c, out) in pixel.chunks_exact_mut(2).enumerate() {
                let own = f64::from(ground.colour[c]) * 257.0;
                // Towards white where it is lit: more of a channel that is full already would shift the hue.
                let below = (own + (65_535.0 - own) * lighter) * (1.0 - darker) * dark;
                let value = over.map_or(below, |o| f64::from(o[c]) * 257.0 + below * (1.0 - f64::from(o[3]) / 255.0));
                out.copy_from_slice(&(value.clamp(0.0, 65_535.0) as u16).to_le_bytes());
            }
        }
    }
    convert(&canvas, "", PIXEL)
}

/// A studio without corners: a wall with a pool of light on it that runs into the floor.
struct Room {
    size: [f64; 2],
    /// The column of the product.
    middle: f64,
    /// The row in which the wall becomes floor.
    horizon: f64,
}

impl Room {
    /// How much of the way to white and to black a place is from the ground's colour.
    fn light(&self, x: f64, y: f64) -> [f64; 2] {
        let [width, height] = self.size;
        let reach = width.max(height) * 0.62;
        let (dx, dy) = ((x - self.middle) / reach, (y - height * 0.38) / reach);
        let away = (dx * dx + dy * dy).min(1.0);
        let wall = [0.20 * (-5.0 * away).exp(), 0.12 * away * (0.4 + 0.6 * away)];
        // The floor is darkest where it is furthest, and lightest at the front.
        let front = ((y - self.horizon) / (height - self.horizon).max(1.0)).clamp(0.0, 1.0);
        let side = (dx * dx).min(1.0);
        let floor = [0.07 * front * (-6.0 * side).exp(), 0.06 * (1.0 - front) + 0.07 * side];
        // No line: the wall bends into the floor over a twelfth of the picture.
        let t = ((y - self.horizon) / (height / 12.0) * 0.5 + 0.5).clamp(0.0, 1.0);
        let t = t * t * (3.0 - 2.0 * t);
        [0, 1].map(|i| wall[i] + (floor[i] - wall[i]) * t)
    }
}

/// A soft shadow on the floor.
struct Shadow {
    middle: [f64; 2],
    half: [f64; 2],
    dark: f64,
}

impl Shadow {
    fn at(&self, x: f64, y: f64) -> f64 {
        let (dx, dy) = ((x - self.middle[0]) / self.half[0], (y - self.middle[1]) / self.half[1]);
        self.dark * (-2.2 * (dx * dx + dy * dy)).exp()
    }
}

/// Left, top, right and bottom of what can be seen.
fn bounds(frame: &Frame) -> (u32, u32, u32, u32) {
    let (w, h) = (frame.width(), frame.height());
    let (mut left, mut top, mut right, mut bottom) = (w, h, 0, 0);
    for (i, pixel) in frame.plane(0).chunks_exact(4).enumerate() {
        if pixel[3] > 8 {
            let (x, y) = (i as u32 % w, i as u32 / w);
            (left, top) = (left.min(x), top.min(y));
            (right, bottom) = (right.max(x + 1), bottom.max(y + 1));
        }
    }
    if right == 0 { (0, 0, w, h) } else { (left, top, right, bottom) }
}
