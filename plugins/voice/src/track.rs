//! Sentences to one track: where each begins and ends, and the sound.

use serde::Serialize;
use spotloom_media::{AudioClip, audio::RATE};

use crate::text::Sentence;

/// When a sentence is heard.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Timed {
    pub text: String,
    /// Seconds from the start of the track.
    pub start: f64,
    pub end: f64,
}

/// A scene whose words have not ended when the next one is to speak.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Overrun {
    pub scene: usize,
    /// The scene that has to wait, and for how many seconds.
    pub next: usize,
    pub late: f64,
}

/// Later than this is heard, and no longer said over its picture.
const LATE: f64 = 0.1;

/// Puts spoken sentences one after another, none before its time and with `gap` seconds between them. Words that outlast their
/// scene hold up the next one's: better than two voices at once, but somebody has to know.
pub(crate) fn assemble(spoken: Vec<(Sentence, AudioClip)>, gap: f64) -> (AudioClip, Vec<Timed>, Vec<Overrun>) {
    let mut samples: Vec<(f32, f32)> = Vec::new();
    let mut timed = Vec::with_capacity(spoken.len());
    let mut overruns = Vec::new();
    let mut free = 0.0_f64;
    let mut before = None;
    for (sentence, clip) in spoken {
        let late = free - sentence.from;
        if let (Some(scene), Some(next)) = (before, sentence.scene)
            && scene != next
            && late > LATE
        {
            overruns.push(Overrun { scene, next, late });
        }
        before = sentence.scene;
        let start = (sentence.from.max(free) * f64::from(RATE)).round() as usize;
        samples.resize(start, (0.0, 0.0));
        samples.extend_from_slice(clip.samples());
        let (start, end) = (seconds(start), seconds(samples.len()));
        free = end + gap;
        timed.push(Timed { text: sentence.text, start, end });
    }
    (AudioClip::new(samples), timed, overruns)
}

/// Times of sentences in a recording, by how much there is to say in each: good to about half a second in a read text.
pub(crate) fn estimate(sentences: &[Sentence], recording: &AudioClip) -> Vec<Timed> {
    let loud = |s: &(f32, f32)| s.0.abs().max(s.1.abs()) > 0.01;
    let samples = recording.samples();
    let first = samples.iter().position(loud).map_or(0.0, seconds);
    let last = samples.iter().rposition(loud).map_or(recording.seconds(), |i| seconds(i + 1));
    // A pause at the end of a sentence takes about as long as six letters.
    let weight = |s: &Sentence| s.text.chars().filter(|c| c.is_alphanumeric()).count() as f64 + 6.0;
    let total: f64 = sentences.iter().map(weight).sum::<f64>() - 6.0;
    let per = (last - first) / total.max(1.0);
    let mut at = first;
    let mut timed = Vec::with_capacity(sentences.len());
    for sentence in sentences {
        let end = (at + (weight(sentence) - 6.0) * per).min(last);
        timed.push(Timed { text: sentence.text.clone(), start: round(at), end: round(end) });
        at += weight(sentence) * per;
    }
    timed
}

fn seconds(samples: usize) -> f64 {
    round(samples as f64 / f64::from(RATE))
}

fn round(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sentence(text: &str, from: f64) -> Sentence {
        Sentence { text: text.into(), from, scene: None }
    }

    #[test]
    fn words_that_outlast_their_scene_are_told() {
        fn check(spoken: &[(usize, f64, f64)], expected: &[(usize, usize, f64)]) {
            let clip = |seconds: f64| AudioClip::new(vec![(0.5, 0.5); (seconds * f64::from(RATE)) as usize]);
            let sentence = |scene: usize, from: f64| Sentence { scene: Some(scene), ..sentence("a", from) };
            let spoken = spoken.iter().map(|(scene, from, seconds)| (sentence(*scene, *from), clip(*seconds)));
            let (.., overruns) = assemble(spoken.collect(), 0.25);
            let expected: Vec<_> = expected.iter().map(|(scene, next, late)| (*scene, *next, *late)).collect();
            let found: Vec<_> = overruns.iter().map(|o| (o.scene, o.next, (o.late * 100.0).round() / 100.0)).collect();
            assert_eq!(found, expected);
        }
        // Scene, when it may begin, how long it is spoken.
        check(&[(1, 0.3, 2.0), (1, 0.3, 1.0), (2, 4.3, 1.0)], &[]);
        check(&[(1, 0.3, 4.5), (2, 4.3, 1.0), (2, 4.3, 1.0), (4, 9.3, 1.0)], &[(1, 2, 0.75)]);
        check(&[(1, 0.3, 4.5), (3, 4.3, 4.5), (4, 8.3, 1.0)], &[(1, 3, 0.75), (3, 4, 1.5)]);
        // Nobody hears so little.
        check(&[(1, 0.3, 3.8), (2, 4.3, 1.0)], &[]);
    }

    #[test]
    fn none_begins_before_its_time_or_into_another() {
        let clip = |seconds: f64| AudioClip::new(vec![(0.5, 0.5); (seconds * f64::from(RATE)) as usize]);
        let spoken =
            vec![(sentence("a", 0.5), clip(1.0)), (sentence("b", 0.5), clip(2.0)), (sentence("c", 9.0), clip(1.0))];
        let (track, timed, _) = assemble(spoken, 0.25);
        let times: Vec<(f64, f64)> = timed.iter().map(|t| (t.start, t.end)).collect();
        assert_eq!(times, [(0.5, 1.5), (1.75, 3.75), (9.0, 10.0)]);
        assert_eq!(track.samples().len(), 10 * RATE as usize);
    }

    #[test]
    fn recordings_are_divided_by_what_there_is_to_say() {
        let mut samples = vec![(0.0, 0.0); RATE as usize];
        samples.resize(5 * RATE as usize, (0.3, 0.3));
        samples.resize(6 * RATE as usize, (0.0, 0.0));
        let sentences = [sentence("Ten letters", 0.0), sentence("Ten letters", 0.0)];
        let timed = estimate(&sentences, &AudioClip::new(samples));
        let times: Vec<(f64, f64)> = timed.iter().map(|t| (t.start, t.end)).collect();
        assert_eq!(times, [(1.0, 2.538), (3.462, 5.0)]);
    }
}
