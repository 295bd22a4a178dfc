//! What a person reads when something is wrong: code, message, where, what was expected, hint.
//!
//! Invariant: a [`Diagnostic`] is plain data and readable without colour; it is rendered here and nowhere else. Text
//! that came from a file never reaches a terminal or a mail with its control characters.

use std::fmt::{self, Write as _};

use serde::{Deserialize, Serialize};
use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

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
    /// The line itself, or a window of it when it is very long.
    pub snippet: String,
    /// How many characters are meant, at least 1.
    pub width: u32,
    /// Characters of the line that are missing before the snippet.
    #[serde(default)]
    pub skipped: u32,
}

/// The most characters of a line that are shown.
const WINDOW: usize = 100;
/// How many of them stand before the place, in a line that is too long.
const LEAD: usize = 30;
/// The longest message, in characters.
const LONGEST_MESSAGE: usize = 400;
/// Longer names than this are not compared.
const LONGEST_NAME: usize = 120;
/// A tab is shown as so many blanks.
const TAB: &str = "    ";

impl Place {
    /// A place in `text`, the whole line without its line break. Cuts a very long line down to the part around it.
    #[must_use]
    pub fn new(file: &str, line: u32, column: u32, width: u32, text: &str) -> Self {
        let skipped = Self::skipped(text.len(), column);
        let snippet: String = text.chars().skip(skipped).take(WINDOW).collect();
        Self::in_window(file, line, column, width, skipped, &snippet)
    }

    /// How many characters are left away before a place in a line of so many bytes.
    pub(crate) fn skipped(line_bytes: usize, column: u32) -> usize {
        let before = (column.max(1) - 1) as usize;
        if line_bytes > WINDOW && before + LEAD > WINDOW { before - LEAD } else { 0 }
    }

    /// A place in a line that begins with `window` after `skipped` characters.
    pub(crate) fn in_window(file: &str, line: u32, column: u32, width: u32, skipped: usize, window: &str) -> Self {
        Self {
            file: file.into(),
            line,
            column: column.max(1),
            snippet: window.chars().take(WINDOW).collect(),
            width: width.max(1),
            skipped: u32::try_from(skipped).unwrap_or(u32::MAX),
        }
    }

    /// For sorting: the order in which a reader meets them.
    fn order(&self) -> (&str, u32, u32) {
        (&self.file, self.line, self.column)
    }

    /// The line as shown and the marks under it.
    fn drawn(&self) -> (String, String) {
        let start = (self.column.max(1) - 1).saturating_sub(self.skipped) as usize;
        let end = start + self.width.max(1) as usize;
        let (mut line, mut marks) = (String::new(), String::new());
        if self.skipped > 0 {
            line.push('…');
            marks.push(' ');
        }
        let mut shown = 0;
        for (at, c) in self.snippet.chars().enumerate().take(WINDOW) {
            let text = visible(c);
            let mark = if (start..end).contains(&at) { '^' } else { ' ' };
            marks.extend(std::iter::repeat_n(mark, text.width()));
            line.push_str(&text);
            shown = at + 1;
        }
        if shown <= start {
            marks.push('^');
        }
        if shown == WINDOW {
            line.push('…');
        }
        (line, marks)
    }
}

/// A character as it may be shown: no control character, nothing that turns the direction of the text around.
fn visible(c: char) -> String {
    match c {
        '\t' => TAB.into(),
        '\0'..='\x1f' => char::from_u32(0x2400 + u32::from(c)).unwrap_or('\u{fffd}').into(),
        '\x7f' => '\u{2421}'.into(),
        '\u{80}'..='\u{9f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{2028}' | '\u{2029}' => {
            '\u{fffd}'.into()
        }
        // A mark without a letter before it would move onto our own text; one after a letter has no width anyway.
        c if c.width().is_none() => '\u{fffd}'.into(),
        c => c.into(),
    }
}

fn shown(text: &str) -> String {
    text.chars().map(visible).collect()
}

impl Diagnostic {
    pub fn new(code: &str, message: impl Into<String>) -> Self {
        Self { code: code.into(), message: shorten(message.into()), place: None, expected: None, hint: None }
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

    /// Offers the nearest of `known`, or the whole list when it is short, or nothing.
    #[must_use]
    pub fn suggest<'a>(self, wrong: &str, known: impl IntoIterator<Item = &'a str>) -> Self {
        let known: Vec<&str> = known.into_iter().collect();
        match nearest(wrong, known.iter().copied()) {
            Some(name) => self.hint(format!("did you mean `{name}`?")),
            None if known.is_empty() || known.len() > 24 => self,
            None => self.hint(format!("there is {}", list(&known, "and"))),
        }
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "error[{}]: {}", self.code, shown(&self.message))?;
        let mut gutter = String::from(" ");
        if let Some(p) = &self.place {
            let number = p.line.to_string();
            gutter = " ".repeat(number.len());
            let (line, marks) = p.drawn();
            writeln!(f, "{gutter}--> {}:{}:{}", shown(&p.file), p.line, p.column)?;
            writeln!(f, "{gutter} |")?;
            writeln!(f, "{}", format!("{number} | {line}").trim_end())?;
            writeln!(f, "{}", format!("{gutter} | {marks}").trim_end())?;
        }
        if let Some(expected) = &self.expected {
            writeln!(f, "{gutter} = expected: {}", shown(expected))?;
        }
        if let Some(hint) = &self.hint {
            writeln!(f, "{gutter} = hint: {}", shown(hint))?;
        }
        Ok(())
    }
}

