//! spotloom-folder
