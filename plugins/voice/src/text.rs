//! Words into sentences, each with the moment before which it must not begin.

use unicode_segmentation::UnicodeSegmentation as _;

use crate::stage::Params;

/// One sentence.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Sentence {
    pub text: String,
    /// Not before this, in seconds.
    pub from: f64,
    /// The number of the scene that it is said over; `None` in a text for the whole spot.
    pub scene: Option<usize>,
}

/// Seconds a scene is seen before it is spoken over.
const LEAD: f64 = 0.3;

/// Everything that is said, in order: the lines of the scenes, each from the start of its scene; else the text.
pub(crate) fn sentences(params: &Params) -> Vec<Sentence> {
    let mut all = Vec::new();
    let mut at = 0.0;
    for (number, scene) in (1..).zip(&params.scenes) {
        if let Some(say) = &scene.say {
            all.extend(split(say).map(|text| Sentence { text, from: at + LEAD, scene: Some(number) }));
        }
        at += scene.seconds;
    }
    if all.is_empty() {
        let text = params.text.as_deref().unwrap_or_default();
        all.extend(split(text).map(|text| Sentence { text, from: params.start_seconds, scene: None }));
    }
    all
}

/// Sentences after Unicode's rules (UAX #29), without what can't be spoken.
fn split(text: &str) -> impl Iterator<Item = String> {
    let flat: String = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let sentences: Vec<String> = flat
        .unicode_sentences()
        .map(|s| s.trim().to_owned())
        .filter(|s| s.chars().any(char::is_alphanumeric))
        .collect();
    sentences.into_iter()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentences_in_many_scripts() {
        fn check(text: &str, expected: &[&str]) {
            assert_eq!(split(text).collect::<Vec<_>>(), expected);
        }
        check("Taste the sun. Order now!", &["Taste the sun.", "Order now!"]);
        check("Only 3.5 grams of sugar.\nReally?", &["Only 3.5 grams of sugar.", "Really?"]);
        check("ذُق الشمس. اطلب الآن؟ نعم", &["ذُق الشمس.", "اطلب الآن؟", "نعم"]);
        check("尝尝阳光。现在订购！", &["尝尝阳光。", "现在订购！"]);
        check(" … ", &[]);
    }

    #[test]
    fn scenes_come_before_the_text() {
        let params = |value| serde_json::from_value::<Params>(value).unwrap();
        let said = sentences(&params(serde_json::json!({
            "locale": "en", "text": "Not this.",
            "scenes": [{"seconds": 4, "say": "One. Two."}, {"seconds": 3}, {"seconds": 2, "say": "Three."}],
        })));
        let found: Vec<_> = said.iter().map(|s| (s.text.as_str(), s.from, s.scene)).collect();
        assert_eq!(found, [("One.", 0.3, Some(1)), ("Two.", 0.3, Some(1)), ("Three.", 7.3, Some(3))]);
        let said = sentences(&params(serde_json::json!({"locale": "en", "text": "This.", "start-seconds": 1.5})));
        assert_eq!(said, [Sentence { text: "This.".into(), from: 1.5, scene: None }]);
    }
}
