//! spotloom-email
