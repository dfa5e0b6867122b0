//! The one table of routes, from which the OpenAPI document is made too.
//!
//! ```text
//!  observe ─ deadline ─ panics ─ CORS ─ foreign origins ─ body limit ─ route ─ extractors (who? may they?) ─ handler
//! ```

use std::any::Any;
use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request};
use axum::http::{HeaderName, HeaderValue, Method, header};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::cors::{AllowOrigin, CorsLayer};
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::{Modify, OpenApi};
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouterExt};
use utoipa_axum::routes;
use utoipa_swagger_ui::SwaggerUi;

use crate::app::App;
use crate::auth::refuse_foreign_origins;
use crate::error::{ApiError, Failure};
use crate::observe::observe;
use crate::page;
use crate::push_service::EXCHANGE_HEADERS;
use crate::routes::{
    authentication, comments, connections, delivery, feed, health, images, join, likes, posts,
    profile, push_key, receipts, seed_users, stream, subscriptions, trace, verdict,
};
use crate::server::in_time;

/// The largest JSON body, in bytes.
const BODY_BYTES_MAX: usize = 64 * 1024;
/// The largest form: an image of 1 MiB and its company.
const FORM_BYTES_MAX: usize = 1024 * 1024 + 64 * 1024;
/// What the documentation's page may load: its own files.
const DOCS_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
     img-src 'self' data:; font-src 'self'; connect-src 'self'; frame-ancestors 'none'";

/// Where the OpenAPI document is served.
pub const OPENAPI_PATH: &str = "/api-docs/openapi.json";

#[derive(OpenApi)]
#[openapi(
    info(title = "social-server-api", description = "Users, posts, comments, subscriptions."),
    components(schemas(Failure)),
    modifiers(&Tokens),
    security(("api_key" = []), ("bearer" = []))
)]
struct Document;

/// The two headers that carry a token.
struct Tokens;

impl Modify for Tokens {
    fn modify(&self, openapi: &mut utoipa::openapi::OpenApi) {
        let components = openapi.components.get_or_insert_default();
        let api_key = ApiKeyValue::with_description("api_key", "`Bearer <apiToken>`");
        let api_key = SecurityScheme::ApiKey(ApiKey::Header(api_key));
        components.add_security_scheme("api_key", api_key);
        let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build();
        components.add_security_scheme("bearer", SecurityScheme::Http(bearer));
    }
}

/// Every route, and the OpenAPI document of exactly these.
fn table() -> (Router<Arc<App>>, utoipa::openapi::OpenApi) {
    let form = || DefaultBodyLimit::max(FORM_BYTES_MAX);
    OpenApiRouter::with_openapi(Document::openapi())
        .routes(routes!(health::hcheck))
        .routes(routes!(health::healthz))
        .routes(routes!(health::readyz))
        .routes(routes!(health::metrics))
        .routes(routes!(
            authentication::who,
            authentication::log_in,
            authentication::log_out
        ))
        .routes(routes!(join::exists))
        .routes(routes!(join::join).layer(form()))
        .routes(routes!(profile::show, profile::change).layer(form()))
        .routes(routes!(images::show))
        .routes(routes!(
            connections::list,
            connections::ask,
            connections::grant,
            connections::remove
        ))
        .routes(routes!(connections::requests))
        .routes(routes!(posts::write))
        .routes(routes!(posts::list))
        .routes(routes!(posts::show))
        .routes(routes!(feed::show))
        .routes(routes!(likes::like))
        .routes(routes!(comments::write))
        .routes(routes!(comments::list))
        .routes(routes!(delivery::show))
        .routes(routes!(subscriptions::subscribe))
        .routes(routes!(subscriptions::list))
        .routes(routes!(subscriptions::remove))
        .routes(routes!(push_key::show))
        .routes(routes!(receipts::add))
        .routes(routes!(stream::open))
        .routes(routes!(trace::show))
        .routes(routes!(trace::show_comment))
        .routes(routes!(verdict::show))
        .routes(routes!(verdict::backend))
        .routes(routes!(seed_users::list))
        .split_for_parts()
}

pub(crate) fn router(app: Arc<App>) -> Router {
    let (routes, document) = table();
    routes
        .merge(docs(document))
        .merge(page::pages())
        .fallback(async || ApiError::NoSuchPath)
        .method_not_allowed_fallback(async || ApiError::MethodNotAllowed)
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .layer(from_fn_with_state(Arc::clone(&app), refuse_foreign_origins))
        .layer(cors(&app.settings.allowed_origins))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(from_fn(in_time))
        .layer(from_fn_with_state(Arc::clone(&app), observe))
        .with_state(app)
}

/// The browsable documentation; its files are in the binary, so it works offline.
fn docs<S: Clone + Send + Sync + 'static>(document: utoipa::openapi::OpenApi) -> Router<S> {
    let pages: Router<S> = SwaggerUi::new("/docs").url(OPENAPI_PATH, document).into();
    pages.layer(from_fn(async |request: Request, next: Next| {
        let mut response = next.run(request).await;
        if response.status().is_client_error() {
            // Neither "not found" nor "bad path" comes in our envelope from there.
            return ApiError::NoSuchPath.into_response();
        }
        let policy = HeaderValue::from_static(DOCS_POLICY);
        response
            .headers_mut()
            .insert(header::CONTENT_SECURITY_POLICY, policy);
        response
    }))
}

/// Exactly the origins that were allowed by name; none by default.
fn cors(allowed: &[String]) -> CorsLayer {
    let origins = allowed
        .iter()
        .filter_map(|origin| HeaderValue::try_from(origin).ok());
    CorsLayer::new()
        .allow_origin(AllowOrigin::list(origins))
        .allow_credentials(true)
        .allow_methods([Method::GET, Method::POST, Method::PATCH, Method::DELETE])
        .allow_headers([
            HeaderName::from_static("api_key"),
            header::AUTHORIZATION,
            header::CONTENT_TYPE,
        ])
        .expose_headers(EXCHANGE_HEADERS)
}

#[expect(clippy::needless_pass_by_value, reason = "the layer's signature")]
fn panicked(panic: Box<dyn Any + Send>) -> Response {
    let text = panic.downcast_ref::<&str>().map(ToString::to_string);
    let text = text
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_default();
    ApiError::Internal(format!("a handler panicked: {text}").into()).into_response()
}
