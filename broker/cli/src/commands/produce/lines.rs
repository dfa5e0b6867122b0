//! Lines of standard input, read on a thread of their own: a blocked read
//! cannot be cancelled, and must not hold up the records before it.

use std::io::{self, BufRead, Read};

use tokio::sync::mpsc;

/// Lines read ahead of what has been sent.
const LINES_AHEAD_MAX: usize = 1_000;

/// A longer line is refused: it would not fit a request anyway.
const LINE_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// Lines without their line feed, as they come; the channel closes at the end
/// of the input.
pub fn read(input: impl BufRead + Send + 'static) -> mpsc::Receiver<io::Result<Vec<u8>>> {
    let (lines, received) = mpsc::channel(LINES_AHEAD_MAX);
    std::thread::spawn(move || {
        let mut input = input;
        loop {
            let line = next_line(&mut input);
            let last = !matches!(line, Ok(Some(_)));
            let Some(line) = line.transpose() else { return };
            if lines.blocking_send(line).is_err() || last {
                return;
            }
        }
    });
    received
}

fn next_line(input: &mut impl BufRead) -> io::Result<Option<Vec<u8>>> {
    let mut line = Vec::new();
    let read = input.take(LINE_BYTES_MAX).read_until(b'\n', &mut line)?;
    if read == 0 {
        return Ok(None);
    }
    if line.last() == Some(&b'\n') {
        line.pop();
        if line.last() == Some(&b'\r') {
            line.pop();
        }
    } else if line.len() as u64 == LINE_BYTES_MAX {
        let reason = format!("a line is longer than {LINE_BYTES_MAX} bytes");
        return Err(io::Error::new(io::ErrorKind::InvalidData, reason));
    }
    Ok(Some(line))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_end_at_line_feeds_and_the_last_one_may_lack_it() {
        let mut lines = read(&b"one\n\r\n\xff\r\nlast"[..]);
        let mut read = Vec::new();
        while let Some(line) = lines.blocking_recv() {
            read.push(line.unwrap());
        }
        assert_eq!(read, [&b"one"[..], b"", b"\xff", b"last"]);
    }
}
