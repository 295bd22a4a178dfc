//! Who has which place in the pools.
//!
//! Invariant: no pool ever has more plugins at work than places. A task whose plugin is done has its files hashed and written
//! through to the disk yet, which takes no core worth a place: the next task of its job may have it meanwhile. Not more than one in a pool
//! leaves so: where storing takes longer than working, work waits for it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::ledger::Lease;

/// The places that are taken.
#[derive(Default)]
pub(super) struct Places(Mutex<Taken>);

#[derive(Default)]
struct Taken {
    next: u64,
    by: BTreeMap<u64, Holder>,
}

struct Holder {
    pool: String,
    lease: Lease,
    stage: Stage,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Working,
    /// Its plugin is done.
    Storing,
    /// The same, and its place is another one's.
    Left,
}

/// A place that is about to be free, and the task that has it yet.
pub(super) struct Ending {
    id: u64,
    pub(super) pool: String,
    pub(super) lease: Lease,
}

/// A place in a pool, free again when dropped.
pub(super) struct Place {
    id: u64,
    places: Arc<Places>,
    wake: Arc<Notify>,
}

impl Places {
    fn taken(&self) -> MutexGuard<'_, Taken> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is left of pools of these sizes; those that are full are left out.
    pub(super) fn free(&self, mut sizes: BTreeMap<String, u32>) -> BTreeMap<String, u32> {
        for holder in self.taken().by.values().filter(|holder| holder.stage != Stage::Left) {
            if let Some(size) = sizes.get_mut(&holder.pool) {
                *size = size.saturating_sub(1);
            }
        }
        sizes.retain(|_, free| *free > 0);
        sizes
    }

    /// The places whose tasks are only being stored and that may be taken over.
    pub(super) fn ending(&self) -> Vec<Ending> {
        let taken = self.taken();
        let left = |pool: &str| taken.by.values().any(|other| other.stage == Stage::Left && other.pool == pool);
        let storing = taken.by.iter().filter(|(_, holder)| holder.stage == Stage::Storing && !left(&holder.pool));
        storing.map(|(id, holder)| Ending { id: *id, pool: holder.pool.clone(), lease: holder.lease.clone() }).collect()
    }

    /// Takes a free place, or one that is ending. `wake` is told when it can be taken over.
    pub(super) fn take(
        self: &Arc<Self>,
        pool: &str,
        lease: &Lease,
        from: Option<&Ending>,
        wake: &Arc<Notify>,
    ) -> Place {
        let mut taken = self.taken();
        if let Some(holder) = from.and_then(|ending| taken.by.get_mut(&ending.id)) {
            holder.stage = Stage::Left;
        }
        let id = taken.next;
        taken.next += 1;
        taken.by.insert(id, Holder { pool: pool.into(), lease: lease.clone(), stage: Stage::Working });
        Place { id, places: Arc::clone(self), wake: Arc::clone(wake) }
    }
}

impl Place {
    /// Its plugin is done.
    pub(super) fn storing(&self) {
        if let Some(holder) = self.places.taken().by.get_mut(&self.id) {
            holder.stage = Stage::Storing;
            self.wake.notify_one();
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.places.taken().by.remove(&self.id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{Epoch, JobId, TaskKey};

    #[test]
    fn a_place_is_free_when_it_is_dropped_and_can_be_taken_over_before() {
        let (places, wake) = (Arc::new(Places::default()), Arc::new(Notify::new()));
        let free = || places.free(BTreeMap::from([("cpu".into(), 1), ("net".into(), 2)]));
        let left = |pools: &[(&str, u32)]| pools.iter().map(|(name, n)| ((*name).into(), *n)).collect();
        let lease = |task: &str| Lease { job: JobId(1), task: TaskKey(task.into()), epoch: Epoch(1) };
        let first = places.take("cpu", &lease("a"), None, &wake);
        let net = places.take("net", &lease("b"), None, &wake);
        assert_eq!((free(), places.ending().len()), (left(&[("net", 1)]), 0));
        first.storing();
        let ending = places.ending();
        assert_eq!((ending.len(), ending[0].pool.as_str(), &ending[0].lease), (1, "cpu", &lease("a")));
        let second = places.take("cpu", &lease("c"), Some(&ending[0]), &wake);
        second.storing();
        assert_eq!((free(), places.ending().len()), (left(&[("net", 1)]), 0), "one is enough");
        // The first one's end frees nothing any more.
        drop(first);
        assert_eq!((free(), places.ending().len()), (left(&[("net", 1)]), 1));
        drop(second);
        drop(net);
        assert_eq!(free(), left(&[("cpu", 1), ("net", 2)]));
    }
}
