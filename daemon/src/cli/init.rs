//! `spotloom init`: a studio to start from.

use std::fs;
use std::io;
use std::path::Path;

use crate::error::Diagnostic;
use crate::studio::Installation;

use super::exit::{Done, Exit, Problem};
use super::term::{Term, table};

/// Folders a studio has besides what the template brings.
const FOLDERS: [&str; 8] = [
    "briefs/processing",
    "briefs/done",
    "briefs/failed",
    "briefs/rejected",
    "deliveries",
    "models",
    "pipelines",
    "templates/overlays",
];

pub(super) fn init(dir: &Path, term: Term) -> Done {
    let install = Installation::find()?;
    let empty = fs::read_dir(dir).map_or(true, |mut entries| entries.next().is_none());
    if !empty {
        return Err(Diagnostic::new("not-empty", format!("{} is not empty; nothing was written", dir.display()))
            .hint("name a folder that is not there yet")
            .into());
    }
    let failed = |e: io::Error| -> Problem {
        Diagnostic::new("not-writable", format!("the studio could not be made in {}: {e}", dir.display())).into()
    };
    copy_tree(&install.share().join("templates/studio"), dir).map_err(failed)?;
    for folder in FOLDERS {
        fs::create_dir_all(dir.join(folder)).map_err(failed)?;
    }
    let shown = dir.display();
    term.say(format!("A studio is ready in {shown}.\n"));
    let next = [
        [format!("  spotloom run {shown}/examples/citrus-hero.yaml"), "make the example ad now".into()],
        [format!("  spotloom serve --studio {shown}"), format!("take every brief dropped into {shown}/briefs")],
    ];
    term.say(table(&next.map(Vec::from)).trim_end());
    term.give(&serde_json::json!({ "studio": dir.canonicalize().map_err(failed)? }));
    Ok(Exit::Done)
}

fn copy_tree(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_tree(&entry.path(), &target)?;
        } else if entry.file_name() != ".keep" && entry.path().extension().is_none_or(|e| e != "py") {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}
