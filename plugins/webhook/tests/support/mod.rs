//! A receiver on loopback that reads real HTTP and answers whatever a test wants, well or badly.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::thread;

/// A request as it arrived.
pub struct Request {
    pub line: String,
    /// Names in lower case.
    pub headers: BTreeMap<String, String>,
    pub body: Vec<u8>,
}

/// How the receiver behaves once it has read a request.
pub enum Answer {
    /// The whole response.
    Text(&'static str),
    /// Reads the request and never answers.
    Silence,
    /// A response whose body never ends.
    Endless(&'static str),
    /// Closes the connection without an answer.
    Drop,
}

/// Starts a receiver for one request; its port, and the request once it came.
pub fn receive(answer: Answer) -> (u16, Receiver<Request>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (sender, requests) = channel();
    thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        let _ = sender.send(read(&stream));
        reply(stream, &answer);
    });
    (port, requests)
}

fn read(stream: &TcpStream) -> Request {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).unwrap();
    let mut headers = BTreeMap::new();
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).unwrap();
        let Some((name, value)) = header.trim_end().split_once(": ") else { break };
        headers.insert(name.to_lowercase(), value.to_owned());
    }
    let mut body = vec![0; headers["content-length"].parse().unwrap()];
    reader.read_exact(&mut body).unwrap();
    Request { line: line.trim_end().to_owned(), headers, body }
}

fn reply(mut stream: TcpStream, answer: &Answer) {
    // The sender may hang up at any time, which ends an answer too.
    match answer {
        Answer::Text(text) => drop(stream.write_all(text.as_bytes())),
        Answer::Silence => drop(stream.read(&mut [0])),
        Answer::Endless(head) => {
            let _ = stream.write_all(head.as_bytes());
            while stream.write_all(&[b'x'; 1024]).is_ok() {}
        }
        Answer::Drop => {}
    }
}
