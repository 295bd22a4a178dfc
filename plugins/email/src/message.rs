//! The message: headers, both bodies, the poster, the attachments.

use lettre::Message;
use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::message::{Attachment, MultiPart, SinglePart};
use sha2::{Digest, Sha256};
use spotloom_plugin_sdk::api::JobContext;
use spotloom_plugin_sdk::prelude::*;

use crate::Event;
use crate::address::Envelope;
use crate::poster::Poster;
use crate::template::Texts;

/// What `body.html` calls the poster: `<img src="cid:poster">`.
const POSTER_ID: &str = "poster";

/// Made of the job, task and recipients only, so that a repeated mail is recognised as the same one.
pub(crate) fn id(event: Event, job: &JobContext, envelope: &Envelope) -> String {
    let mut hasher = Sha256::new();
    let version = job.version.to_string();
    let to: Vec<String> = envelope.to.iter().map(|m| m.email.to_string()).collect();
    let to = to.join(",");
    for part in [&format!("{event:?}"), &job.id, &job.task, &job.campaign, &job.title, &version, &to] {
        hasher.update((part.len() as u64).to_be_bytes());
        hasher.update(part);
    }
    let hash: String = hasher.finalize().iter().take(16).map(|b| format!("{b:02x}")).collect();
    // The domain of an address may be international; an id is ASCII.
    let domain = envelope.from.email.domain();
    let domain = if domain.is_ascii() { domain } else { "spotloom.invalid" };
    format!("<spotloom.{hash}@{domain}>")
}

/// The message as it goes over the wire.
///
/// # Errors
/// `message-invalid`, and I/O failures of attachments.
pub(crate) fn build(
    envelope: &Envelope,
    id: &str,
    texts: Texts,
    poster: Option<Poster>,
    attachments: &[&Artifact],
) -> Result<Message, Failure> {
    let mut html = MultiPart::related().singlepart(SinglePart::html(texts.html));
    if let Some(Poster { jpeg, .. }) = poster {
        let image = Attachment::new_inline_with_name(POSTER_ID.into(), "poster.jpg".into());
        html = html.singlepart(image.body(jpeg, content_type("image/jpeg")));
    }
    let bodies = MultiPart::alternative().singlepart(SinglePart::plain(texts.text)).multipart(html);
    let mut content = bodies;
    if !attachments.is_empty() {
        content = MultiPart::mixed().multipart(content);
        for file in attachments {
            let bytes = std::fs::read(&file.path).map_err(|e| io_failure("read", &file.path, &e))?;
            let attachment = Attachment::new(file_name(&file.name));
            content = content.singlepart(attachment.body(bytes, content_type(&file.media)));
        }
    }

    let mut builder = Message::builder()
        .from(envelope.from.clone())
        .subject(texts.subject)
        .message_id(Some(id.into()))
        .date_now()
        .raw_header(HeaderValue::new(
            HeaderName::new_from_ascii_str("Auto-Submitted"),
            // Out-of-office programs don't answer such a mail (RFC 3834).
            "auto-generated".into(),
        ));
    for to in &envelope.to {
        builder = builder.to(to.clone());
    }
    if let Some(reply_to) = &envelope.reply_to {
        builder = builder.reply_to(reply_to.clone());
    }
    builder.multipart(content).map_err(|e| Failure::new("message-invalid", format!("the mail could not be made: {e}")))
}

fn content_type(media: &str) -> ContentType {
    ContentType::parse(media)
        .unwrap_or_else(|_| ContentType::parse("application/octet-stream").unwrap_or(ContentType::TEXT_PLAIN))
}

/// A name that can't leave its header, nor its folder once it is saved.
fn file_name(name: &str) -> String {
    name.chars().map(|c| if c.is_control() || "\"\\/".contains(c) { '_' } else { c }).collect()
}
