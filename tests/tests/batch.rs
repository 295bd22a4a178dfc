//! A table to briefs, from the command as a producer runs it.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::path::Path;

use spotloom_tests::TestStudio;
use spotloom_tests::studio::command;

const TEMPLATE: &str = "campaign: Offers
title: 'Offer {{ product }}'
pipeline: five
brand: zest
locales: [en, de]
copy: {headline: {en: '{{ headline }}', de: '{{ headline_de }}'}}
scenes:
  - {prompt: '{{ scene_1 }}', seconds: '{{ seconds }}'}
  - {prompt: '{{ scene_2 }}', seconds: 2}
outputs: [youtube]
";

fn run(studio: &TestStudio, arguments: &[&str]) -> String {
    let root = studio.root();
    let done = command().args(arguments).current_dir(&root).env_remove("COLUMNS").output().unwrap();
    let text = format!(
        "{}{}[exit {}]",
        String::from_utf8_lossy(&done.stderr),
        String::from_utf8_lossy(&done.stdout),
        done.status.code().unwrap()
    );
    text.replace(root.canonicalize().unwrap().to_str().unwrap(), "STUDIO")
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

#[test]
fn a_table_becomes_briefs_or_every_mistake_is_told() {
    let studio = TestStudio::with_test_plugins();
    studio.write("offers/offer.yaml", TEMPLATE);
    studio.write(
        "offers/good.csv",
        "Product;Headline;Headline DE;Scene 1;Scene 2;Seconds;Notes\n\
         Zest;\"Sun: \"\"now\"\"\";Sonne;sea;sky;2.5;for June\nMint;Cool;Kühl;ice;;3;\n",
    );
    let said = run(&studio, &["batch", "offers/good.csv", "offers/offer.yaml"]);
    assert!(said.contains("Not used by the template: `notes`\n2 briefs in offers/good\n[exit 0]"), "{said}");
    assert_eq!(names(&studio.path("offers/good")), ["001-offer-zest.yaml", "002-offer-mint.yaml"]);
    let brief = std::fs::read_to_string(studio.path("offers/good/001-offer-zest.yaml")).unwrap();
    assert!(brief.contains("copy: {\"headline\":{\"en\":\"Sun: \\\"now\\\"\",\"de\":\"Sonne\"}}\n"), "{brief}");
    let second = std::fs::read_to_string(studio.path("offers/good/002-offer-mint.yaml")).unwrap();
    assert_eq!(second.matches("  - {").count(), 1, "a scene whose column is empty is left out: {second}");

    studio.write(
        "offers/bad.csv",
        "Product,Headline,Headline DE,Scene 1,Scene 2,Seconds\n\
         Zest,Sun,Sonne,sea,sky,two\nZest,Sun,,sea,sky,90\nMint,Cool,Kühl,,,3\n",
    );
    let said = run(&studio, &["batch", "offers/bad.csv", "offers/offer.yaml"]);
    for words in [
        "row 1, column `seconds`: found the text `two`",
        "offers/bad.csv:2:",
        "row 2, column `headline_de`: the value is missing",
        "row 2, column `seconds`: 90 is more than 60",
        "expected: a number of seconds from 0.5 to 60",
        "in 3 rows; nothing was written\n[exit 1]",
    ] {
        assert!(said.contains(words), "{words} is not in\n{said}");
    }
    assert!(!studio.path("offers/bad").exists());
    studio.write("offers/columns.csv", "Produkt,Headline\nZest,Sun\n");
    let said = run(&studio, &["batch", "offers/columns.csv", "offers/offer.yaml"]);
    assert!(said.contains("offers/columns.csv has no column `product`"), "{said}");
    assert!(said.contains("did you mean `produkt`?"), "{said}");
}
