//! A transport that loses one push and says nothing: to prove that whoever counts would notice.

use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;

use super::{Answer, PushRequest, Transport, TransportError};

/// Sends all pushes but one, for which it answers 201 by itself.
pub struct Losing<T> {
    inner: T,
    left: AtomicU64,
}

impl<T> Losing<T> {
    /// Loses the push after the first `sent`.
    #[must_use]
    pub fn after(sent: u64, inner: T) -> Self {
        Self {
            inner,
            left: AtomicU64::new(sent),
        }
    }
}

#[async_trait]
impl<T: Transport> Transport for Losing<T> {
    async fn send(&self, request: &PushRequest) -> Result<Answer, TransportError> {
        // Wraps after the lost one, and then counts down for longer than anything lives.
        if self.left.fetch_sub(1, Ordering::Relaxed) == 0 {
            return Ok(Answer::status(201));
        }
        self.inner.send(request).await
    }
}
