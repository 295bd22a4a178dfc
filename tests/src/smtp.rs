//! A real SMTP server: aiosmtpd, writing each message it takes to a file.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use crate::build;

const SERVER: &str = r#"
import asyncio, os, sys
from aiosmtpd.controller import Controller
class Keep:
    n = 0
    async def handle_DATA(self, server, session, envelope):
        Keep.n += 1
        path = os.path.join(sys.argv[1], f"{Keep.n:04}.eml")
        with open(path + ".part", "wb") as f:
            f.write(("X-Envelope-To: " + ",".join(envelope.rcpt_tos) + "\r\n").encode())
            f.write(envelope.content)
        os.rename(path + ".part", path)
        return "250 kept"
c = Controller(Keep(), hostname="127.0.0.1", port=0)
# A port of 0 lets the system choose; aiosmtpd's own start-up check needs the real one.
import socket
s = socket.socket(); s.bind(("127.0.0.1", 0)); port = s.getsockname()[1]; s.close()
c.port = port
c.start()
print(port, flush=True)
sys.stdin.read()
"#;

/// A running server; ends when dropped.
pub struct Smtp {
    child: Child,
    pub port: u16,
    dir: TempDir,
}

impl Smtp {
    pub fn start() -> Self {
        let dir = TempDir::new().unwrap();
        let mut child = Command::new("python3")
            .args(["-c", SERVER])
            .arg(dir.path())
            .env("PYTHONPATH", build::root().join(".deps/python"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("python3");
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let port =
            line.trim().parse().unwrap_or_else(|_| panic!("aiosmtpd did not start: run `make setup-test` first"));
        Self { child, port, dir }
    }

    /// All messages so far, in order.
    pub fn messages(&self) -> Vec<Vec<u8>> {
        let mut paths: Vec<PathBuf> = fs::read_dir(self.dir.path()).unwrap().map(|e| e.unwrap().path()).collect();
        paths.retain(|p| p.extension().is_some_and(|e| e == "eml"));
        paths.sort();
        paths.iter().map(|p| fs::read(p).unwrap()).collect()
    }
}

impl Drop for Smtp {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
