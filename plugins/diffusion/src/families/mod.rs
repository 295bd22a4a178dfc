//! Model families: one file each, its steps numbered in the order a shot takes them.

pub mod ambient;
pub mod text;
pub mod wan;
