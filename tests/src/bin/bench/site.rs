//! A studio with a daemon at work, seen from outside: drop briefs, wait, read what the ledger has noted.

use std::fs;
use std::process::Command;
use std::time::{Duration, Instant, SystemTime};

use serde_json::Value;
use spotloom_tests::{Daemon, TestStudio, brief, wait_for};

use crate::proc;

/// As in the studio's settings below.
pub const SETTLE: Duration = Duration::from_millis(300);

/// A pipeline of that many trivial stages in a row.
fn chain(name: &str, stages: usize) -> String {
    let mut text = format!("name: {name}\ndescription: {stages} trivial stages in a row\nstages:\n");
    for n in 1..=stages {
        let files = if n == 1 { String::new() } else { format!(", files: \"{{{{ stages.s{}.text }}}}\"", n - 1) };
        text += &format!("  s{n}: {{uses: trivial, with: {{text: \"{{{{ brief.title }}}} \"{files}}}}}\n");
    }
    text + &format!("deliver:\n  files: \"{{{{ stages.s{stages}.text }}}}\"\n")
}

/// A studio and its daemon.
pub struct Site {
    pub studio: TestStudio,
    pub daemon: Daemon,
    dropped: usize,
}

impl Site {
    /// Test plugins as they would be installed: without debug information, since a host hashes all of a plugin.
    pub fn start() -> Self {
        let studio = TestStudio::with_test_plugins();
        for plugin in ["saboteur", "trivial"] {
            let file = studio.path(&format!("plugins/libspotloom_{plugin}.so"));
            assert!(Command::new("strip").arg("--strip-debug").arg(&file).status().unwrap().success(), "strip");
        }
        // The settings of a new studio, but for a short settle time, and as many slots on every machine.
        studio
            .write("spotloom.yaml", "intake: {settle: 0.3}\nlimits: {min-free-disk-mb: 1}\npools: {cpu: 2, net: 4}\n");
        studio.write("pipelines/one.yaml", &chain("one", 1));
        studio.write("pipelines/many.yaml", &chain("many", 25));
        studio.run(&["plugins", "trust"]).ok();
        fs::create_dir_all(studio.path("outbox")).unwrap();
        let daemon = studio.serve();
        wait_for("the daemon", Duration::from_secs(30), || daemon.log().contains("Ready").then_some(()));
        Self { studio, daemon, dropped: 0 }
    }

    pub fn pid(&self) -> u32 {
        self.daemon.pid()
    }

    /// CPU time of the daemon and its hosts so far.
    pub fn cpu(&self) -> f64 {
        proc::cpu(self.pid())
    }

    /// Renames a new brief, of a title that no other has, into the intake folder. Gives its name and when that was.
    pub fn put(&mut self, pipeline: &str) -> (String, SystemTime) {
        self.dropped += 1;
        let name = format!("b{}.yaml", self.dropped);
        self.studio.write(&format!("outbox/{name}"), &brief(&format!("Spot {}", self.dropped), pipeline, ""));
        fs::rename(self.studio.path(&format!("outbox/{name}")), self.studio.path(&format!("briefs/{name}"))).unwrap();
        (name, SystemTime::now())
    }

    /// Waits until all that was put is on the shelf of what is done; `look` sees the daemon's process now and then.
    pub fn wait(&self, every: Duration, mut look: impl FnMut(u32)) {
        let start = Instant::now();
        loop {
            look(self.pid());
            let done = self.studio.list("briefs/done").iter().filter(|n| n.ends_with(".yaml")).count();
            if done == self.dropped {
                return;
            }
            for shelf in ["failed", "rejected"] {
                assert!(self.studio.list(&format!("briefs/{shelf}")).is_empty(), "{shelf}:\n{}", self.daemon.log());
            }
            assert!(start.elapsed() < Duration::from_secs(1800), "{done} of {} done", self.dropped);
            std::thread::sleep(every);
        }
    }

    /// One brief from the drop to the shelf.
    pub fn one(&mut self, pipeline: &str) -> (String, SystemTime) {
        let put = self.put(pipeline);
        self.wait(Duration::from_millis(20), |_| {});
        put
    }

    /// What the ledger has noted of the tasks of a brief.
    pub fn tasks(&self, name: &str) -> Vec<Value> {
        let stem = format!("{}.job", name.trim_end_matches(".yaml"));
        let done = self.studio.list("briefs/done");
        let job = done.iter().find_map(|n| n.strip_prefix(&stem)?.strip_suffix(".yaml")).expect("a finished brief");
        self.studio.run(&["jobs", "show", job, "--json"]).ok().json()["tasks"].as_array().unwrap().clone()
    }
}

/// A moment of the ledger: milliseconds since 1970.
pub fn at(task: &Value, what: &str) -> f64 {
    task[what].as_f64().unwrap_or_else(|| panic!("no {what}: {task}"))
}

/// The same for the clock of this process.
pub fn millis(time: SystemTime) -> f64 {
    time.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs_f64() * 1000.0
}