/// All mistakes found at once, in the order of their places.
pub type Diagnostics = Vec<Diagnostic>;

/// Names in a message come from files and can be as long as those.
fn shorten(message: String) -> String {
    match message.char_indices().nth(LONGEST_MESSAGE) {
        Some((at, _)) => format!("{}…", &message[..at]),
        None => message,
    }
}

/// All of them as one text, with a count when there are several.
#[must_use]
pub fn render(diagnostics: &[Diagnostic]) -> String {
    let mut text = String::new();
    for (i, diagnostic) in diagnostics.iter().enumerate() {
        let gap = if i > 0 { "\n" } else { "" };
        // Writing into a String can't fail.
        let _ = write!(text, "{gap}{diagnostic}");
    }
    if diagnostics.len() > 1 {
        let _ = writeln!(text, "\n{} mistakes", diagnostics.len());
    }
    text
}

/// Puts them in the order in which a reader meets their places, those without one first, and drops repetitions.
pub fn sort(diagnostics: &mut Diagnostics) {
    diagnostics.sort_by(|a, b| a.place.as_ref().map(Place::order).cmp(&b.place.as_ref().map(Place::order)));
    diagnostics.dedup();
}

/// The nearest of `known` to `wrong`, when it is near enough to be meant.
pub fn nearest<'a>(wrong: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    if wrong.len() > LONGEST_NAME {
        return None;
    }
    let wrong = wrong.to_lowercase();
    known
        .into_iter()
        .map(|k| (strsim::damerau_levenshtein(&wrong, &k.to_lowercase()), k))
        .filter(|(d, k)| *d <= 1 + k.chars().count() / 4)
        .min_by_key(|(d, _)| *d)
        .map(|(_, k)| k)
}

/// Names in a sentence: `a`, `b` or `c`.
#[must_use]
pub fn list(names: &[&str], joiner: &str) -> String {
    let quoted: Vec<String> = names.iter().map(|n| format!("`{n}`")).collect();
    match quoted.split_last() {
        None => "nothing".into(),
        Some((only, [])) => only.clone(),
        Some((last, rest)) => format!("{} {joiner} {last}", rest.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(line: &str, column: u32, width: u32, expected: &str) {
        let place = Place::new("a.yaml", 7, column, width, line);
        let text = Diagnostic::new("code", "What is wrong").at(place).expected("this").hint("do that").to_string();
        let drawn: Vec<&str> = text.lines().skip(3).take(2).collect();
        assert_eq!(drawn.join("\n"), expected, "{text}");
    }

    #[test]
    fn the_mark_stands_under_what_is_meant() {
        check("title: Citrus", 8, 6, "7 | title: Citrus\n  |        ^^^^^^");
        check("\ttitle: x", 2, 5, "7 |     title: x\n  |     ^^^^^");
        check("titel: 夏の海, x", 8, 3, "7 | titel: 夏の海, x\n  |        ^^^^^^");
        check("a: e\u{301}tude: b", 6, 4, "7 | a: e\u{301}tude: b\n  |     ^^^^");
        check("a: \u{1b}[31mred", 4, 1, "7 | a: ␛[31mred\n  |    ^");
        check("", 1, 1, "7 |\n  | ^");
        check("seconds:", 9, 1, "7 | seconds:\n  |         ^");
    }

    #[test]
    fn a_long_line_is_cut_around_the_place() {
        let line = format!("{}HERE{}", "x".repeat(500_000), "y".repeat(500_000));
        let place = Place::new("a.yaml", 1, 500_001, 4, &line);
        assert_eq!(place.column, 500_001);
        let text = Diagnostic::new("code", "What is wrong").at(place).to_string();
        let expected =
            format!("1 | …{}HERE{}…\n  |  {}^^^^", "x".repeat(LEAD), "y".repeat(WINDOW - LEAD - 4), " ".repeat(LEAD));
        assert_eq!(text.lines().skip(3).collect::<Vec<_>>().join("\n"), expected);
    }

    #[test]
    fn the_nearest_name_is_near() {
        let known = ["headline", "subline", "cta", "legal"];
        let check = |wrong: &str, expected: Option<&str>| assert_eq!(nearest(wrong, known), expected, "{wrong}");
        check("headlin", Some("headline"));
        check("HEADLINE", Some("headline"));
        check("sublien", Some("subline"));
        check("footer", None);
    }
}
