//! Loads a plugin: the only `dlopen` there is.

use std::fs::File;
use std::mem::ManuallyDrop;
use std::os::fd::AsRawFd;
use std::path::Path;

use libloading::os::unix::{Library, RTLD_LOCAL, RTLD_NOW};
use spotloom_plugin_api::abi::{ABI_VERSION, ENTRY_SYMBOL, PluginEntry};
use spotloom_plugin_api::protocol::LoadFailure;
use spotloom_plugin_api::{Bytes, HostApi};

use super::plugin_file::hash_open_file;

/// A loaded plugin whose ABI is right.
pub(super) struct Plugin {
    entry: PluginEntry,
    /// Never unloaded: its threads and exit handlers may still point into it.
    _library: ManuallyDrop<Library>,
}

/// Opens the file, hashes what was opened and loads exactly that, whatever the path points to by then.
#[expect(unsafe_code, reason = "loading a library and reading its entry")]
pub(super) fn load(path: &Path, sha256: &str) -> Result<Plugin, (LoadFailure, String)> {
    let shown = path.display();
    let unreadable = |e: std::io::Error| (LoadFailure::NotALibrary, format!("{shown} could not be read: {e}"));
    let mut file = File::open(path).map_err(unreadable)?;
    let found = hash_open_file(&mut file).map_err(unreadable)?;
    if found.as_str() != sha256 {
        return Err((
            LoadFailure::HashMismatch,
            format!("{shown} has changed: its SHA-256 is {found}, the trusted one is {sha256}"),
        ));
    }
    let opened = format!("/proc/self/fd/{}", file.as_raw_fd());
    // SAFETY: constructors of the library run here. That is what this process is for: the file is one the operator
    // trusts, rights are dropped, and whatever happens stays in this process.
    let library =
        ManuallyDrop::new(unsafe { Library::open(Some(&opened), RTLD_NOW | RTLD_LOCAL) }.map_err(|e| {
            (LoadFailure::NotALibrary, format!("{shown} is not a library that loads here: {}", text(&e)))
        })?);
    // SAFETY: the symbol, if there, is a static of the ABI's type; only its first two fields are read until its version
    // and size are known to be ours.
    let entry: *const PluginEntry = unsafe {
        *library.get::<*const PluginEntry>(ENTRY_SYMBOL.as_bytes()).map_err(|_| {
            (LoadFailure::NoEntry, format!("{shown} is no Spotloom plugin: it exports no `{ENTRY_SYMBOL}`"))
        })?
    };
    // SAFETY: as above; these two fields are first in every version of the ABI.
    let (abi_version, struct_size) = unsafe { ((*entry).abi_version, (*entry).struct_size) };
    if abi_version != ABI_VERSION {
        return Err((
            LoadFailure::WrongAbi,
            format!(
                "{shown} is made for version {abi_version} of the plugin interface, this daemon speaks {ABI_VERSION}"
            ),
        ));
    }
    if (struct_size as usize) < size_of::<PluginEntry>() {
        return Err((
            LoadFailure::WrongAbi,
            format!(
                "{shown} exports an entry of {struct_size} bytes, version {ABI_VERSION} has {}",
                size_of::<PluginEntry>()
            ),
        ));
    }
    // SAFETY: version and size say that the whole struct is there.
    Ok(Plugin { entry: unsafe { *entry }, _library: library })
}

fn text(error: &libloading::Error) -> String {
    // The loader's own words are in the source; the outer message only says that `dlopen` failed.
    std::error::Error::source(error).map_or_else(|| error.to_string(), ToString::to_string)
}

impl Plugin {
    #[expect(unsafe_code, reason = "calls the plugin")]
    pub(super) fn describe(&self, api: &HostApi) -> i32 {
        // SAFETY: a function of a plugin with our ABI version; `api` is valid for the call and its callbacks for ever.
        unsafe { (self.entry.describe)(api) }
    }

    #[expect(unsafe_code, reason = "calls the plugin")]
    pub(super) fn run(&self, request: &[u8], api: &HostApi) -> i32 {
        // SAFETY: as above; the request is borrowed for the call.
        unsafe { (self.entry.run)(Bytes::new(request), api) }
    }
}
