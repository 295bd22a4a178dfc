//! What is heard, and the codes broadcasters know a spot by.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use super::check::{Known, asset, settled, text};
use super::text::{Locale, Text};
use crate::error;
use crate::yaml::{Fields, Mistakes, Node};

/// The longest a spot may be, in seconds: no cue lies beyond it.
const LATEST_CUE: f64 = 600.0;
const GAIN: &str = "decibels from -60 to 20";

/// What is heard.
#[derive(Clone, Debug, Default, PartialEq, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Audio {
    /// A piece of music: a file of the studio.
    #[schemars(default)]
    pub music: Option<String>,
    /// Its beats per minute: it is then repeated by whole bars, and fades from a downbeat. Without it, by what is heard.
    #[schemars(default, range(min = 30.0, max = 300.0))]
    pub bpm: Option<f64>,
    /// The music against the voice, in dB: below 0 is quieter. Both are brought to the same loudness first, and the whole to what
    /// each platform asks for.
    #[schemars(default, range(min = -60.0, max = 20.0))]
    pub music_gain_db: Option<f64>,
    /// How far the music goes down while somebody speaks, in dB; left out, 12.
    #[schemars(default, range(min = 0.0, max = 40.0))]
    pub duck_db: Option<f64>,
    /// Words to be spoken. Without a recording `voice` speaks them, or a plain voice as a guide.
    #[schemars(default)]
    pub voiceover: Option<Text>,
    /// Who speaks them when there is no recording: a voice of the studio's `models/`, or one for some languages; in others the
    /// plain voice does. Left out: the brand's.
    #[schemars(default)]
    pub voice: Option<Text>,
    /// Which speaker of that voice, where it has several: a name or a number.
    #[schemars(default)]
    pub speaker: Option<Text>,
    /// How fast it is spoken: 1 is the voice's own pace, 2 twice as fast.
    #[schemars(default, range(min = 0.5, max = 2.0))]
    pub pace: Option<f64>,
    /// The words as somebody has read them: a file of the studio; for several languages one for each.
    #[schemars(default)]
    pub recording: Option<Text>,
    /// Sounds at moments of the spot.
    #[schemars(default)]
    pub cues: Vec<Cue>,
}

/// A sound and when it is heard.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Cue {
    /// A file of the studio.
    pub file: String,
    /// Seconds from the start of the spot.
    #[schemars(range(min = 0.0, max = 600.0))]
    pub at: f64,
    /// Louder, or below 0 quieter, than an accent of the music, in dB.
    #[schemars(default, range(min = -60.0, max = 20.0))]
    pub gain_db: Option<f64>,
}

/// What broadcasters know the spot by; the same for all languages or one for each.
#[derive(Clone, Debug, Default, PartialEq, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Codes {
    /// The Ad-ID of US advertising: `ABCD1234567`, with an `H` after it for high definition.
    #[schemars(default)]
    pub ad_id: Option<Text>,
    /// The clock number of UK advertising: `AAA/BBCC001/030`, agency, product, seconds.
    #[schemars(default)]
    pub clock_number: Option<Text>,
}

pub(super) fn audio(node: &Node, known: &Known, m: &mut Mistakes) -> Option<Audio> {
    let mut f = Fields::of(node, "the audio", m)?;
    let music = f.get("music").map(|n| asset(n, m));
    let bpm = f.get("bpm").map(|n| m.number(n, "beats per minute, from 30 to 300", 30.0..=300.0));
    let music_gain_db = f.get("music_gain_db").map(|n| m.number(n, GAIN, -60.0..=20.0));
    let duck_db = f.get("duck_db").map(|n| m.number(n, "decibels from 0 to 40", 0.0..=40.0));
    let voiceover = f.get("voiceover").map(|n| text(n, known, "words to be spoken", m));
    // A language that has none of its own gets the plain voice, so not all need to be there.
    let anywhere = Known { locales: Vec::new() };
    let voice = f.get("voice").map(|n| text(n, &anywhere, "a voice of the studio", m));
    let speaker = f.get("speaker").map(|n| text(n, &anywhere, "a speaker of the voice", m));
    let pace = f.get("pace").map(|n| m.number(n, "a pace from 0.5 to 2, where 1 is the voice's own", 0.5..=2.0));
    let recording = f.get("recording").map(|n| recording(n, "recording", known, m));
    let cues = f.get("cues").map_or_else(
        || Some(Vec::new()),
        |n| {
            let items = m.list(n, "a list of sounds, like `- {file: assets/whoosh.wav, at: 2.5}`")?;
            items.iter().map(|item| cue(item, m)).collect::<Vec<_>>().into_iter().collect()
        },
    );
    f.finish(m);
    Some(Audio {
        music: settled(music)?,
        bpm: settled(bpm)?,
        music_gain_db: settled(music_gain_db)?,
        duck_db: settled(duck_db)?,
        voiceover: settled(voiceover)?,
        voice: settled(voice)?,
        speaker: settled(speaker)?,
        pace: settled(pace)?,
        recording: settled(recording)?,
        cues: cues?,
    })
}

