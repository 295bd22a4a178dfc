//! `spotloom jobs`: the ledger, for people.

use crate::agent::now;
use crate::artifacts::Store;
use crate::engine;
use crate::error::Diagnostic;
use crate::ids::{JobId, Timestamp};
use crate::job::{Phase, TaskState};
use crate::ledger::{JobFilter, JobView, Ledger, TaskView};
use crate::studio::Studio;

use super::args::JobsAction;
use super::exit::{Done, Exit, Problem};
use super::noted;
use super::run::{delivered, listed};
use super::term::{Term, table};

pub(super) fn jobs(studio: &Studio, action: Option<JobsAction>, term: Term) -> Done {
    let ledger = engine::open_ledger(studio)?;
    match action.unwrap_or(JobsAction::List) {
        JobsAction::List => list(&ledger, term),
        JobsAction::Show { job } => show(studio, &ledger, JobId(job), term),
        JobsAction::Logs { job } => logs(&ledger, JobId(job), term),
        JobsAction::Retry { job } => {
            ledger.retry(JobId(job), now())?;
            engine::poke(studio);
            term.give(&find(&ledger, JobId(job))?);
            term.say(format!("Job {job} goes on from where it broke, as soon as a daemon serves this studio."));
            Ok(Exit::Done)
        }
        JobsAction::Cancel { job } => {
            ledger.cancel(JobId(job), "cancelled on the command line", now())?;
            engine::poke(studio);
            term.give(&find(&ledger, JobId(job))?);
            term.say(format!("Job {job} is cancelled."));
            Ok(Exit::Done)
        }
    }
}

fn find(ledger: &dyn Ledger, job: JobId) -> Result<JobView, Problem> {
    match ledger.job(job)? {
        Some(view) => Ok(view),
        None => Err(Diagnostic::new("no-such-job", format!("there is no job {job}"))
            .hint("`spotloom jobs list` shows those there are")
            .into()),
    }
}

fn list(ledger: &dyn Ledger, term: Term) -> Done {
    let jobs = ledger.jobs(&JobFilter::default())?;
    term.give(&jobs);
    if jobs.is_empty() {
        term.say("No jobs yet: drop a brief into the briefs folder, or `spotloom run BRIEF`.");
        return Ok(Exit::Done);
    }
    let mut rows = vec![["JOB", "STATE", "SPOT", "TASKS", "ACCEPTED", "BRIEF"].map(str::to_owned).to_vec()];
    for j in &jobs {
        let t = j.tasks;
        rows.push(vec![
            j.id.to_string(),
            state(j),
            format!("{} / {} v{}", j.campaign, j.title, j.version),
            format!("{}/{}", t.succeeded, t.total),
            when(j.submitted_at),
            j.brief_name.clone(),
        ]);
    }
    term.say(table(&rows).trim_end());
    Ok(Exit::Done)
}

fn state(job: &JobView) -> String {
    let word = match job.phase {
        Phase::Accepted => "accepted",
        Phase::Running => "running",
        Phase::Delivered => "delivered",
        Phase::Failed => "failed",
        Phase::Cancelled => "cancelled",
    };
    let telling = job.phase.is_decided() && !job.finished;
    if telling { format!("{word}, telling") } else { word.into() }
}

fn show(studio: &Studio, ledger: &dyn Ledger, id: JobId, term: Term) -> Done {
    let job = find(ledger, id)?;
    let tasks = ledger.tasks(id)?;
    let attempts = ledger.attempts(id, None)?;
    let files = Store::open(&studio.state()).map(|store| delivered(&tasks, &store)).unwrap_or_default();
    term.give(&serde_json::json!({ "job": job, "tasks": tasks, "attempts": attempts, "files": files }));
    term.say(format!("{} / {} v{}", job.campaign, job.title, job.version));
    let (accepted, brief) = (when(job.submitted_at), &job.brief_name);
    term.say(format!("job {}, {}: {brief}, accepted {accepted}\n", job.id, state(&job)));
    if let Some(cause) = &job.cause {
        term.say(format!("failed in `{}`: {}", cause.task, cause.failure.message));
        if let Some(hint) = &cause.failure.hint {
            term.say(format!("  hint: {hint}"));
        }
        term.say("");
    }
    let mut rows = vec![["TASK", "STATE", "TRIES", "TIME", ""].map(str::to_owned).to_vec()];
    for t in &tasks {
        let tries = attempts.iter().filter(|a| a.task == t.key).count();
        rows.push(vec![t.key.to_string(), word(t), tries.to_string(), took(t), detail(t)]);
    }
    term.say(table(&rows).trim_end());
    for t in tasks.iter().filter(|t| !t.reseeded.is_empty()) {
        let because = t.reseeded.join(" Then: ");
        term.say(format!("\n{} was made again with another seed: {because}", t.key));
    }
    if !files.is_empty() {
        term.say(format!("\n{}", listed(&files)));
    }
    Ok(Exit::Done)
}

fn word(task: &TaskView) -> String {
    match &task.state {
        TaskState::Succeeded { from_cache: true } => "from cache".into(),
        other => other.name().into(),
    }
}

fn took(task: &TaskView) -> String {
    match (task.started_at, task.ended_at) {
        #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
        (Some(a), Some(b)) if b >= a => format!("{:.1} s", (b.0 - a.0) as f64 / 1000.0),
        _ => String::new(),
    }
}

fn detail(task: &TaskView) -> String {
    if let Some(failure) = task.state.failure() {
        return failure.message.clone();
    }
    match task.lease.as_ref().and_then(|l| l.progress.as_ref()) {
        Some(p) if p.total > 0 => format!("{} of {} {}", p.done, p.total, p.message),
        _ => String::new(),
    }
}

fn logs(ledger: &dyn Ledger, id: JobId, term: Term) -> Done {
    find(ledger, id)?;
    let all = noted::log(ledger, id)?;
    term.give(&all);
    if all.is_empty() {
        term.say(format!("The stages of job {id} have logged nothing."));
    }
    for record in &all {
        let l = &record.line;
        let fields: String = l.fields.iter().map(|(k, v)| format!(" {k}={v}")).collect();
        let level = format!("{:?}", l.level).to_uppercase();
        term.say(format!("{} {level:<5} {}: {}{fields}", when(l.at), record.lease.task, l.message));
    }
    Ok(Exit::Done)
}

fn when(at: Timestamp) -> String {
    jiff::Timestamp::from_millisecond(at.0)
        .map_or_else(|_| String::new(), |t| t.strftime("%Y-%m-%d %H:%M:%SZ").to_string())
}
