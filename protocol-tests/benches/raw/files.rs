//! What a broker has to beat when it is read: a file that goes to a socket in
//! the two ways there are, and nothing else.

use std::fs::File;
use std::io::Write;
use std::net::TcpStream;
use std::os::unix::fs::FileExt;
use std::path::Path;

use nix::sys::sendfile::sendfile;

use super::peers::{listen, read_frame};

/// What one answer carries.
pub const ANSWER_BYTES: usize = 1 << 20;
/// As long as the log that brokers are read from.
pub const FILE_BYTES: u64 = 512 << 20;
/// The fields of a Fetch response in front of its records.
const HEAD_BYTES: usize = 80;
/// Copied with one read and one write.
const COPIED_AT_ONCE_BYTES: usize = 256 << 10;

/// Sends `ANSWER_BYTES` of the file from the position on.
type Send = fn(&mut TcpStream, &File, u64);

/// Answers every frame with the next stretch of a file.
pub fn serve(folder: &Path, send: Send) {
    let file = File::create_new(folder.join("file")).unwrap();
    let file_to_read = File::open(folder.join("file")).unwrap();
    let chunk = vec![b'v'; ANSWER_BYTES];
    for position in (0..FILE_BYTES).step_by(ANSWER_BYTES) {
        file.write_all_at(&chunk, position).unwrap();
    }
    listen(|mut stream, _| {
        stream.set_nodelay(true).unwrap();
        let (mut frame, mut position) = (Vec::new(), 0);
        while read_frame(&mut stream, &mut frame) {
            let mut head = [0; 4 + HEAD_BYTES];
            let length = (HEAD_BYTES + ANSWER_BYTES) as u32;
            head[..4].copy_from_slice(&length.to_be_bytes());
            stream.write_all(&head).unwrap();
            send(&mut stream, &file_to_read, position);
            position = (position + ANSWER_BYTES as u64) % FILE_BYTES;
        }
    });
}

pub fn send_file(stream: &mut TcpStream, file: &File, position: u64) {
    let mut offset = position as i64;
    let end = offset + ANSWER_BYTES as i64;
    while offset < end {
        let left = (end - offset) as usize;
        sendfile(&*stream, file, Some(&mut offset), left).unwrap();
    }
}

pub fn copy_file(stream: &mut TcpStream, file: &File, position: u64) {
    let mut buffer = vec![0; COPIED_AT_ONCE_BYTES];
    for at in (position..position + ANSWER_BYTES as u64).step_by(COPIED_AT_ONCE_BYTES) {
        file.read_exact_at(&mut buffer, at).unwrap();
        stream.write_all(&buffer).unwrap();
    }
}
