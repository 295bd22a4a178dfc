//! spotloom-webhook
