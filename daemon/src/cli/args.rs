//! The command line, as data. Its help is the manual, so every line here is written for a reader.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// Finished video ads out of campaign briefs, on your own machines.
#[derive(Debug, Parser)]
#[command(
    name = "spotloom",
    version,
    max_term_width = 100,
    after_help = "Start here:\n  spotloom init my-studio                           a studio with an example brand and briefs\n  spotloom run my-studio/examples/citrus-hero.yaml  one brief, start to finish\n  spotloom serve --studio my-studio                 take every brief dropped into my-studio/briefs\n\nExit codes: 0 done, 1 the input is wrong, 2 usage, 3 a stage failed, \n5 cancelled, 70 a defect of ours (4 is reserved for approvals)"
)]
pub struct Cli {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub command: Command,
}

/// Options of every command.
#[derive(Clone, Debug, Args)]
pub struct Global {
    /// The studio folder; found from the brief or the current folder when not given
    #[arg(long, global = true, value_name = "DIR", env = "SPOTLOOM_STUDIO", hide_env_values = true)]
    pub studio: Option<PathBuf>,
    /// Print one JSON document for machines instead of text for people
    #[arg(long, global = true)]
    pub json: bool,
    /// How the log on stderr is written
    #[arg(long, global = true, value_enum, default_value = "human", value_name = "FORMAT")]
    pub log_format: LogFormat,
    /// What is logged: error, warn, info, debug, trace, or filters like spotloom=debug
    #[arg(long, global = true, value_name = "LEVEL", env = "SPOTLOOM_LOG", hide_env_values = true)]
    pub log: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    Human,
    Json,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Make a studio: settings, an example brand, example briefs
    Init {
        /// The folder to make; it must be empty or not there yet
        dir: PathBuf,
    },
    /// Run one brief from start to finish, or make one clip again from its recipe
    #[command(after_help = "Uses the same ledger, agent and plugin hosts as `serve`, in this process.\n\
        Stages whose inputs have not changed come from the cache.\n\
        A recipe (JSON) is made anew, put beside its file, and its hash is held against the recipe's.")]
    Run {
        /// The brief, a YAML file, or the recipe of a clip, JSON
        brief: PathBuf,
        /// Also copy the delivered files into this folder
        #[arg(long, value_name = "DIR")]
        out: Option<PathBuf>,
    },
    /// The daemon: take briefs from the intake folder, run them, tell stakeholders
    #[command(after_help = "Stops at SIGTERM or Ctrl-C: what runs has 20 seconds to end, everything else\n\
        goes on at the next start. SIGKILL is safe at any time.")]
    Serve,
    /// Check briefs, pipelines, presets, brands and settings: all mistakes at once, exit code 1
    Validate {
        /// Files to check; folders are searched for .yaml files
        #[arg(required = true)]
        paths: Vec<PathBuf>,
    },
    /// Show what a brief will do: its tasks, and which come from the cache; runs nothing
    Plan {
        /// The brief, a YAML file
        brief: PathBuf,
    },
    /// Make a brief for each row of a table; all mistakes of all rows at once
    #[command(
        after_help = "The template is a brief with columns in its values: `headline: \"{{ headline }}\"`. An empty\n\
        cell is a field that is not written. Nothing is written unless every row is right; the briefs\n\
        start when they lie in the studio's briefs folder: `--out my-studio/briefs` does that at once."
    )]
    Batch {
        /// The table: CSV with a line of column names, as Excel, Numbers and Google Sheets save it
        rows: PathBuf,
        /// The template: a brief with `{{ column }}` in its values
        template: PathBuf,
        /// Where the briefs go; by default a folder beside the table, with its name
        #[arg(long, value_name = "DIR")]
        out: Option<PathBuf>,
    },
    /// Look at jobs and act on them
    #[command(subcommand_value_name = "ACTION", subcommand_help_heading = "Actions")]
    Jobs {
        #[command(subcommand)]
        action: Option<JobsAction>,
    },
    /// What stages there are, and which plugin files may load
    Plugins {
        #[command(subcommand)]
        action: Option<PluginsAction>,
    },
    /// What models there are
    Models {
        #[command(subcommand)]
        action: Option<ModelsAction>,
    },
    /// Check every requirement, and say how to mend what is missing
    Doctor,
    /// Print a JSON Schema for editors
    Schema {
        #[arg(value_enum)]
        of: SchemaOf,
    },
    /// The child process that loads one plugin (used by the daemon itself)
    #[command(hide = true, disable_help_flag = true)]
    PluginHost {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<std::ffi::OsString>,
    },
}

#[derive(Clone, Debug, Subcommand)]
pub enum JobsAction {
    /// All jobs, newest first
    List,
    /// One job: its tasks, attempts and files
    Show { job: i64 },
    /// What a job's stages logged
    Logs { job: i64 },
    /// Take up a failed or cancelled job again; what succeeded stays
    Retry { job: i64 },
    /// Stop a job
    Cancel { job: i64 },
}

#[derive(Clone, Debug, Subcommand)]
pub enum PluginsAction {
    /// All plugin files with their state
    List,
    /// One plugin: its parameters, inputs and outputs
    Show { id: String },
    /// Load a plugin file in a child process and check what it says of itself
    Check { path: PathBuf },
    /// Write plugin files and their hashes into the lock file: from then on they load
    Trust {
        /// Names of files in the studio's plugins folder; all of them when none is named
        files: Vec<String>,
        /// Act on the installation's own plugins instead of the studio's
        #[arg(long)]
        built_in: bool,
        /// Print nothing when all went well
        #[arg(long)]
        quiet: bool,
    },
}

#[derive(Clone, Debug, Subcommand)]
pub enum ModelsAction {
    /// All models
    List,
    /// Load a model or a voice and check its files against its model.yaml, or show what a folder of diffusers or a voice
    /// of Piper tells in its place
    Check {
        name: String,
        /// Write what the folder tells as its model.yaml
        #[arg(long)]
        write: bool,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum SchemaOf {
    Brief,
    Pipeline,
    Brand,
    Preset,
    Model,
    Voice,
    Config,
}
