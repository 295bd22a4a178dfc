//! spotloom-tests
