//! One attempt: from a claim to a report.

use std::sync::Arc;
use std::time::Duration;

use spotloom_plugin_api::{Event, Failure, JobContext, Level, Limits, RunRequest, Secrets};
use tokio::sync::{mpsc, watch};
use tracing::Instrument as _;

use crate::artifacts::cache_key;
use crate::host::{EndKind, RunEnd, RunLimits};
use crate::ids::Sha256;
use crate::ledger::{AttemptEnd, Claim, Finished, Heartbeat, LogLine, Outputs, Progress, REFUSED};
use crate::pipeline::plan::PluginRef;
use crate::registry::TrustedPlugin;
use crate::studio::secrets;

use super::drain::{Stop, asked};
use super::machinery::{Machinery, now};
use super::places::Place;
use super::update::Update;
use super::{cached, inputs, outputs};

/// How often a report is tried while the ledger does not take it, before the lease is left to expire.
const REPORT_TRIES: u32 = 5;

/// Runs the claimed task and reports how it ended.
pub(super) async fn carry_out(m: &Arc<Machinery>, claim: Claim, place: Place, stop: watch::Receiver<Stop>) {
    let place = Arc::new(place);
    let span =
        tracing::info_span!("attempt", job = claim.lease.job.0, task = %claim.lease.task, attempt = claim.attempt);
    async {
        let (job, task) = (claim.lease.job, claim.lease.task.clone());
        tracing::info!(uses = claim.task.uses.id, "started");
        m.tell(Update::TaskStarted { job, task: task.clone(), attempt: claim.attempt });
        // In a task of its own: should it panic, that is a crash to report like any other.
        let (machinery, claimed, held) = (Arc::clone(m), claim.clone(), Arc::clone(&place));
        let work = async move { attempt(&machinery, &claimed, &held, stop).await };
        let end = match tokio::spawn(work.instrument(tracing::Span::current())).await {
            Ok(Some(end)) => end,
            Ok(None) => {
                tracing::warn!("the lease was lost; nothing this attempt did counts");
                return;
            }
            Err(e) => {
                let failure = Failure::new("internal", format!("a defect of Spotloom: {e}")).retryable();
                AttemptEnd::Failed { failure, crash: true, code: "internal".into(), outputs: Outputs::new() }
            }
        };
        match &end {
            AttemptEnd::Succeeded { from_cache, .. } => tracing::info!(from_cache, "succeeded"),
            AttemptEnd::Failed { failure, code, .. } => {
                tracing::warn!(end = code.as_str(), code = failure.code, "failed: {}", failure.message);
            }
            AttemptEnd::Cancelled => tracing::info!("stopped"),
        }
        let finished = report(m, &claim, end.clone()).await;
        m.tell(Update::TaskEnded { job, task, end });
        if let Some(Finished::Applied { job_finished: Some(outcome) }) = finished {
            tracing::info!(?outcome, "the job is finished");
            m.tell(Update::JobFinished { job, outcome });
        }
        m.wake.notify_one();
    }
    .instrument(span)
    .await;
}

/// Hands the end to the ledger. A store that fails for a moment must not cost a finished render.
async fn report(m: &Machinery, claim: &Claim, end: AttemptEnd) -> Option<Finished> {
    for n in 1..=REPORT_TRIES {
        let (lease, end) = (claim.lease.clone(), end.clone());
        match m.ledger(move |l| l.finish(&lease, &end, now())).await {
            Ok(finished) => {
                if matches!(finished, Finished::Fenced) {
                    tracing::warn!("the report was fenced: the task has been given to another attempt");
                }
                return Some(finished);
            }
            Err(e) => {
                tracing::error!("the end could not be reported (try {n} of {REPORT_TRIES}): {e}");
                tokio::time::sleep(Duration::from_millis(200 * u64::from(n))).await;
            }
        }
    }
    None
}

fn failed(failure: Failure) -> AttemptEnd {
    AttemptEnd::Failed { failure, crash: false, code: "failed".into(), outputs: Outputs::new() }
}

/// `None` when the lease was lost.
async fn attempt(m: &Machinery, claim: &Claim, place: &Place, stop: watch::Receiver<Stop>) -> Option<AttemptEnd> {
    match kept(m, claim, prepare(m, claim)).await? {
        Ok(Prepared::Cached(end)) => Some(end),
        Ok(Prepared::Run(work)) => run(m, claim, *work, place, stop).await,
        Err(failure) => Some(failed(failure)),
    }
}

