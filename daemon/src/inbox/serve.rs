//! The intake's loop: scan, settle, take, shelve.

use std::fs;
use std::panic::AssertUnwindSafe;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::broadcast::error::{RecvError, TryRecvError};
use tokio::sync::{Notify, broadcast, watch};

use crate::agent::{Stop, Update, now};
use crate::artifacts::Store;
use crate::error::{Diagnostic, Diagnostics};
use crate::ids::JobId;
use crate::ledger::{IntakeRecord, IntakeState, Ledger, NewJob};

use super::names::{self, Kind};
use super::settle::{Look, Settling};
use super::shelve::{self, Whose};
use super::take::{self, NotSpooled, Shelves, Spooled};
use super::watch as events;

/// Judges a spooled brief: a job to submit, or everything that is wrong with it.
pub type Judge = dyn Fn(&Spooled) -> Result<NewJob, Diagnostics> + Send + Sync;

/// An intake folder and what becomes of the files in it.
pub struct Intake {
    pub shelves: Shelves,
    pub settle: Duration,
    pub poll: Duration,
    pub ready_marker: bool,
    pub deliveries: PathBuf,
    pub ledger: Arc<dyn Ledger>,
    pub store: Store,
    pub judge: Box<Judge>,
    /// Wakes the agent after a submission.
    pub submitted: Arc<Notify>,
}

/// Jobs can also finish without this process doing it (`spotloom jobs cancel`): all shelves are looked at so often.
const LOOK_AT_ALL: Duration = Duration::from_secs(60);

/// Takes briefs until asked to stop.
pub async fn run(intake: Arc<Intake>, mut updates: broadcast::Receiver<Update>, mut stop: watch::Receiver<Stop>) {
    let wake = Arc::new(Notify::new());
    let _watch = events::watch(&intake.shelves.intake, Arc::clone(&wake));
    let mut settling = Settling::new(i64::try_from(intake.settle.as_millis()).unwrap_or(i64::MAX));
    let mut whose = Whose::All;
    let mut last_all = Instant::now();
    loop {
        let this = Arc::clone(&intake);
        let scanned = tokio::task::spawn_blocking(move || {
            let again = this.scan(&mut settling, whose);
            (settling, again)
        })
        .await;
        (settling, whose) = match scanned {
            Ok(after) => after,
            Err(e) => {
                tracing::error!("a scan of the intake folder broke off: {e}");
                (Settling::new(i64::try_from(intake.settle.as_millis()).unwrap_or(i64::MAX)), Whose::All)
            }
        };
        // A file that is complete but could not be taken is tried again on the timer, not in a spin.
        let at = now();
        let due = settling.next(at).map_or(intake.poll, |next| {
            Duration::from_millis(u64::try_from(next.0 - at.0).unwrap_or(0) + 1).min(intake.poll)
        });
        let look_at_all = last_all.elapsed() > LOOK_AT_ALL;
        if look_at_all {
            last_all = Instant::now();
            whose = Whose::All;
        }
        tokio::select! {
            () = wake.notified() => {}
            () = tokio::time::sleep(due) => {}
            () = finished(&mut updates, &mut whose) => {}
            _ = stop.wait_for(|s| *s >= Stop::Drain) => return,
        }
    }
}

/// Waits for a job to finish and notes it with all others that have. A watcher that fell behind looks at everything.
async fn finished(updates: &mut broadcast::Receiver<Update>, whose: &mut Whose) {
    let mut noted = false;
    loop {
        let next = match updates.try_recv() {
            Ok(update) => Ok(update),
            Err(TryRecvError::Lagged(n)) => Err(RecvError::Lagged(n)),
            Err(TryRecvError::Empty | TryRecvError::Closed) if noted => return,
            Err(TryRecvError::Empty | TryRecvError::Closed) => updates.recv().await,
        };
        match next {
            Ok(Update::JobFinished { job, .. }) => whose.add(job),
            Err(RecvError::Lagged(_)) => *whose = Whose::All,
            Err(RecvError::Closed) => std::future::pending().await,
            Ok(_) => continue,
        }
        noted = true;
    }
}

