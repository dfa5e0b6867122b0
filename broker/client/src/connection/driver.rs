//! The task that owns a connection's stream. It ends, and fails every request
//! that waits, when the stream ends, a deadline passes, bytes come that answer
//! nothing, or the last handle is dropped.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use kafka_protocol::messages::ApiKey;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, timeout_at};

use super::frame::{FrameReader, invalid};
use super::{ConnectionConfig, api_name};
use crate::error::ClientError;

/// Room for the length at the start of a frame.
pub(super) const LENGTH_BYTES: usize = 4;
/// Where a request's correlation id stands: after length, key and version.
const CORRELATION_ID_AT: usize = 8;

/// A request on its way to the stream.
#[derive(Debug)]
pub(super) struct Outgoing {
    /// Length and correlation id are still zero.
    pub(super) frame: BytesMut,
    /// `None` when the broker will not answer.
    pub(super) awaited: Option<Awaited>,
}

/// A request whose answer has not come.
#[derive(Debug)]
pub(super) struct Awaited {
    pub(super) api_key: i16,
    pub(super) version: i16,
    pub(super) deadline: Instant,
    pub(super) timeout: Duration,
    pub(super) answer: oneshot::Sender<Result<Bytes, ClientError>>,
}

type InFlight = (i32, Awaited);

/// Why the driver stopped.
enum Stop {
    /// Every handle is gone.
    Unused,
    Stream(io::Error),
    /// The answer to this request is overdue.
    Overdue(Awaited),
    /// These bytes are no answer to this request.
    Malformed(Awaited, String),
}

pub(super) async fn run<S: AsyncRead + AsyncWrite>(
    stream: S,
    outgoing: mpsc::Receiver<Outgoing>,
    address: Arc<str>,
    config: ConnectionConfig,
) {
    let (reading, writing) = tokio::io::split(stream);
    // Its capacity bounds how many requests may be on their way.
    let (sent, mut awaiting) = mpsc::channel(config.in_flight_max.max(1));
    let mut outgoing = outgoing;
    let mut head = None;
    let stop = {
        let mut frames = FrameReader::new(reading, config.frame_bytes_max);
        let write = write_requests(writing, &mut outgoing, sent);
        let read = read_answers(&mut frames, &mut awaiting, &mut head);
        tokio::pin!(write, read);
        let written = tokio::select! {
            biased;
            stop = &mut read => Err(stop),
            stop = &mut write => Ok(stop),
        };
        match written {
            // Answers already asked for are still worth waiting for.
            Ok(Stop::Unused) => read.await,
            Ok(stop) | Err(stop) => stop,
        }
    };
    outgoing.close();
    fail_all(stop, head, awaiting, outgoing, &address);
}

/// Writes requests until the handles are gone or the stream fails.
async fn write_requests<W: AsyncWrite + Unpin>(
    mut stream: W,
    outgoing: &mut mpsc::Receiver<Outgoing>,
    sent: mpsc::Sender<InFlight>,
) -> Stop {
    let mut correlation_id = 0i32;
    while let Some(Outgoing { mut frame, awaited }) = outgoing.recv().await {
        correlation_id = correlation_id.wrapping_add(1);
        if !put_length_and_correlation_id(&mut frame, correlation_id) {
            let reason = format!("a request of {} bytes does not fit a frame", frame.len());
            return Stop::Stream(invalid(reason));
        }
        if let Some(awaited) = awaited {
            // Before writing, so that no answer can come first.
            if sent.send((correlation_id, awaited)).await.is_err() {
                return Stop::Unused;
            }
        }
        if let Err(error) = stream.write_all(&frame).await {
            return Stop::Stream(error);
        }
        if let Err(error) = stream.flush().await {
            return Stop::Stream(error);
        }
    }
    Stop::Unused
}

/// False when the frame is too long for its length prefix.
fn put_length_and_correlation_id(frame: &mut BytesMut, correlation_id: i32) -> bool {
    let Ok(length) = i32::try_from(frame.len() - LENGTH_BYTES) else {
        return false;
    };
    frame[..LENGTH_BYTES].copy_from_slice(&length.to_be_bytes());
    frame[CORRELATION_ID_AT..CORRELATION_ID_AT + 4].copy_from_slice(&correlation_id.to_be_bytes());
    true
}