/// Does some work of ours with the lease kept alive: hashing a large model, storing a long film. `None` when the lease
/// was lost all the same.
async fn kept<T>(m: &Machinery, claim: &Claim, work: impl Future<Output = T>) -> Option<T> {
    tokio::pin!(work);
    let mut beat = tokio::time::interval(m.settings.heartbeat);
    beat.tick().await;
    loop {
        tokio::select! {
            done = &mut work => return Some(done),
            _ = beat.tick() => {
                let lease = claim.lease.clone();
                if matches!(m.ledger(move |l| l.heartbeat(&lease, None, now())).await, Ok(Heartbeat::Lost)) {
                    return None;
                }
            }
        }
    }
}

enum Prepared {
    Cached(AttemptEnd),
    Run(Box<Work>),
}

struct Work {
    plugin: TrustedPlugin,
    request: RunRequest,
    key: Option<Sha256>,
    scratch: crate::artifacts::store::Scratch,
}

/// Everything before the plugin: inputs, cache, secrets, scratch folder.
async fn prepare(m: &Machinery, claim: &Claim) -> Result<Prepared, Failure> {
    let uses = &claim.task.uses;
    let plugin = m.registry.get(&uses.id).ok_or_else(|| {
        Failure::new("plugin-missing", format!("the plugin `{}` is not there, or is not trusted any more", uses.id))
            .hint("`spotloom plugins list` shows what there is and why; then `spotloom jobs retry`")
    })?;
    if plugin.sha256 != uses.sha256 {
        tracing::warn!(plugin = uses.id, "the plugin is another build than when the brief was accepted");
    }

    let (store, ledger, task_inputs) = (m.store.clone(), Arc::clone(&m.ledger), claim.inputs.clone());
    let identity = PluginRef { sha256: plugin.sha256.clone(), ..uses.clone() };
    let (params, cacheable) = (claim.task.params.clone(), claim.task.cache);
    let found = blocking(move || {
        let (files, hashes) = inputs::resolve(&store, &task_inputs)?;
        let key = cacheable.then(|| cache_key(&identity, &params, &hashes));
        let hit = match &key {
            Some(key) => cached::find(ledger.as_ref(), &store, key).map_err(|e| ledger_failure(&e))?,
            None => None,
        };
        Ok((files, key, hit))
    })
    .await?;
    let (files, key, hit) = found;
    if let Some(hit) = hit {
        return Ok(Prepared::Cached(AttemptEnd::Succeeded {
            outputs: hit.outputs,
            facts: hit.facts,
            from_cache: true,
            cache_key: None,
        }));
    }

    let secrets = fetch_secrets(m, claim)?;
    let name = format!("{}-{}-{}", claim.lease.job, claim.lease.task, claim.lease.epoch.0);
    let scratch = m
        .store
        .scratch(&name)
        .map_err(|e| Failure::new("io", format!("no scratch folder could be made: {e}")).retryable())?;
    // What a cacheable stage makes must depend on nothing but what is in its key.
    let job = if key.is_some() { JobContext::default() } else { claim.context.clone() };
    let request = RunRequest {
        run: name,
        params: claim.task.params.clone(),
        inputs: files,
        scratch: scratch.path().to_path_buf(),
        limits: Limits { threads: m.settings.threads },
        secrets,
        job,
        to_come: claim.to_come.clone(),
    };
    Ok(Prepared::Run(Box::new(Work { plugin, request, key, scratch })))
}

fn fetch_secrets(m: &Machinery, claim: &Claim) -> Result<Secrets, Failure> {
    secrets::fetch(&m.settings.root, &m.settings.secrets, &claim.task.secrets)
        .map_err(|what| Failure::new("missing-secret", what).hint("set it, then `spotloom jobs retry`"))
}

fn ledger_failure(e: &crate::ledger::LedgerError) -> Failure {
    Failure::new("ledger", e.to_string()).retryable()
}

/// Runs blocking work whose failure is the attempt's.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T, Failure> + Send + 'static) -> Result<T, Failure> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(e) => Err(Failure::new("internal", format!("a defect of ours: {e}"))),
    }
}

