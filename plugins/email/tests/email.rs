//! Mails through a server that speaks real SMTP on loopback, read back with another library.
#![expect(clippy::unwrap_used, reason = "a test reports by panicking")]

mod support;

use std::path::{Path, PathBuf};

use mail_parser::{Message, MessageParser, MimeHeaders};
use serde_json::{Value, json};
use spotloom_email::Email;
use spotloom_plugin_sdk::api::{Artifact, End, Failure, JobContext, Outcome, TaskFailure};
use spotloom_plugin_sdk::harness::Harness;
use support::{Mood, Taken, serve};

/// A notification template that ships with Spotloom.
fn template(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../templates/notifications").join(name)
}

fn params(port: u16) -> Value {
    json!({
        "server": {"host": "127.0.0.1", "port": port, "tls": "none"},
        "from": "Studio Nord <studio@nord.example>",
        "to": ["Ann Lee <ann@zest.example>", "bob@zest.example"],
        "timeout": 1,
    })
}

fn master(folder: &Path, name: &str, bytes: usize) -> Artifact {
    let path = folder.join(name);
    std::fs::write(&path, vec![b'.'; bytes]).unwrap();
    let facts = json!({"platform": "YouTube", "width": 1920, "height": 1080, "seconds": 15.0, "locale": "en"});
    let facts = facts.as_object().cloned().unwrap();
    Artifact { path, sha256: "0".repeat(64), media: "video/mp4".into(), name: name.into(), facts }
}

fn poster(folder: &Path) -> PathBuf {
    let path = folder.join("poster.png");
    let mut encoder = png::Encoder::new(std::fs::File::create(&path).unwrap(), 1280, 720);
    encoder.set_color(png::ColorType::Rgb);
    encoder.write_header().unwrap().write_image_data(&[240, 160, 20].repeat(1280 * 720)).unwrap();
    path
}

fn delivery(port: u16, change: impl FnOnce(&mut Value)) -> Harness<Email> {
    let mut params = params(port);
    change(&mut params);
    Harness::<Email>::new().params(params).input("template", template("delivery"), "inode/directory").job(|job| {
        job.campaign = "Summer Splash".into();
        job.title = "Citrus hero".into();
        job.version = 2;
    })
}

fn parse(taken: &Taken) -> Message<'_> {
    MessageParser::default().parse(&taken.content).unwrap()
}

#[test]
fn a_delivery_with_its_files() {
    let folder = tempfile::TempDir::new().unwrap();
    let (port, mails) = serve(Mood::Agreeable);
    let done = delivery(port, |p| p["reply-to"] = "desk@nord.example".into())
        .artifact("files", master(folder.path(), "zest_16x9_v2.mp4", 70_000))
        .input("poster", poster(folder.path()), "image/png")
        .run();
    let receipt: Value = serde_json::from_str(&done.text("receipt")).unwrap();
    let taken = mails.recv().unwrap();
    assert_eq!(taken.from, "MAIL FROM:<studio@nord.example>");
    assert_eq!(taken.to, ["RCPT TO:<ann@zest.example>", "RCPT TO:<bob@zest.example>"]);

    let mail = parse(&taken);
    assert_eq!(mail.subject().unwrap(), "Citrus hero is ready (Summer Splash, v2)");
    assert_eq!(mail.from().unwrap().first().unwrap().name().unwrap(), "Studio Nord");
    assert_eq!(mail.reply_to().unwrap().first().unwrap().address().unwrap(), "desk@nord.example");
    assert_eq!(mail.header_raw("Auto-Submitted").unwrap().trim(), "auto-generated");
    assert_eq!(format!("<{}>", mail.message_id().unwrap()), receipt["message-id"]);
    assert_eq!(receipt["answer"], "taken as 42");
    assert!(mail.body_html(0).unwrap().contains("cid:poster"));
    assert!(mail.body_text(0).unwrap().contains("zest_16x9_v2.mp4"));

    let parts: Vec<_> = mail.attachments().map(|a| (a.attachment_name().unwrap(), a.contents().len())).collect();
    assert_eq!(parts[1], ("zest_16x9_v2.mp4", 70_000), "lines that begin with a dot arrive whole");
    let image = mail.attachments().next().unwrap();
    assert_eq!((image.attachment_name().unwrap(), image.content_id().unwrap()), ("poster.jpg", "poster"));
    assert_eq!(image.contents()[..2], [0xff, 0xd8], "a JPEG");
}

