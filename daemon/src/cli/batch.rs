//! `spotloom batch`: a table of rows and a template to briefs, each judged as `validate` would before any is written.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use serde_json::json;

use crate::brief::batch::{Row, Template, to_yaml};
use crate::engine;
use crate::error::{self, Diagnostic, Diagnostics, Place};
use crate::host::{HostOptions, HostPool};
use crate::pipeline::slug;
use crate::studio::Studio;
use crate::studio::files;
use crate::yaml::{self, Node};

use super::exit::{Done, Exit};
use super::preflight;
use super::term::Term;

/// The largest table, in bytes and in rows.
const LARGEST: u64 = 4 << 20;
const MOST_ROWS: usize = 1_000;
/// Mistakes beyond these are counted, not shown.
const MOST_MISTAKES: usize = 60;

pub(super) async fn batch(studio: Studio, rows: &Path, template: &Path, out: Option<PathBuf>, term: Term) -> Done {
    let shown = template.display().to_string();
    let template = Template::new(yaml::parse(&shown, &files::read(template)?)?)?;
    let table = Table::read(rows)?;
    missing_columns(&template, &table)?;
    let hosts = HostPool::new(HostOptions::default());
    let registry = engine::open_registry(&studio, &hosts).await?;
    let mut problems = Diagnostics::new();
    let mut briefs: Vec<(String, Node)> = Vec::new();
    let mut seen: HashMap<String, u32> = HashMap::new();
    for (number, row) in (1..).zip(&table.rows) {
        let judged = async {
            let node = template.fill(row).map_err(|d| vec![d])?;
            let planned = preflight::judge(&studio, &registry, &hosts, &node).await?;
            Ok::<_, Diagnostics>((planned.series, node))
        };
        match judged.await {
            Ok((series, node)) => {
                if let Some(first) = seen.insert(series.clone(), number) {
                    let message = format!("row {number} is the same spot as row {first}: {series}");
                    let mistake = Diagnostic::new("repeated", message).at(table.place(row, None));
                    problems.push(mistake.hint("put a column that differs into the template's `title`"));
                }
                let name = series.rsplit('/').next().map(slug).unwrap_or_default();
                briefs.push((format!("{number:03}-{name}.yaml"), node));
            }
            Err(mistakes) => problems.extend(mistakes.into_iter().map(|m| table.locate(m, number, row, &template))),
        }
    }
    hosts.shutdown().await;
    if !problems.is_empty() {
        return Ok(refuse(problems, &table, term));
    }
    let folder = out.unwrap_or_else(|| rows.with_extension(""));
    let written = write(&folder, &briefs)?;
    term.give(&json!({ "folder": folder, "briefs": written }));
    let unused: Vec<&str> = table.unused(&template);
    if !unused.is_empty() {
        term.say(format!("Not used by the template: {}", error::list(&unused, "and")));
    }
    term.say(format!("{} briefs in {}", written.len(), folder.display()));
    Ok(Exit::Done)
}

fn refuse(mut problems: Diagnostics, table: &Table, term: Term) -> Exit {
    let count = problems.len();
    if problems.len() > MOST_MISTAKES {
        problems.truncate(MOST_MISTAKES);
        problems.push(Diagnostic::new("more-mistakes", format!("and {} more mistakes", count - MOST_MISTAKES)));
    }
    if term.json {
        term.give(&json!({ "errors": problems }));
    } else {
        term.problems(&problems);
        term.say(format!("{count} mistakes in {} rows; nothing was written", table.rows.len()));
    }
    Exit::Input
}

/// Whole or not at all under each name: the folder may be one that a daemon watches.
fn write(folder: &Path, briefs: &[(String, Node)]) -> Result<Vec<PathBuf>, Diagnostic> {
    let io =
        |path: &Path, e: std::io::Error| Diagnostic::new("io", format!("{} can't be written: {e}", path.display()));
    fs::create_dir_all(folder).map_err(|e| io(folder, e))?;
    let mut written = Vec::new();
    for (name, node) in briefs {
        let path = folder.join(name);
        let mut file = tempfile::Builder::new().prefix(".batch-").tempfile_in(folder).map_err(|e| io(&path, e))?;
        std::io::Write::write_all(&mut file, to_yaml(node).as_bytes()).map_err(|e| io(&path, e))?;
        file.persist(&path).map_err(|e| io(&path, e.error))?;
        written.push(path);
    }
    Ok(written)
}

