//! What is answered while the service starts, which lasts as long as its database is not there.
//!
//! The socket is open from the first moment, so that whoever asks learns that the process lives
//! and is not ready; once the router is there, every request goes to it.

use std::sync::{Arc, OnceLock};

use axum::Router;
use axum::extract::{Request, State};
use axum::response::Response;
use axum::routing::get;
use tower::ServiceExt;

use crate::error::ApiError;
use crate::routes::health;

/// Closed until it is opened, once.
#[derive(Clone, Default)]
pub(crate) struct Gate {
    behind: Arc<OnceLock<Router>>,
}

impl Gate {
    /// What the socket is served with.
    pub(crate) fn router(&self) -> Router {
        Router::new().fallback(pass).with_state(self.clone())
    }

    /// From now on requests go to `router`.
    pub(crate) fn open(&self, router: Router) {
        let first = self.behind.set(router).is_ok();
        debug_assert!(first, "a service starts once");
    }
}

async fn pass(State(gate): State<Gate>, request: Request) -> Response {
    let router = match gate.behind.get() {
        Some(router) => router.clone(),
        None => starting(),
    };
    let Ok(response) = router.oneshot(request).await;
    response
}

fn starting() -> Router {
    let waiting = || async { ApiError::Unavailable("the service waits for its database".into()) };
    Router::new()
        .route("/healthz", get(health::healthz))
        .route("/readyz", get(health::not_ready))
        .fallback(waiting)
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::http::StatusCode;

    use super::*;

    async fn status(gate: &Gate, path: &str) -> StatusCode {
        let request = Request::get(path).body(Body::empty()).unwrap();
        gate.router().oneshot(request).await.unwrap().status()
    }

    #[tokio::test]
    async fn until_it_opens_the_process_lives_and_is_not_ready() {
        let gate = Gate::default();
        assert_eq!(status(&gate, "/healthz").await, StatusCode::OK);
        for path in ["/readyz", "/api/_hcheck", "/"] {
            assert_eq!(status(&gate, path).await, StatusCode::SERVICE_UNAVAILABLE);
        }
        gate.open(Router::new().route("/", get(|| async { "open" })));
        assert_eq!(status(&gate, "/").await, StatusCode::OK);
        assert_eq!(status(&gate, "/readyz").await, StatusCode::NOT_FOUND);
    }
}