/// Who reads only the mail learns that the voice is none for the air.
#[test]
fn a_guide_voice_is_told() {
    for (template_name, guide) in [("delivery", true), ("delivery", false), ("delivered", true), ("delivered", false)] {
        let folder = tempfile::TempDir::new().unwrap();
        let (port, mails) = serve(Mood::Agreeable);
        let mut file = master(folder.path(), "zest_16x9_v2.mp4", 100);
        if guide {
            file.facts.insert("guide-voice".into(), true.into());
        }
        let done = Harness::<Email>::new()
            .params(params(port))
            .input("template", template(template_name), "inode/directory")
            .artifact("files", file)
            .run();
        assert!(done.text("receipt").contains("taken as"), "{template_name}");
        let taken = mails.recv().unwrap();
        let mail = parse(&taken);
        for body in [mail.body_text(0).unwrap(), mail.body_html(0).unwrap()] {
            assert_eq!(body.contains("The voice is a guide"), guide, "{template_name}: {body}");
        }
    }
}

#[test]
fn files_that_are_too_large_are_listed_and_not_attached() {
    let check = |bytes: &[usize], limit: f64, attached: usize| {
        let folder = tempfile::TempDir::new().unwrap();
        let (port, mails) = serve(Mood::Agreeable);
        let mut harness = delivery(port, |p| {
            p["attach-up-to"] = limit.into();
            p["location"] = "nas:/spots/summer".into();
        });
        for (i, bytes) in bytes.iter().enumerate() {
            harness = harness.artifact("files", master(folder.path(), &format!("master{i}.mp4"), *bytes));
        }
        assert_eq!(harness.run().facts()["attached"], attached);
        let taken = mails.recv().unwrap();
        let mail = parse(&taken);
        assert_eq!(mail.attachment_count(), attached);
        let text = mail.body_text(0).unwrap().into_owned();
        assert!(text.contains("master0.mp4"), "{text}");
        assert_eq!(text.contains("nas:/spots/summer"), attached == 0, "{text}");
    };
    check(&[700_000], 1.0, 1);
    check(&[800_000], 1.0, 0);
    check(&[400_000, 400_000], 1.0, 0);
    check(&[1], 0.0, 0);
}

/// Posters never keep the spot out of the mail; it says what is not in it and where that lies.
#[test]
fn stills_that_do_not_fit_are_listed_beside_the_attached_spot() {
    for name in ["delivery", "delivered"] {
        let folder = tempfile::TempDir::new().unwrap();
        let (port, mails) = serve(Mood::Agreeable);
        let mut still = master(folder.path(), "poster_16x9.png", 900_000);
        (still.media, still.facts) = ("image/png".into(), serde_json::Map::new());
        let mut params = params(port);
        params["attach-up-to"] = 1.0.into();
        params["location"] = "nas:/spots/summer".into();
        let done = Harness::<Email>::new()
            .params(params)
            .input("template", template(name), "inode/directory")
            .artifact("files", still)
            .artifact("files", master(folder.path(), "master.mp4", 600_000))
            .run();
        assert_eq!(done.facts()["attached"], 1);
        let taken = mails.recv().unwrap();
        let mail = parse(&taken);
        assert_eq!(mail.attachments().map(|a| a.attachment_name().unwrap()).collect::<Vec<_>>(), ["master.mp4"]);
        let text = mail.body_text(0).unwrap().replace('\r', "");
        for part in ["2 files, 1 of them attached:", "poster_16x9.png\n  900 KB, not attached\n", "nas:/spots/summer"] {
            assert!(text.contains(part), "{name}, {part}: {text}");
        }
        let html = mail.body_html(0).unwrap();
        assert!(html.starts_with("<!DOCTYPE") && html.contains("2 FILES, 1 OF THEM ATTACHED"), "{name}: {html}");
        assert_eq!((html.matches("not attached").count(), html.matches("nas:&#x2f;spots").count()), (1, 1), "{name}");
    }
}

