//! The registry itself: every plugin file there is, with its state.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use spotloom_plugin_api::Description;
use tokio::sync::Semaphore;

use super::cache::{Answer, Cache};
use super::describe::{ask, file_name};
use super::folder;
use super::lock::{LockFile, Locked};
use crate::error::Diagnostic;
use crate::host::{HostPool, PluginFile};
use crate::ids::Sha256;

/// A folder with plugins and the lock file that says which of them are trusted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PluginDir {
    pub path: PathBuf,
    pub lock: PathBuf,
}

/// A plugin that may run.
#[derive(Clone, Debug, PartialEq)]
pub struct TrustedPlugin {
    pub id: String,
    pub version: String,
    /// Absolute.
    pub path: PathBuf,
    pub sha256: Sha256,
    pub description: Description,
}

impl TrustedPlugin {
    /// What the host needs to run it.
    #[must_use]
    pub fn file(&self) -> PluginFile {
        PluginFile { id: self.id.clone(), path: self.path.clone(), sha256: self.sha256.clone() }
    }
}

/// A plugin file, or a name in a lock file without one.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    pub path: PathBuf,
    pub state: State,
}

/// What may be done with a plugin file.
#[derive(Clone, Debug, PartialEq)]
pub enum State {
    Trusted(Box<TrustedPlugin>),
    Untrusted(Untrusted),
    /// Trusted, but it crashed, hung or answered nonsense when it was asked what it is.
    Quarantined(Box<Diagnostic>),
    /// Trusted, but another file, found before this one, has the same id.
    Duplicate {
        id: String,
        first: PathBuf,
    },
    /// Others may write to it, or it can't be read.
    Refused(Box<Diagnostic>),
    /// In the lock file, but not in the folder.
    Missing,
}

/// Why a file is not trusted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Untrusted {
    NotInLock { sha256: Sha256 },
    Changed { expected: Sha256, found: Sha256 },
}

/// Which plugins to trust.
#[derive(Clone, Copy, Debug)]
pub enum Select<'a> {
    /// Every file in the folders.
    All,
    /// These, by path or by file name.
    These(&'a [PathBuf]),
}

/// All plugins of a studio. A snapshot: open it again to see what has changed.
#[derive(Clone, Debug)]
pub struct Registry {
    dirs: Vec<PluginDir>,
    cache: Cache,
    entries: Vec<Entry>,
    problems: Vec<Diagnostic>,
}

impl Registry {
    /// Looks through the folders, in order of precedence: of two plugins with one id the first is used. Plugins whose
    /// content has not been seen before are asked what they are, each in a child process of `hosts`.
    /// A folder that can't be used is reported by [`Registry::problems`]; the others serve on.
    pub async fn open(dirs: &[PluginDir], cache_dir: &Path, hosts: &HostPool) -> Self {
        let mut registry =
            Self { dirs: dirs.to_vec(), cache: Cache::new(cache_dir), entries: Vec::new(), problems: Vec::new() };
        registry.scan(hosts).await;
        registry
    }