/// Paths of `what` in place of words. One for all would put one language under the pictures of the others.
pub(super) fn recording(node: &Node, what: &str, known: &Known, m: &mut Mistakes) -> Option<Text> {
    if node.as_text().is_some() {
        let path = asset(node, m)?;
        if known.locales.len() < 2 {
            return Some(Text::Plain(path));
        }
        let tags: Vec<&str> = known.locales.iter().map(Locale::as_str).collect();
        let message = format!("one {what} for all of {}", error::list(&tags, "and"));
        let all = tags.iter().map(|tag| format!("{tag}: …")).collect::<Vec<_>>().join(", ");
        m.push(node.mistake("missing-locale", message).expected("one for each language").hint(format!(
            "write `{what}: {{{all}}}`; where nothing is said in it, the same file may stand for several"
        )));
        return None;
    }
    let Text::Localised(files) = text(node, known, &format!("a {what}"), m)? else { return None };
    let mut paths = BTreeMap::new();
    for locale in files.into_keys() {
        let path = node.get(locale.as_str()).and_then(|n| asset(n, m))?;
        paths.insert(locale, path);
    }
    Some(Text::Localised(paths))
}

fn cue(node: &Node, m: &mut Mistakes) -> Option<Cue> {
    let mut f = Fields::of(node, "a cue", m)?;
    let file = f.require("file", "a file of the studio, like `assets/whoosh.wav`").and_then(|n| asset(n, m));
    let at = f.require("at", "seconds from the start of the spot");
    let at = at.and_then(|n| m.number(n, "seconds from the start of the spot", 0.0..=LATEST_CUE));
    let gain_db = f.get("gain_db").map(|n| m.number(n, GAIN, -60.0..=20.0));
    f.finish(m);
    Some(Cue { file: file?, at: at?, gain_db: settled(gain_db)? })
}

pub(super) fn codes(node: &Node, known: &Known, m: &mut Mistakes) -> Option<Codes> {
    let mut f = Fields::of(node, "the codes", m)?;
    let ad_id = f.get("ad_id").map(|n| code(n, known, "an Ad-ID like `ABCD1234567H`", is_ad_id, m));
    let clock = "a clock number like `AAA/BBCC001/030`";
    let clock_number = f.get("clock_number").map(|n| code(n, known, clock, is_clock_number, m));
    f.finish(m);
    Some(Codes { ad_id: settled(ad_id)?, clock_number: settled(clock_number)? })
}

fn code(node: &Node, known: &Known, expected: &str, fits: fn(&str) -> bool, m: &mut Mistakes) -> Option<Text> {
    let codes = text(node, known, expected, m)?;
    let all: Vec<(&Node, &str)> = match &codes {
        Text::Plain(code) => vec![(node, code)],
        Text::Localised(codes) => {
            codes.iter().map(|(l, c)| (node.get(l.as_str()).unwrap_or(node), c.as_str())).collect()
        }
    };
    let mut right = true;
    for (node, code) in all {
        if !fits(code) {
            m.push(node.mistake("bad-code", format!("`{code}` is none")).expected(expected));
            right = false;
        }
    }
    right.then_some(codes)
}

/// Eleven capital letters and digits, not beginning with 0, and maybe an `H`.
fn is_ad_id(code: &str) -> bool {
    let bytes = code.as_bytes();
    let plain = |b: &u8| b.is_ascii_uppercase() || b.is_ascii_digit();
    (bytes.len() == 11 || bytes.len() == 12 && bytes[11] == b'H') && bytes[..11].iter().all(plain) && bytes[0] != b'0'
}

/// Three, four and three, and three digits, between slashes.
fn is_clock_number(code: &str) -> bool {
    let parts: Vec<&[u8]> = code.split('/').map(str::as_bytes).collect();
    let [agency, product, seconds] = parts.as_slice() else { return false };
    agency.len() == 3
        && agency.iter().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
        && product.len() == 7
        && product[..4].iter().all(u8::is_ascii_uppercase)
        && product[4..].iter().all(u8::is_ascii_digit)
        && seconds.len() == 3
        && seconds.iter().all(u8::is_ascii_digit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_by_pattern() {
        fn check(code: &str, ad_id: bool, clock: bool) {
            assert_eq!((is_ad_id(code), is_clock_number(code)), (ad_id, clock), "{code}");
        }
        check("ABCD1234567", true, false);
        check("ABCD1234567H", true, false);
        check("0BCD1234567", false, false);
        check("abcd1234567", false, false);
        check("AAA/BBCC001/030", false, true);
        check("AAA/BBCC001/30", false, false);
        check("", false, false);
    }
}
