//! One mail to one server, step by step, because what a broken connection means depends on the step.

use std::time::Duration;

use lettre::Message;
use lettre::transport::smtp::Error;
use lettre::transport::smtp::authentication::{Credentials, DEFAULT_MECHANISMS};
use lettre::transport::smtp::client::{SmtpConnection, TlsParameters};
use lettre::transport::smtp::commands::{Data, Mail, Rcpt};
use lettre::transport::smtp::extension::{ClientId, Extension, MailParameter};
use spotloom_plugin_sdk::prelude::*;

use crate::{Server, Tls};

/// Content goes out in pieces of so many bytes, each a sign of life.
const CHUNK: usize = 256 << 10;

/// User and password, when the server wants them.
pub(crate) struct Login(Option<Credentials>);

impl Login {
    /// # Errors
    /// `bad-params` when one is missing, or when the password would travel in the clear.
    pub(crate) fn new(server: &Server, password: Option<&str>) -> Result<Self, Failure> {
        match (&server.user, password) {
            (None, None) => Ok(Self(None)),
            (Some(_), Some(_)) if server.tls == Tls::None && !is_local(&server.host) => {
                Err(Failure::new("bad-params", format!("the password for {} would travel unencrypted", server.host))
                    .hint("set `tls: starttls` or `tls: implicit`"))
            }
            (Some(user), Some(password)) => Ok(Self(Some(Credentials::new(user.clone(), password.into())))),
            _ => Err(Failure::new("bad-params", "`server.user` and `server.password` belong together")),
        }
    }
}

fn is_local(host: &str) -> bool {
    host == "localhost" || host.parse().is_ok_and(|ip: std::net::IpAddr| ip.is_loopback())
}

/// Sends a mail; what the server said when it took it.
///
/// # Errors
/// Worth another try: `smtp-unreachable`, `smtp-deferred` (4xx). Final: `smtp-tls`, `smtp-login`, `smtp-rejected`
/// (5xx), and `smtp-unknown` when the connection broke after the last line, where a second try could be a second mail.
pub(crate) fn send(
    server: &Server,
    login: Login,
    timeout: Duration,
    mail: &Message,
    run: &Run,
) -> Result<String, Failure> {
    run.progress(0, 3, format!("connecting to {}", server.host));
    let mut connection = connect(server, timeout)?;
    let host = &server.host;
    if let Login(Some(credentials)) = &login {
        connection.auth(DEFAULT_MECHANISMS, credentials).map_err(|e| match e.is_permanent() || e.is_client() {
            true => Failure::new("smtp-login", format!("{host} refused the login: {}", said(&e)))
                .hint("check `server.user` and the secret named by `server.password`"),
            false => failed(host, "at the login", &e),
        })?;
    }
    run.check_cancelled()?;

    run.progress(1, 3, "naming sender and recipients");
    let envelope = mail.envelope();
    let mut options = Vec::new();
    if envelope.from().into_iter().chain(envelope.to()).any(|a| !AsRef::<str>::as_ref(a).is_ascii()) {
        if !connection.server_info().supports_feature(Extension::SmtpUtfEight) {
            return Err(Failure::new("smtp-rejected", format!("{host} takes no addresses with international letters")));
        }
        options.push(MailParameter::SmtpUtfEight);
    }
    connection.command(Mail::new(envelope.from().cloned(), options)).map_err(|e| failed(host, "at the sender", &e))?;
    for to in envelope.to() {
        connection
            .command(Rcpt::new(to.clone(), Vec::new()))
            .map_err(|e| failed(host, &format!("at the recipient {to}"), &e))?;
    }
    // The last chance: once the server has the whole mail it may send it, whatever is heard from it afterwards.
    run.check_cancelled()?;
    connection.command(Data).map_err(|e| failed(host, "before the content", &e))?;

    let content = mail.formatted();
    let (mut chunks, mut all_out) = (content.chunks(CHUNK), false);
    let answer = connection.message_iter(std::iter::from_fn(|| {
        run.progress(2, 3, "sending the mail");
        let chunk = chunks.next();
        all_out = chunk.is_none();
        chunk
    }));
    match answer {
        Ok(response) => {
            let _ = connection.quit(); // the mail is taken; how the conversation ends changes nothing
            Ok(response.message().collect::<Vec<_>>().join(" "))
        }
        Err(e) if e.is_transient() || e.is_permanent() || !all_out => Err(failed(host, "at the content", &e)),
        Err(e) => {
            let message = format!("{host} had the whole mail but did not say whether it took it: {}", said(&e));
            Err(Failure::new("smtp-unknown", message)
                .hint("ask a recipient, or look into the server's log, before you send it again"))
        }
    }
}

fn connect(server: &Server, timeout: Duration) -> Result<SmtpConnection, Failure> {
    let host = &server.host;
    let port = server.port.unwrap_or(match server.tls {
        Tls::None => 25,
        Tls::Starttls => 587,
        Tls::Implicit => 465,
    });
    let tls_failed = |e: &Error| {
        Failure::new("smtp-tls", format!("no encrypted connection to {host}:{port}: {}", said(e)))
            .hint("check `server.tls`, `server.port` and the server's certificate")
    };
    let tls = TlsParameters::new(host.clone()).map_err(|e| tls_failed(&e))?;
    let hello = ClientId::default();
    let implicit = (server.tls == Tls::Implicit).then_some(&tls);
    let mut connection = SmtpConnection::connect((host.as_str(), port), Some(timeout), &hello, implicit, None)
        .map_err(|e| if e.is_tls() { tls_failed(&e) } else { failed(&format!("{host}:{port}"), "at the start", &e) })?;
    if server.tls == Tls::Starttls {
        connection.starttls(&tls, &hello).map_err(|e| match e.is_tls() || e.is_client() {
            true => tls_failed(&e),
            false => failed(host, "at STARTTLS", &e),
        })?;
    }
    Ok(connection)
}

/// A failure before the server had the whole mail: nothing was sent, so only its answer decides about another try.
fn failed(host: &str, step: &str, error: &Error) -> Failure {
    let said = said(error);
    if error.is_permanent() {
        Failure::new("smtp-rejected", format!("{host} refused {step}: {said}"))
            .hint("check the addresses and what the server allows this sender")
    } else if error.is_transient() {
        Failure::new("smtp-deferred", format!("{host} put it off {step}: {said}")).retryable()
    } else {
        Failure::new("smtp-unreachable", format!("{host} could not be reached, or broke off, {step}: {said}"))
            .hint("check `server.host` and `server.port`, and that the server runs")
            .retryable()
    }
}

/// An error in one line for people: the server's code and its own words, or the cause.
fn said(error: &Error) -> String {
    let words = std::error::Error::source(error).map_or_else(|| error.to_string(), ToString::to_string);
    let words = words.split(|c: char| c.is_control() || c.is_whitespace()).filter(|w| !w.is_empty());
    let words: String = words.collect::<Vec<_>>().join(" ").chars().take(300).collect();
    error.status().map_or_else(|| words.clone(), |code| format!("{code} {words}"))
}
