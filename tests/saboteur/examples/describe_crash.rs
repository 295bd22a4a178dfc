//! A plugin that crashes when it is asked what it is.

#![allow(unsafe_code)] // the C entry of a plugin

use spotloom_plugin_api::abi::ABI_VERSION;
use spotloom_plugin_api::{Bytes, HostApi, PluginEntry};

unsafe extern "C" fn describe(_host: *const HostApi) -> i32 {
    std::process::abort()
}

unsafe extern "C" fn run(_request: Bytes, _host: *const HostApi) -> i32 {
    1
}

#[unsafe(no_mangle)]
#[used]
pub static spotloom_plugin_entry: PluginEntry =
    PluginEntry { abi_version: ABI_VERSION, struct_size: size_of::<PluginEntry>() as u32, describe, run };
