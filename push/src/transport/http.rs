//! Pushes over HTTP, safe against an endpoint that leads somewhere else than it says.
//!
//! No redirects, no proxy from the environment, short deadlines, a bounded reading of answers. Two
//! clients: the guarded one connects to public addresses only, by its resolver; the other serves
//! origins the operator allowed.

use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use reqwest::header::RETRY_AFTER;
use reqwest::{Client, ClientBuilder, Response, redirect};
use rustls::crypto::ring;
use rustls::{ClientConfig, RootCertStore};

use super::{Answer, PushRequest, Transport, TransportError, retry_after};
use crate::endpoint::resolver::PublicAddresses;
use crate::endpoint::{Endpoint, Route};

/// How much of an answer's body is read, so that the connection can be used again, in bytes.
const ANSWER_BYTES_MAX: usize = 64 * 1024;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Sends over HTTP/1.1, with TLS for https.
#[derive(Debug)]
pub struct HttpTransport {
    /// To allowed origins, without TLS.
    plain: Client,
    /// These two are made when they are first needed: they read the system's certificates.
    allowed: OnceLock<Client>,
    guarded: OnceLock<Client>,
    timeout: Duration,
}

impl HttpTransport {
    /// Every push is answered within `timeout`, or counts as not answered.
    ///
    /// # Errors
    /// When the HTTP client cannot be made.
    pub fn new(timeout: Duration) -> Result<Self, TransportError> {
        let plain = builder(timeout, RootCertStore::empty()).build();
        Ok(Self {
            plain: plain.map_err(not_built)?,
            allowed: OnceLock::new(),
            guarded: OnceLock::new(),
            timeout,
        })
    }

    fn client(&self, endpoint: &Endpoint) -> Result<&Client, TransportError> {
        let (slot, make): (_, fn(Duration) -> ClientBuilder) = match endpoint.route() {
            Route::Allowed if !endpoint.is_https() => return Ok(&self.plain),
            Route::Allowed => (&self.allowed, |timeout| builder(timeout, system_roots())),
            Route::Guarded => (&self.guarded, guarded),
        };
        if let Some(client) = slot.get() {
            return Ok(client);
        }
        let client = make(self.timeout).build().map_err(not_built)?;
        Ok(slot.get_or_init(|| client))
    }
}

#[async_trait]
impl Transport for HttpTransport {
    async fn send(&self, request: &PushRequest) -> Result<Answer, TransportError> {
        let client = self.client(&request.endpoint)?;
        let mut post = client.post(request.endpoint.expose());
        for (name, value) in &request.headers {
            post = post.header(name, value);
        }
        let response = post
            .body(request.body.clone())
            .send()
            .await
            .map_err(not_sent)?;
        let answer = answer(&response);
        discard_body(response).await;
        Ok(answer)
    }
}

fn answer(response: &Response) -> Answer {
    let header = response.headers().get(RETRY_AFTER);
    let retry_after = header
        .and_then(|value| value.to_str().ok())
        .and_then(|value| retry_after::parse(value, SystemTime::now()));
    Answer {
        status: response.status().as_u16(),
        retry_after,
    }
}

/// The status is all that counts; an endless body must not become our memory or our time.
async fn discard_body(mut response: Response) {
    let mut read = 0;
    while let Ok(Some(chunk)) = response.chunk().await {
        read += chunk.len();
        if read > ANSWER_BYTES_MAX {
            return;
        }
    }
}

fn builder(timeout: Duration, roots: RootCertStore) -> ClientBuilder {
    Client::builder()
        .redirect(redirect::Policy::none())
        .no_proxy()
        .referer(false)
        .connect_timeout(CONNECT_TIMEOUT.min(timeout))
        .timeout(timeout)
        .tls_backend_preconfigured(tls(roots))
}

fn guarded(timeout: Duration) -> ClientBuilder {
    builder(timeout, system_roots())
        .https_only(true)
        .dns_resolver(Arc::new(PublicAddresses))
}

fn system_roots() -> RootCertStore {
    let mut roots = RootCertStore::empty();
    let found = rustls_native_certs::load_native_certs();
    let (added, _) = roots.add_parsable_certificates(found.certs);
    if added == 0 {
        tracing::warn!("this system has no CA certificates: no push service will be trusted");
    }
    roots
}

