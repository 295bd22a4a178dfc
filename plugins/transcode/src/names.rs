//! What the files are called: by what they are, or by the code that identifies the spot. Pure.

use spotloom_plugin_sdk::api::Failure;

use crate::params::Params;
use crate::preset::{NamedBy, Preset};

/// The code that the preset wants its file to be called by and the brief gives, as it is written in names.
///
/// # Errors
/// `bad-code` when the length in a clock number is not the spot's.
pub(crate) fn by_code(name: &str, preset: &Preset, params: &Params, seconds: f64) -> Result<Option<String>, Failure> {
    Ok(match preset.named_by {
        Some(NamedBy::AdId) => params.ad_id.clone(),
        Some(NamedBy::ClockNumber) => {
            if let Some(clock) = &params.clock_number {
                clock_fits(name, clock, seconds)?;
            }
            // A slash can't be part of a file's name; traffic departments write an underscore.
            params.clock_number.as_ref().map(|clock| clock.replace('/', "_"))
        }
        None => None,
    })
}

/// Names by a code, the best first: the code alone, then with the placement, for a code is the spot's, whatever format it is in.
pub(crate) fn coded(code: &str, preset: &Preset, label: &str, name: &str) -> impl Iterator<Item = String> {
    let (extension, _) = preset.file_kind();
    let stems = distinct(label, name).map({
        let code = code.to_owned();
        move |label| format!("{code}_{label}")
    });
    std::iter::once(code.to_owned()).chain(stems).map(move |stem| format!("{stem}.{extension}"))
}

/// Whether two names would be one without their endings, as those of plots are; some file systems don't tell cases apart.
pub(crate) fn same_stem(a: &str, b: &str) -> bool {
    let stem = |name: &str| name.rsplit_once('.').map_or(name, |(stem, _)| stem).to_lowercase();
    stem(a) == stem(b)
}

fn clock_fits(name: &str, clock: &str, seconds: f64) -> Result<(), Failure> {
    let says = clock.rsplit('/').next().and_then(|s| s.parse::<f64>().ok()).unwrap_or_default();
    if (says - seconds).abs() < 0.02 {
        return Ok(());
    }
    Err(Failure::new("bad-code", format!("the clock number {clock} says {says} s and {name} lasts {seconds:.2} s"))
        .hint("its last three digits are the length in seconds: correct them, or the length of the scenes"))
}

/// `ABCD1234567`, with an `H` after it for high definition. <https://www.ad-id.org/about/ad-id-structure>
pub(crate) fn is_ad_id(code: &str) -> bool {
    let bytes = code.as_bytes();
    let plain = |b: &u8| b.is_ascii_uppercase() || b.is_ascii_digit();
    (bytes.len() == 11 || bytes.len() == 12 && bytes[11] == b'H') && bytes[..11].iter().all(plain) && bytes[0] != b'0'
}

/// `AAA/BBCC001/030`: agency, product and number, seconds.
pub(crate) fn is_clock_number(code: &str) -> bool {
    let parts: Vec<&[u8]> = code.split('/').map(str::as_bytes).collect();
    let [agency, product, seconds] = parts.as_slice() else { return false };
    let all = |part: &[u8], test: fn(&u8) -> bool| part.iter().all(test);
    agency.len() == 3
        && all(agency, |b| b.is_ascii_uppercase() || b.is_ascii_digit())
        && product.len() == 7
        && all(&product[..4], u8::is_ascii_uppercase)
        && all(&product[4..], u8::is_ascii_digit)
        && seconds.len() == 3
        && all(seconds, u8::is_ascii_digit)
}

pub(crate) fn file_name(params: &Params, preset: &Preset, label: &str, seconds: f64) -> String {
    let ratio = preset.aspect.replace(':', "x");
    let locale = params.locale.as_ref().map(|l| format!("_{l}")).unwrap_or_default();
    format!("{}_{ratio}_{label}_{:.0}s{locale}.{}", params.name, seconds.round(), preset.file_kind().0)
}

/// Names for a placement, the best first: its label, then with what the preset's name adds to that (`YouTube`,
/// `YouTube15s`), then with a number.
pub(crate) fn distinct(label: &str, preset: &str) -> impl Iterator<Item = String> {
    let camel = camel_case(preset);
    let adds = match camel.get(..label.len()) {
        Some(start) if start.eq_ignore_ascii_case(label) => camel[label.len()..].to_owned(),
        _ => camel,
    };
    let numbered = (2_u32..).map({
        let label = label.to_owned();
        move |n| format!("{label}{n}")
    });
    [label.to_owned(), format!("{label}{adds}")].into_iter().chain(numbered)
}

/// `instagram-reel` as `InstagramReel`.
fn camel_case(name: &str) -> String {
    let capital = |word: &str| {
        let mut letters = word.chars();
        letters.next().map(|first| first.to_uppercase().chain(letters).collect::<String>()).unwrap_or_default()
    };
    name.split(|c: char| !c.is_alphanumeric()).map(capital).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placements_of_one_platform_are_told_apart() {
        fn check(label: &str, preset: &str, expected: [&str; 3]) {
            assert_eq!(distinct(label, preset).take(3).collect::<Vec<_>>(), expected);
        }
        check("YouTube", "youtube-15s", ["YouTube", "YouTube15s", "YouTube2"]);
        check("YouTube", "youtube", ["YouTube", "YouTube", "YouTube2"]);
        check("InstagramFeed", "instagram-square", ["InstagramFeed", "InstagramFeedInstagramSquare", "InstagramFeed2"]);
        check("X", "eule-ü", ["X", "XEuleÜ", "X2"]);
    }

    #[test]
    fn codes() {
        fn check(code: &str, ad_id: bool, clock: bool) {
            assert_eq!((is_ad_id(code), is_clock_number(code)), (ad_id, clock), "{code}");
        }
        check("ABCD1234567", true, false);
        check("ABCD1234567H", true, false);
        check("1BCD000A000H", true, false);
        check("0BCD1234567", false, false);
        check("ABCD1234567D", false, false);
        check("ABCD123456", false, false);
        check("abcd1234567", false, false);
        check("AAA/BBCC001/030", false, true);
        check("AA1/BBCC001/030", false, true);
        check("AAA/BBC0001/030", false, false);
        check("AAA/BBCC001/30", false, false);
        check("AAA/BBCC001", false, false);
        check("", false, false);
    }
}
