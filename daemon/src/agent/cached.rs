//! The stage cache: a result made before from the same inputs.

use crate::artifacts::Store;
use crate::ids::Sha256;
use crate::ledger::{self, CacheEntry, Ledger};

/// The entry of that key, if all its files are still there. One whose files are gone is forgotten.
pub(super) fn find(ledger: &dyn Ledger, store: &Store, key: &Sha256) -> ledger::Result<Option<CacheEntry>> {
    let Some(entry) = ledger.cache_get(key.as_str())? else { return Ok(None) };
    if entry.outputs.values().flatten().all(|a| store.holds(&a.sha256, a.bytes)) {
        return Ok(Some(entry));
    }
    ledger.cache_remove(key.as_str())?;
    Ok(None)
}
