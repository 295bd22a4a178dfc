//! Progress bars, one for each running stage; silent when nobody watches.

use std::collections::HashMap;
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use tokio::sync::broadcast;

use crate::agent::{Machinery, Update};
use crate::artifacts::disk;
use crate::ids::{JobId, TaskKey};
use crate::ledger::AttemptEnd;

use super::term::Term;

/// How long nothing may be heard before the ledger is asked.
const ASK_AGAIN: Duration = Duration::from_secs(2);

/// Shows a job's updates until it is finished.
pub(super) async fn follow(
    job: JobId,
    total: usize,
    m: &Machinery,
    mut updates: broadcast::Receiver<Update>,
    term: Term,
) {
    let mut bars = Bars::new(total, term);
    loop {
        match tokio::time::timeout(ASK_AGAIN, updates.recv()).await {
            Ok(Ok(Update::JobFinished { job: finished, .. })) if finished == job => break,
            Ok(Ok(update)) => bars.show(job, update),
            Ok(Err(broadcast::error::RecvError::Closed)) => break,
            // Silence, or more than could be followed: the ledger knows. A job can also end by another command's doing.
            Ok(Err(broadcast::error::RecvError::Lagged(_))) | Err(_) => {
                let view = m.ledger(move |l| l.job(job)).await;
                if view.is_ok_and(|v| v.is_none_or(|v| v.finished)) {
                    break;
                }
            }
        }
    }
    bars.clear();
}

struct Bars {
    screen: Option<MultiProgress>,
    overall: ProgressBar,
    running: HashMap<TaskKey, ProgressBar>,
}

impl Bars {
    fn new(total: usize, term: Term) -> Self {
        let screen = term.interactive().then(MultiProgress::new);
        let overall = match &screen {
            Some(screen) => screen.add(ProgressBar::new(total as u64)),
            None => ProgressBar::hidden(),
        };
        overall.set_style(style("{prefix:<28} {bar:30} {pos}/{len} tasks  {elapsed}"));
        overall.set_prefix("spot");
        overall.enable_steady_tick(Duration::from_millis(500));
        Self { screen, overall, running: HashMap::new() }
    }

    fn show(&mut self, job: JobId, update: Update) {
        let Some(screen) = &self.screen else { return };
        match update {
            Update::TaskStarted { job: j, task, attempt } if j == job => {
                let bar = screen.insert_before(&self.overall, ProgressBar::new(0));
                bar.set_style(style("{prefix:<28} {bar:30} {percent:>3}%  {msg}"));
                bar.set_prefix(if attempt > 1 { format!("{task} (try {attempt})") } else { task.to_string() });
                self.running.insert(task, bar);
            }
            Update::Progress { job: j, task, done, total, message } if j == job => {
                if let Some(bar) = self.running.get(&task) {
                    bar.set_length(total);
                    bar.set_position(done);
                    bar.set_message(message);
                }
            }
            Update::TaskEnded { job: j, task, end } if j == job => {
                if let Some(bar) = self.running.remove(&task) {
                    bar.finish_and_clear();
                    screen.remove(&bar);
                }
                let word = match end {
                    AttemptEnd::Succeeded { from_cache: true, .. } => "from cache",
                    AttemptEnd::Succeeded { .. } => "done",
                    AttemptEnd::Failed { .. } => "failed",
                    AttemptEnd::Cancelled => "stopped",
                };
                self.overall.println(format!("{:<28} {word}", task.to_string()));
                self.overall.inc(1);
            }
            Update::DiskLow { free, needed } => {
                let (free, needed) = (disk::human(free), disk::human(needed));
                self.overall.println(format!("waiting: only {free} free on this disk, {needed} are needed"));
            }
            _ => {}
        }
    }

    fn clear(self) {
        self.overall.finish_and_clear();
    }
}

fn style(template: &str) -> ProgressStyle {
    // The templates above are constants; a wrong one would only look plain.
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()).progress_chars("━━╌")
}
