//! A notification template: a folder with `subject.txt`, `body.txt` and `body.html`.

use std::io::{self, Write};
use std::path::Path;

use minijinja::{AutoEscape, Environment, UndefinedBehavior, Value};
use spotloom_plugin_sdk::prelude::*;

/// As much template as is read, and as much text as comes out of one, in bytes.
const MAX_BYTES: usize = 512 << 10;
const FUEL: u64 = 200_000;
/// RFC 5322 ends a line at 998; people and phones stop far before.
const MAX_SUBJECT: usize = 200;

/// The texts of a mail.
pub(crate) struct Texts {
    /// One line.
    pub(crate) subject: String,
    pub(crate) text: String,
    pub(crate) html: String,
}

/// # Errors
/// `template-invalid`, with the file and line.
pub(crate) fn render(folder: &Path, context: &serde_json::Value) -> Result<Texts, Failure> {
    let context = Value::from(minijinja::value::Serde(context));
    let subject = file(folder, "subject.txt", &context)?;
    Ok(Texts {
        subject: one_line(&subject),
        text: file(folder, "body.txt", &context)?,
        html: file(folder, "body.html", &context)?,
    })
}

fn file(folder: &Path, name: &str, context: &Value) -> Result<String, Failure> {
    let path = folder.join(name);
    let invalid = |why: String| {
        Failure::new("template-invalid", format!("the notification template {}: {why}", path.display()))
            .hint("a notification template is a folder with subject.txt, body.txt and body.html")
    };
    let source = std::fs::read_to_string(&path).map_err(|e| invalid(format!("could not be read: {e}")))?;
    if source.len() > MAX_BYTES {
        return Err(invalid(format!("it is {} bytes long; {MAX_BYTES} are allowed", source.len())));
    }
    let mut env = Environment::new();
    env.set_auto_escape_callback(|name| if name.ends_with(".html") { AutoEscape::Html } else { AutoEscape::None });
    // Whatever a brief says is escaped, and no template can ask otherwise.
    env.remove_filter("safe");
    env.set_undefined_behavior(UndefinedBehavior::Strict);
    env.set_fuel(Some(FUEL));
    let mut output = Capped(Vec::new());
    env.template_from_named_str(name, &source)
        .and_then(|t| t.render_captured_to(context, &mut output).map(|_| ()))
        .map_err(|e| invalid(std::error::Error::source(&e).map_or_else(|| e.to_string(), ToString::to_string)))?;
    String::from_utf8(output.0).map_err(|e| invalid(e.to_string()))
}

/// Fuel bounds the steps of a template but not what each of them writes.
struct Capped(Vec<u8>);

impl Write for Capped {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0.len() + bytes.len() > MAX_BYTES {
            return Err(io::Error::other(format!("it makes more than {MAX_BYTES} bytes of text")));
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A subject is one line, whatever the title in it: a line break would begin another header.
fn one_line(text: &str) -> String {
    let clean: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    clean.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(MAX_SUBJECT).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn rendered(subject: &str, html: &str, context: &serde_json::Value) -> Result<Texts, Failure> {
        let folder = tempfile::TempDir::new().unwrap();
        for (name, text) in [("subject.txt", subject), ("body.txt", "text"), ("body.html", html)] {
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        render(folder.path(), context)
    }

    #[test]
    fn subjects_are_one_line() {
        let check = |title: &str, expected: &str| {
            assert_eq!(rendered("{{ title }}\n", "", &json!({"title": title})).unwrap().subject, expected);
        };
        check("Citrus hero", "Citrus hero");
        check("Citrus\r\nBcc: x@y.example", "Citrus Bcc: x@y.example");
        check("lone\nfeed, lone\rreturn, \u{85} \u{2028} \0 end", "lone feed, lone return, end");
        check(&"x".repeat(500), &"x".repeat(200));
    }

    #[test]
    fn html_is_always_escaped() {
        let context = json!({"title": "<script>alert(1)</script> & \"co\""});
        let html = rendered("", "<b>{{ title }}</b>", &context).unwrap().html;
        assert_eq!(html, "<b>&lt;script&gt;alert(1)&lt;&#x2f;script&gt; &amp; &quot;co&quot;</b>");
    }

    #[test]
    fn templates_that_are_refused() {
        let check = |html: &str, says: &str| {
            let failure = rendered("", html, &json!({"title": "t"})).err().unwrap();
            assert_eq!(failure.code, "template-invalid");
            assert!(failure.message.contains(says), "{}", failure.message);
        };
        check("{{ titel }}", "undefined value");
        check("{{ title|safe }}", "filter safe is unknown");
        check("one\n{% if %}", "body.html:2");
        check("{% for i in range(10000) %}{% for j in range(10000) %}{% endfor %}{% endfor %}", "fuel");
        check("{% for i in range(1000) %}{{ title * 10000 }}{% endfor %}", "more than 524288 bytes");
        let failure = render(Path::new("/nowhere"), &json!({})).err().unwrap();
        assert!(failure.message.starts_with("the notification template /nowhere/subject.txt: could not be read"));
    }
}
