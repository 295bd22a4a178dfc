//! Briefs: what a producer drops. Parse, check everything in one pass, normalise. Pure: no I/O, no clock.
//!
//! Invariant: a [`Brief`] is right in itself; whether the things it names exist is asked when it is expanded.

mod audio;
pub mod batch;
mod captions;
mod check;
mod model;
mod names;
mod people;
mod scene;
mod schema;
mod shot;
pub mod text;
mod words;

pub use audio::{Audio, Codes, Cue};
pub use captions::Captions;
pub use model::{AiDisclosure, Brief, Delivery, Notice, Product, Rights, Role, Stakeholder};
pub use names::{Name, Named, names};
pub use scene::{Move, Pan, Scene, Source, Transition, Zoom};
pub use schema::schema;
pub use shot::{Mode, Retake};
pub use text::{Locale, Text};
pub use words::forbidden;
