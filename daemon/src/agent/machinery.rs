//! What an agent works with, put together once.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, broadcast};

use crate::artifacts::Store;
use crate::config::{Pools, SecretSource};
use crate::host::HostPool;
use crate::ids::Timestamp;
use crate::ledger::{self, Ledger};
use crate::registry::Registry;

use super::update::Update;

/// Figures from the studio's settings.
#[derive(Clone, Debug)]
pub struct Settings {
    pub root: PathBuf,
    pub pools: Pools,
    pub secrets: BTreeMap<String, SecretSource>,
    /// Threads a stage may use.
    pub threads: u32,
    pub min_free_bytes: u64,
    /// Address space a plugin may take; `None` means no limit.
    pub memory_limit: Option<u64>,
    pub grace: Duration,
    pub lease: Duration,
    pub heartbeat: Duration,
}

/// Everything an agent needs, shared by all its attempts.
pub struct Machinery {
    pub agent: ledger::Agent,
    pub settings: Settings,
    pub ledger: Arc<dyn Ledger>,
    pub store: Store,
    pub registry: Arc<Registry>,
    pub hosts: HostPool,
    pub updates: broadcast::Sender<Update>,
    /// Woken when there may be something new to claim.
    pub wake: Arc<Notify>,
}

impl Machinery {
    /// Runs a ledger call where blocking is allowed.
    ///
    /// # Errors
    /// What the call fails with.
    pub async fn ledger<T: Send + 'static>(
        &self,
        call: impl FnOnce(&dyn Ledger) -> ledger::Result<T> + Send + 'static,
    ) -> ledger::Result<T> {
        let ledger = Arc::clone(&self.ledger);
        match tokio::task::spawn_blocking(move || call(ledger.as_ref())).await {
            Ok(result) => result,
            Err(e) => Err(ledger::LedgerError::Store(Box::new(e))),
        }
    }

    pub(super) fn tell(&self, update: Update) {
        // Nobody has to be listening.
        let _ = self.updates.send(update);
    }
}

/// The clock: read in the rooms that act, handed to the pure ones.
#[must_use]
pub fn now() -> Timestamp {
    Timestamp(jiff::Timestamp::now().as_millisecond())
}
