//! Exit codes: what a script learns without reading.

use spotloom_plugin_api::Outcome;

use crate::error::{Diagnostic, Diagnostics};

/// How the program ends. The numbers are a promise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    Done = 0,
    /// The input is wrong.
    Input = 1,
    Usage = 2,
    /// A stage failed.
    StageFailed = 3,
    /// Reserved: there are no approvals yet.
    WaitingForApproval = 4,
    Cancelled = 5,
    /// A defect of ours.
    Defect = 70,
}

impl From<Exit> for std::process::ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

impl From<Outcome> for Exit {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Delivered => Self::Done,
            Outcome::Cancelled => Self::Cancelled,
            Outcome::Failed | Outcome::Running | Outcome::Accepted => Self::StageFailed,
        }
    }
}

/// Why a command did not do what it was asked to.
#[derive(Debug)]
pub struct Problem {
    pub exit: Exit,
    pub diagnostics: Diagnostics,
}

impl Problem {
    /// A mistake of ours, not of whoever gave the command.
    pub(super) fn defect(diagnostic: Diagnostic) -> Self {
        Self { exit: Exit::Defect, diagnostics: vec![diagnostic] }
    }
}

impl From<Diagnostics> for Problem {
    fn from(diagnostics: Diagnostics) -> Self {
        Self { exit: Exit::Input, diagnostics }
    }
}

impl From<Diagnostic> for Problem {
    fn from(diagnostic: Diagnostic) -> Self {
        vec![diagnostic].into()
    }
}

impl From<crate::ledger::LedgerError> for Problem {
    fn from(error: crate::ledger::LedgerError) -> Self {
        use crate::ledger::LedgerError as E;
        let exit = match &error {
            E::Store(_) | E::BadFailpoint(_) | E::NoSuchLease(_) => Exit::Defect,
            _ => Exit::Input,
        };
        Self { exit, diagnostics: vec![error.diagnostic()] }
    }
}

/// What a command gives back.
pub type Done = Result<Exit, Problem>;
