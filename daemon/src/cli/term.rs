//! Writing to the terminal. The only place that does.

use std::fmt;
use std::io::{self, IsTerminal as _, Write as _};

use serde::Serialize;

use crate::error::Diagnostics;

/// Where a command's result goes: text for people or one JSON document.
#[derive(Clone, Copy, Debug)]
pub struct Term {
    pub json: bool,
}

impl Term {
    /// A line for people; nothing in JSON mode. A closed pipe is not our problem.
    pub fn say(self, line: impl fmt::Display) {
        if !self.json {
            let _ = writeln!(io::stdout(), "{line}");
        }
    }

    /// A line beside the result, on stderr; nothing for machines.
    pub fn warn(self, line: impl fmt::Display) {
        if !self.json {
            let _ = writeln!(io::stderr(), "{line}");
        }
    }

    /// The result for machines; nothing for people.
    pub fn give(self, value: &impl Serialize) {
        if self.json {
            self.document(value);
        }
    }

    /// A JSON document in either mode.
    pub fn document(self, value: &impl Serialize) {
        let text = serde_json::to_string_pretty(value).unwrap_or_else(|e| format!("{{\"error\": \"{e}\"}}"));
        let _ = writeln!(io::stdout(), "{text}");
    }

    /// Mistakes: on stderr for people, on stdout for machines.
    pub fn problems(self, problems: &Diagnostics) {
        if self.json {
            self.document(&serde_json::json!({ "errors": problems }));
            return;
        }
        let mut err = io::stderr().lock();
        for problem in problems {
            let _ = writeln!(err, "{problem}");
        }
    }

    /// Whether a person watches.
    #[must_use]
    pub fn interactive(self) -> bool {
        !self.json && io::stderr().is_terminal()
    }
}

/// Rows with columns lined up. The last column is as wide as it likes.
#[must_use]
pub fn table(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |c: usize| rows.iter().filter_map(|r| r.get(c)).map(|s| s.chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut text = String::new();
    for row in rows {
        let mut line = String::new();
        for (c, cell) in row.iter().enumerate() {
            line.push_str(cell);
            if c + 1 < row.len() {
                line.push_str(&" ".repeat(widths[c] - cell.chars().count() + 2));
            }
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    #[test]
    fn columns_line_up() {
        let row = |a: &str, b: &str| vec![a.to_owned(), b.to_owned()];
        assert_eq!(super::table(&[row("prompt", "0.1"), row("ü", "1.0.0")]), "prompt  0.1\nü       1.0.0\n");
    }
}
