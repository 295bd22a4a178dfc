//! What is trusted, what is not, and why.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use spotloom::host::HostPool;
use spotloom::registry::{LockFile, PluginDir, Registry, Select, State, Untrusted, check};

use crate::support::{library, pool, pool_with};

/// A studio's plugin folder, in a temporary one.
struct Studio {
    folder: tempfile::TempDir,
}

impl Studio {
    fn with(plugins: &[&str]) -> Self {
        let studio = Self { folder: tempfile::tempdir().unwrap() };
        std::fs::create_dir(studio.plugins()).unwrap();
        std::fs::set_permissions(studio.plugins(), Permissions::from_mode(0o755)).unwrap();
        for name in plugins {
            studio.add(name, &format!("lib{name}.so"));
        }
        studio
    }

    fn add(&self, target: &str, file: &str) {
        std::fs::copy(library(target), self.plugins().join(file)).unwrap();
        std::fs::set_permissions(self.plugins().join(file), Permissions::from_mode(0o755)).unwrap();
    }

    fn plugins(&self) -> PathBuf {
        self.folder.path().join("plugins")
    }

    fn dir(&self) -> PluginDir {
        PluginDir { path: self.plugins(), lock: self.folder.path().join("plugins.lock") }
    }

    fn cache(&self) -> PathBuf {
        self.folder.path().join("cache")
    }

    async fn open(&self, hosts: &HostPool) -> Registry {
        Registry::open(&[self.dir()], &self.cache(), hosts).await
    }
}

/// One line per file: what `spotloom plugins list` has to tell.
fn summary(registry: &Registry) -> Vec<String> {
    let name = |p: &Path| p.file_name().unwrap().to_string_lossy().into_owned();
    let describe = |state: &State| match state {
        State::Trusted(p) => format!("trusted {} {}", p.id, p.version),
        State::Untrusted(Untrusted::NotInLock { .. }) => "not in lock".into(),
        State::Untrusted(Untrusted::Changed { .. }) => "changed".into(),
        State::Quarantined(why) => format!("quarantined {}", why.code),
        State::Duplicate { id, first } => format!("duplicate {id} of {}", name(first)),
        State::Refused(why) => format!("refused {}", why.code),
        State::Missing => "missing".into(),
    };
    registry.list().iter().map(|e| format!("{}: {}", name(&e.path), describe(&e.state))).collect()
}

#[tokio::test]
async fn nothing_is_trusted_until_somebody_says_so() {
    let hosts = pool();
    let studio = Studio::with(&["spotloom_saboteur"]);
    let mut registry = studio.open(&hosts).await;
    assert_eq!(summary(&registry), ["libspotloom_saboteur.so: not in lock"]);
    assert!(registry.get("saboteur").is_none() && registry.ids().is_empty());

    let results = registry.trust(Select::All, &hosts).await.unwrap();
    assert!(results.iter().all(|(_, r)| r.is_ok()), "{results:?}");
    assert_eq!(summary(&registry), ["libspotloom_saboteur.so: trusted saboteur 0.1.0"]);
    assert_eq!(registry.ids(), ["saboteur"]);
    let plugin = registry.get("saboteur").unwrap();
    assert_eq!(plugin.description.summary, "Misbehaves on demand");

    // A new look finds the same, from the cache alone: this pool could not start a process.
    let no_hosts = pool_with(|o| o.program = "/nonexistent".into());
    assert_eq!(studio.open(&no_hosts).await.get("saboteur"), Some(plugin));
    // And without the cache it could not be asked, which is said and not remembered.
    std::fs::remove_dir_all(studio.cache()).unwrap();
    assert_eq!(summary(&studio.open(&no_hosts).await), ["libspotloom_saboteur.so: quarantined host-unavailable"]);
    assert_eq!(summary(&studio.open(&hosts).await), ["libspotloom_saboteur.so: trusted saboteur 0.1.0"]);
}

