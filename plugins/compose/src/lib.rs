//! The stage `compose`: clips, a brand kit and a look become one finished composition per aspect and locale.
//!
//! [`look`] turns an SVG file into layers, drawn once and then only moved; [`timeline`] says what is seen when. Both
//! become a composition, whose frames are painted where they are encoded.
//!
//! Invariant: everything that can be wrong with texts, fonts, pictures and the look is found before the first frame.

pub mod brand;
pub mod error;
pub mod fonts;
pub mod legible;
pub mod look;
mod mezzanine;
pub mod params;
pub mod poster;
pub mod prepare;
pub mod sheet;
pub mod stage;
pub mod text;
pub mod timeline;

pub use spotloom_composition::colour;
pub use stage::Compose;

spotloom_plugin_sdk::export_stage!(Compose);
