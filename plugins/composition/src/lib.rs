//! A finished ad before it is encoded: timeline, drawn layers and clips, and the painter that makes frames of them.
//!
//! `compose` decides everything and writes it as a [file](mod@file); whoever needs the frames paints them with a [`composer`],
//! so that no picture track lies between composing and encoding. The clips themselves stay files of their own: a
//! composition names them by hash.
//!
//! Invariant: the same composition and the same clips give the same frames, on any number of threads. Memory does not
//! grow with the length of the ad.

pub mod colour;
pub mod composer;
pub mod error;
pub mod file;
pub mod layer;
pub mod motion;
pub mod picture;
pub mod timeline;

pub use composer::Composer;
pub use error::Error;
pub use file::{ClipMark, Composition};
