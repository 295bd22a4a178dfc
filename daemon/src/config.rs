//! Settings of a studio.
