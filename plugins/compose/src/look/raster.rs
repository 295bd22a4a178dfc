//! Draws a layer once, at the size of the picture, and keeps only the box it touches.

use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::Tree;

use crate::error::Error;
use crate::look::layer::Layer;
use crate::look::pictures::Pictures;
use crate::look::svg::LayerSource;
use crate::picture::sprite::Sprite;

/// How far outside of the picture a layer is drawn, as a fraction of it: what a slide or a swell may bring in.
const BLEED: f32 = 0.1;

/// Draws a layer for a picture of `width` x `height` pixels; `None` when there is nothing to see.
///
/// # Errors
/// The layer is not valid SVG.
pub fn draw(
    look: &str,
    source: LayerSource,
    pictures: &Pictures,
    width: usize,
    height: usize,
) -> Result<Option<Layer>, Error> {
    let wrong = |message: String| Error::Look { look: look.into(), message };
    let tree =
        Tree::from_str(&source.svg, &pictures.options()).map_err(|e| wrong(format!("layer {}: {e}", source.id)))?;
    let (w, h) = (width as f32, height as f32);
    let (unit_x, unit_y) = (w / tree.size().width(), h / tree.size().height());
    if (unit_x / unit_y - 1.0).abs() > 0.01 {
        return Err(wrong("its width and height are not those of the picture; use width=\"{{ width }}\"".into()));
    }
    if !tree.root().has_children() {
        return Ok(None);
    }
    let bounds = tree.root().abs_layer_bounding_box();
    let clamp = |v: f32, side: f32| v.clamp(-side * BLEED, side * (1.0 + BLEED));
    // Even corners, so that colour samples fall where those of the picture do; a border inside of the picture, so that
    // edges stay soft when they move.
    let low = |v: f32, side: f32| {
        let border = if v > 0.5 { 2.0 } else { 0.0 };
        (clamp(v - border, side) / 2.0).floor() as i32 * 2
    };
    let high = |v: f32, side: f32| {
        let border = if v < side - 0.5 { 2.0 } else { 0.0 };
        (clamp(v + border, side) / 2.0).ceil() as i32 * 2
    };
    let (left, top) = (low(bounds.left() * unit_x, w), low(bounds.top() * unit_y, h));
    let (right, bottom) = (high(bounds.right() * unit_x, w), high(bounds.bottom() * unit_y, h));
    if right <= left || bottom <= top {
        return Ok(None);
    }
    let Some(mut pixmap) = Pixmap::new(left.abs_diff(right), top.abs_diff(bottom)) else { return Ok(None) };
    let to_box = Transform::from_scale(unit_x, unit_y).post_translate(-left as f32, -top as f32);
    resvg::render(&tree, to_box, &mut pixmap.as_mut());
    let sprite =
        Sprite::from_premultiplied(left, top, pixmap.width() as usize, pixmap.height() as usize, pixmap.data());
    if sprite.is_empty() {
        return Ok(None);
    }
    let resting = match source.mask {
        Some((from, to)) => [bounds.left() * unit_x, from * unit_y, bounds.right() * unit_x, to * unit_y],
        None => [bounds.left() * unit_x, bounds.top() * unit_y, bounds.right() * unit_x, bounds.bottom() * unit_y],
    };
    let covers = sprite.covers(width, height);
    Ok(Some(Layer { id: source.id, motion: source.motion, sprite, resting, unit: unit_x, covers }))
}
