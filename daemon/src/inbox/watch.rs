//! Wakes the scan: file events as hints, a timer as the truth.

use std::path::Path;
use std::sync::Arc;

use notify::{RecommendedWatcher, RecursiveMode, Watcher as _};
use tokio::sync::Notify;

/// Keeps the watch alive; dropped, it ends.
pub struct Watch {
    /// `None` when the system has no watches left or the file system sends no events: the timer alone then serves.
    _watcher: Option<RecommendedWatcher>,
}

/// Notifies `wake` whenever something happens in `folder`. Never fails: without events polling goes on.
pub fn watch(folder: &Path, wake: Arc<Notify>) -> Watch {
    let mut watcher = match notify::recommended_watcher(move |_: notify::Result<notify::Event>| wake.notify_one()) {
        Ok(watcher) => watcher,
        Err(e) => {
            tracing::warn!("no file events ({e}): the intake folder is scanned on a timer only");
            return Watch { _watcher: None };
        }
    };
    match watcher.watch(folder, RecursiveMode::NonRecursive) {
        Ok(()) => Watch { _watcher: Some(watcher) },
        Err(e) => {
            let hint = match e.kind {
                notify::ErrorKind::MaxFilesWatch => "; raise fs.inotify.max_user_watches",
                _ => "",
            };
            tracing::warn!("no file events for {} ({e}){hint}: it is scanned on a timer only", folder.display());
            Watch { _watcher: None }
        }
    }
}
