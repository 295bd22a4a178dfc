//! A plugin whose description breaks several rules at once.

#![allow(unsafe_code)] // the C entry of a plugin

use spotloom_plugin_api::abi::ABI_VERSION;
use spotloom_plugin_api::{Bytes, HostApi, PluginEntry};

unsafe extern "C" fn describe(host: *const HostApi) -> i32 {
    let description = br#"{"type": "description", "id": "Bad Name", "version": "one", "summary": "", "params": 7}"#;
    // SAFETY: valid for the call; the bytes are borrowed for it.
    unsafe { ((*host).emit)((*host).context, Bytes::new(description)) };
    0
}

unsafe extern "C" fn run(_request: Bytes, _host: *const HostApi) -> i32 {
    1
}

#[unsafe(no_mangle)]
#[used]
pub static spotloom_plugin_entry: PluginEntry =
    PluginEntry { abi_version: ABI_VERSION, struct_size: size_of::<PluginEntry>() as u32, describe, run };
