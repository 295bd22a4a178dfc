//! Defects planted one at a time: each is found before anything is rendered, and told as a person can read it.

use std::path::Path;

use serde_json::{Value, json};
use spotloom_compose::Compose;
use spotloom_plugin_sdk::api::End;
use spotloom_plugin_sdk::harness::{Done, Harness};
use tempfile::TempDir;

use crate::common::{GREY, clip, params, template};

/// An ad in which nothing is wrong, but for what a case changes.
struct Ad {
    folder: TempDir,
    params: Value,
}

impl Ad {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let kit = template("studio/brands/zest");
        for file in ["brand.yaml", "logo.svg", "logo-light.svg", "mark.svg"] {
            std::fs::copy(kit.join(file), folder.path().join(file)).unwrap();
        }
        std::fs::copy(template("overlays/clean.svg"), folder.path().join("clean.svg")).unwrap();
        std::fs::copy(template("studio/assets/zest-can.png"), folder.path().join("can.png")).unwrap();
        Self { folder, params: json!({"scenes": [{"seconds": 1}]}) }
    }

    fn file(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }

    fn edit(self, name: &str, from: &str, to: &str) -> Self {
        let text = std::fs::read_to_string(self.file(name)).unwrap();
        assert!(text.contains(from), "{name} has no {from}");
        std::fs::write(self.file(name), text.replace(from, to)).unwrap();
        self
    }

    fn headline(mut self, text: &str) -> Self {
        self.params["copy"] = json!({"headline": text, "cta": "Order now"});
        self
    }

    fn tall(mut self) -> Self {
        self.params["width"] = json!(180);
        self.params["height"] = json!(320);
        self
    }

    fn without(self, name: &str) -> Self {
        std::fs::remove_file(self.file(name)).unwrap();
        self
    }

    /// A look of one group in place of `clean`.
    fn look(self, group: &str) -> Self {
        let head = "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 1920 1080' width='1920' height='1080'>";
        std::fs::write(self.file("clean.svg"), format!("{head}{group}</svg>")).unwrap();
        self
    }
}

fn run(ad: &Ad) -> Done {
    let clip = clip(ad.folder.path(), "a.mkv", (64, 36), 6, |_| GREY);
    Harness::<Compose>::new()
        .params(params(ad.params.clone()))
        .input("look", ad.file("clean.svg"), "image/svg+xml")
        .input("brand", ad.folder.path(), "inode/directory")
        .input("product", ad.file("can.png"), "image/png")
        .input("clips", clip, "video/x-matroska")
        .run()
}

fn told(ad: &Ad) -> String {
    let done = run(ad);
    let End::Failed(failure) = &done.end else { return "nothing was found".into() };
    let rendered = |name: &str| Path::new(&done.scratch()).join(name).exists();
    assert!(!rendered("composition") && !rendered("poster.png") && !failure.retryable);
    let hint = failure.hint.as_deref().unwrap_or("NO HINT");
    format!("{}: {}\n{hint}", failure.code, failure.message)
}