fn missing_columns(template: &Template, table: &Table) -> Result<(), Diagnostics> {
    let known: Vec<&str> = table.columns.iter().map(String::as_str).collect();
    let needs = template.needs();
    if needs.is_empty() {
        let message = "the template uses no column, so every row would be the same brief";
        return Err(vec![Diagnostic::new("bad-template", message).hint("write `{{ column }}` where rows differ")]);
    }
    let missing = needs.into_iter().filter(|(name, _)| !known.contains(name));
    let mistakes: Diagnostics = missing
        .map(|(name, place)| {
            let message = format!("{} has no column `{name}`", table.file);
            let mistake =
                Diagnostic::new("unknown-name", message).at(place.clone()).suggest(name, known.iter().copied());
            if mistake.hint.is_none() {
                mistake.hint(format!("the columns are {}", error::list(&known, "and")))
            } else {
                mistake
            }
        })
        .collect();
    if mistakes.is_empty() { Ok(()) } else { Err(mistakes) }
}

/// A CSV file.
struct Table {
    file: String,
    columns: Vec<String>,
    rows: Vec<Row>,
    lines: Vec<String>,
}

impl Table {
    fn read(path: &Path) -> Result<Self, Diagnostics> {
        let file = path.display().to_string();
        let wrong = |code: &str, message: String| vec![Diagnostic::new(code, message)];
        let mut bytes = Vec::new();
        let opened = fs::File::open(path).and_then(|f| f.take(LARGEST + 1).read_to_end(&mut bytes));
        opened.map_err(|e| wrong("unreadable", format!("{file} can't be read: {e}")))?;
        if bytes.len() as u64 > LARGEST {
            return Err(wrong("too-large", format!("{file} is larger than {} MB", LARGEST >> 20)));
        }
        let Ok(text) = std::str::from_utf8(&bytes) else {
            let mistake = Diagnostic::new("not-utf-8", format!("{file} is not UTF-8"));
            return Err(vec![mistake.hint("in Excel choose `CSV UTF-8 (comma delimited)` when saving")]);
        };
        Self::parse(file, text.strip_prefix('\u{feff}').unwrap_or(text))
    }

    fn parse(file: String, text: &str) -> Result<Self, Diagnostics> {
        let lines: Vec<String> = text.lines().map(str::to_owned).collect();
        let head = lines.first().map(String::as_str).unwrap_or_default();
        // Excel divides by semicolons where a comma divides decimals.
        let delimiter = [b',', b';', b'\t'].into_iter().max_by_key(|d| head.bytes().filter(|b| b == d).count());
        let mut reader = csv::ReaderBuilder::new()
            .delimiter(delimiter.unwrap_or(b','))
            .flexible(true)
            .has_headers(false)
            .trim(csv::Trim::All)
            .from_reader(text.as_bytes());
        let mut table = Self { file, columns: Vec::new(), rows: Vec::new(), lines };
        let mut mistakes = Diagnostics::new();
        for record in reader.records() {
            let record = match record {
                Ok(record) => record,
                Err(e) => {
                    mistakes.push(Diagnostic::new("bad-table", format!("{} can't be read: {e}", table.file)));
                    break;
                }
            };
            let line = record.position().map_or(1, |p| u32::try_from(p.line()).unwrap_or(u32::MAX));
            if table.columns.is_empty() {
                table.header(&record, line, &mut mistakes);
                continue;
            }
            if record.iter().all(str::is_empty) {
                continue;
            }
            if record.len() > table.columns.len() {
                let message =
                    format!("line {line} has {} cells; there are {} columns", record.len(), table.columns.len());
                let mistake = Diagnostic::new("bad-table", message).at(table.at(line, None));
                mistakes.push(mistake.hint("put a cell with a comma in it into \"quotes\""));
            }
            let cell = |i: usize| record.get(i).unwrap_or_default().to_owned();
            let cells: BTreeMap<String, String> =
                table.columns.iter().enumerate().map(|(i, name)| (name.clone(), cell(i))).collect();
            table.rows.push(Row { line, cells });
        }
        if mistakes.is_empty() && table.rows.is_empty() {
            let mistake = Diagnostic::new("empty-table", format!("{} has no rows", table.file));
            mistakes.push(mistake.expected("a line of column names, and a line for each brief"));
        }
        if table.rows.len() > MOST_ROWS {
            let mistake = Diagnostic::new("too-many", format!("{} has {} rows", table.file, table.rows.len()));
            mistakes.push(mistake.expected(format!("at most {MOST_ROWS}")));
        }
        if mistakes.is_empty() { Ok(table) } else { Err(mistakes) }
    }

