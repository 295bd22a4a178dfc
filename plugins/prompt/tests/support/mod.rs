//! An OpenAI-compatible server on loopback for one request.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use serde_json::Value;

/// A request as it arrived.
pub struct Request {
    pub line: String,
    /// The value of `Authorization`.
    pub authorization: Option<String>,
    pub body: Value,
}

/// Answers one request with this whole response, or with silence for an empty one; its base URL, and the request.
pub fn serve(response: String) -> (String, Receiver<Request>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/v1", listener.local_addr().unwrap());
    let (sender, requests) = channel();
    thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        let mut reader = BufReader::new(&stream);
        let (mut line, mut length, mut authorization) = (String::new(), 0, None);
        reader.read_line(&mut line).unwrap();
        loop {
            let mut header = String::new();
            reader.read_line(&mut header).unwrap();
            let Some((name, value)) = header.trim_end().split_once(": ") else { break };
            match name.to_lowercase().as_str() {
                "content-length" => length = value.parse().unwrap(),
                "authorization" => authorization = Some(value.to_owned()),
                _ => {}
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).unwrap();
        let body = serde_json::from_slice(&body).unwrap();
        let _ = sender.send(Request { line: line.trim_end().to_owned(), authorization, body });
        if response.is_empty() {
            let _ = reader.read(&mut [0]); // until the client has had enough
        }
        let _ = (&stream).write_all(response.as_bytes());
    });
    (url, requests)
}
