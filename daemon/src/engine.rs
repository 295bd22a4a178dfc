//! A studio at work: ledger, registry, hosts and agent put together. `run` and `serve` are this and little else.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{self, Notify, broadcast};
use tokio::task::JoinHandle;

use crate::agent::{self, Drain, Machinery, Settings, Update, now};
use crate::artifacts::Store;
use crate::error::{Diagnostic, Diagnostics};
use crate::host::{HostOptions, HostPool};
use crate::inbox::watch::{Watch, watch};
use crate::ledger::{Agent, Ledger, LedgerLock, SqliteLedger};
use crate::registry::{PluginDir, Registry};
use crate::studio::Studio;

/// How long a task may go without a heartbeat before it is given to somebody else.
const LEASE: Duration = Duration::from_secs(30);
/// Also how soon a running stage hears of a cancel.
const HEARTBEAT: Duration = Duration::from_secs(2);

/// A running engine.
pub struct Engine {
    pub machinery: Arc<Machinery>,
    pub drain: Drain,
    /// Held for as long as this process works with the studio.
    _lock: LedgerLock,
    _poked: Watch,
    agent: JoinHandle<()>,
    /// True once the agent has ended by a defect.
    broken: sync::watch::Receiver<bool>,
}

/// Opens the studio's ledger to read it or to leave a wish in it; the daemon may be running.
///
/// # Errors
/// When there is none yet that can be opened.
pub fn open_ledger(studio: &Studio) -> Result<SqliteLedger, Diagnostics> {
    make_state(studio)?;
    SqliteLedger::open(&studio.state()).map_err(|e| vec![e.diagnostic()])
}

/// A folder in which a change means: look into the ledger.
fn pokes(studio: &Studio) -> PathBuf {
    studio.state().join("pokes")
}

/// Wakes the daemon of this studio, if there is one, after something was written to its ledger.
pub fn poke(studio: &Studio) {
    // Without a daemon there is no folder; without the file the daemon looks by itself a little later.
    let _ = std::fs::write(pokes(studio).join("look"), b"");
}

/// What plugins there are: the built-in ones, then the studio's own.
///
/// # Errors
/// When the studio can't be written to.
pub async fn open_registry(studio: &Studio, hosts: &HostPool) -> Result<Registry, Diagnostics> {
    make_state(studio)?;
    let registry = Registry::open(&plugin_dirs(studio), &studio.state().join("plugins"), hosts).await;
    for problem in registry.problems() {
        tracing::warn!(code = problem.code, "{}", problem.message);
    }
    Ok(registry)
}

/// The built-in plugin folder and the studio's.
#[must_use]
pub fn plugin_dirs(studio: &Studio) -> [PluginDir; 2] {
    [
        PluginDir { path: studio.install.plugins(), lock: studio.install.plugin_lock() },
        PluginDir { path: studio.root.join("plugins"), lock: studio.root.join("plugins.lock") },
    ]
}

fn make_state(studio: &Studio) -> Result<(), Diagnostics> {
    for folder in [studio.state(), studio.deliveries()] {
        std::fs::create_dir_all(&folder).map_err(|e| vec![cannot_write(&folder, &e)])?;
    }
    Ok(())
}

fn cannot_write(path: &Path, e: &std::io::Error) -> Diagnostic {
    Diagnostic::new("not-writable", format!("{} can't be made: {e}", path.display()))
        .hint("give the daemon's user the right to write into the studio")
}

