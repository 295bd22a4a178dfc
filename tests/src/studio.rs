//! A studio in a temporary folder, and the program run in it.

use std::fs;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use crate::build;

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

    /// A studio with only the saboteur's pipelines: jobs of trivial stages that behave as their brief says.
    pub fn with_saboteur() -> Self {
        let dir = TempDir::new().unwrap();
        let studio = Self { dir };
        studio.write("spotloom.yaml", "intake: {settle: 0.2, poll: 1}\nlimits: {grace-s: 1, min-free-disk-mb: 1}\n");
        fs::create_dir_all(studio.root().join("plugins")).unwrap();
        fs::create_dir_all(studio.root().join("briefs")).unwrap();
        fs::copy(build::cdylib("spotloom_saboteur"), studio.root().join("plugins/libspotloom_saboteur.so")).unwrap();
        studio.write("brands/plain/brand.yaml", "name: Plain\n");
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
