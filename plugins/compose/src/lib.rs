//! spotloom-compose
