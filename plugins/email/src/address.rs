//! Addresses, guarded. What passes here can stand in an SMTP command and in a header.

use lettre::Address;
use lettre::message::Mailbox;
use spotloom_plugin_sdk::prelude::*;

use crate::Params;

/// RFC 5321 allows 64 + 1 + 255; the rest is a name.
const MAX_BYTES: usize = 512;

/// Who writes to whom.
pub(crate) struct Envelope {
    pub(crate) from: Mailbox,
    pub(crate) to: Vec<Mailbox>,
    pub(crate) reply_to: Option<Mailbox>,
}

impl Envelope {
    /// # Errors
    /// `bad-address`, naming the parameter and the address.
    pub(crate) fn new(params: &Params) -> Result<Self, Failure> {
        if params.to.is_empty() {
            return Err(Failure::new("bad-address", "`to` names nobody"));
        }
        Ok(Self {
            from: mailbox("from", &params.from)?,
            to: params.to.iter().map(|a| mailbox("to", a)).collect::<Result<_, _>>()?,
            reply_to: params.reply_to.as_deref().map(|a| mailbox("reply-to", a)).transpose()?,
        })
    }
}

/// `local@domain`, or `Name <local@domain>`.
fn mailbox(parameter: &str, text: &str) -> Result<Mailbox, Failure> {
    let bad = |why: &str| {
        // Escaped: the text may hold the very line breaks it is refused for.
        Failure::new("bad-address", format!("`{parameter}`: \"{}\" is refused: {why}", text.escape_debug()))
            .hint("write it as name@example.com, or as Name <name@example.com>")
    };
    if text.len() > MAX_BYTES {
        return Err(bad("it is too long"));
    }
    if text.chars().any(char::is_control) {
        return Err(bad("it contains a line break or another control character"));
    }
    let (name, address) = match text.trim().strip_suffix('>').and_then(|t| t.rsplit_once('<')) {
        Some((name, address)) => (Some(name.trim().trim_matches('"')).filter(|n| !n.is_empty()), address),
        None => (None, text.trim()),
    };
    // Quoted local parts are legal and unused; they are also how a command gets smuggled into an address
    // (RUSTSEC-2026-0561), so none of their characters pass.
    if address.chars().any(|c| c.is_whitespace() || "\"\\<>()[],;:".contains(c)) {
        return Err(bad("it is not a plain address"));
    }
    let address: Address = address.parse().map_err(|e| bad(&format!("{e}").to_lowercase()))?;
    Ok(Mailbox::new(name.map(str::to_owned), address))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mailboxes() {
        let check = |text: &str, expected: Option<(Option<&str>, &str)>| {
            let got = mailbox("to", text).ok();
            let got = got.as_ref().map(|m| (m.name.as_deref(), m.email.to_string()));
            assert_eq!(got, expected.map(|(n, a)| (n, a.to_owned())), "{text:?}");
        };
        check("a@b.example", Some((None, "a@b.example")));
        check(" Ann Lee <ann.lee+ads@b.example> ", Some((Some("Ann Lee"), "ann.lee+ads@b.example")));
        check("\"Lee, Ann\" <a@b.example>", Some((Some("Lee, Ann"), "a@b.example")));
        check("Jörg Müller <j@bücher.example>", Some((Some("Jörg Müller"), "j@bücher.example")));
        check("<a@b.example>", Some((None, "a@b.example")));
        for refused in [
            "",
            "a",
            "a@",
            "@b.example",
            "a@b@c.example",
            "a b@c.example",
            "a@b.example, c@d.example",
            "a@b.example\r\nBcc: x@y.example",
            "a@b.example\nBcc: x@y.example",
            "Ann\r\nBcc: x@y.example <a@b.example>",
            "a@b.example>\r\nRCPT TO:<x@y.example",
            "\"a>\r\nRCPT TO:<x\"@b.example",
            "\"a b\"@c.example",
            "a@b.example\0",
            "a@b.example> SIZE=1 <",
            "a\u{2028}@b.example",
        ] {
            check(refused, None);
        }
    }

    #[test]
    fn a_refusal_shows_the_line_break() {
        let failure = mailbox("to", "a@b.example\r\nBcc: x@y.example").unwrap_err();
        assert_eq!(
            failure.message,
            r#"`to`: "a@b.example\r\nBcc: x@y.example" is refused: it contains a line break or another control character"#
        );
    }
}
