//! Model folders and ONNX Runtime, shared by the stages that run networks.
//!
//! Theory of operation: `folder` reads a model's `model.yaml`, confines and hashes its files (`hashes`); `external` finds out
//! which other files an ONNX file would have opened, and `declared` which ports it has and how wide its layers are, `stored` of which type its weights; `inspect` holds all files of a model against its
//! contract before the first is loaded; `runtime` finds ONNX Runtime; `graph` loads one component and holds its
//! ports against what a family expects; `value` converts what they take and give; `binding` leaves what the next run
//! takes on the device, and `sums` computes with it there; `provider` says what does the arithmetic; `memory` says no before the kernel does; `seed` makes
//! graphs that draw random numbers repeatable; `noise` is what samplers start from; `pictures` is what networks that make a picture of pictures share,
//! and `layers` what they take in memory.
//!
//! Invariant: nothing outside a model's folder is opened, and no file is used whose hash the contract does not name.

mod binding;
pub mod component;
mod declared;
pub mod error;
pub mod external;
pub mod folder;
pub mod graph;
mod hashes;
pub mod inspect;
mod layers;
pub mod memory;
pub mod noise;
pub mod pictures;
mod placement;
pub mod port;
pub mod provider;
mod replay;
pub mod runtime;
pub mod seed;
mod stored;
pub mod sums;
mod value;

pub use component::{Component, DataFile, Dtype, Licence, Territories};
pub use declared::{Widths, has_operator};
pub use error::Error;
pub use folder::{Derived, Described, GraphFile, Model};
pub use graph::{Graph, Kept, Results, Tensor};
pub use inspect::{Inspected, Wanted};
pub use layers::Layers;
pub use pictures::PictureNetwork;
pub use port::Port;
pub use provider::{Provider, UnknownProvider};
pub use runtime::{Engine, Runtime, SessionOptions, runtime};
pub use sums::Sums;
