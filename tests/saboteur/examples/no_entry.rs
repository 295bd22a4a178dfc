//! A library that is no plugin: it exports no entry.

#![allow(unsafe_code)] // exports a symbol

#[unsafe(no_mangle)]
pub extern "C" fn some_other_symbol() {}
