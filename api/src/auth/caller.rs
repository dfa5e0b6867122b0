//! Who calls, and whose posts they may see: extractors that refuse before a handler runs.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::request::Parts;
use social_events::{Timestamp, UserId};

use super::origin::{self, Origin};
use super::token::{Source, Token};
use crate::app::App;
use crate::error::ApiError;
use crate::extract::Path;
use crate::store::TokenHash;

/// A user with a valid session.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Caller {
    pub(crate) user: UserId,
    pub(crate) token: TokenHash,
}

/// A caller who may see the posts of the user named in the path.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reader {
    pub(crate) caller: UserId,
    pub(crate) owner: UserId,
}

/// The address a request comes from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ClientIp(pub(crate) IpAddr);

impl FromRequestParts<Arc<App>> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, ApiError> {
        let (token, source) = Token::of(&parts.headers).ok_or(ApiError::Unauthorized)?;
        if source == Source::Cookie && !origin::is_safe(&parts.method) {
            // A browser that sends the cookie names the page's origin; who does not is no browser.
            let origin = origin::of(&parts.headers, &app.settings.allowed_origins);
            if origin != Origin::Own {
                return Err(ApiError::Forbidden);
            }
        }
        let token = token.hash();
        let user = app.store.session(token, Timestamp::now()).await?;
        let user = user.ok_or(ApiError::Unauthorized)?;
        Ok(Self { user, token })
    }
}

/// The path of a post names its owner first.
#[derive(serde::Deserialize)]
struct Owner {
    user_id: i64,
}

impl FromRequestParts<Arc<App>> for Reader {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, ApiError> {
        let caller = Caller::from_request_parts(parts, app).await?.user;
        let Path(Owner { user_id }) = Path::from_request_parts(parts, app).await?;
        let owner = UserId(user_id);
        if app.store.may_see(caller, owner).await? {
            Ok(Self { caller, owner })
        } else {
            Err(ApiError::Forbidden)
        }
    }
}

impl<S: Sync> FromRequestParts<S> for ClientIp {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        // Only a router that is called without a socket knows no address.
        let unknown = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
        let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>();
        Ok(Self(peer.map_or(unknown, |ConnectInfo(peer)| peer.ip())))
    }
}
