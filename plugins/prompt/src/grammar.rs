//! The local expansion: one entry of each word list, chosen by the seed.

use std::collections::BTreeMap;

use spotloom_plugin_sdk::prelude::*;

use crate::template::{Scene, Template, WordList};
use crate::words as one_line;

/// The words chosen, by the name of their list; empty where the scene says it itself.
pub(crate) type Words = BTreeMap<String, String>;

/// The caption.
///
/// # Errors
/// `template-invalid`.
pub(crate) fn expand(template: &Template, scene: &Scene, seed: u64) -> Result<String, Failure> {
    let words = template.words.iter().map(|(name, list)| (name.clone(), choose(name, list, scene, seed))).collect();
    Ok(one_line(&template.render("caption", &template.caption, scene, &words)?))
}

fn choose(name: &str, list: &WordList, scene: &Scene, seed: u64) -> String {
    let said = scene.prompt.to_lowercase();
    let mut said = said.split(|c: char| !c.is_alphanumeric());
    if said.any(|word| list.unless.iter().any(|u| u.eq_ignore_ascii_case(word))) {
        return String::new();
    }
    let shot = if list.per_shot { u64::from(scene.index) } else { 0 };
    let number = name.bytes().fold(mix(mix(seed).wrapping_add(shot)), |h, b| mix(h ^ u64::from(b)));
    let choice = usize::try_from(number % list.one_of.len() as u64).unwrap_or_default();
    list.one_of[choice].clone()
}

/// `SplitMix64`'s finaliser: neighbouring seeds choose differently.
fn mix(seed: u64) -> u64 {
    let z = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
