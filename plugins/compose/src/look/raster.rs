//! Draws a layer once, at the size of the picture, and keeps only the box it touches.

use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::{Options, Tree};
use spotloom_composition::motion::Motion;

use crate::error::Error;
use crate::look::layer::{DrawnLayer, Layer, Shade};
use crate::look::pictures::Pictures;
use crate::look::svg::{LayerSource, PictureMark};
use spotloom_composition::picture::sprite::Sprite;

/// How far outside of the picture a layer is drawn, as a fraction of it: what a slide or a swell may bring in.
const BLEED: f32 = 0.1;

/// Draws a layer for a picture of `width` x `height` pixels; `None` when there is nothing to see. A look of another shape
/// than the picture, such as a drawing of one fixed size, is fitted into its middle.
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
    let parse = |svg: &str| {
        Tree::from_str(svg, &pictures.options())
            .map_err(|e| Error::Look { look: look.into(), message: format!("layer {}: {e}", source.id) })
    };
    let tree = parse(&source.svg)?;
    let (w, h) = (width as f32, height as f32);
    let place = Place::new(&tree, source.page, (w, h));
    let Some((sprite, bounds)) = sprite(&tree, &place, (w, h)) else { return Ok(None) };
    let ground = match &source.ground {
        Some(svg) => sprite_only(&parse(svg)?, &place, (w, h)),
        None => None,
    };
    let user = |(x, y): (f32, f32)| (place.left + x * place.user, place.top + y * place.user);
    let mut resting = bounds;
    if let Some((from, to)) = source.mask {
        (resting[1], resting[3]) = (user((0.0, from)).1, user((0.0, to)).1);
    }
    let mut texts = source.texts;
    for text in &mut texts {
        text.size *= place.user;
        for [left, top, right, bottom] in &mut text.boxes {
            ((*left, *top), (*right, *bottom)) = (user((*left, *top)), user((*right, *bottom)));
        }
    }
    let mut pictures = source.pictures;
    for PictureMark { area: [left, top, right, bottom], .. } in &mut pictures {
        ((*left, *top), (*right, *bottom)) = (user((*left, *top)), user((*right, *bottom)));
    }
    let letters = source.letters.iter().map(|x| user((*x, 0.0)).0).collect();
    let covers = sprite.covers(width, height);
    Ok(Some(Layer {
        id: source.id,
        group: source.group,
        drawn: DrawnLayer {
            motion: source.motion,
            sprite,
            resting,
            unit: place.user,
            letters,
            covers,
            shade: source.shade.map(|least| Shade { least, keys: Vec::new() }),
        },
        texts,
        ground,
        pictures,
        tone: source.tone,
    }))
}

/// A layer of our own making, drawn in pixels of the picture.
#[must_use]
pub fn plain(id: &str, svg: &str, motion: Motion, size: (usize, usize)) -> Option<Layer> {
    let tree = Tree::from_str(svg, &Options::default()).ok()?;
    let (w, h) = (size.0 as f32, size.1 as f32);
    let place = Place { unit: 1.0, user: 1.0, left: 0.0, top: 0.0 };
    let (sprite, resting) = sprite(&tree, &place, (w, h))?;
    let covers = sprite.covers(size.0, size.1);
    Some(Layer {
        id: id.into(),
        group: id.into(),
        drawn: DrawnLayer { motion, sprite, resting, unit: 1.0, letters: Vec::new(), covers, shade: None },
        texts: Vec::new(),
        ground: None,
        pictures: Vec::new(),
        tone: None,
    })
}

/// How a drawing lies on the picture.
struct Place {
    /// Pixels per unit of the drawn tree, and per unit of the file.
    unit: f32,
    user: f32,
    left: f32,
    top: f32,
}

impl Place {
    fn new(tree: &Tree, page: (f32, f32), (w, h): (f32, f32)) -> Self {
        let size = tree.size();
        let unit = (w / size.width()).min(h / size.height());
        let (left, top) = ((w - size.width() * unit) / 2.0, (h - size.height() * unit) / 2.0);
        Self { unit, user: unit * size.width() / page.0, left, top }
    }
}

fn sprite_only(tree: &Tree, place: &Place, size: (f32, f32)) -> Option<Sprite> {
    sprite(tree, place, size).map(|(sprite, _)| sprite)
}

/// The pixels of a tree, and its bounds in pixels of the picture.
fn sprite(tree: &Tree, place: &Place, (w, h): (f32, f32)) -> Option<(Sprite, [f32; 4])> {
    if !tree.root().has_children() {
        return None;
    }
    let bounds = tree.root().abs_layer_bounding_box();
    let (unit, x, y) = (place.unit, place.left, place.top);
    let bounds =
        [bounds.left() * unit + x, bounds.top() * unit + y, bounds.right() * unit + x, bounds.bottom() * unit + y];
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
    let (left, top) = (low(bounds[0], w), low(bounds[1], h));
    let (right, bottom) = (high(bounds[2], w), high(bounds[3], h));
    if right <= left || bottom <= top {
        return None;
    }
    let mut pixmap = Pixmap::new(left.abs_diff(right), top.abs_diff(bottom))?;
    let to_box = Transform::from_scale(unit, unit).post_translate(x - left as f32, y - top as f32);
    resvg::render(tree, to_box, &mut pixmap.as_mut());
    let sprite =
        Sprite::from_premultiplied(left, top, pixmap.width() as usize, pixmap.height() as usize, pixmap.data());
    (!sprite.is_empty()).then_some((sprite, bounds))
}
