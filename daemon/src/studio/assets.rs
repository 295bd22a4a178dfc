//! Assets: files of the studio named by a brief, confined to the studio.

use std::path::{Path, PathBuf};

use unicode_normalization::UnicodeNormalization as _;

/// Why an asset can't be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refused {
    /// There is no such file; the nearest existing name in its folder, if any.
    Missing { nearest: Option<String> },
    /// The path leads out of the studio.
    Outside,
    /// It is a folder, a device, a pipe or a socket.
    NotAFile,
    /// It is there but can't be read.
    Unreadable(String),
}

/// The real path of an asset inside `root`.
///
/// Names are compared as written, then in Unicode's composed and decomposed forms, since file systems differ.
///
/// # Errors
/// Says why it is refused; the file is not opened.
pub fn resolve(root: &Path, asset: &str) -> Result<PathBuf, Refused> {
    let relative = Path::new(asset);
    if relative.is_absolute() || relative.components().any(|c| matches!(c, std::path::Component::ParentDir)) {
        return Err(Refused::Outside);
    }
    let forms = [asset.to_owned(), asset.nfc().collect(), asset.nfd().collect()];
    let Some(path) = forms.iter().map(|f| root.join(f)).find(|p| p.symlink_metadata().is_ok()) else {
        return Err(Refused::Missing { nearest: nearest(root, relative) });
    };
    let real = path.canonicalize().map_err(|e| match e.kind() {
        std::io::ErrorKind::NotFound => Refused::Missing { nearest: None },
        _ => Refused::Unreadable(e.to_string()),
    })?;
    let root = root.canonicalize().map_err(|e| Refused::Unreadable(e.to_string()))?;
    if !real.starts_with(&root) {
        return Err(Refused::Outside);
    }
    match real.metadata() {
        Ok(m) if m.is_file() => Ok(real),
        Ok(_) => Err(Refused::NotAFile),
        Err(e) => Err(Refused::Unreadable(e.to_string())),
    }
}

/// The name in the same folder that looks most like it.
fn nearest(root: &Path, relative: &Path) -> Option<String> {
    let folder = relative.parent().unwrap_or_else(|| Path::new(""));
    let wanted = relative.file_name()?.to_string_lossy().into_owned();
    let names: Vec<String> = std::fs::read_dir(root.join(folder))
        .ok()?
        .flatten()
        .map(|e| e.file_name().to_string_lossy().into_owned())
        .collect();
    let best = crate::error::nearest(&wanted, names.iter().map(String::as_str))?;
    Some(folder.join(best).to_string_lossy().into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn assets_are_confined_to_the_studio() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("studio");
        fs::create_dir_all(root.join("assets")).unwrap();
        fs::write(dir.path().join("secret.png"), "x").unwrap();
        fs::write(root.join("assets/can.png"), "x").unwrap();
        fs::write(root.join("assets/caf\u{e9}.png"), "x").unwrap();
        std::os::unix::fs::symlink(dir.path().join("secret.png"), root.join("assets/link.png")).unwrap();
        std::os::unix::fs::symlink("can.png", root.join("assets/inner.png")).unwrap();

        let check = |asset: &str, expected: Result<&str, Refused>| {
            let got = resolve(&root, asset).map(|p| p.file_name().unwrap().to_string_lossy().into_owned());
            assert_eq!(got, expected.map(str::to_owned), "{asset}");
        };
        check("assets/can.png", Ok("can.png"));
        check("assets/inner.png", Ok("can.png"));
        check("assets/cafe\u{301}.png", Ok("caf\u{e9}.png"));
        check("assets/cna.png", Err(Refused::Missing { nearest: Some("assets/can.png".into()) }));
        check("assets/link.png", Err(Refused::Outside));
        check("../secret.png", Err(Refused::Outside));
        check("assets/../../secret.png", Err(Refused::Outside));
        check("/etc/passwd", Err(Refused::Outside));
        check("assets", Err(Refused::NotAFile));
    }
}
