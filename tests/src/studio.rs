//! A studio in a temporary folder, and the program run in it.

use std::fs;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use crate::build;

/// Five trivial stages in a row.
const FIVE: &str = r#"name: five
description: Five trivial stages in a row
inputs:
  seconds: {type: number, default: 0}
  tally: {type: string, default: /dev/null}
stages:
  one: {uses: trivial, with: {text: "{{ brief.title }}, ", seconds: "{{ inputs.seconds }}", tally: "{{ inputs.tally }}"}}
  two: {uses: trivial, with: {text: "two, ", seconds: "{{ inputs.seconds }}", tally: "{{ inputs.tally }}", files: "{{ stages.one.text }}"}}
  three: {uses: trivial, with: {text: "three, ", seconds: "{{ inputs.seconds }}", tally: "{{ inputs.tally }}", files: "{{ stages.two.text }}"}}
  four: {uses: trivial, with: {text: "four, ", seconds: "{{ inputs.seconds }}", tally: "{{ inputs.tally }}", files: "{{ stages.three.text }}"}}
  five: {uses: trivial, with: {text: "five", seconds: "{{ inputs.seconds }}", tally: "{{ inputs.tally }}", files: "{{ stages.four.text }}"}}
deliver:
  files: "{{ stages.five.text }}"
notify: [accepted, delivered, failed]
"#;

/// One stage that does what the brief says.
const SABOTAGE: &str = r#"name: sabotage
description: One stage that misbehaves as asked
inputs:
  mode: {type: string, default: ok}
stages:
  deed:
    uses: saboteur
    with: {mode: "{{ inputs.mode }}"}
    timeout: 3s
    stall-timeout: 2s
  after: {uses: trivial, needs: [deed], with: {text: after}}
deliver:
  files: "{{ stages.after.text }}"
notify: [accepted, delivered, failed]
"#;

/// A placement so small that a spot takes seconds.
pub const TINY: &str = "summary: For tests
platform: Test
label: tiny
aspect: \"16:9\"
width: 480
height: 270
fps: 24
container: mp4
video: {codec: h264, crf: 23, max-kbps: 2000}
audio: {codec: aac, kbps: 128, loudness-lufs: -14, true-peak-db: -1}
dated: 2026-11-25
sources: [our own choice]
";

/// A brief for one of the test pipelines; `more` is further lines.
pub fn brief(title: &str, pipeline: &str, more: &str) -> String {
    format!(
        "campaign: Test\ntitle: {title}\npipeline: {pipeline}\nbrand: zest\nscenes: [{{prompt: sea, seconds: 2}}]\n\
         outputs: [youtube]\n{more}"
    )
}

/// A fresh studio.
pub struct TestStudio {
    dir: TempDir,
}

/// A finished run of the program.
pub struct Finished {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Finished {
    /// Its stdout as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|e| panic!("not JSON ({e}):\n{}\n{}", self.stdout, self.stderr))
    }

    /// Itself, after success.
    pub fn ok(self) -> Self {
        assert_eq!(self.code, 0, "exit {}:\n{}\n{}", self.code, self.stdout, self.stderr);
        self
    }
}

impl From<Output> for Finished {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

impl TestStudio {
    /// The studio that `spotloom init` makes.
    pub fn example() -> Self {
        let dir = TempDir::new().unwrap();
        let studio = Self { dir };
        let done: Finished = command().arg("init").arg(studio.root()).output().unwrap().into();
        done.ok();
        studio
    }

    /// The example studio with quick settings and two more plugins: the saboteur and the trivial stage.
    pub fn with_test_plugins() -> Self {
        let studio = Self::example();
        studio.write(
            "spotloom.yaml",
            "intake: {settle: 0.3, poll: 1}\nlimits: {grace-s: 1, min-free-disk-mb: 1}\npools: {cpu: 2, net: 4}\n",
        );
        fs::create_dir_all(studio.path("plugins")).unwrap();
        for plugin in ["saboteur", "trivial"] {
            let file = format!("plugins/libspotloom_{plugin}.so");
            fs::copy(build::cdylib(&format!("spotloom_{plugin}")), studio.path(&file)).unwrap();
        }
        studio.write("pipelines/five.yaml", FIVE);
        studio.write("pipelines/sabotage.yaml", SABOTAGE);
        studio.run(&["plugins", "trust"]).ok();
        studio
    }

    pub fn root(&self) -> PathBuf {
        self.dir.path().join("studio")
    }

    pub fn path(&self, relative: &str) -> PathBuf {
        self.root().join(relative)
    }

    /// Writes a file of the studio.
    pub fn write(&self, relative: &str, text: &str) {
        let path = self.path(relative);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// Reads a file of the studio.
    pub fn read(&self, relative: &str) -> String {
        fs::read_to_string(self.path(relative)).unwrap_or_else(|e| panic!("{relative}: {e}"))
    }

    /// Names in a folder of the studio, sorted, hidden ones left out.
    pub fn list(&self, relative: &str) -> Vec<String> {
        let Ok(entries) = fs::read_dir(self.path(relative)) else { return Vec::new() };
        let mut names: Vec<String> = entries.map(|e| e.unwrap().file_name().to_string_lossy().into_owned()).collect();
        names.retain(|n| !n.starts_with('.'));
        names.sort();
        names
    }

    /// Runs the program in the studio to its end.
    pub fn run(&self, args: &[&str]) -> Finished {
        command().args(args).arg("--studio").arg(self.root()).output().unwrap().into()
    }

    /// Starts the daemon.
    pub fn serve(&self) -> Daemon {
        self.serve_with(&[])
    }

    /// Starts the daemon with more environment.
    pub fn serve_with(&self, env: &[(&str, &str)]) -> Daemon {
        let log = self.dir.path().join("serve.log");
        let out = fs::OpenOptions::new().create(true).append(true).open(&log).unwrap();
        let child = command()
            .arg("serve")
            .arg("--studio")
            .arg(self.root())
            .envs(env.iter().copied())
            .stdin(Stdio::null())
            .stdout(out.try_clone().unwrap())
            .stderr(out)
            .process_group(0)
            .spawn()
            .unwrap();
        Daemon { child, log }
    }
}

/// A running daemon; killed when dropped.
pub struct Daemon {
    pub child: Child,
    log: PathBuf,
}

impl Daemon {
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Ends it as an operator does and gives the exit code.
    pub fn stop(mut self) -> i32 {
        let _ = Command::new("kill").arg("-TERM").arg(self.pid().to_string()).status();
        wait_for("the daemon to stop", Duration::from_secs(60), || self.child.try_wait().unwrap()).code().unwrap_or(-1)
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The installed program with a clean environment.
pub fn command() -> Command {
    let mut command = Command::new(build::spotloom());
    command.env_remove("SPOTLOOM_STUDIO").env_remove("SPOTLOOM_PREFIX").env_remove("SPOTLOOM_LOG").env("NO_COLOR", "1");
    command
}

/// Asks until there is an answer; a hang becomes a failure with a name.
pub fn wait_for<T>(what: &str, limit: Duration, mut ask: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(start.elapsed() < limit, "waited {limit:?} for {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Whether a path exists after all.
pub fn exists(path: &Path) -> Option<()> {
    path.exists().then_some(())
}
