//! spotloom-prompt
