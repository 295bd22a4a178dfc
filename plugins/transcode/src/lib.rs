//! spotloom-transcode
