//! spotloom-saboteur
