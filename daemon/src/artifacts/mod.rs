//! Content-addressed files: what stages make, immutable and named by their SHA-256.
//!
//! An attempt writes in its own scratch folder. Success is hash, fsync, rename into the store, fsync of the folder,
//! and only then the ledger's commit. A file in the store is complete or not there; one that no ledger row names is
//! harmless and is found again by its hash.

pub mod disk;
pub mod hash;
pub mod key;
mod known;
pub mod media;
pub mod store;

pub use hash::{hash_bytes, hash_file, hash_of};
pub use key::cache_key;
pub use store::Store;