#[test]
fn planted_defects_are_found_before_anything_is_rendered() {
    let check = |ad: Ad, expected: &str| assert_eq!(told(&ad), expected);
    check(
        Ad::new().headline("Taste \u{13000}"),
        "missing-glyph: the text `headline` has the character '\u{13000}' (U+13000), which neither Sora nor the other fonts \
         have\nreplace the character, or put a font that has it into the brand's fonts/ folder",
    );
    check(
        Ad::new().edit("brand.yaml", "display: Sora ", "display: Futura "),
        "missing-font: the font family Futura is not installed; there are: Inter, League Spartan, Manrope, Noto Kufi \
         Arabic, Noto Sans Devanagari, Noto Sans Hebrew, Noto Sans Thai, Sora\nput the font file into the brand's fonts/ \
         folder, or name one that is there",
    );
    check(
        Ad::new().headline(&"Donaudampfschifffahrtsgesellschaft".repeat(2)),
        "text-does-not-fit: the text `headline` does not fit: \"DonaudampfschifffahrtsgesellschaftDonaudampfschifffahrts\
         gesellschaft\" needs more than 1004 x 716 (of a picture whose short side is 1080) even at size 88\nshorten the \
         text for this language, or choose a look with more room",
    );
    check(
        Ad::new().look(
            "<g id='card'><rect width='1920' height='1080' fill='#808080'/><text data-name='offer' \
             data-box='100 100 900 200' fill='#999999'>Half price</text></g>",
        ),
        "contrast-too-low: the text `offer` in #999999 has a contrast of 1.4:1 on what the look puts under it; 4.5:1 is \
         needed\nmake `ink` darker or `paper` lighter in brand.yaml, change the colour under the text, or choose another \
         look",
    );
    check(
        Ad::new().without("can.png"),
        "bad-picture: picture can.png: can't be read: No such file or directory (os error 2)\ngive a PNG, JPEG or SVG \
         file of at most 8192 pixels a side, with texts as outlines",
    );
    check(
        Ad::new().without("logo-light.svg"),
        "brand-invalid: brand kit: can't open logo-light.svg: No such file or directory (os error 2)\ncorrect brand.yaml \
         or add the file to the brand's folder",
    );
    check(
        Ad::new().edit("clean.svg", "{{ copy.cta }}", "{{ copy.tagline }}"),
        "unfilled-placeholder: look clean: line 218: nothing was given for `{{ copy.tagline }}`; the ad's texts are: cta, \
         headline, legal, price, subline\ngive it in the brief, or let the look ask for it first: {% if copy.tagline %} … \
         {% endif %}",
    );
    check(
        Ad::new().look(
            "<g id='logo'><image href='brand:logo-light' x='100' y='100' width='366' height='137'/></g>\
             <g id='words'><text data-name='headline' data-box='480 120 900 200' font-size='90' fill='#FFFFFF'>Hello</text>\
             </g>",
        ),
        "clear-space-broken: look clean: the text `headline` (layer words) is 14 from the logo (layer logo), 34 stays clear (of a picture \
         whose short side is 1080): the brand Zest keeps 0.25 of the logo's height clear around it\nmove it away in the look, shorten \
         the text, choose another look, or change `clear-space` under `logo` in brand.yaml",
    );
    // A kit that wants more room gets it from every built-in look; here one that does not ask.
    check(
        Ad::new()
            .edit("clean.svg", "[64, logo_h * brand.clear_space + 8] | max", "8")
            .edit("brand.yaml", "  mark: mark.svg", "  mark: mark.svg\n  clear-space: 1")
            .tall(),
        "clear-space-broken: look clean: the text `headline` (layer words) is 54 from the logo (layer words), 112 stays clear (of a \
         picture whose short side is 1080): the brand Zest keeps 1 of the logo's height clear around it\nmove it away in the look, \
         shorten the text, choose another look, or change `clear-space` under `logo` in brand.yaml",
    );
}

#[test]
fn the_built_in_looks_keep_any_clear_space() {
    for look in ["clean", "bold-type", "lower-third", "price-burst", "quote", "steps"] {
        for (width, height) in [(320, 180), (180, 320), (180, 180), (176, 220)] {
            for locale in ["en", "ar"] {
                let mut ad = Ad::new().edit("brand.yaml", "  mark: mark.svg", "  mark: mark.svg\n  clear-space: 0.6");
                std::fs::copy(template(&format!("overlays/{look}.svg")), ad.file("clean.svg")).unwrap();
                ad.params["width"] = json!(width);
                ad.params["height"] = json!(height);
                ad.params["locale"] = json!(locale);
                ad.params["end-card"] = json!({"seconds": 1.5});
                let done = run(&ad);
                assert!(done.path("composition").is_file(), "{look} {width}x{height} {locale}");
            }
        }
    }
}
