//! The C ABI: one exported static, two functions, two callbacks.
//!
//! A plugin exports a static [`PluginEntry`] under the name [`ENTRY_SYMBOL`]. `abi_version` comes first and
//! `struct_size` second, so that a host can refuse a plugin it does not know before it reads anything else.
//!
//! Ownership: every [`Bytes`] is borrowed for the duration of the call it is passed to; nobody frees what another
//! allocated. Threads: `describe` and `run` are called on one thread at a time and never concurrently in one process;
//! `emit` and `is_cancelled` may be called from any thread of the plugin until `run` returns.

use std::ffi::c_void;

/// The version of this ABI. A plugin with any other number is refused with `WrongAbi`.
pub const ABI_VERSION: u32 = 1;

/// The name of the exported [`PluginEntry`].
pub const ENTRY_SYMBOL: &str = "spotloom_plugin_entry";

/// `describe` or `run` finished and its last message was emitted.
pub const STATUS_OK: i32 = 0;
/// The plugin panicked and could not even report it.
pub const STATUS_PANICKED: i32 = 1;

/// UTF-8 JSON, borrowed for the call.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Bytes {
    pub ptr: *const u8,
    pub len: usize,
}

impl Bytes {
    /// Borrows `bytes` for a call.
    pub fn new(bytes: &[u8]) -> Self {
        Self { ptr: bytes.as_ptr(), len: bytes.len() }
    }

    /// The bytes again.
    ///
    /// # Safety
    /// `ptr` must point to `len` readable bytes that stay unchanged for `'a` (the ABI promises this for the call).
    pub unsafe fn as_slice<'a>(self) -> &'a [u8] {
        if self.len == 0 {
            return &[];
        }
        // SAFETY: promised by the caller, see above.
        unsafe { std::slice::from_raw_parts(self.ptr, self.len) }
    }
}

/// What the host offers to a plugin during a call.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct HostApi {
    /// `size_of::<HostApi>()` of the host: later versions only append.
    pub struct_size: u32,
    /// Handed back to both callbacks, opaque to the plugin.
    pub context: *mut c_void,
    /// Takes one [`crate::PluginMessage`] as JSON. Thread-safe.
    pub emit: unsafe extern "C" fn(context: *mut c_void, message: Bytes),
    /// Non-zero once the run should end as soon as it can. Thread-safe and cheap.
    pub is_cancelled: unsafe extern "C" fn(context: *mut c_void) -> u8,
}

/// What a plugin exports.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct PluginEntry {
    /// Must be [`ABI_VERSION`].
    pub abi_version: u32,
    /// `size_of::<PluginEntry>()` of the plugin: later versions only append.
    pub struct_size: u32,
    /// Emits exactly one `PluginMessage::Description`.
    pub describe: unsafe extern "C" fn(host: *const HostApi) -> i32,
    /// Takes a [`crate::RunRequest`] as JSON, emits any number of events and exactly one `PluginMessage::End`, last.
    pub run: unsafe extern "C" fn(request: Bytes, host: *const HostApi) -> i32,
}