/// The plugin's run, with heartbeats beside it. `None` when the lease was lost.
async fn run(
    m: &Machinery,
    claim: &Claim,
    work: Work,
    place: &Place,
    mut stop: watch::Receiver<Stop>,
) -> Option<AttemptEnd> {
    let limits = RunLimits {
        timeout: Duration::from_secs_f64(claim.task.timeout_s),
        stall_timeout: Duration::from_secs_f64(claim.task.stall_timeout_s),
        grace: m.settings.grace,
        memory_limit: m.settings.memory_limit,
        last: claim.last,
    };
    let (events, mut incoming) = mpsc::unbounded_channel();
    let (cancel, cancelled) = watch::channel(false);
    let Work { plugin, request, key, scratch } = work;
    let mut sign = Signs::default();
    let mut lost = false;
    let end = {
        let file = plugin.file();
        let running = m.hosts.run(&file, request, limits, events, cancelled);
        tokio::pin!(running);
        let mut beat = tokio::time::interval(m.settings.heartbeat);
        beat.tick().await; // the first tick is immediate; the claim was the first sign of life
        loop {
            tokio::select! {
                end = &mut running => break end,
                Some(event) = incoming.recv() => sign.take(m, claim, event),
                _ = beat.tick() => match sign.beat(m, claim).await {
                    Some(Heartbeat::Cancel) => { cancel.send_replace(true); }
                    Some(Heartbeat::Lost) => { lost = true; cancel.send_replace(true); }
                    Some(Heartbeat::Keep) | None => {}
                },
                () = asked(&mut stop, Stop::Now), if !*cancel.borrow() => { cancel.send_replace(true); }
            }
        }
    };
    while let Ok(event) = incoming.try_recv() {
        sign.take(m, claim, event);
    }
    if lost {
        return None;
    }
    sign.flush(m, claim, &end).await;
    let keep = |made| {
        place.storing();
        let (store, description) = (m.store.clone(), plugin.description);
        kept(
            m,
            claim,
            blocking(move || {
                let taken = outputs::take(&store, scratch.path(), &description, made);
                drop(scratch);
                taken
            }),
        )
    };
    let end = match end.kind {
        EndKind::Succeeded { outputs: made, facts } => match keep(made).await? {
            Ok(outputs) => AttemptEnd::Succeeded { outputs, facts, from_cache: false, cache_key: key.map(|k| k.0) },
            Err(failure) => failed(failure),
        },
        EndKind::Refused { failure, outputs: made, .. } if !*cancel.borrow() => match keep(made).await? {
            Ok(outputs) => AttemptEnd::Failed { failure: *failure, crash: false, code: REFUSED.into(), outputs },
            // The verdict counts more than that its pictures could not be kept.
            Err(lost) => {
                tracing::warn!("what shows the failure could not be kept: {lost}");
                AttemptEnd::Failed { failure: *failure, crash: false, code: REFUSED.into(), outputs: Outputs::new() }
            }
        },
        EndKind::Cancelled => AttemptEnd::Cancelled,
        // Killed because it was asked to stop and did not listen: that is a stop, not a failure of its own.
        _ if *cancel.borrow() => AttemptEnd::Cancelled,
        _ => AttemptEnd::Failed {
            failure: end.failure(),
            crash: end.is_crash(),
            code: end.code().into(),
            outputs: Outputs::new(),
        },
    };
    Some(end)
}

/// What the plugin said since the last heartbeat.
#[derive(Default)]
struct Signs {
    progress: Option<Progress>,
    lines: Vec<LogLine>,
}

impl Signs {
    fn take(&mut self, m: &Machinery, claim: &Claim, event: Event) {
        match event {
            Event::Progress { done, total, message } => {
                let (job, task) = (claim.lease.job, claim.lease.task.clone());
                m.tell(Update::Progress { job, task, done, total, message: message.clone() });
                self.progress = Some(Progress { done, total, message });
            }
            Event::Log { level, message, fields } => {
                tracing::debug!(?level, "{message}");
                self.lines.push(LogLine { at: now(), level, message, fields });
            }
        }
    }

    /// Extends the lease. `None` when the ledger could not be reached: the lease outlives some missed beats.
    async fn beat(&mut self, m: &Machinery, claim: &Claim) -> Option<Heartbeat> {
        let (lease, progress, lines) = (claim.lease.clone(), self.progress.take(), std::mem::take(&mut self.lines));
        let beat = m
            .ledger(move |l| {
                if !lines.is_empty() {
                    l.log(&lease, &lines, now())?;
                }
                l.heartbeat(&lease, progress.as_ref(), now())
            })
            .await;
        beat.inspect_err(|e| tracing::warn!("a heartbeat failed: {e}")).ok()
    }

    /// Keeps the last lines, and what a crashed host printed.
    async fn flush(&mut self, m: &Machinery, claim: &Claim, end: &RunEnd) {
        if !end.stderr_tail.is_empty() && !matches!(end.kind, EndKind::Succeeded { .. } | EndKind::Cancelled) {
            let message = format!("the last it printed:\n{}", end.stderr_tail);
            self.lines.push(LogLine { at: now(), level: Level::Error, message, fields: serde_json::Map::new() });
        }
        if self.lines.is_empty() {
            return;
        }
        let (lease, lines) = (claim.lease.clone(), std::mem::take(&mut self.lines));
        if let Err(e) = m.ledger(move |l| l.log(&lease, &lines, now())).await {
            tracing::warn!("the last log lines were not kept: {e}");
        }
    }
}
