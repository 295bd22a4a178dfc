//! From arguments to an exit code.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser as _;

use crate::error::Diagnostic;
use crate::studio::Studio;

use super::args::{Cli, Command, Global, PluginsAction};
use super::exit::{Done, Exit, Problem};
use super::term::Term;
use super::{batch, doctor, init, jobs, logging, models, plan, plugins, run, schema, serve, validate};

/// Runs the command line of this process.
#[must_use]
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(e) => {
            // Help and version are answers, not mistakes. A closed pipe is not our problem.
            let _ = e.print();
            return if e.use_stderr() { Exit::Usage.into() } else { Exit::Done.into() };
        }
    };
    let term = Term { json: cli.global.json };
    let level = if matches!(cli.command, Command::Serve) { "info" } else { "error" };
    logging::install(&cli.global, level);
    match dispatch(cli, term) {
        Ok(exit) => exit.into(),
        Err(Problem { exit, diagnostics }) => {
            term.problems(&diagnostics);
            exit.into()
        }
    }
}

fn dispatch(cli: Cli, term: Term) -> Done {
    let global = cli.global;
    match cli.command {
        Command::Init { dir } => init::init(&dir, term),
        Command::Schema { of } => schema::print(of, term),
        // These two work without a studio: one belongs to the installation, the other to a plugin's author.
        Command::Plugins { action: Some(action @ PluginsAction::Trust { built_in: true, .. }) } => {
            wait(plugins::trust_built_in(action, term))
        }
        Command::Plugins { action: Some(PluginsAction::Check { path }) } => wait(plugins::check_file(&path, term)),
        Command::Run { brief, out } => {
            let studio = open(&global, Some(&brief))?;
            wait(run::run(studio, &brief, out.as_deref(), term))
        }
        Command::Serve => wait(serve::serve(open(&global, None)?, term)),
        Command::Validate { paths } => {
            let studio = open(&global, paths.first().map(PathBuf::as_path))?;
            wait(validate::validate(studio, &paths, term))
        }
        Command::Plan { brief } => {
            let studio = open(&global, Some(&brief))?;
            wait(plan::plan(studio, &brief, term))
        }
        Command::Batch { rows, template, out } => {
            let studio = open(&global, Some(&template))?;
            wait(batch::batch(studio, &rows, &template, out, term))
        }
        Command::Jobs { action } => jobs::jobs(&open(&global, None)?, action, term),
        Command::Plugins { action } => wait(plugins::plugins(open(&global, None)?, action, term)),
        Command::Models { action } => wait(models::models(&open(&global, None)?, action, term)),
        Command::Doctor => wait(doctor::doctor(open(&global, None), term)),
        // Answered in `main` before anything else starts.
        Command::PluginHost { .. } => Ok(Exit::Usage),
    }
}

/// The studio meant: named, or the one the file or the current folder lies in.
fn open(global: &Global, file: Option<&Path>) -> Result<Studio, Problem> {
    // Absolute, because a message may have to tell it, and because a file that is missing has folders all the same.
    let here = std::env::current_dir().unwrap_or_else(|_| PathBuf::from("."));
    let root = match (&global.studio, file) {
        (Some(root), _) => root.clone(),
        (None, Some(file)) => Studio::discover(&here.join(file)).or_else(|d| Studio::discover(&here).map_err(|_| d))?,
        (None, None) => Studio::discover(&here)?,
    };
    Ok(Studio::open(&root)?)
}

fn wait(work: impl Future<Output = Done>) -> Done {
    match tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build() {
        Ok(runtime) => {
            let done = runtime.block_on(work);
            // A scan that hangs on a dead network mount must not keep the process alive.
            runtime.shutdown_timeout(std::time::Duration::from_secs(2));
            done
        }
        Err(e) => Err(Problem {
            exit: Exit::Defect,
            diagnostics: vec![Diagnostic::new("no-runtime", format!("the program could not start its threads: {e}"))],
        }),
    }
}
