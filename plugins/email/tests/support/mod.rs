//! A mail server on loopback that speaks real SMTP and behaves as well or badly as a test wants.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

/// What the server does at one step instead of agreeing.
#[derive(Clone, Copy)]
pub enum Mood {
    Agreeable,
    /// Answers the first line that begins with `.0` (`GREETING`, `MAIL`, `RCPT`, `.`) with `.1`.
    Says(&'static str, &'static str),
    /// Closes the connection instead of answering that line.
    Drops(&'static str),
    /// Closes the connection in the middle of the content.
    DropsInContent,
    /// Doesn't answer that line and keeps the connection open.
    Hangs(&'static str),
}

/// A mail as the server took it.
pub struct Taken {
    pub from: String,
    pub to: Vec<String>,
    pub content: Vec<u8>,
}

/// Starts a server for one connection; its port, and the mail once it was taken.
pub fn serve(mood: Mood) -> (u16, Receiver<Taken>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (sender, taken) = channel();
    thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        // The conversation ends when either side hangs up.
        let _ = converse(stream, mood, &sender);
    });
    (port, taken)
}

fn converse(stream: TcpStream, mood: Mood, taken: &Sender<Taken>) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut answers = Answers { stream, mood };
    let (mut from, mut to) = (String::new(), Vec::new());
    answers.give("GREETING", "220 test ESMTP")?;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Ok(());
        }
        let line = line.trim_end();
        match line.split([' ', ':']).next().unwrap_or_default() {
            "EHLO" => answers.give(line, "250-test\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250 AUTH PLAIN")?,
            "AUTH" => answers.give(line, "235 welcome")?,
            "MAIL" => {
                from = line.to_owned();
                answers.give(line, "250 ok")?;
            }
            "RCPT" => {
                to.push(line.to_owned());
                answers.give(line, "250 ok")?;
            }
            "DATA" => {
                answers.give(line, "354 go on")?;
                let content = content(&mut reader, mood)?;
                answers.give(".", "250 taken as 42")?;
                let _ = taken.send(Taken { from: from.clone(), to: to.clone(), content });
            }
            "QUIT" => return answers.give(line, "221 bye"),
            _ => answers.give(line, "500 what?")?,
        }
    }
}

/// Lines up to the lone dot, with the stuffed dots taken out again.
fn content(reader: &mut impl BufRead, mood: Mood) -> std::io::Result<Vec<u8>> {
    let mut content = Vec::new();
    loop {
        let mut line = Vec::new();
        reader.read_until(b'\n', &mut line)?;
        if line == b".\r\n" {
            return Ok(content);
        }
        // A mail without its last line is no mail.
        if line.is_empty() || matches!(mood, Mood::DropsInContent) {
            return Err(std::io::ErrorKind::ConnectionAborted.into());
        }
        content.extend_from_slice(line.strip_prefix(b".").unwrap_or(&line));
    }
}

struct Answers {
    stream: TcpStream,
    mood: Mood,
}

impl Answers {
    fn give(&mut self, line: &str, agreeable: &str) -> std::io::Result<()> {
        let answer = match self.mood {
            Mood::Says(to, answer) if line.starts_with(to) => answer,
            Mood::Drops(at) if line.starts_with(at) => return Err(std::io::ErrorKind::ConnectionAborted.into()),
            Mood::Hangs(at) if line.starts_with(at) => {
                // Until the client has had enough.
                let _ = std::io::copy(&mut self.stream, &mut std::io::sink());
                return Ok(());
            }
            _ => agreeable,
        };
        self.stream.write_all(format!("{answer}\r\n").as_bytes())
    }
}
