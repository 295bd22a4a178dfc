//! A plugin whose constructor ends the process with exit code 0 before anybody has asked it anything.

#![allow(unsafe_code, clippy::disallowed_methods)] // the C entry of a plugin

use spotloom_plugin_api::abi::ABI_VERSION;
use spotloom_plugin_api::{Bytes, HostApi, PluginEntry};

unsafe extern "C" fn describe(_host: *const HostApi) -> i32 {
    1
}

unsafe extern "C" fn run(_request: Bytes, _host: *const HostApi) -> i32 {
    1
}

#[unsafe(no_mangle)]
#[used]
pub static spotloom_plugin_entry: PluginEntry =
    PluginEntry { abi_version: ABI_VERSION, struct_size: size_of::<PluginEntry>() as u32, describe, run };

extern "C" fn leave() {
    std::process::exit(0);
}

#[used]
#[unsafe(link_section = ".init_array")]
static LEAVE: extern "C" fn() = leave;
