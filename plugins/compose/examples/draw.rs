//! Draws an SVG file as PNG: `cargo run --release -p spotloom-compose --example draw -- IN.svg OUT.png WIDTH`.
//! The product art under templates/studio/assets is made with it.

use std::error::Error;

use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::{Options, Tree};

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().collect();
    let [_, from, to, width] = &args[..] else { return Err("expected IN.svg OUT.png WIDTH".into()) };
    let tree = Tree::from_str(&std::fs::read_to_string(from)?, &Options::default())?;
    let scale = width.parse::<f32>()? / tree.size().width();
    let size = tree.size().to_int_size().scale_by(scale).ok_or("an empty picture")?;
    let mut pixmap = Pixmap::new(size.width(), size.height()).ok_or("an empty picture")?;
    resvg::render(&tree, Transform::from_scale(scale, scale), &mut pixmap.as_mut());
    pixmap.save_png(to)?;
    Ok(())
}