#[tokio::test]
async fn a_changed_added_or_removed_file_is_noticed() {
    let hosts = pool();
    let studio = Studio::with(&["spotloom_saboteur"]);
    studio.open(&hosts).await.trust(Select::All, &hosts).await.unwrap();
    let file = studio.plugins().join("libspotloom_saboteur.so");
    let mut bytes = std::fs::read(&file).unwrap();
    bytes.push(0);
    std::fs::write(&file, bytes).unwrap();
    studio.add("spotloom_saboteur", "liba_copy.so");
    std::fs::write(studio.plugins().join("README.txt"), "not a library").unwrap();
    let mut registry = studio.open(&hosts).await;
    assert_eq!(summary(&registry), ["liba_copy.so: not in lock", "libspotloom_saboteur.so: changed"]);

    // Only what is named is trusted; then two files have one id, and the first counts.
    registry.trust(Select::These(&["libspotloom_saboteur.so".into()]), &hosts).await.unwrap();
    assert_eq!(summary(&registry), ["liba_copy.so: not in lock", "libspotloom_saboteur.so: trusted saboteur 0.1.0"]);
    registry.trust(Select::These(&[studio.plugins().join("liba_copy.so")]), &hosts).await.unwrap();
    assert_eq!(
        summary(&registry),
        ["liba_copy.so: trusted saboteur 0.1.0", "libspotloom_saboteur.so: duplicate saboteur of liba_copy.so"]
    );

    std::fs::remove_file(&file).unwrap();
    let mut registry = studio.open(&hosts).await;
    assert_eq!(summary(&registry), ["liba_copy.so: trusted saboteur 0.1.0", "libspotloom_saboteur.so: missing"]);
    registry.trust(Select::All, &hosts).await.unwrap();
    assert_eq!(summary(&registry), ["liba_copy.so: trusted saboteur 0.1.0"], "trusting all forgets what is gone");
}

#[tokio::test]
async fn a_plugin_that_can_not_say_what_it_is_is_quarantined() {
    let impatient = pool_with(|o| o.start_timeout = Duration::from_secs(2));
    let broken = ["bad_description", "describe_crash", "describe_hang", "no_entry", "wrong_abi"];
    let studio = Studio::with(&broken);
    let mut registry = studio.open(&impatient).await;
    let results = registry.trust(Select::All, &impatient).await.unwrap();
    assert!(results.iter().all(|(_, r)| r.is_err()), "{results:?}");
    let mut text = String::new();
    for (path, result) in &results {
        let shown = result.as_ref().unwrap_err().to_string();
        let shown = shown.replace(&studio.plugins().display().to_string(), "plugins");
        text.push_str(&format!("{}\n{shown}\n", path.file_name().unwrap().to_string_lossy()));
    }
    insta::assert_snapshot!(text);
    // What can't be described is not trusted.
    assert!(summary(&registry).iter().all(|line| line.ends_with("not in lock")), "{:?}", summary(&registry));
}

#[tokio::test]
async fn quarantine_lasts_until_it_is_trusted_again() {
    let hosts = pool();
    let studio = Studio::with(&["spotloom_saboteur"]);
    studio.open(&hosts).await.trust(Select::All, &hosts).await.unwrap();
    // As if it had crashed when this content was asked first.
    let record = std::fs::read_dir(studio.cache()).unwrap().next().unwrap().unwrap().path();
    let mut cached: serde_json::Value = serde_json::from_slice(&std::fs::read(&record).unwrap()).unwrap();
    cached["answer"] = serde_json::json!({"quarantined": {
        "code": "killed", "message": "it crashed", "place": null, "expected": null, "hint": null,
    }});
    std::fs::write(&record, cached.to_string()).unwrap();
    let mut registry = studio.open(&hosts).await;
    assert_eq!(summary(&registry), ["libspotloom_saboteur.so: quarantined killed"]);
    assert!(registry.get("saboteur").is_none());
    registry.trust(Select::All, &hosts).await.unwrap();
    assert_eq!(summary(&registry), ["libspotloom_saboteur.so: trusted saboteur 0.1.0"]);
    // A record that can't be read is as good as none.
    std::fs::write(&record, "{").unwrap();
    assert_eq!(summary(&studio.open(&hosts).await), ["libspotloom_saboteur.so: trusted saboteur 0.1.0"]);
}