/// Hands every answer to the request it belongs to. `head` holds the request
/// whose answer is awaited, so that it is not lost when this future is dropped.
async fn read_answers<R: AsyncRead + Unpin>(
    frames: &mut FrameReader<R>,
    awaiting: &mut mpsc::Receiver<InFlight>,
    head: &mut Option<InFlight>,
) -> Stop {
    loop {
        *head = match next_awaited(frames, awaiting).await {
            Ok(next) => Some(next),
            Err(stop) => return stop,
        };
        let deadline = head
            .as_ref()
            .map_or_else(Instant::now, |(_, awaited)| awaited.deadline);
        let frame = timeout_at(deadline, frames.next()).await;
        let Some((correlation_id, awaited)) = head.take() else {
            return Stop::Unused;
        };
        match frame {
            Err(_) => return Stop::Overdue(awaited),
            Ok(Err(error)) => {
                *head = Some((correlation_id, awaited));
                return Stop::Stream(error);
            }
            Ok(Ok(frame)) => match take_header(frame, correlation_id, &awaited) {
                // The caller may have lost interest; that is no error.
                Ok(body) => drop(awaited.answer.send(Ok(body))),
                Err(reason) => return Stop::Malformed(awaited, reason),
            },
        }
    }
}

/// Waits for a request to be sent, and notices meanwhile that the broker
/// closed the stream.
async fn next_awaited<R: AsyncRead + Unpin>(
    frames: &mut FrameReader<R>,
    awaiting: &mut mpsc::Receiver<InFlight>,
) -> Result<InFlight, Stop> {
    tokio::select! {
        biased;
        next = awaiting.recv() => next.ok_or(Stop::Unused),
        readable = frames.readable() => Err(match readable {
            Ok(()) => match awaiting.try_recv() {
                Ok(next) => return Ok(next),
                Err(_) => Stop::Stream(invalid("bytes came that answer no request".to_owned())),
            },
            Err(error) => Stop::Stream(error),
        }),
    }
}

/// Checks the response header and returns the body behind it.
fn take_header(mut frame: Bytes, correlation_id: i32, awaited: &Awaited) -> Result<Bytes, String> {
    let found = frame.try_get_i32().map_err(|error| error.to_string())?;
    if found != correlation_id {
        return Err(format!(
            "correlation id {found} came where {correlation_id} was due"
        ));
    }
    let key = ApiKey::try_from(awaited.api_key).map_err(|()| "unknown API".to_owned())?;
    if key.response_header_version(awaited.version) >= 1 {
        skip_tagged_fields(&mut frame)?;
    }
    Ok(frame)
}

fn skip_tagged_fields(frame: &mut Bytes) -> Result<(), String> {
    for _ in 0..take_varint(frame)? {
        take_varint(frame)?;
        let size = take_varint(frame)? as usize;
        if size > frame.len() {
            return Err("a tagged field is longer than the frame".to_owned());
        }
        frame.advance(size);
    }
    Ok(())
}

fn take_varint(frame: &mut Bytes) -> Result<u32, String> {
    let mut value = 0;
    for shift in [0, 7, 14, 21, 28] {
        let byte = frame.try_get_u8().map_err(|error| error.to_string())?;
        value |= u32::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Ok(value);
        }
    }
    Err("a varint is longer than five bytes".to_owned())
}

/// Tells every request that still waits why it will get no answer.
fn fail_all(
    stop: Stop,
    head: Option<InFlight>,
    mut awaiting: mpsc::Receiver<InFlight>,
    mut outgoing: mpsc::Receiver<Outgoing>,
    address: &str,
) {
    let reason = match stop {
        Stop::Unused => "it was closed".to_owned(),
        Stop::Stream(error) => error.to_string(),
        Stop::Overdue(awaited) => {
            let error = ClientError::TimedOut {
                address: address.to_owned(),
                api: api_name(awaited.api_key),
                timeout_ms: u64::try_from(awaited.timeout.as_millis()).unwrap_or(u64::MAX),
            };
            drop(awaited.answer.send(Err(error)));
            "an earlier request was not answered in time".to_owned()
        }
        Stop::Malformed(awaited, reason) => {
            let error = ClientError::Malformed {
                address: address.to_owned(),
                api: api_name(awaited.api_key),
                reason: reason.clone(),
            };
            drop(awaited.answer.send(Err(error)));
            reason
        }
    };
    let fail = |awaited: Awaited| {
        let error = ClientError::Disconnected {
            address: address.to_owned(),
            reason: reason.clone(),
        };
        drop(awaited.answer.send(Err(error)));
    };
    if let Some((_, awaited)) = head {
        fail(awaited);
    }
    awaiting.close();
    while let Ok((_, awaited)) = awaiting.try_recv() {
        fail(awaited);
    }
    while let Ok(outgoing) = outgoing.try_recv() {
        outgoing.awaited.into_iter().for_each(fail);
    }
}
