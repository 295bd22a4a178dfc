//! The loop: free slots, claim, start an attempt, wait for a reason to look again.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::artifacts::disk;
use crate::ledger::{Claim, ClaimRequest, Lease};

use super::attempt;
use super::drain::{Stop, asked};
use super::machinery::{Machinery, now};
use super::places::{Place, Places};
use super::update::Update;

/// How long the agent sleeps at most when there is nothing to do. What other processes write to the ledger wakes it
/// (`engine::poke`); this is for file systems that tell nothing.
const LOOK_AGAIN: Duration = Duration::from_secs(15);

/// Runs tasks until asked to stop. Returns once nothing it started is running any more.
pub async fn run(m: Arc<Machinery>, mut stop: watch::Receiver<Stop>) {
    let mut running: JoinSet<()> = JoinSet::new();
    let places = Arc::new(Places::default());
    let mut disk_was_low = false;
    loop {
        let draining = *stop.borrow() >= Stop::Drain;
        if draining && running.is_empty() {
            return;
        }
        reap(&m).await;
        if !draining && has_room(&m, &mut disk_was_low) {
            while let Some((claim, place)) = next_claim(&m, &places).await {
                let (m, stop) = (Arc::clone(&m), stop.clone());
                running.spawn(async move { attempt::carry_out(&m, claim, place, stop).await });
            }
        }
        let sleep = sleep_for(&m).await;
        tokio::select! {
            ended = running.join_next(), if !running.is_empty() => {
                if let Some(Err(e)) = ended {
                    // A defect of ours; its lease will expire and the task be taken up again.
                    tracing::error!("an attempt ended without a report: {e}");
                }
            }
            () = m.wake.notified() => {}
            () = asked(&mut stop, Stop::Drain), if !draining => {}
            () = tokio::time::sleep(sleep) => {}
        }
    }
}

/// Claims one task for which there is a place, or one of a job that is about to leave its place.
async fn next_claim(m: &Machinery, places: &Arc<Places>) -> Option<(Claim, Place)> {
    let mut pools = m.settings.pools.0.clone();
    for name in ["cpu", "gpu", "net"] {
        pools.entry(name.into()).or_insert_with(|| m.settings.pools.size(name));
    }
    let free = places.free(pools);
    if !free.is_empty()
        && let Some(claim) = claim(m, free, None).await
    {
        let place = places.take(&claim.task.pool, &claim.lease, None, &m.wake);
        return Some((claim, place));
    }
    for ending in places.ending() {
        let pools = BTreeMap::from([(ending.pool.clone(), 1)]);
        if let Some(claim) = claim(m, pools, Some(ending.lease.clone())).await {
            let place = places.take(&ending.pool, &claim.lease, Some(&ending), &m.wake);
            return Some((claim, place));
        }
    }
    None
}

async fn claim(m: &Machinery, pools: BTreeMap<String, u32>, in_place_of: Option<Lease>) -> Option<Claim> {
    let lease_ms = i64::try_from(m.settings.lease.as_millis()).unwrap_or(i64::MAX);
    let request = ClaimRequest { agent: m.agent.clone(), pools, lease_ms, in_place_of };
    match m.ledger(move |l| l.claim(&request, now())).await {
        Ok(claim) => claim,
        Err(e) => {
            tracing::error!("no task could be claimed: {e}");
            None
        }
    }
}

/// Takes expired leases back.
async fn reap(m: &Machinery) {
    match m.ledger(|l| l.reap(now())).await {
        Ok(taken) if taken.is_empty() => {}
        Ok(taken) => {
            tracing::warn!(tasks = taken.len(), "attempts gave no sign of life; their tasks are given out again")
        }
        Err(e) => tracing::error!("the ledger could not be asked: {e}"),
    }
}

/// How long to wait when nothing wakes the loop.
async fn sleep_for(m: &Machinery) -> Duration {
    match m.ledger(|l| l.next_wakeup()).await {
        // What is due already was looked at just now and waits for a slot, not for time.
        Ok(Some(at)) if at > now() => {
            LOOK_AGAIN.min(Duration::from_millis(u64::try_from(at.0 - now().0 + 1).unwrap_or(1)))
        }
        Ok(_) => LOOK_AGAIN,
        Err(e) => {
            tracing::error!("the ledger could not be asked: {e}");
            LOOK_AGAIN
        }
    }
}

/// No work is started on a nearly full disk: it would fail half-way and take the ledger with it.
fn has_room(m: &Machinery, was_low: &mut bool) -> bool {
    let needed = m.settings.min_free_bytes;
    match disk::free_bytes(&m.settings.root) {
        Ok(free) if free < needed => {
            if !*was_low {
                tracing::warn!(
                    "only {} free: no work is started before there are {}",
                    disk::human(free),
                    disk::human(needed)
                );
                m.tell(Update::DiskLow { free, needed });
            }
            *was_low = true;
            false
        }
        _ => {
            if *was_low {
                tracing::info!("there is room again: work goes on");
            }
            *was_low = false;
            true
        }
    }
}
