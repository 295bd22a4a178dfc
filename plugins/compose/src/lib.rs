//! The stage `compose`: clips, a brand kit and a look become one finished picture track per aspect and locale.
//!
//! [`look`] turns an SVG file into layers, drawn once and then only moved; [`timeline`] says what is seen when;
//! [`composer`] paints frame after frame over the footage of [`picture`]. Memory does not grow with the length of the ad.
//!
//! Invariant: everything that can be wrong with texts, fonts, pictures and the look is found before the first frame.

pub mod brand;
pub mod colour;
pub mod composer;
pub mod error;
pub mod fonts;
pub mod legible;
pub mod look;
pub mod params;
pub mod picture;
pub mod poster;
pub mod prepare;
pub mod sheet;
pub mod stage;
pub mod text;
pub mod timeline;

pub use stage::Compose;

spotloom_plugin_sdk::export_stage!(Compose);
