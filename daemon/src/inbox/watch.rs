//! Wakes whoever looks at a folder: file events are hints, the looking itself is the truth.

use std::path::Path;
use std::sync::Arc;

use notify::event::{AccessKind, AccessMode};
use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};
use tokio::sync::Notify;

/// Keeps the watch alive; dropped, it ends.
pub struct Watch {
    /// `None` when the system has no watches left or the file system sends no events: the timer alone then serves.
    _watcher: Option<RecommendedWatcher>,
}

/// Notifies `wake` whenever something changes in `folder`. Never fails: without events polling goes on.
pub fn watch(folder: &Path, wake: Arc<Notify>) -> Watch {
    let mut watcher = match notify::recommended_watcher(move |event: notify::Result<Event>| {
        if event.is_ok_and(|e| only_looked_at(&e)) {
            return;
        }
        wake.notify_one();
    }) {
        Ok(watcher) => watcher,
        Err(e) => {
            tracing::warn!("no file events ({e}): {} is looked at on a timer only", folder.display());
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
            tracing::warn!("no file events for {} ({e}){hint}: it is looked at on a timer only", folder.display());
            Watch { _watcher: None }
        }
    }
}

/// A scan opens and reads the folder, and hears of that as well: waking for it would make one scan the reason for the
/// next, for ever.
fn only_looked_at(event: &Event) -> bool {
    match event.kind {
        EventKind::Access(access) => access != AccessKind::Close(AccessMode::Write),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn a_change_wakes_and_a_look_does_not() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("a.yaml"), "title: x\n").unwrap();
        let wake = Arc::new(Notify::new());
        let watch = watch(dir.path(), Arc::clone(&wake));
        assert!(watch._watcher.is_some());

        for _ in 0..10 {
            assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
            fs::read(dir.path().join("a.yaml")).unwrap();
        }
        assert!(tokio::time::timeout(Duration::from_millis(300), wake.notified()).await.is_err(), "woken by a look");
        fs::rename(dir.path().join("a.yaml"), dir.path().join("b.yaml")).unwrap();
        tokio::time::timeout(Duration::from_secs(20), wake.notified()).await.expect("a change wakes");
    }
}