/// The provider is given here rather than installed for the process: a library must not.
fn tls(roots: RootCertStore) -> ClientConfig {
    ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("ring supports TLS 1.2 and 1.3")
        .with_root_certificates(roots)
        .with_no_client_auth()
}

fn not_built(error: reqwest::Error) -> TransportError {
    TransportError::Unreachable(innermost(&error.without_url()))
}

fn not_sent(error: reqwest::Error) -> TransportError {
    if error.is_timeout() {
        return TransportError::Timeout;
    }
    TransportError::Unreachable(innermost(&error.without_url()))
}

/// The last cause says what happened; the outer ones say "error sending request".
fn innermost(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::http::{StatusCode, header};
    use axum::routing::post;
    use tokio::net::TcpListener;

    use super::*;
    use crate::endpoint::{EndpointPolicy, HostRule};

    async fn server(router: Router) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, router).await });
        format!("http://{address}")
    }

    fn request(origin: &str, path: &str) -> PushRequest {
        let policy = EndpointPolicy::new(HostRule::Public).allow(origin).unwrap();
        let endpoint = policy.check(&format!("{origin}{path}")).unwrap();
        PushRequest {
            endpoint,
            headers: vec![("TTL".into(), "60".into())],
            body: b"x".to_vec(),
        }
    }

    fn transport() -> HttpTransport {
        HttpTransport::new(Duration::from_millis(500)).unwrap()
    }

    #[tokio::test]
    async fn status_and_retry_after_come_back() {
        let busy = || async { (StatusCode::TOO_MANY_REQUESTS, [(RETRY_AFTER, "7")]) };
        let origin = server(Router::new().route("/x", post(busy))).await;
        let answer = transport().send(&request(&origin, "/x")).await.unwrap();
        let expected = Answer {
            status: 429,
            retry_after: Some(Duration::from_secs(7)),
        };
        assert_eq!(answer, expected);
    }

    #[tokio::test]
    async fn a_redirect_is_an_answer_and_is_not_followed() {
        let away = || async {
            (
                StatusCode::TEMPORARY_REDIRECT,
                [(header::LOCATION, "/secret")],
            )
        };
        let secret = || async { StatusCode::CREATED };
        let router = Router::new()
            .route("/x", post(away))
            .route("/secret", post(secret));
        let origin = server(router).await;
        assert_eq!(
            transport()
                .send(&request(&origin, "/x"))
                .await
                .unwrap()
                .status,
            307
        );
    }

    #[tokio::test]
    async fn a_service_that_never_answers_is_a_timeout() {
        let hang = || std::future::pending::<StatusCode>();
        let origin = server(Router::new().route("/x", post(hang))).await;
        let error = transport().send(&request(&origin, "/x")).await.unwrap_err();
        assert_eq!(error, TransportError::Timeout);
    }

    #[tokio::test]
    async fn an_endless_body_does_not_keep_the_sender() {
        let endless = || async {
            let chunks = futures_util::stream::repeat_with(|| {
                Ok::<_, std::convert::Infallible>(vec![0_u8; 16 * 1024])
            });
            (StatusCode::CREATED, axum::body::Body::from_stream(chunks))
        };
        let origin = server(Router::new().route("/x", post(endless))).await;
        assert_eq!(
            transport()
                .send(&request(&origin, "/x"))
                .await
                .unwrap()
                .status,
            201
        );
    }

    #[tokio::test]
    async fn a_closed_port_is_unreachable_and_the_text_keeps_the_endpoint_secret() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        drop(listener);
        let error = transport()
            .send(&request(&origin, "/secret-token"))
            .await
            .unwrap_err();
        assert!(matches!(error, TransportError::Unreachable(_)));
        assert!(!error.to_string().contains("secret-token"), "{error}");
    }

    #[tokio::test]
    async fn a_name_that_leads_to_loopback_is_not_connected_to() {
        let policy = EndpointPolicy::new(HostRule::Public);
        let endpoint = policy.check("https://localhost/x").unwrap();
        let request = PushRequest {
            endpoint,
            headers: Vec::new(),
            body: Vec::new(),
        };
        let error = transport().send(&request).await.unwrap_err();
        assert!(error.to_string().contains("no public address"), "{error}");
    }
}
