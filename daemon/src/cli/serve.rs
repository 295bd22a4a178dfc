//! `spotloom serve`: the daemon.

use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};

use crate::agent::Stop;
use crate::engine::Engine;
use crate::error::Diagnostic;
use crate::host::HostOptions;
use crate::inbox::serve::{self as inbox, Intake};
use crate::inbox::take::{Shelves, Spooled};
use crate::studio::Studio;
use crate::yaml;

use super::exit::{Done, Exit, Problem};
use super::preflight;
use super::term::Term;

/// What runs when a stop is asked for may end by itself for so long.
const PATIENCE: Duration = Duration::from_secs(20);

pub(super) async fn serve(studio: Studio, term: Term) -> Done {
    let mut terminate = signal(SignalKind::terminate())
        .map_err(|e| Diagnostic::new("no-signals", format!("signals can't be received: {e}")))?;
    let engine = Engine::start(&studio, HostOptions::default()).await?;
    let studio = Arc::new(studio);
    let shelves = Shelves::open(studio.intake(), studio.state().join("spool")).map_err(|e| {
        Diagnostic::new("not-writable", format!("the intake folder {} can't be used: {e}", studio.intake().display()))
    })?;
    let (machinery, judged_by) = (Arc::clone(&engine.machinery), Arc::clone(&studio));
    let runtime = tokio::runtime::Handle::current();
    // The inbox judges where blocking is allowed.
    let judge = move |spooled: &Spooled| {
        let node = yaml::parse(&spooled.name, &spooled.bytes)?;
        let planned = runtime.block_on(preflight::judge(&judged_by, &machinery.registry, &machinery.hosts, &node))?;
        let mut job = planned.into_job(&spooled.name, spooled.sha256.clone(), "inbox");
        job.intake_id.clone_from(&spooled.intake_id);
        Ok(job)
    };
    let settings = &studio.config.intake;
    let intake = Arc::new(Intake {
        shelves,
        settle: Duration::from_secs_f64(settings.settle.clamp(0.0, 3600.0)),
        poll: Duration::from_secs_f64(settings.poll.clamp(0.05, 3600.0)),
        ready_marker: settings.ready_marker,
        deliveries: studio.deliveries(),
        ledger: Arc::clone(&engine.machinery.ledger),
        store: engine.machinery.store.clone(),
        judge: Box::new(judge),
        submitted: Arc::clone(&engine.machinery.wake),
    });
    let folder = intake.shelves.intake.clone();
    let mut inbox = tokio::spawn(inbox::run(intake, engine.updates(), engine.drain.receiver()));
    tracing::info!(folder = %folder.display(), "ready: drop briefs here");
    term.say(format!("Ready. Drop briefs into {}", folder.display()));

    // A daemon that takes no briefs or runs no stages must not look alive: it ends, and whoever keeps it running starts it anew.
    let defect = tokio::select! {
        _ = terminate.recv() => None,
        _ = tokio::signal::ctrl_c() => None,
        defect = engine.broken() => Some(defect),
        ended = &mut inbox => Some(
            Diagnostic::new("internal", format!("the inbox has ended ({ended:?}): a defect of Spotloom"))
                .hint("start again: no brief is lost"),
        ),
    };
    if let Some(defect) = defect {
        engine.stop(Duration::ZERO).await;
        return Err(Problem::defect(defect));
    }
    tracing::info!("stopping: what runs may end, what waits goes on at the next start");
    engine.drain.ask(Stop::Drain);
    // A scan that hangs on a dead network folder must not keep the daemon from stopping.
    let _ = tokio::time::timeout(Duration::from_secs(2), inbox).await;
    tokio::select! {
        () = engine.stop(PATIENCE) => {}
        _ = terminate.recv() => {}
        _ = tokio::signal::ctrl_c() => {}
    }
    Ok(Exit::Done)
}
