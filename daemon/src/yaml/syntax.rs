//! What is wrong with a text that is no YAML at all, in words for people who don't know YAML's grammar.

use granit_parser::{ErrorKind, ScanError};

use super::node::{Source, Span};
use super::parse::MAX_DEPTH;
use crate::error::{Diagnostic, Place};

/// The text without a byte order mark.
pub(super) fn decode<'a>(file: &str, bytes: &'a [u8]) -> Result<&'a str, Box<Diagnostic>> {
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        return Err(Box::new(
            Diagnostic::new("not-utf-8", format!("{file} is UTF-16 text"))
                .expected("UTF-8")
                .hint("save it again and choose the encoding UTF-8 (\"Unicode\" in some editors is UTF-16)"),
        ));
    }
    match std::str::from_utf8(bytes) {
        Ok(text) => Ok(text.strip_prefix('\u{feff}').unwrap_or(text)),
        Err(error) => {
            let (good, bad) = bytes.split_at(error.valid_up_to());
            let before = String::from_utf8_lossy(good);
            let line_start = before.rfind('\n').map_or(0, |at| at + 1);
            let line = before.matches('\n').count() + 1;
            let column = before[line_start..].chars().count() + 1;
            let rest: Vec<u8> = bad.iter().copied().take_while(|b| *b != b'\n').take(400).collect();
            let text = format!("{}{}", &before[line_start..], String::from_utf8_lossy(&rest));
            let byte = bad.first().copied().unwrap_or_default();
            let place = Place::new(file, to_u32(line), to_u32(column), 1, text.trim_end_matches('\r'));
            Err(Box::new(
                Diagnostic::new("not-utf-8", format!("the byte {byte:#04x} is no UTF-8 text"))
                    .at(place)
                    .expected("UTF-8")
                    .hint("save the file again and choose the encoding UTF-8"),
            ))
        }
    }
}

pub(super) fn too_deep(source: &Source, span: Span) -> Diagnostic {
    Diagnostic::new("too-deep", "lists and mappings stand too deep inside each other here")
        .at(source.place(span))
        .expected(format!("at most {MAX_DEPTH} levels"))
}

/// A syntax error in plain words. `bracket` is the innermost one that is open where it happened.
pub(super) fn explain(source: &Source, error: &ScanError, bracket: Option<Span>) -> Diagnostic {
    use ErrorKind as E;
    let marker = error.marker();
    let span = Span { line: to_u32(marker.line()), column: to_u32(marker.col() + 1), width: 1 };
    if matches!(error.kind(), E::RecursionLimitExceeded) {
        return too_deep(source, span);
    }
    if let Some(tab) = tab_indentation(source, span) {
        return Diagnostic::new("tab-indentation", "the line is indented with a tab")
            .at(source.place(tab))
            .expected("blanks; YAML does not allow tabs here")
            .hint("replace each tab with two blanks (editors can do that for the whole file)");
    }
    if let Some(bracket) = bracket.filter(|b| b.line < span.line) {
        return Diagnostic::new("yaml-syntax", "the bracket that opens here is never closed")
            .at(source.place(Span { width: 1, ..bracket }))
            .hint(format!("add the closing one before line {}", span.line));
    }
    let (message, hint) = match error.kind() {
        E::UnknownAnchor => ("the alias stands for nothing", "mark the value to repeat with `&name` further up"),
        E::UndeclaredTagHandle => ("this tag means nothing here", "text that begins with `!` needs quotes around it"),
        E::UnclosedFlowCollection { .. }
        | E::UnexpectedEofFlowSequence
        | E::UnexpectedEofFlowMapping
        | E::UnexpectedEofImplicitFlowMapping => ("a bracket is never closed", "add the missing `]` or `}`"),
        E::MismatchedFlowCollectionEnd { .. } | E::MisplacedFlowCollectionEnd => {
            ("this bracket closes nothing that is open", "check the brackets before it")
        }
        E::ExpectedFlowMappingSeparator | E::ExpectedFlowSequenceSeparator => {
            ("a comma or a closing bracket is missing before this", "text with `,`, `[` or `{` in it needs quotes")
        }
        E::UnclosedQuotedScalar => ("the quotes are never closed", "add the closing quote"),
        E::InvalidTrailingDoubleQuotedScalar | E::InvalidTrailingSingleQuotedScalar => (
            "something follows the closing quote",
            "put the whole value into quotes; a quote inside is written \\\" or, in single quotes, ''",
        ),
        E::UnknownQuotedScalarEscape => (
            "a backslash and this character mean nothing together",
            "write `\\\\` for a backslash, or use single quotes",
        ),
        E::MappingValueNotAllowed | E::SimpleKeyExpected | E::InvalidSimpleKey | E::ExpectedBlockMappingKey => (
            "this fits nothing that stands before it",
            "check that fields of one level start in the same column, and put text with `: ` in it into quotes",
        ),
        E::InvalidIndentation | E::ExpectedBlockSequenceEntry | E::BlockSequenceEntryNotAllowed => {
            ("the indentation fits no line above", "fields of one level must start in the same column")
        }
        E::UnexpectedCharacter { .. } => ("a value can't begin with this character", "put the value into quotes"),
        E::PlainScalarStartsWithDashFlowIndicator | E::BlockEntryInFlowCollection => {
            ("a dash can't stand here", "inside `[…]` items are separated by commas")
        }
        _ => ("", ""),
    };
    let diagnostic = if message.is_empty() {
        Diagnostic::new("yaml-syntax", format!("this is not valid YAML: {}", error.info()))
            .hint("put text with special characters into quotes")
    } else {
        Diagnostic::new("yaml-syntax", message).hint(hint)
    };
    diagnostic.at(source.place(span))
}

/// The first tab in the indentation of the line at fault or the one before it, where the parser often stumbles late.
fn tab_indentation(source: &Source, span: Span) -> Option<Span> {
    [span.line, span.line.saturating_sub(1)].into_iter().filter(|line| *line > 0).find_map(|line| {
        let text = source.text().lines().nth(line as usize - 1)?;
        let indent: String = text.chars().take_while(|c| matches!(c, ' ' | '\t')).collect();
        let at = indent.chars().position(|c| c == '\t')?;
        (text.trim() != "").then(|| Span { line, column: to_u32(at + 1), width: 1 })
    })
}

fn to_u32(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}
