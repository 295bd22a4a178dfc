//! A given SRT or WebVTT file.

use crate::cues::Cue;

/// Reads either kind; told apart by the first line, whatever the file is called.
///
/// # Errors
/// Every mistake with its line.
pub fn parse(text: &str) -> Result<Vec<Cue>, Vec<String>> {
    let text = text.trim_start_matches('\u{feff}').replace("\r\n", "\n").replace('\r', "\n");
    let lines: Vec<&str> = text.lines().collect();
    let (mut cues, mut mistakes): (Vec<Cue>, Vec<String>) = (Vec::new(), Vec::new());
    let mut i = 0;
    while i < lines.len() {
        let Some((from, to)) = lines[i].split_once("-->") else {
            i += 1;
            continue;
        };
        let number = i + 1;
        // After the second time WebVTT may say where the cue stands.
        let (start, end) = (time(from.trim()), time(to.split_whitespace().next().unwrap_or_default()));
        let mut words = Vec::new();
        i += 1;
        while i < lines.len() && !lines[i].trim().is_empty() && !lines[i].contains("-->") {
            words.push(plain(lines[i]));
            i += 1;
        }
        let (Some(start), Some(end)) = (start, end) else {
            mistakes.push(format!(
                "line {number}: `{}` is no pair of times; expected 00:00:01,500 --> 00:00:03,000",
                lines[number - 1].trim()
            ));
            continue;
        };
        if end <= start {
            mistakes.push(format!("line {number}: the cue ends before it begins"));
        }
        if cues.last().is_some_and(|before| start < before.start) {
            mistakes.push(format!("line {number}: the cue begins before the one above it"));
        }
        let text = words.join(" ").trim().to_owned();
        if !text.is_empty() {
            cues.push(Cue { start, end, text });
        }
    }
    if cues.is_empty() && mistakes.is_empty() {
        mistakes.push("there is no cue in it; expected SRT or WebVTT, like 00:00:01,500 --> 00:00:03,000".into());
    }
    if mistakes.is_empty() { Ok(cues) } else { Err(mistakes) }
}

/// `HH:MM:SS,mmm`, `HH:MM:SS.mmm` or `MM:SS.mmm`.
fn time(text: &str) -> Option<f64> {
    let parts: Vec<&str> = text.split(':').collect();
    let [hours, minutes, seconds] = match parts[..] {
        [h, m, s] => [h, m, s],
        [m, s] => ["0", m, s],
        _ => return None,
    };
    let seconds: f64 = seconds.replace(',', ".").parse().ok().filter(|s: &f64| (0.0..60.0).contains(s))?;
    let minutes: u32 = minutes.parse().ok().filter(|m| *m < 60)?;
    Some(f64::from(hours.parse::<u32>().ok().filter(|h| *h < 100)?) * 3600.0 + f64::from(minutes) * 60.0 + seconds)
}

/// Without tags, and with the characters that WebVTT escapes.
fn plain(line: &str) -> String {
    let mut out = String::new();
    let mut inside = false;
    for c in line.chars() {
        match c {
            '<' => inside = true,
            '>' if inside => inside = false,
            c if !inside => out.push(c),
            _ => {}
        }
    }
    out.replace("&lt;", "<").replace("&gt;", ">").replace("&nbsp;", " ").replace("&amp;", "&").trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_kinds_are_read() {
        let cue = |start: f64, end: f64, text: &str| Cue { start, end, text: text.into() };
        let srt = "\u{feff}1\r\n00:00:01,500 --> 00:00:03,000\r\nTaste <i>the</i>\r\nsun\r\n\r\n2\r\n00:01:00,000 --> 00:01:02,000\r\nNow\r\n";
        assert_eq!(parse(srt).unwrap(), [cue(1.5, 3.0, "Taste the sun"), cue(60.0, 62.0, "Now")]);
        let vtt = "WEBVTT\n\nNOTE by hand\n\nfirst\n00:01.500 --> 00:03.000 align:start\nSalt &amp; sun\n";
        assert_eq!(parse(vtt).unwrap(), [cue(1.5, 3.0, "Salt & sun")]);
    }

    #[test]
    fn every_mistake_has_its_line() {
        let found = parse("1\n00:00:03,000 --> 00:00:01,000\nA\n\n2\n1.5 --> 3\nB\n").unwrap_err();
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found[0].starts_with("line 2: the cue ends before"), "{found:?}");
        assert!(found[1].starts_with("line 6: `1.5 --> 3`"), "{found:?}");
        assert!(parse("hello\n").unwrap_err()[0].contains("no cue"));
    }
}