#[tokio::test]
async fn what_others_can_write_is_refused() {
    let hosts = pool();
    let studio = Studio::with(&["spotloom_saboteur"]);
    studio.open(&hosts).await.trust(Select::All, &hosts).await.unwrap();
    let file = studio.plugins().join("libspotloom_saboteur.so");
    std::fs::set_permissions(&file, Permissions::from_mode(0o775)).unwrap();
    assert_eq!(summary(&studio.open(&hosts).await), ["libspotloom_saboteur.so: refused plugin-file"]);
    std::fs::set_permissions(&file, Permissions::from_mode(0o755)).unwrap();

    for mode in [0o777, 0o775, 0o757] {
        std::fs::set_permissions(studio.plugins(), Permissions::from_mode(mode)).unwrap();
        let mut registry = studio.open(&hosts).await;
        assert!(registry.list().is_empty());
        assert_eq!(registry.problems()[0].code, "plugin-folder", "{mode:o}");
        assert!(registry.trust(Select::All, &hosts).await.is_err());
    }
}

#[tokio::test]
async fn a_damaged_lock_file_trusts_nothing_and_is_not_overwritten() {
    let hosts = pool();
    let studio = Studio::with(&["spotloom_saboteur"]);
    studio.open(&hosts).await.trust(Select::All, &hosts).await.unwrap();
    let lock = studio.dir().lock;
    let good = std::fs::read_to_string(&lock).unwrap();
    assert_eq!(LockFile::read(&lock).unwrap().plugins["libspotloom_saboteur.so"].id, "saboteur");
    for bad in ["", "{", "[]", &good.replace("\"format\": 1", "\"format\": 2"), &good.replace("sha256", "sha")] {
        std::fs::write(&lock, bad).unwrap();
        let mut registry = studio.open(&hosts).await;
        assert_eq!(registry.problems()[0].code, "bad-plugin-lock", "{bad}");
        assert!(registry.list().is_empty());
        assert!(registry.trust(Select::All, &hosts).await.is_err());
        assert_eq!(std::fs::read_to_string(&lock).unwrap(), bad);
    }
}

#[tokio::test]
async fn names_that_are_not_there_trust_nothing() {
    let hosts = pool();
    let studio = Studio::with(&["spotloom_saboteur"]);
    let mut registry = studio.open(&hosts).await;
    let names = ["libspotloom_saboteur.so".into(), "libspotlom_saboteur.so".into()];
    let error = registry.trust(Select::These(&names), &hosts).await.unwrap_err();
    assert_eq!(error.hint.as_deref(), Some("did you mean libspotloom_saboteur.so?"));
    assert!(!studio.dir().lock.exists());
}

#[tokio::test]
async fn the_first_folder_has_precedence() {
    let hosts = pool();
    let (built_in, own) = (Studio::with(&["spotloom_saboteur"]), Studio::with(&["spotloom_saboteur"]));
    let missing = PluginDir { path: "/nonexistent/plugins".into(), lock: "/nonexistent/plugins.lock".into() };
    let dirs = [built_in.dir(), own.dir(), missing];
    let mut registry = Registry::open(&dirs, &own.cache(), &hosts).await;
    registry.trust(Select::All, &hosts).await.unwrap();
    assert!(registry.problems().is_empty(), "{:?}", registry.problems());
    assert_eq!(registry.get("saboteur").unwrap().path.parent(), Some(built_in.plugins().as_path()));
    assert!(matches!(registry.list()[1].state, State::Duplicate { .. }));
}

#[tokio::test]
async fn a_plugin_can_be_checked_without_being_trusted() {
    let hosts = pool();
    let checked = check(&library("spotloom_saboteur"), &hosts).await.unwrap();
    assert_eq!(checked.description.id, "saboteur");
    assert_eq!(check(&library("describe_crash"), &hosts).await.unwrap_err().code, "killed");
    assert_eq!(check(Path::new("nowhere.so"), &hosts).await.unwrap_err().code, "plugin-file");
}
