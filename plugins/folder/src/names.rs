//! Names that every file system takes: Linux, macOS, Windows, and the shares between them.

use spotloom_plugin_sdk::prelude::*;

/// Leaves room for a version and an extension within the 255 bytes that file systems allow.
const MAX_BYTES: usize = 200;

/// Device names that Windows opens instead of a file.
const RESERVED: &[&str] = &["con", "prn", "aux", "nul", "com1", "com2", "com3", "com4", "lpt1", "lpt2", "lpt3", "lpt4"];

/// The folders of a `/`-separated path, each made safe.
///
/// # Errors
/// `bad-path` for an absolute path and for `.` and `..`.
pub(crate) fn segments(path: &str) -> Result<Vec<String>, Failure> {
    if path.starts_with(['/', '\\']) {
        return Err(bad_path(path, "it is absolute"));
    }
    path.split('/')
        .filter(|s| !s.trim().is_empty())
        .map(|s| match s.trim() {
            "." | ".." => Err(bad_path(path, "it climbs out of the folder")),
            s => Ok(safe(s)),
        })
        .collect()
}

/// `name` with `_vN` before its extension, once.
pub(crate) fn versioned(name: &str, version: u32) -> String {
    let name = safe(name);
    let (stem, extension) = match name.rsplit_once('.') {
        Some((stem, extension)) if !stem.is_empty() => (stem, format!(".{extension}")),
        _ => (name.as_str(), String::new()),
    };
    let suffix = format!("_v{version}");
    if stem.ends_with(&suffix) { name } else { format!("{stem}{suffix}{extension}") }
}

/// One name without characters, ends and words that some system refuses.
pub(crate) fn safe(name: &str) -> String {
    let mut name: String = name
        .chars()
        .map(|c| if c.is_control() || r#"/\:*?"<>|"#.contains(c) { '_' } else { c })
        .collect::<String>()
        .trim_matches(|c: char| c == '.' || c.is_whitespace())
        .to_owned();
    while name.len() > MAX_BYTES {
        name.pop();
    }
    let stem = name.split('.').next().unwrap_or_default().to_lowercase();
    if name.is_empty() || RESERVED.contains(&stem.as_str()) { format!("_{name}") } else { name }
}

fn bad_path(path: &str, why: &str) -> Failure {
    Failure::new("bad-path", format!("the subfolder `{path}` is refused: {why}"))
        .hint("`subfolder` names folders below `root`, for example `Summer Splash/Citrus hero-v1`")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subfolders() {
        let check = |path: &str, expected: Result<&[&str], &str>| {
            let got = segments(path).map_err(|f| f.code);
            let expected = expected.map(|s| s.iter().map(|s| (*s).to_owned()).collect()).map_err(str::to_owned);
            assert_eq!(got, expected, "{path}");
        };
        check("", Ok(&[]));
        check("Summer Splash/Citrus hero-v1", Ok(&["Summer Splash", "Citrus hero-v1"]));
        check("a//b/", Ok(&["a", "b"]));
        check("what? \"50%\" off: <now>", Ok(&["what_ _50%_ off_ _now_"]));
        check("größe/ذُق الشمس", Ok(&["größe", "ذُق الشمس"]));
        check("ends. /.hidden/nul/con.txt", Ok(&["ends", "hidden", "_nul", "_con.txt"]));
        check(r"a\..\b", Ok(&["a_.._b"]));
        check("line\nbreak", Ok(&["line_break"]));
        check("..", Err("bad-path"));
        check("a/../../etc", Err("bad-path"));
        check("a/ .. /b", Err("bad-path"));
        check("/etc", Err("bad-path"));
    }

    #[test]
    fn versions() {
        let check = |name: &str, version: u32, expected: &str| assert_eq!(versioned(name, version), expected);
        check("zest_16x9_youtube.mp4", 1, "zest_16x9_youtube_v1.mp4");
        check("zest.captions.srt", 12, "zest.captions_v12.srt");
        check("zest_v2.mp4", 2, "zest_v2.mp4");
        check("zest_v2.mp4", 3, "zest_v2_v3.mp4");
        check("README", 1, "README_v1");
        check("../../etc/passwd.mp4", 1, "_.._etc_passwd_v1.mp4");
        check(".mp4", 1, "mp4_v1");
        check(&"ä".repeat(300), 1, &format!("{}_v1", "ä".repeat(100)));
    }
}
