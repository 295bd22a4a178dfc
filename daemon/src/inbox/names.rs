//! Which names in the intake folder can be briefs.

/// What a name says about a file in the intake folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Brief,
    /// Something half-done or a program's own: left alone without a word.
    Passing,
    /// Not a brief, and nothing will become of it: a producer may wonder why.
    Other,
}

/// Judges by the name alone.
#[must_use]
pub fn kind(name: &str) -> Kind {
    let lower = name.to_lowercase();
    let passing_prefix = [".", "~$", "~", "#"].iter().any(|p| lower.starts_with(p));
    let passing_suffix = [
        ".part",
        ".partial",
        ".crdownload",
        ".download",
        ".tmp",
        ".temp",
        ".swp",
        ".swx",
        ".swo",
        ".bak",
        ".lock",
        "~",
        ".filepart",
        ".ready",
        ".report.txt",
    ]
    .iter()
    .any(|s| lower.ends_with(s));
    if passing_prefix || passing_suffix {
        Kind::Passing
    } else if lower.ends_with(".yaml") || lower.ends_with(".yml") {
        Kind::Brief
    } else {
        Kind::Other
    }
}

/// `citrus.yaml` and 17 to `citrus.job17.yaml`: names on the shelves are unique, so nothing is ever overwritten.
#[must_use]
pub fn with_job(name: &str, job: i64) -> String {
    let (stem, ext) = parts(name);
    format!("{stem}.job{job}.{ext}")
}

/// Stem and extension, the stem cut so that there is room for what is added on the shelves: file systems take 255 bytes.
#[must_use]
pub fn parts(name: &str) -> (&str, &str) {
    let (stem, ext) = name.rsplit_once('.').unwrap_or((name, "yaml"));
    let end = (0..=stem.len().min(200)).rev().find(|i| stem.is_char_boundary(*i)).unwrap_or(0);
    (&stem[..end], ext)
}

/// The job number in a name made by [`with_job`].
#[must_use]
pub fn job_of(name: &str) -> Option<i64> {
    let (stem, _) = name.rsplit_once('.')?;
    stem.rsplit_once(".job")?.1.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_people_and_programs_leave_in_folders() {
        for (name, expected) in [
            ("citrus.yaml", Kind::Brief),
            ("Citrus Hero.YML", Kind::Brief),
            ("citrus (conflicted copy).yaml", Kind::Brief),
            (".citrus.yaml.swp", Kind::Passing),
            (".citrus.yaml", Kind::Passing),
            ("~$citrus.yaml", Kind::Passing),
            ("citrus.yaml~", Kind::Passing),
            ("#citrus.yaml#", Kind::Passing),
            ("citrus.yaml.part", Kind::Passing),
            ("citrus.yaml.crdownload", Kind::Passing),
            ("citrus.yaml.ready", Kind::Passing),
            ("citrus.docx", Kind::Other),
            ("citrus", Kind::Other),
        ] {
            assert_eq!(kind(name), expected, "{name}");
        }
    }

    #[test]
    fn the_job_number_in_a_name_is_found_again() {
        for name in ["citrus.yaml", "a.job3.yml", "b"] {
            assert_eq!(job_of(&with_job(name, 17)), Some(17), "{name}");
        }
        assert_eq!(job_of("citrus.yaml"), None);
    }
}
