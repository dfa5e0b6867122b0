//! A transport that sends nothing: it remembers requests and answers from a script.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;

use super::{Answer, PushRequest, Transport, TransportError};

/// Remembers every request; answers what was scripted, then 201 for ever.
#[derive(Debug, Default)]
pub struct Recording {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    script: VecDeque<Result<Answer, TransportError>>,
    requests: Vec<PushRequest>,
}

impl Recording {
    /// The next answer after those scripted already.
    pub fn then(&self, answer: Result<Answer, TransportError>) {
        self.lock().script.push_back(answer);
    }

    /// Every request so far, oldest first.
    #[must_use]
    pub fn requests(&self) -> Vec<PushRequest> {
        self.lock().requests.clone()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Transport for Recording {
    async fn send(&self, request: &PushRequest) -> Result<Answer, TransportError> {
        let mut inner = self.lock();
        inner.requests.push(request.clone());
        inner.script.pop_front().unwrap_or(Ok(Answer::status(201)))
    }
}
