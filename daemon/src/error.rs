//! What a person reads when something is wrong: code, message, where, what was expected, hint.
//!
//! Invariant: a [`Diagnostic`] is plain data and readable without colour; it is rendered here and nowhere else.

use std::fmt;

use serde::{Deserialize, Serialize};

/// One mistake in a file (or in the world around it), as a person should read it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Diagnostic {
    /// kebab-case, stable: `unknown-field`, `wrong-type`, `missing-asset`, `cycle`, …
    pub code: String,
    /// What is wrong, in one sentence, with the names in it.
    pub message: String,
    /// Where, when it is in a file.
    pub place: Option<Place>,
    /// What would have been right, when that is not obvious from the message.
    pub expected: Option<String>,
    /// What to do, the nearest right name included.
    pub hint: Option<String>,
}

/// A place in a text file; line and column count from 1, columns in characters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    pub file: String,
    pub line: u32,
    pub column: u32,
    /// The line itself, shortened when very long.
    pub snippet: String,
    /// How many characters are meant, at least 1.
    pub width: u32,
}

impl Diagnostic {
    pub fn new(code: &str, message: impl Into<String>) -> Self {
        Self { code: code.into(), message: message.into(), place: None, expected: None, hint: None }
    }

    #[must_use]
    pub fn at(mut self, place: Place) -> Self {
        self.place = Some(place);
        self
    }

    #[must_use]
    pub fn expected(mut self, expected: impl Into<String>) -> Self {
        self.expected = Some(expected.into());
        self
    }

    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "error[{}]: {}", self.code, self.message)?;
        if let Some(p) = &self.place {
            let number = p.line.to_string();
            let gutter = " ".repeat(number.len());
            writeln!(f, "{gutter}--> {}:{}:{}", p.file, p.line, p.column)?;
            writeln!(f, "{gutter} |")?;
            writeln!(f, "{number} | {}", p.snippet)?;
            let indent = " ".repeat(p.column.saturating_sub(1) as usize);
            writeln!(f, "{gutter} | {indent}{}", "^".repeat(p.width.max(1) as usize))?;
        }
        if let Some(expected) = &self.expected {
            writeln!(f, "  expected: {expected}")?;
        }
        if let Some(hint) = &self.hint {
            writeln!(f, "  hint: {hint}")?;
        }
        Ok(())
    }
}

/// All mistakes found at once, in the order of their places.
pub type Diagnostics = Vec<Diagnostic>;

/// The nearest of `known` to `wrong`, when it is near enough to be meant.
pub fn nearest<'a>(wrong: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let wrong = wrong.to_lowercase();
    known
        .into_iter()
        .map(|k| (strsim::damerau_levenshtein(&wrong, &k.to_lowercase()), k))
        .filter(|(d, k)| *d <= 1 + k.chars().count() / 4)
        .min_by_key(|(d, _)| *d)
        .map(|(_, k)| k)
}
