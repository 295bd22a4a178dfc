//! A look: one SVG file with template expressions, from which every layer of graphics over the footage is made.

mod animation;
mod area;
pub mod captions;
pub mod clear;
pub mod count;
mod group;
pub mod layer;
pub mod layout;
pub mod pictures;
mod place;
pub mod raster;
pub mod svg;
pub mod template;
pub mod tone;
