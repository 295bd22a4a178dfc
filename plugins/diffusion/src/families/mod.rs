//! Model families: one file each, its steps numbered in the order a shot takes them.

pub mod ambient;
pub mod chain;
mod clean;
pub mod clip;
pub mod cogvideox;
mod decoder;
pub mod embeddings;
pub mod guidance;
pub mod ltx;
pub mod parts;
mod resident;
mod seam;
pub mod text;
pub mod tiles;
mod vision;
pub mod wan;
mod windows;
