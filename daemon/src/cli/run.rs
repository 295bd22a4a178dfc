//! `spotloom run`: one brief from start to finish, in this process, over the same ledger as the daemon's.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Serialize;

use crate::agent::now;
use crate::artifacts::{Store, disk, hash_bytes, hash_file};
use crate::engine::Engine;
use crate::error::Diagnostic;
use crate::host::HostOptions;
use crate::ids::JobId;
use crate::inbox::shown;
use crate::ledger::{self, JobFilter, JobView, Ledger, NewJob, TaskView};
use crate::studio::{Studio, files};
use crate::yaml;

use super::exit::{Done, Exit, Problem};
use super::noted::{self, Note};
use super::term::{Term, table};
use super::{preflight, progress, recipe};

/// What `run` made.
#[derive(Serialize)]
struct Report {
    job: JobId,
    outcome: String,
    version: u32,
    files: Vec<PathBuf>,
    from_cache: usize,
    tasks: usize,
    /// What its stages warned of.
    warnings: Vec<Note>,
    failure: Option<spotloom_plugin_api::TaskFailure>,
    /// Files that show why it failed.
    shown: Vec<PathBuf>,
}

pub(super) async fn run(studio: Studio, brief: &Path, out: Option<&Path>, term: Term) -> Done {
    let bytes = match brief.extension().is_some_and(|e| e == "json") {
        true => files::read_within(brief, recipe::MAX_BYTES)?,
        false => files::read(brief)?,
    };
    room(&studio)?;
    if let Some(recipes) = recipe::recognise(&bytes) {
        return recipe::run(studio, brief, &recipes, out, term).await;
    }
    let engine = Engine::start(&studio, HostOptions::for_one_job()).await?;
    let done = run_in(&engine, &studio, brief, &bytes, out, term).await;
    engine.stop(Duration::ZERO).await;
    done
}

/// The daemon waits for room; a person at a terminal wants to know at once.
fn room(studio: &Studio) -> Result<(), Diagnostic> {
    let needed = studio.config.limits.min_free_disk_mb.saturating_mul(1_000_000);
    match disk::free_bytes(&studio.root) {
        Ok(free) if free < needed => {
            let (free, needed) = (disk::human(free), disk::human(needed));
            Err(Diagnostic::new("disk-low", format!("only {free} free on the studio's disk, {needed} are needed"))
                .hint("free some space, or lower `limits.min-free-disk-mb` in spotloom.yaml"))
        }
        _ => Ok(()),
    }
}

async fn run_in(engine: &Engine, studio: &Studio, brief: &Path, bytes: &[u8], out: Option<&Path>, term: Term) -> Done {
    let shown = brief.display().to_string();
    let name = brief.file_name().map_or_else(|| "brief.yaml".into(), |n| n.to_string_lossy().into_owned());
    let m = &engine.machinery;
    let node = yaml::parse(&shown, bytes)?;
    let planned = preflight::judge(studio, &m.registry, &m.hosts, &node).await?;
    let mut job = planned.into_job(&name, hash_bytes(bytes), "run");
    job.intake_id = hash_bytes(format!("run\0{shown}\0{}\0{}", now().0, std::process::id()).as_bytes()).0[..20].into();
    let total = job.plan.tasks.len();
    let updates = engine.updates();
    let (submitted, begun) = m
        .ledger(move |l| {
            let begun = interrupted(l, &job)?;
            if let Some(view) = &begun {
                job.intake_id.clone_from(&view.intake_id);
            }
            Ok((l.submit(&job, now())?, begun))
        })
        .await?;
    if let Some(view) = begun {
        let (done, all) = (view.tasks.succeeded, view.tasks.total);
        term.say(format!("going on with job {}: {done} of its {all} tasks are done", view.id));
    }
    m.wake.notify_one();

    tokio::select! {
        () = progress::follow(submitted.job, total, m, updates, term) => {}
        defect = engine.broken() => return Err(Problem::defect(defect)),
        _ = tokio::signal::ctrl_c() => {
            m.ledger(move |l| l.cancel(submitted.job, "interrupted at the terminal", now())).await?;
            return Ok(Exit::Cancelled);
        }
    }
    let id = submitted.job;
    let (view, tasks, notes) = m
        .ledger(move |l| {
            let tasks = l.tasks(id)?;
            let notes = noted::notes(l, id, &tasks)?;
            Ok((l.job(id)?, tasks, notes))
        })
        .await?;
    let view = view.ok_or_else(|| Diagnostic::new("no-such-job", format!("job {id} is gone from the ledger")))?;
    let files = delivered(&tasks, &m.store);
    let files = match out {
        Some(out) => copy_out(&files, out)?,
        None => files,
    };
    let shown = match out {
        Some(out) => out.to_path_buf(),
        None => studio.state().join("shown").join(format!("job{id}")),
    };
    let shown = show(&tasks, &m.store, &shown)?;
    print(&view, &tasks, &notes, &files, &shown, term);
    Ok(view.phase.outcome().into())
}