#[test]
fn the_built_in_templates() {
    let folder = tempfile::TempDir::new().unwrap();
    for (name, outcome) in [
        ("accepted", Outcome::Accepted),
        ("delivered", Outcome::Delivered),
        ("delivery", Outcome::Running),
        ("failed", Outcome::Failed),
    ] {
        let (port, mails) = serve(Mood::Agreeable);
        let mut harness = Harness::<Email>::new()
            .params({
                let mut params = params(port);
                params["details"] = json!([{"label": "Outputs", "text": "YouTube 15 s, Instagram Reel"}]);
                params["location"] = "https://files.nord.example/summer/citrus-v{version}".into();
                params
            })
            .input("template", template(name), "inode/directory")
            .job(|job| {
                *job = JobContext { id: "17".into(), task: "notify".into(), outcome, ..job.clone() };
                job.campaign = "Summer <Splash> & more".into();
                job.title = "Citrus hero".into();
                job.brand = "zest".into();
                job.version = 2;
                if outcome == Outcome::Failed {
                    let cause = Failure::new("missing-glyph", "the font Inter has no glyph for \"ذ\" (headline, ar)")
                        .hint("add a font with Arabic to brands/zest/brand.yaml");
                    job.failure = Some(TaskFailure { task: "compose[16:9,ar]".into(), failure: cause });
                }
            });
        if matches!(outcome, Outcome::Delivered | Outcome::Running) {
            harness = harness
                .artifact("files", master(folder.path(), "Zest_Summer_16x9_YouTube_15s_en_v2.mp4", 9_000_000))
                .artifact("files", {
                    let mut reel = master(folder.path(), "Zest_Summer_9x16_Reels_15s_de_v2.mp4", 5_320_000);
                    let facts = json!({"platform": "Instagram Reels", "width": 1080, "height": 1920, "seconds": 14.48});
                    reel.facts = facts.as_object().cloned().unwrap();
                    reel
                })
                .input("poster", poster(folder.path()), "image/png");
        }
        assert_eq!(harness.run().outputs("receipt").len(), 1, "{name}");
        let taken = mails.recv().unwrap();
        let mail = parse(&taken);
        let text = mail.body_text(0).unwrap().replace('\r', "");
        insta::assert_snapshot!(name, format!("Subject: {}\n\n{text}", mail.subject().unwrap()));
        let html = mail.body_html(0).unwrap();
        assert!(html.contains("Summer &lt;Splash&gt; &amp; more"), "{name} is escaped");
        if let Some(folder) = std::env::var_os("SPOTLOOM_SHOW_MAILS") {
            // For looking at them: the HTML as sent, the poster beside it.
            std::fs::write(Path::new(&folder).join(format!("{name}.html")), html.replace("cid:poster", "poster.png"))
                .unwrap();
        }
    }
}

#[test]
fn the_message_id_is_the_mails_own() {
    let id = |change: fn(&mut JobContext)| {
        let (port, mails) = serve(Mood::Agreeable);
        assert_eq!(delivery(port, |_| {}).job(change).run().outputs("receipt").len(), 1);
        parse(&mails.recv().unwrap()).message_id().unwrap().to_owned()
    };
    let first = id(|_| {});
    assert!(first.starts_with("spotloom.") && first.ends_with("@nord.example"), "{first}");
    assert_eq!(id(|job| job.attempt = 3), first, "a retry keeps it");
    assert_ne!(id(|job| job.task = "deliver[email:other@zest.example]".into()), first);
    assert_ne!(id(|job| job.version = 3), first);
}

#[test]
fn what_a_server_can_do() {
    let check = |mood: Mood, code: &str, retryable: bool, says: &str| {
        let (port, mails) = serve(mood);
        let done = delivery(port, |_| {}).run();
        let failure = done.failure();
        assert_eq!((failure.code.as_str(), failure.retryable), (code, retryable), "{failure:?}");
        assert!(failure.message.contains(says), "{}", failure.message);
        drop(mails);
    };
    use Mood::{Drops, DropsInContent, Hangs, Says};
    check(Says("GREETING", "421 too busy"), "smtp-deferred", true, "421 too busy");
    check(Says("GREETING", "554 go away"), "smtp-rejected", false, "554 go away");
    check(Says("MAIL", "451 try later"), "smtp-deferred", true, "at the sender: 451 try later");
    check(Says("RCPT", "450 greylisted"), "smtp-deferred", true, "at the recipient ann@zest.example: 450 greylisted");
    check(Says("RCPT", "550-no such\r\n550 user"), "smtp-rejected", false, "550 no such");
    check(Says("DATA", "421 bye"), "smtp-deferred", true, "before the content");
    check(Says(".", "452 disk full"), "smtp-deferred", true, "at the content: 452 disk full");
    check(Says(".", "552 too large"), "smtp-rejected", false, "at the content: 552 too large");
    check(Says("EHLO", "nonsense"), "smtp-unreachable", true, "at the start");
    check(Drops("GREETING"), "smtp-unreachable", true, "at the start");
    check(Drops("RCPT"), "smtp-unreachable", true, "at the recipient");
    check(Drops("."), "smtp-unknown", false, "did not say whether it took it");
    check(Hangs("GREETING"), "smtp-unreachable", true, "at the start");
    check(Hangs("."), "smtp-unknown", false, "did not say whether it took it");
    // The content is small enough to be all out before the break is noticed: that is not known to be unsent.
    check(DropsInContent, "smtp-unknown", false, "did not say");
}