    fn header(&mut self, record: &csv::StringRecord, line: u32, mistakes: &mut Diagnostics) {
        for name in record {
            let column = slug(name).replace('-', "_");
            if column.is_empty() || self.columns.contains(&column) {
                let message = if column.is_empty() {
                    "a column has no name".into()
                } else {
                    format!("the column `{column}` is there twice")
                };
                mistakes.push(Diagnostic::new("bad-table", message).at(self.at(line, Some(name))));
            }
            self.columns.push(column);
        }
    }

    fn unused<'a>(&'a self, template: &Template) -> Vec<&'a str> {
        let needs = template.needs();
        self.columns.iter().map(String::as_str).filter(|c| !needs.iter().any(|(n, _)| n == c)).collect()
    }

    fn at(&self, line: u32, cell: Option<&str>) -> Place {
        let text = self.lines.get(line.max(1) as usize - 1).map(String::as_str).unwrap_or_default();
        let found = cell.filter(|c| !c.is_empty()).and_then(|c| text.find(c).map(|at| (at, c)));
        let chars = |s: &str| u32::try_from(s.chars().count()).unwrap_or(1);
        let (column, width) = found.map_or((1, 1), |(at, c)| (chars(&text[..at]) + 1, chars(c)));
        Place::new(&self.file, line, column, width, text)
    }

    fn place(&self, row: &Row, column: Option<&str>) -> Place {
        self.at(row.line, column.and_then(|c| row.cells.get(c)).map(String::as_str))
    }

    /// A mistake of one row where a person mends it: in the cell when it came from one, else in the template.
    fn locate(&self, mistake: Diagnostic, number: u32, row: &Row, template: &Template) -> Diagnostic {
        let columns = mistake.place.as_ref().map(|p| template.columns_at(p)).unwrap_or_default();
        let named: Vec<String> = columns.iter().map(|c| format!("`{c}`")).collect();
        let names: Vec<&str> = named.iter().map(String::as_str).collect();
        let message = match columns.len() {
            0 => format!("row {number}: {}", mistake.message),
            1 => format!("row {number}, column {}: {}", names[0], mistake.message),
            _ => format!("row {number}, columns {}: {}", error::list(&names, "and"), mistake.message),
        };
        let place = match columns.first() {
            Some(column) => Some(self.place(row, Some(column))),
            None => mistake.place,
        };
        Diagnostic { message, place, ..mistake }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables() {
        let check = |text: &str, columns: &[&str], rows: usize| {
            let table = Table::parse("t.csv".into(), text).unwrap();
            assert_eq!(
                (table.columns.iter().map(String::as_str).collect::<Vec<_>>().as_slice(), table.rows.len()),
                (columns, rows)
            );
        };
        check("title,Headline DE\nA,\"Sonne, Meer\"\n\nB,x\n", &["title", "headline_de"], 2);
        check("title;price\nA;1,99 €\n", &["title", "price"], 1);
        check("title\tprice\nA\t2\n", &["title", "price"], 1);
        let wrong = |text: &str, words: &str| {
            let mistakes = Table::parse("t.csv".into(), text).err().unwrap();
            assert!(error::render(&mistakes).contains(words), "{}", error::render(&mistakes));
        };
        wrong("", "no rows");
        wrong("a,b\n", "no rows");
        wrong("a,a\n1,2\n", "there twice");
        wrong("a,b\n1,2,3\n", "line 2 has 3 cells; there are 2 columns");
    }
}