/// The job of the same brief that an earlier `run` began and did not finish, because it was killed or the machine went
/// down: it is gone on with, where beginning a second one would make everything twice.
fn interrupted(ledger: &dyn Ledger, job: &NewJob) -> ledger::Result<Option<JobView>> {
    let same = |view: &JobView| {
        view.source == job.source && view.brief_name == job.brief_name && view.brief_sha256 == job.brief_sha256
    };
    let unfinished = ledger.jobs(&JobFilter { unfinished: true, ..JobFilter::default() })?;
    for view in unfinished.into_iter().filter(same) {
        // An asset or a pipeline that has changed since is another job.
        if ledger.plan(view.id)?.as_ref() == Some(&job.plan) {
            return Ok(Some(view));
        }
    }
    Ok(None)
}

/// Paths of what was put into the studio's own deliveries folder, from the receipt of that delivery.
pub(super) fn delivered(tasks: &[TaskView], store: &Store) -> Vec<PathBuf> {
    let own = tasks.iter().filter(|t| t.key.as_str() == "deliver[folder:deliveries]");
    let receipts = own.filter_map(|t| t.outputs.get("receipt")).flatten();
    let texts = receipts.filter_map(|r| fs::read(store.path(&r.sha256)).ok());
    let values = texts.filter_map(|t| serde_json::from_slice::<serde_json::Value>(&t).ok());
    values
        .flat_map(|v| v["files"].as_array().cloned().unwrap_or_default())
        .filter_map(|f| f["path"].as_str().map(PathBuf::from))
        .collect()
}

/// What shows why the job failed, as files with names.
fn show(tasks: &[TaskView], store: &Store, folder: &Path) -> Result<Vec<PathBuf>, Problem> {
    if shown::files(tasks).is_empty() {
        return Ok(Vec::new());
    }
    let put = fs::create_dir_all(folder).and_then(|()| shown::put(tasks, store, folder, ""));
    Ok(put.map_err(|e| Diagnostic::new("not-writable", format!("{} can't be written: {e}", folder.display())))?)
}

fn copy_out(files: &[PathBuf], out: &Path) -> Result<Vec<PathBuf>, Problem> {
    let failed =
        |e: std::io::Error| Diagnostic::new("not-writable", format!("{} can't be written: {e}", out.display()));
    fs::create_dir_all(out).map_err(failed)?;
    let mut copied = Vec::new();
    for file in files {
        let Some(name) = file.file_name() else { continue };
        let target = out.join(name);
        let same = target.exists() && hash_file(&target).map_err(failed)?.0 == hash_file(file).map_err(failed)?.0;
        if !same {
            fs::copy(file, &target).map_err(failed)?;
        }
        copied.push(target);
    }
    Ok(copied)
}

fn print(view: &JobView, tasks: &[TaskView], notes: &[Note], files: &[PathBuf], shown: &[PathBuf], term: Term) {
    let cached =
        tasks.iter().filter(|t| matches!(t.state, crate::job::TaskState::Succeeded { from_cache: true })).count();
    term.give(&Report {
        job: view.id,
        outcome: format!("{:?}", view.phase).to_lowercase(),
        version: view.version,
        files: files.to_vec(),
        from_cache: cached,
        tasks: tasks.len(),
        warnings: notes.to_vec(),
        failure: view.cause.clone(),
        shown: shown.to_vec(),
    });
    noted::lines(notes, view.id).iter().for_each(|line| term.warn(line));
    match &view.cause {
        Some(cause) => {
            let mut problem = Diagnostic::new(
                &cause.failure.code,
                format!("the stage `{}` of job {} failed: {}", cause.task, view.id, cause.failure.message),
            );
            problem.hint = cause.failure.hint.clone();
            if !term.json {
                term.problems(&vec![problem]);
                shown.iter().for_each(|file| term.say(format!("  to be seen in {}", file.display())));
                term.say(format!("  spotloom jobs logs {0}     what its stages logged", view.id));
                term.say(format!("  spotloom jobs retry {0}    go on from there", view.id));
            }
        }
        None => {
            let title = format!("{} / {}, version {}", view.campaign, view.title, view.version);
            term.say(format!("{title}: {} tasks, {cached} from the cache", tasks.len()));
            term.say(listed(files));
        }
    }
}

/// Files with their sizes, for people.
pub(super) fn listed(files: &[PathBuf]) -> String {
    let rows: Vec<Vec<String>> = files.iter().map(|f| vec![format!("  {}", f.display()), size(f)]).collect();
    table(&rows).trim_end().to_owned()
}

fn size(file: &Path) -> String {
    fs::metadata(file).map(|m| crate::artifacts::disk::human(m.len())).unwrap_or_default()
}
