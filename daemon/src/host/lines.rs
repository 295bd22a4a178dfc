//! Lines of bounded length from an asynchronous reader.

use std::io;

use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};

/// Reads lines of at most `max` bytes.
pub(super) struct Lines<R> {
    reader: BufReader<R>,
    partial: Vec<u8>,
    max: usize,
}

/// What came.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line {
    /// Without the line feed.
    Full(Vec<u8>),
    TooLong,
    /// End of input; what came of a last line without line feed is dropped.
    End,
}

impl<R: AsyncRead + Unpin> Lines<R> {
    pub(super) fn new(reader: R, max: usize) -> Self {
        Self { reader: BufReader::with_capacity(64 << 10, reader), partial: Vec::new(), max }
    }

    /// The next line. Cancel-safe: what was read stays here.
    pub(super) async fn next(&mut self) -> io::Result<Line> {
        loop {
            let available = self.reader.fill_buf().await?;
            if available.is_empty() {
                return Ok(Line::End);
            }
            let (taken, complete) = match available.iter().position(|b| *b == b'\n') {
                Some(at) => (at, true),
                None => (available.len(), false),
            };
            if self.partial.len() + taken > self.max {
                return Ok(Line::TooLong);
            }
            self.partial.extend_from_slice(&available[..taken]);
            self.reader.consume(taken + usize::from(complete));
            if complete {
                return Ok(Line::Full(std::mem::take(&mut self.partial)));
            }
        }
    }

    /// Whether something has been read that nobody has asked for yet.
    pub(super) fn has_leftovers(&self) -> bool {
        !self.partial.is_empty() || !self.reader.buffer().is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn lines_are_split_and_bounded() {
        async fn check(input: &[u8], max: usize, expected: &[Line]) {
            let mut lines = Lines::new(input, max);
            for line in expected {
                assert_eq!(lines.next().await.unwrap(), *line, "{}", String::from_utf8_lossy(input));
            }
        }
        let full = |s: &str| Line::Full(s.into());
        check(b"a\nbc\n", 10, &[full("a"), full("bc"), Line::End]).await;
        check(b"\n\n", 10, &[full(""), full(""), Line::End]).await;
        check(b"1234567890\n", 10, &[full("1234567890"), Line::End]).await;
        check(b"12345678901\n", 10, &[Line::TooLong]).await;
        check(b"a\nhalf", 10, &[full("a"), Line::End]).await;
    }
}