#[test]
fn a_connection_that_breaks_in_a_large_mail_is_known_to_be_unsent() {
    let folder = tempfile::TempDir::new().unwrap();
    let (port, _mails) = serve(Mood::DropsInContent);
    let done = delivery(port, |p| p["attach-up-to"] = 50.into())
        .artifact("files", master(folder.path(), "master.mp4", 30_000_000))
        .run();
    assert_eq!((done.failure().code.as_str(), done.failure().retryable), ("smtp-unreachable", true));
}

#[test]
fn a_login_is_given_and_its_refusal_is_final() {
    let with_login = |host: &str, mood: Mood| {
        let (port, _mails) = serve(mood);
        delivery(port, |p| {
            p["server"]["host"] = host.into();
            p["server"]["user"] = "studio".into();
            p["server"]["password"] = "mail-password".into();
        })
        .secret("mail-password", "swordfish")
        .run()
    };
    assert_eq!(with_login("127.0.0.1", Mood::Agreeable).outputs("receipt").len(), 1);
    let refused = with_login("127.0.0.1", Mood::Says("AUTH", "535 no"));
    assert_eq!((refused.failure().code.as_str(), refused.failure().retryable), ("smtp-login", false));
    assert!(!format!("{:?}", refused.failure()).contains("swordfish"));
    let in_the_clear = with_login("mail.example", Mood::Agreeable);
    assert_eq!(in_the_clear.failure().code, "bad-params");
}

#[test]
fn a_server_without_encryption_is_refused_unless_the_studio_says_so() {
    let (port, _mails) = serve(Mood::Agreeable);
    let done = delivery(port, |p| p["server"]["tls"] = "starttls".into()).run();
    assert_eq!(done.failure().code, "smtp-tls");
}

#[test]
fn injections_never_reach_the_server() {
    let check = |change: &dyn Fn(&mut Value)| {
        let (port, mails) = serve(Mood::Agreeable);
        assert_eq!(delivery(port, |p| change(p)).run().failure().code, "bad-address");
        assert!(mails.try_recv().is_err());
    };
    check(&|p| p["to"] = json!(["ann@zest.example\r\nRCPT TO:<x@y.example>"]));
    check(&|p| p["to"] = json!(["Ann\nBcc: x@y.example <ann@zest.example>"]));
    check(&|p| p["to"] = json!([]));
    check(&|p| p["from"] = "studio@nord.example>\r\nDATA\r\n".into());
    check(&|p| p["reply-to"] = "\"a\r\nb\"@c.example".into());

    let (port, mails) = serve(Mood::Agreeable);
    let done = delivery(port, |_| {}).job(|job| job.title = "Hero\r\nBcc: x@y.example\r\n\r\nnew body".into()).run();
    assert_eq!(done.outputs("receipt").len(), 1);
    let taken = mails.recv().unwrap();
    let mail = parse(&taken);
    assert_eq!(mail.bcc(), None);
    assert!(mail.subject().unwrap().starts_with("Hero Bcc: x@y.example new body"), "{:?}", mail.subject());
}

#[test]
fn cancelled_before_the_mail_is_out() {
    let (port, mails) = serve(Mood::Agreeable);
    assert_eq!(delivery(port, |_| {}).cancel_after(2).run().end, End::Cancelled);
    assert!(mails.recv().is_err(), "a mail was taken");
}

#[test]
fn the_password_is_marked_as_a_secret_where_the_daemon_looks() {
    let schema = Harness::<Email>::describe().params;
    assert_eq!(schema.pointer("/properties/server/properties/password/format"), Some(&json!("secret")), "{schema:#}");
}
