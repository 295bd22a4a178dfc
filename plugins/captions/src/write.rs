//! SRT and WebVTT.

use std::fmt::Write as _;

use crate::cues::{Cue, lines};

/// SubRip, as LinkedIn and everybody else takes it.
pub fn srt(cues: &[Cue], line: usize) -> String {
    let mut out = String::new();
    for (number, cue) in (1..).zip(cues) {
        let text = lines(&cue.text, line).join("\n");
        // Writing to a String can't fail.
        let _ = write!(out, "{number}\n{} --> {}\n{text}\n\n", clock(cue.start, ','), clock(cue.end, ','));
    }
    out
}

/// WebVTT, by the W3C's specification.
pub fn vtt(cues: &[Cue], line: usize) -> String {
    let mut out = String::from("WEBVTT\n\n");
    for cue in cues {
        let text = lines(&cue.text, line).join("\n").replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        let _ = write!(out, "{} --> {}\n{text}\n\n", clock(cue.start, '.'), clock(cue.end, '.'));
    }
    out
}

fn clock(seconds: f64, point: char) -> String {
    let ms = (seconds.max(0.0) * 1000.0).round() as u64;
    format!("{:02}:{:02}:{:02}{point}{:03}", ms / 3_600_000, ms / 60_000 % 60, ms / 1000 % 60, ms % 1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files() {
        let cues = [
            Cue { start: 1.5, end: 3.0, text: "Salt & sun".into() },
            Cue { start: 3661.0, end: 3662.04, text: "Now".into() },
        ];
        assert_eq!(
            srt(&cues, 37),
            "1\n00:00:01,500 --> 00:00:03,000\nSalt & sun\n\n2\n01:01:01,000 --> 01:01:02,040\nNow\n\n"
        );
        assert_eq!(
            vtt(&cues, 37),
            "WEBVTT\n\n00:00:01.500 --> 00:00:03.000\nSalt &amp; sun\n\n01:01:01.000 --> 01:01:02.040\nNow\n\n"
        );
    }
}
