//! Model families: one file each, its steps numbered in the order a shot takes them.

pub mod ambient;
pub mod clip;
pub mod cogvideox;
pub mod embeddings;
pub mod guidance;
pub mod ltx;
pub mod parts;
pub mod text;
mod vision;
pub mod wan;
