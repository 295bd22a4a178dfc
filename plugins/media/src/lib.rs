//! spotloom-media
