//! Which files travel with a mail: the spot before what tells of it, and that before stills.

use spotloom_plugin_sdk::prelude::*;

/// What a file is to people who wait for the spot, the most wanted first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    /// The spot: masters, subtitles, and whatever is not known to be something less.
    Spot,
    /// What tells of it: the report, data, drawings of loudness.
    Telling,
    /// Posters, contact sheets, further variations of a shot: megabytes each, and one still is shown in the mail as it is.
    Beside,
}

impl Rank {
    fn of(media: &str) -> Self {
        match media {
            // Previews that move are masters.
            "image/gif" | "image/webp" => Self::Spot,
            "text/html" | "application/json" | "image/svg+xml" => Self::Telling,
            // Clips without loss, as stages hand them to each other; no master is one.
            "video/x-matroska" => Self::Beside,
            _ if media.starts_with("image/") => Self::Beside,
            _ => Self::Spot,
        }
    }
}

/// For each file whether it is attached.
///
/// A rank travels whole or not at all, so that nobody takes some of the masters for all of them. Where the first does not fit
/// nothing is attached: a report without its spot is no delivery.
///
/// # Errors
/// A file that can't be looked at.
pub(crate) fn choose(files: &[Artifact], megabytes: f64) -> Result<Vec<bool>, Failure> {
    let sizes = files
        .iter()
        .map(|f| std::fs::metadata(&f.path).map(|m| encoded(m.len())).map_err(|e| io_failure("read", &f.path, &e)))
        .collect::<Result<Vec<u64>, Failure>>()?;
    let ranks: Vec<Rank> = files.iter().map(|f| Rank::of(&f.media)).collect();
    let (mut total, mut last) = (0, None);
    for rank in [Rank::Spot, Rank::Telling, Rank::Beside] {
        if !ranks.contains(&rank) {
            continue;
        }
        let with: u64 = total + ranks.iter().zip(&sizes).filter(|(r, _)| **r == rank).map(|(_, s)| s).sum::<u64>();
        if with as f64 > megabytes * 1e6 {
            break;
        }
        (total, last) = (with, Some(rank));
    }
    Ok(ranks.iter().map(|rank| last.is_some_and(|last| *rank <= last)).collect())
}

/// Base64 in lines of 76 characters and their breaks.
fn encoded(bytes: u64) -> u64 {
    let characters = bytes.div_ceil(3) * 4;
    characters + characters.div_ceil(76) * 2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encoded_sizes() {
        let check = |bytes, expected| assert_eq!(encoded(bytes), expected);
        check(0, 0);
        check(1, 6);
        check(57, 78);
        check(58, 84);
    }

    #[test]
    fn the_spot_comes_first() {
        let folder = tempfile::TempDir::new().unwrap();
        // Files as `media: kilobytes`, in the order of a delivery; `+` where one is attached.
        let check = |files: &[(&str, usize)], expected: &str| {
            let artifact = |(i, (media, kilobytes)): (usize, &(&str, usize))| {
                let path = folder.path().join(i.to_string());
                std::fs::write(&path, vec![0; kilobytes * 1000]).unwrap();
                let (sha256, facts) = ("0".repeat(64), serde_json::Map::new());
                Artifact { path, sha256, media: (*media).into(), name: i.to_string(), facts }
            };
            let files: Vec<Artifact> = files.iter().enumerate().map(artifact).collect();
            let chosen = choose(&files, 1.0).unwrap();
            let marks: String = chosen.iter().map(|yes| if *yes { '+' } else { '-' }).collect();
            assert_eq!(marks, expected, "{:?}", files.iter().map(|f| &f.media).collect::<Vec<_>>());
        };
        let (film, words, page, still) = ("video/mp4", "text/vtt", "text/html", "image/png");
        check(&[(film, 300), (words, 1), (still, 50), (page, 20)], "++++");
        check(&[(film, 300), (words, 1), (still, 900), (page, 20)], "++-+");
        check(&[(film, 300), (words, 1), (still, 50), (page, 900)], "++--");
        check(&[(film, 400), (film, 400), (still, 1), (page, 1)], "----");
        check(&[("image/gif", 500), ("image/webp", 200), (still, 100)], "++-");
        check(&[("application/x-subrip", 1), ("image/svg+xml", 1), ("image/jpeg", 900)], "++-");
        check(&[(film, 300), ("video/x-matroska", 900), ("application/json", 1)], "+-+");
        // Without a spot what there is comes first.
        check(&[(page, 300), (still, 900)], "+-");
        check(&[(still, 300)], "+");
        check(&[(still, 800)], "-");
        check(&[], "");
    }
}
