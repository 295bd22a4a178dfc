//! Speech by espeak-ng, a program of its own: plain, small, in a hundred languages, the same every time.
//!
//! It gets the words on its standard input, an environment with nothing but the path in it, a folder of its own and a
//! limited time.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use spotloom_media::AudioClip;
use spotloom_media::audio::RATE;
use spotloom_plugin_sdk::prelude::*;

const PROGRAM: &str = "espeak-ng";
/// For one sentence; it needs milliseconds.
const PATIENCE: Duration = Duration::from_secs(30);
/// The longest sound of one sentence, in seconds.
const LONGEST: f64 = 120.0;

/// Languages that espeak-ng calls otherwise, the longest tags first.
const NAMES: [(&str, &str); 12] = [
    ("zh-hk", "yue"),
    ("zh-hant-hk", "yue"),
    ("es-mx", "es-419"),
    ("es-us", "es-419"),
    ("en-gb", "en-gb"),
    ("fr-be", "fr-be"),
    ("fr-ch", "fr-ch"),
    ("zh", "cmn"),
    ("en", "en-us"),
    ("fr", "fr-fr"),
    ("no", "nb"),
    ("nn", "nb"),
];

/// A voice that is there.
pub(crate) struct Guide {
    pub voice: String,
    words_per_minute: u32,
    pitch: u32,
}

impl Guide {
    /// Finds the voice for a language tag.
    ///
    /// # Errors
    /// `missing-program` when espeak-ng is not installed, `no-voice` when it does not speak the language.
    pub(crate) fn find(locale: &str, words_per_minute: u32, pitch: u32) -> Result<Self, Failure> {
        let listed = command().arg("--voices").output().map_err(|e| missing(&e))?;
        let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
        let known: Vec<&str> = listed.lines().skip(1).filter_map(|l| l.split_whitespace().nth(1)).collect();
        let tag = locale.to_ascii_lowercase();
        let language = tag.split('-').next().unwrap_or_default().to_owned();
        let by_table = |tag: &str| NAMES.iter().find(|(name, _)| *name == tag).map(|(_, voice)| (*voice).to_owned());
        let wanted = [by_table(&tag), Some(tag.clone()), by_table(&language), Some(language)];
        let voice = wanted.into_iter().flatten().find(|voice| known.contains(&voice.as_str())).ok_or_else(|| {
            Failure::new("no-voice", format!("{PROGRAM} has no voice for {locale}"))
                .hint("record the words and give the file under `audio.recording` in the brief")
        })?;
        Ok(Self { voice, words_per_minute, pitch })
    }

    /// Speaks one sentence. `scratch` is a folder for its file.
    pub(crate) fn say(&self, text: &str, scratch: &Path, run: &Run) -> Result<AudioClip, Failure> {
        let file = scratch.join("sentence.wav");
        let mut command = command();
        command.args(["-v", &self.voice, "-s", &self.words_per_minute.to_string(), "-p", &self.pitch.to_string()]);
        command.args(["-z", "-w"]).arg(&file);
        give(command, text, scratch, run)?;
        let clip = AudioClip::read(&file, LONGEST).map_err(|e| {
            Failure::new("speech-failed", format!("{PROGRAM} made nothing that can be read of {text:?}: {e}"))
        })?;
        Ok(trimmed(&clip, 0.003, 0.0))
    }
}

/// How a voice of espeak-ng would pronounce a text, in the International Phonetic Alphabet.
pub(crate) fn phonemes(voice: &str, text: &str, scratch: &Path, run: &Run) -> Result<String, Failure> {
    let file = scratch.join("phonemes.txt");
    let mut command = command();
    command.args(["-v", voice, "-q", "--ipa", &format!("--phonout={}", file.display())]);
    give(command, text, scratch, run)?;
    let phonemes = std::fs::read_to_string(&file).map_err(|e| io_failure("read", &file, &e))?;
    Ok(phonemes.split_whitespace().collect::<Vec<_>>().join(" "))
}

/// Whether espeak-ng is there and has a voice of that name.
///
/// # Errors
/// `missing-program`, `no-voice`.
pub(crate) fn has_voice(voice: &str) -> Result<(), Failure> {
    let status = command()
        .args(["-v", voice, "-q", "--ipa", "a"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .map_err(|e| missing(&e))?;
    if status.success() {
        return Ok(());
    }
    Err(Failure::new("no-voice", format!("{PROGRAM} has no voice `{voice}`, which says how the words are pronounced"))
        .hint("correct `espeak.voice` in the voice's configuration, or install a newer espeak-ng"))
}

/// Hands words to the program and waits until it has ended well.
fn give(mut command: Command, text: &str, scratch: &Path, run: &Run) -> Result<(), Failure> {
    let mut child = command
        .args(["-b", "1", "--stdin"])
        .current_dir(scratch)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|e| missing(&e))?;
    // Two brackets would be read as phonemes.
    let words = text.replace("[[", "[").replace("]]", "]");
    if let Some(mut stdin) = child.stdin.take() {
        // A program that has ended already takes nothing; how it ended is looked at below.
        let _ = stdin.write_all(words.as_bytes());
    }
    let start = Instant::now();
    let status = loop {
        match child.try_wait() {
            Ok(Some(status)) => break status,
            Ok(None) if start.elapsed() < PATIENCE && !run.is_cancelled() => {
                std::thread::sleep(Duration::from_millis(5));
            }
            _ => {
                let _ = child.kill();
                let _ = child.wait();
                run.check_cancelled()?;
                let message = format!("{PROGRAM} took more than {} s for one sentence", PATIENCE.as_secs());
                return Err(Failure::new("speech-failed", message).hint("shorten the sentence"));
            }
        }
    };
    if !status.success() {
        return Err(Failure::new("speech-failed", format!("{PROGRAM} ended with {status} over {text:?}")));
    }
    Ok(())
}

fn command() -> Command {
    let mut command = Command::new(PROGRAM);
    let path = std::env::var_os("PATH").unwrap_or_else(|| "/usr/bin:/bin".into());
    command.env_clear().env("PATH", path).env("LC_ALL", "C.UTF-8");
    command
}

fn missing(error: &std::io::Error) -> Failure {
    Failure::new("missing-program", format!("the words can't be spoken: {PROGRAM} can't be started: {error}"))
        .hint("install it (`apt-get install espeak-ng`), or give a recording under `audio.recording` in the brief")
}

/// Without the silence at both ends, so that the times are those of the words; `margin` seconds of it stay.
pub(crate) fn trimmed(clip: &AudioClip, floor: f32, margin: f64) -> AudioClip {
    let loud = |s: &(f32, f32)| s.0.abs().max(s.1.abs()) > floor;
    let samples = clip.samples();
    let (Some(first), Some(last)) = (samples.iter().position(loud), samples.iter().rposition(loud)) else {
        return clip.clone();
    };
    let margin = (margin * f64::from(RATE)) as usize;
    let (first, last) = (first.saturating_sub(margin), (last + margin).min(samples.len() - 1));
    AudioClip::new(samples[first..=last].to_vec())
}