    /// The trusted plugin of that id.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<TrustedPlugin> {
        self.trusted().find(|p| p.id == id).cloned()
    }

    /// The ids of all trusted plugins, sorted.
    #[must_use]
    pub fn ids(&self) -> Vec<String> {
        let mut ids: Vec<String> = self.trusted().map(|p| p.id.clone()).collect();
        ids.sort();
        ids
    }

    /// Every plugin that may run.
    pub fn trusted(&self) -> impl Iterator<Item = &TrustedPlugin> {
        self.entries.iter().filter_map(|e| match &e.state {
            State::Trusted(plugin) => Some(&**plugin),
            _ => None,
        })
    }

    /// Every plugin file there is, in order of precedence.
    #[must_use]
    pub fn list(&self) -> &[Entry] {
        &self.entries
    }

    /// What is wrong with the folders or their lock files.
    #[must_use]
    pub fn problems(&self) -> &[Diagnostic] {
        &self.problems
    }

    /// Trusts plugins: asks each what it is, writes those that answer to the lock file of their folder, and looks
    /// through the folders again. Trusting a quarantined plugin asks it again. Answers with what became of each file.
    ///
    /// # Errors
    /// When a name is in none of the folders, or a folder or its lock file can't be used. Nothing is trusted then.
    pub async fn trust(
        &mut self,
        select: Select<'_>,
        hosts: &HostPool,
    ) -> Result<Vec<(PathBuf, Result<Locked, Diagnostic>)>, Diagnostic> {
        let mut folders = Vec::new();
        for dir in &self.dirs {
            folders.push((dir.clone(), libraries(&dir.path).await?, LockFile::read(&dir.lock)?));
        }
        if let Select::These(names) = select {
            for name in names {
                if !folders.iter().any(|(_, files, _)| files.iter().any(|file| is_meant(file, name))) {
                    return Err(self.unknown(name, folders.iter().flat_map(|(_, files, _)| files)));
                }
            }
        }
        let mut results = Vec::new();
        for (dir, files, mut lock) in folders {
            let before = lock.clone();
            if matches!(select, Select::All) {
                lock.plugins.retain(|name, _| files.iter().any(|f| file_name(f) == *name));
            }
            for path in files {
                if let Select::These(names) = select
                    && !names.iter().any(|name| is_meant(&path, name))
                {
                    continue;
                }
                let answer = self.ask_again(&path, hosts).await;
                if let Ok(locked) = &answer {
                    lock.plugins.insert(file_name(&path), locked.clone());
                }
                results.push((path, answer));
            }
            if lock != before {
                lock.write(&dir.lock)?;
            }
        }
        self.scan(hosts).await;
        Ok(results)
    }

    fn unknown<'a>(&self, name: &Path, files: impl Iterator<Item = &'a PathBuf>) -> Diagnostic {
        let names: Vec<String> = files.map(|f| file_name(f)).collect();
        let folders: Vec<String> = self.dirs.iter().map(|d| d.path.display().to_string()).collect();
        let wanted = file_name(name);
        let message = format!("{} is in none of the plugin folders ({})", name.display(), folders.join(", "));
        let hint = match crate::error::nearest(&wanted, names.iter().map(String::as_str)) {
            Some(nearest) if nearest != wanted => format!("did you mean {nearest}?"),
            _ => "copy the plugin into one of them first; its file name is lib….so".into(),
        };
        Diagnostic::new("unknown-plugin-file", message).hint(hint)
    }

    /// Asks a plugin although it has been asked before. The cache then holds the new answer.
    async fn ask_again(&self, path: &Path, hosts: &HostPool) -> Result<Locked, Diagnostic> {
        let sha256 = hash(path.to_path_buf()).await?;
        self.cache.forget(&sha256);
        match answer(&self.cache, path, &sha256, hosts).await {
            Answer::Described(d) => Ok(Locked { id: d.id, version: d.version, sha256 }),
            Answer::Quarantined(why) => Err(*why),
        }
    }

    async fn scan(&mut self, hosts: &HostPool) {
        let mut entries: Vec<Entry> = Vec::new();
        let mut problems = Vec::new();
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let places = Arc::new(Semaphore::new(cores));
        for dir in &self.dirs {
            let (files, lock) = match (libraries(&dir.path).await, LockFile::read(&dir.lock)) {
                (Ok(files), Ok(lock)) => (files, lock),
                (files, lock) => {
                    problems.extend(files.err().into_iter().chain(lock.err()));
                    continue;
                }
            };
            // All at once: every command waits for this.
            let states: Vec<_> = files
                .iter()
                .map(|path| {
                    let (path, locked) = (path.clone(), lock.plugins.get(&file_name(path)).cloned());
                    let (cache, hosts, places) = (self.cache.clone(), hosts.clone(), Arc::clone(&places));
                    tokio::spawn(async move { state(&cache, path, locked, &hosts, &places).await })
                })
                .collect();
            for (path, state) in files.iter().zip(states) {
                let mut state = state.await.unwrap_or_else(|e| State::Refused(Box::new(defect(&e))));
                if let State::Trusted(plugin) = &state
                    && let Some(first) = first_with(&entries, &plugin.id)
                {
                    state = State::Duplicate { id: plugin.id.clone(), first };
                }
                entries.push(Entry { path: path.clone(), state });
            }
            let missing = lock.plugins.keys().map(|name| dir.path.join(name)).filter(|path| !files.contains(path));
            entries.extend(missing.map(|path| Entry { path, state: State::Missing }));
        }
        (self.entries, self.problems) = (entries, problems);
    }
}

/// What may be done with a file. Plugins that were never seen before are asked in as many hosts at once as there are `places`.
async fn state(cache: &Cache, path: PathBuf, locked: Option<Locked>, hosts: &HostPool, places: &Semaphore) -> State {
    let sha256 = match hash(path.clone()).await {
        Ok(sha256) => sha256,
        Err(why) => return State::Refused(Box::new(why)),
    };
    let Some(locked) = locked else { return State::Untrusted(Untrusted::NotInLock { sha256 }) };
    if locked.sha256 != sha256 {
        return State::Untrusted(Untrusted::Changed { expected: locked.sha256, found: sha256 });
    }
    // Nobody closes it.
    let _place = places.acquire().await;
    match answer(cache, &path, &sha256, hosts).await {
        Answer::Described(description) => State::Trusted(Box::new(TrustedPlugin {
            id: description.id.clone(),
            version: description.version.clone(),
            path,
            sha256,
            description: *description,
        })),
        Answer::Quarantined(why) => State::Quarantined(why),
    }
}

/// What a plugin says of itself, from the cache where it was asked before.
async fn answer(cache: &Cache, path: &Path, sha256: &Sha256, hosts: &HostPool) -> Answer {
    if let Some(answer) = cache.get(sha256) {
        return answer;
    }
    let file = PluginFile { id: file_name(path), path: path.to_path_buf(), sha256: sha256.clone() };
    let (answer, lasting) = ask(&file, hosts).await;
    if lasting {
        cache.put(sha256, &answer);
    }
    answer
}

fn first_with(entries: &[Entry], id: &str) -> Option<PathBuf> {
    entries.iter().find_map(|e| match &e.state {
        State::Trusted(plugin) if plugin.id == id => Some(e.path.clone()),
        _ => None,
    })
}

/// A file is meant by its file name alone, or by a path that leads to it.
fn is_meant(file: &Path, name: &Path) -> bool {
    if name.components().count() == 1 && file.file_name() == Some(name.as_os_str()) {
        return true;
    }
    std::fs::canonicalize(name).is_ok_and(|n| std::fs::canonicalize(file).is_ok_and(|f| f == n))
}

async fn libraries(folder: &Path) -> Result<Vec<PathBuf>, Diagnostic> {
    // A host starts in the root folder, so the paths have to be absolute.
    let folder = std::path::absolute(folder)
        .map_err(|e| Diagnostic::new("plugin-folder", format!("the plugin folder {}: {e}", folder.display())))?;
    blocking(move || folder::libraries(&folder)).await
}

async fn hash(path: PathBuf) -> Result<Sha256, Diagnostic> {
    blocking(move || folder::hash(&path)).await
}

pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Diagnostic> + Send + 'static,
) -> Result<T, Diagnostic> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(e) => Err(defect(&e)),
    }
}

fn defect(e: &tokio::task::JoinError) -> Diagnostic {
    Diagnostic::new("internal", format!("a defect of ours: {e}"))
}