impl Engine {
    /// Takes the studio's lock, takes up what was interrupted, and starts the agent.
    ///
    /// # Errors
    /// When another daemon works with the studio, or something in it can't be opened.
    pub async fn start(studio: &Studio, hosts: HostOptions) -> Result<Self, Diagnostics> {
        make_state(studio)?;
        let lock = LedgerLock::acquire(&studio.state()).map_err(|e| vec![e.diagnostic()])?;
        let ledger: Arc<dyn Ledger> = Arc::new(SqliteLedger::open(&studio.state()).map_err(|e| vec![e.diagnostic()])?);
        let store = Store::open(&studio.state()).map_err(|e| vec![cannot_write(&studio.state(), &e)])?;
        if let Err(e) = store.clean_scratch() {
            tracing::warn!("old scratch folders could not be removed: {e}");
        }
        let hosts = HostPool::new(hosts);
        let registry = Arc::new(open_registry(studio, &hosts).await?);
        let identity = Agent { name: "local".into(), boot: format!("{}-{}", std::process::id(), now().0) };
        match ledger.release(&identity, now()) {
            Ok(taken) if taken.is_empty() => {}
            Ok(taken) => tracing::info!(tasks = taken.len(), "taking up what was interrupted"),
            Err(e) => return Err(vec![e.diagnostic()]),
        }
        let limits = &studio.config.limits;
        let settings = Settings {
            root: studio.root.clone(),
            pools: studio.config.pools.clone(),
            secrets: studio.config.secrets.clone(),
            threads: studio.threads(),
            min_free_bytes: limits.min_free_disk_mb.saturating_mul(1_000_000),
            memory_limit: (limits.plugin_memory_mb > 0).then(|| limits.plugin_memory_mb.saturating_mul(1_000_000)),
            grace: Duration::from_secs_f64(limits.grace_s.clamp(0.0, 3600.0)),
            lease: LEASE,
            heartbeat: HEARTBEAT,
        };
        let machinery = Arc::new(Machinery {
            agent: identity,
            settings,
            ledger,
            store,
            registry,
            hosts,
            updates: broadcast::Sender::new(1024),
            wake: Arc::new(Notify::new()),
        });
        let drain = Drain::default();
        let pokes = pokes(studio);
        if let Err(e) = std::fs::create_dir_all(&pokes) {
            return Err(vec![cannot_write(&pokes, &e)]);
        }
        let poked = watch(&pokes, Arc::clone(&machinery.wake));
        let (agent, broken) = supervised(agent::run(Arc::clone(&machinery), drain.receiver()));
        Ok(Self { machinery, drain, _lock: lock, _poked: poked, agent, broken })
    }

    /// Waits for something that should never happen: that the agent ends though nobody asked it to. Whoever waits for
    /// work to be done has to look out for this as well, or waits for ever.
    pub async fn broken(&self) -> Diagnostic {
        went_wrong(self.broken.clone()).await;
        Diagnostic::new("internal", "the agent, which runs the stages, has ended: a defect of Spotloom")
            .hint("start again: what was done is kept, and what was running is taken up; the log says more")
    }

    #[must_use]
    pub fn updates(&self) -> broadcast::Receiver<Update> {
        self.machinery.updates.subscribe()
    }

    /// Waits until what runs has ended, for `patience` at most, then stops it; warm hosts end as well.
    pub async fn stop(self, patience: Duration) {
        self.drain.ask(agent::Stop::Drain);
        let mut agent = self.agent;
        if tokio::time::timeout(patience, &mut agent).await.is_err() {
            self.drain.ask(agent::Stop::Now);
            let last = self.machinery.settings.grace + Duration::from_secs(5);
            if tokio::time::timeout(last, &mut agent).await.is_err() {
                tracing::warn!("a stage did not stop in time; it is killed and taken up again at the next start");
            }
        }
        self.machinery.hosts.shutdown().await;
    }
}

/// Work in a task of its own, and whether it has panicked.
fn supervised(work: impl Future<Output = ()> + Send + 'static) -> (JoinHandle<()>, sync::watch::Receiver<bool>) {
    let work = tokio::spawn(work);
    let (broke, broken) = sync::watch::channel(false);
    let task = tokio::spawn(async move {
        if let Err(e) = work.await {
            broke.send_replace(true);
            tracing::error!("the agent ended: {e}");
        }
    });
    (task, broken)
}

/// Waits until supervised work has panicked: for ever when it ends as it was asked to.
async fn went_wrong(mut broken: sync::watch::Receiver<bool>) {
    if broken.wait_for(|broken| *broken).await.is_err() {
        std::future::pending::<()>().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn work_that_panics_is_heard_of_and_work_that_ends_is_not() {
        let check = async |work: JoinHandle<()>, wrong: bool| {
            let (task, broken) = supervised(async { work.await.unwrap() });
            task.await.unwrap();
            let heard = tokio::time::timeout(Duration::from_millis(100), went_wrong(broken)).await;
            assert_eq!(heard.is_ok(), wrong);
        };
        check(tokio::spawn(async {}), false).await;
        check(tokio::spawn(async { panic!("a defect") }), true).await;
    }
}
