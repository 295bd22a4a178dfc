//! A plugin that misbehaves on demand, written straight on the ABI: what the SDK protects authors from, this does.
//!
//! Purpose: the tests of the host prove with it that every misdeed of native code ends in exactly one typed end and
//! leaves no process behind. Its parameter `mode` says what to do; see [`modes`].

#![allow(unsafe_code, clippy::disallowed_methods)] // breaking the rules is what it is for

mod modes;

use serde_json::{Value, json};
use spotloom_plugin_api::abi::{ABI_VERSION, STATUS_OK};
use spotloom_plugin_api::{Bytes, HostApi, PluginEntry};

/// The host's callbacks.
#[derive(Clone, Copy)]
pub(crate) struct Host(HostApi);

// SAFETY: the host's callbacks may be called from any thread, and go on being valid after the call.
unsafe impl Send for Host {}

impl Host {
    /// Emits bytes as they are, JSON or not.
    pub(crate) fn emit_raw(self, bytes: &[u8]) {
        // SAFETY: the bytes are borrowed for the call.
        unsafe { (self.0.emit)(self.0.context, Bytes::new(bytes)) }
    }

    pub(crate) fn emit(self, message: &Value) {
        self.emit_raw(message.to_string().as_bytes());
    }

    pub(crate) fn progress(self, done: u64) {
        self.emit(&json!({"type": "event", "event": "progress", "done": done, "total": 0, "message": "working"}));
    }

    pub(crate) fn end(self, end: &Value) {
        let mut message = json!({"type": "end"});
        if let (Some(message), Some(end)) = (message.as_object_mut(), end.as_object()) {
            message.extend(end.clone());
        }
        self.emit(&message);
    }

    pub(crate) fn succeed(self, facts: &Value) {
        self.end(&json!({"end": "succeeded", "outputs": {}, "facts": facts}));
    }

    pub(crate) fn is_cancelled(self) -> bool {
        // SAFETY: a valid callback.
        unsafe { (self.0.is_cancelled)(self.0.context) != 0 }
    }
}

unsafe extern "C" fn describe(host: *const HostApi) -> i32 {
    // SAFETY: valid for the call.
    let host = Host(unsafe { *host });
    host.emit(&json!({
        "type": "description",
        "id": "saboteur",
        "version": "0.1.0",
        "summary": "Misbehaves on demand",
        "cacheable": false,
        "outputs": [{"name": "clip", "summary": "what `shot` makes", "media": "video/x-matroska"}],
        "params": {
            "type": "object",
            "properties": {
                "mode": {"type": "string", "enum": modes::NAMES},
                "file": {"type": "string", "description": "where some modes write what the test wants to know"},
                "times": {"type": "integer", "description": "how often `fail-times` fails before it succeeds"},
                "seed": {"type": "integer", "description": "of `shot`"},
                "seed-offset": {"type": "integer", "description": "added to the seed of `shot`"},
                "black": {"type": "array", "items": {"type": "integer"}, "description": "seeds of which `shot` makes nothing but black"},
            },
            "required": ["mode"],
            "additionalProperties": false,
        },
    }));
    STATUS_OK
}

unsafe extern "C" fn run(request: Bytes, host: *const HostApi) -> i32 {
    // SAFETY: both are valid for the call.
    let (request, host) = unsafe { (request.as_slice(), Host(*host)) };
    match serde_json::from_slice(request) {
        Ok(request) => modes::run(&request, host),
        Err(e) => {
            host.end(&json!({"end": "failed", "code": "bad-request", "message": e.to_string()}));
            STATUS_OK
        }
    }
}

#[unsafe(no_mangle)]
#[used]
pub static spotloom_plugin_entry: PluginEntry =
    PluginEntry { abi_version: ABI_VERSION, struct_size: size_of::<PluginEntry>() as u32, describe, run };