impl Intake {
    /// Gives those whose briefs could not be shelved.
    fn scan(&self, settling: &mut Settling, mut whose: Whose) -> Whose {
        for name in settling.look(self.candidates(), now()) {
            if self.ready_marker && !self.shelves.intake.join(format!("{name}.ready")).exists() {
                continue;
            }
            match take::spool(&self.shelves, &name) {
                Err(NotSpooled::Changed) => settling.again(&name),
                Err(NotSpooled::Refused(why)) => {
                    tracing::warn!(brief = name, code = why.code, "refused");
                    if let Err(e) = take::refuse(&self.shelves, &name, why) {
                        tracing::error!(brief = name, "could not be moved to rejected: {e}");
                    }
                }
                // Its job may be finished: a drop taken again after a failure to move it.
                Ok(spooled) => self.take(&spooled).into_iter().for_each(|job| whose.add(job)),
            }
        }
        let deliveries = self.deliveries.display().to_string();
        shelve::shelve(&self.shelves, self.ledger.as_ref(), &self.store, &deliveries, &whose).unwrap_or_else(|e| {
            tracing::warn!("the shelves could not be read: {e}");
            whose
        })
    }

    /// Everything in the folder that can be a brief by its name. A folder that can't be read is an unmounted one, not
    /// an empty one: nothing is forgotten or deleted because of it.
    fn candidates(&self) -> Vec<(String, Look)> {
        let entries = match fs::read_dir(&self.shelves.intake) {
            Ok(entries) => entries,
            Err(e) => {
                tracing::error!("the intake folder can't be read: {e}");
                return Vec::new();
            }
        };
        entries
            .flatten()
            .filter_map(|e| {
                let name = e.file_name().into_string().ok()?;
                (names::kind(&name) == Kind::Brief).then_some(())?;
                let look = take::look(&e.path())?;
                Some((name, look))
            })
            .collect()
    }

    /// Gives the job that became of it.
    fn take(&self, spooled: &Spooled) -> Option<JobId> {
        // A panic is our defect; the briefs after this one must not wait for it to be mended.
        let judged = std::panic::catch_unwind(AssertUnwindSafe(|| (self.judge)(spooled)));
        let judged = judged.unwrap_or_else(|_| {
            Err(vec![
                Diagnostic::new("internal", format!("{} brought a defect of Spotloom to light", spooled.name))
                    .hint("please send this brief and the daemon's log to those who make Spotloom"),
            ])
        });
        match judged {
            Err(problems) => {
                self.reject(spooled, &problems);
                None
            }
            Ok(job) => match self.ledger.submit(&job, now()) {
                Ok(submitted) => {
                    tracing::info!(
                        job = submitted.job.0,
                        brief = spooled.name,
                        version = submitted.version,
                        "accepted"
                    );
                    self.submitted.notify_one();
                    self.settle(spooled, submitted.job);
                    Some(submitted.job)
                }
                // The brief stays where it is and is tried again.
                Err(e) => {
                    tracing::error!(brief = spooled.name, "could not be submitted: {e}");
                    None
                }
            },
        }
    }

    fn settle(&self, spooled: &Spooled, job: JobId) {
        if let Err(e) = take::to_processing(&self.shelves, spooled, job) {
            tracing::warn!(brief = spooled.name, "could not be moved to processing: {e}");
            return;
        }
        let record = IntakeRecord {
            id: spooled.intake_id.clone(),
            name: spooled.name.clone(),
            sha256: spooled.sha256.clone(),
            state: IntakeState::Settled,
            job: Some(job),
        };
        if let Err(e) = self.ledger.intake_put(&record, now()) {
            tracing::warn!("the intake could not be marked as settled: {e}");
        }
    }

    fn reject(&self, spooled: &Spooled, problems: &Diagnostics) {
        let name = &spooled.name;
        let codes: Vec<&str> = problems.iter().map(|d| d.code.as_str()).collect();
        tracing::warn!(brief = name, mistakes = problems.len(), ?codes, "rejected");
        if let Err(e) = take::reject(&self.shelves, spooled, problems) {
            tracing::error!(brief = name, "could not be moved to rejected: {e}");
        }
    }
}
