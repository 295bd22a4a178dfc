//! Deliveries into real folders.
#![expect(clippy::unwrap_used, reason = "a test reports by panicking")]

use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use spotloom_folder::Folder;
use spotloom_plugin_sdk::api::{Artifact, End};
use spotloom_plugin_sdk::harness::{Done, Harness};
use tempfile::TempDir;

/// A studio's disk: artifacts in one folder, deliveries in another.
struct Disk(TempDir);

impl Disk {
    fn new() -> Self {
        let disk = Self(TempDir::new().unwrap());
        fs::create_dir_all(disk.0.path().join("artifacts")).unwrap();
        fs::create_dir_all(disk.root()).unwrap();
        disk
    }

    fn root(&self) -> std::path::PathBuf {
        self.0.path().join("deliveries")
    }

    fn artifact(&self, name: &str, content: &str) -> Artifact {
        let sha256: String = Sha256::digest(content).iter().map(|b| format!("{b:02x}")).collect();
        let path = self.0.path().join("artifacts").join(&sha256);
        fs::write(&path, content).unwrap();
        let facts = json!({"seconds": 15}).as_object().cloned().unwrap();
        Artifact { path, sha256, media: "video/mp4".into(), name: name.into(), facts }
    }

    fn deliver(&self, subfolder: &str, files: &[(&str, &str)]) -> Done {
        let mut harness = Harness::<Folder>::new()
            .params(json!({"root": self.root(), "subfolder": subfolder}))
            .job(|job| job.version = 2)
            .artifact("poster", self.artifact("frame.png", "a poster"));
        for (name, content) in files {
            harness = harness.artifact("files", self.artifact(name, content));
        }
        harness.run()
    }
}

fn listing(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> =
        fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

#[test]
fn delivers_named_by_version_with_poster_manifest_and_receipt() {
    let disk = Disk::new();
    let done = disk.deliver("Summer/Hero: v{version}", &[("wide.mp4", "wide"), ("tall.mp4", "tall")]);
    let folder = disk.root().join("Summer/Hero_ v2");
    assert_eq!(listing(&folder), ["manifest.json", "poster.png", "tall_v2.mp4", "wide_v2.mp4"]);
    assert_eq!(fs::read_to_string(folder.join("wide_v2.mp4")).unwrap(), "wide");

    let manifest: Value = serde_json::from_str(&fs::read_to_string(folder.join("manifest.json")).unwrap()).unwrap();
    assert_eq!(manifest["job"], json!({"campaign": "Campaign", "title": "Title", "brand": "brand", "version": 2}));
    let sha256 = disk.artifact("", "wide").sha256;
    let entry =
        json!({"name": "wide_v2.mp4", "media": "video/mp4", "sha256": sha256, "bytes": 4, "facts": {"seconds": 15}});
    assert_eq!(manifest["files"][0], entry);

    let receipt: Value = serde_json::from_str(&done.text("receipt")).unwrap();
    assert_eq!(receipt["files"][1]["path"], json!(folder.canonicalize().unwrap().join("tall_v2.mp4")));
    assert_eq!(receipt["already-there"], 0);
}

#[test]
fn the_same_delivery_again_changes_nothing() {
    let disk = Disk::new();
    assert_eq!(disk.deliver("s", &[("a.mp4", "one")]).outputs("receipt").len(), 1);
    let before = fs::metadata(disk.root().join("s/a_v2.mp4")).unwrap().modified().unwrap();
    let again = disk.deliver("s", &[("a.mp4", "one")]);
    assert_eq!(serde_json::from_str::<Value>(&again.text("receipt")).unwrap()["already-there"], 2);
    assert_eq!(fs::metadata(disk.root().join("s/a_v2.mp4")).unwrap().modified().unwrap(), before);
}

#[test]
fn other_content_under_a_taken_name_is_refused_before_anything_is_written() {
    let disk = Disk::new();
    assert_eq!(disk.deliver("s", &[("b.mp4", "one")]).outputs("receipt").len(), 1);
    let refused = disk.deliver("s", &[("a.mp4", "new"), ("b.mp4", "two")]);
    assert_eq!(refused.failure().code, "would-overwrite");
    assert!(!refused.failure().retryable);
    assert_eq!(listing(&disk.root().join("s")), ["b_v2.mp4", "manifest.json", "poster.png"]);
    assert_eq!(fs::read_to_string(disk.root().join("s/b_v2.mp4")).unwrap(), "one");
}

#[test]
fn a_link_under_the_name_of_a_file_is_not_written_through() {
    let disk = Disk::new();
    let outside = disk.0.path().join("outside.mp4");
    std::os::unix::fs::symlink(&outside, disk.root().join("a_v2.mp4")).unwrap();
    assert_eq!(disk.deliver("", &[("a.mp4", "one")]).failure().code, "would-overwrite");
    assert!(!outside.exists());
}

#[test]
fn refusals() {
    let check = |prepare: &dyn Fn(&Disk), subfolder: &str, files: &[(&str, &str)], code: &str, retryable: bool| {
        let disk = Disk::new();
        prepare(&disk);
        let done = disk.deliver(subfolder, files);
        assert_eq!((done.failure().code.as_str(), done.failure().retryable), (code, retryable));
        assert!(!disk.root().exists() || listing(&disk.root()).iter().all(|n| n == "out"), "something was written");
    };
    let nothing = |_: &Disk| {};
    let one: &[(&str, &str)] = &[("a.mp4", "one")];
    check(&nothing, "../elsewhere", one, "bad-path", false);
    check(&nothing, "/etc", one, "bad-path", false);
    check(&nothing, "", &[("a.mp4", "one"), ("A.mp4", "two")], "duplicate-name", false);
    check(&nothing, "", &[], "missing-input", false);
    check(&|d| fs::remove_dir(d.root()).unwrap(), "", one, "missing-root", true);
    check(&|d| std::os::unix::fs::symlink("/tmp", d.root().join("out")).unwrap(), "out", one, "outside-root", false);
}

#[test]
fn an_artifact_that_changed_on_disk_is_not_delivered() {
    let disk = Disk::new();
    let artifact = disk.artifact("a.mp4", "one");
    fs::write(&artifact.path, "two").unwrap();
    let done = Harness::<Folder>::new().params(json!({"root": disk.root()})).artifact("files", artifact).run();
    assert_eq!(done.failure().code, "artifact-changed");
    assert!(listing(&disk.root()).is_empty());
}

#[test]
fn a_cancelled_delivery_ends_as_cancelled_and_leaves_no_part() {
    let disk = Disk::new();
    let done = Harness::<Folder>::new()
        .params(json!({"root": disk.root()}))
        .artifact("files", disk.artifact("a.mp4", "one"))
        .cancel_after(1)
        .run();
    assert_eq!(done.end, End::Cancelled);
    assert!(listing(&disk.root()).is_empty());
}
