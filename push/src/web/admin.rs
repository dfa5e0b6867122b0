//! `GET /admin/subscriptions`: who gets pushes, without what would let anybody send one.

use std::net::{IpAddr, SocketAddr};

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{ConnectInfo, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use openssl::memcmp;
use serde::{Deserialize, Serialize};
use social_events::{Secret, Subscription, SubscriptionId, Timestamp, UserId};

use super::{Opening, WAITING};
use crate::endpoint::redacted;
use crate::loopback;

/// How many subscriptions one page has at most, and by default.
const PAGE_MAX: u32 = 1000;
const PAGE_DEFAULT: u32 = 100;

/// Which page: those with a `seq` above `after`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Page {
    after: Option<i64>,
    limit: Option<u32>,
}

/// One subscription, as an operator may see it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Shown {
    seq: SubscriptionId,
    user_id: UserId,
    /// Origin and last four characters.
    notification_end_point: String,
    create_at: Timestamp,
}

type Failure = (StatusCode, String);

pub(super) async fn subscriptions(
    State(web): State<Opening>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    page: Result<Query<Page>, QueryRejection>,
) -> Result<Json<Vec<Shown>>, Failure> {
    let unavailable = |reason: &str| (StatusCode::SERVICE_UNAVAILABLE, format!("{reason}\n"));
    let web = web.get().ok_or_else(|| unavailable(WAITING))?;
    if !may_look(peer.ip(), &headers, web.admin_token.as_ref()) {
        let sentence = "only from this machine, or with the admin token as a bearer token\n";
        return Err((StatusCode::FORBIDDEN, sentence.to_owned()));
    }
    let Query(page) =
        page.map_err(|error| (StatusCode::BAD_REQUEST, format!("{}\n", error.body_text())))?;
    let after = SubscriptionId(page.after.unwrap_or(0));
    let limit = page.limit.unwrap_or(PAGE_DEFAULT).min(PAGE_MAX);
    match web.store.subscriptions(after, limit).await {
        Ok(found) => Ok(Json(found.iter().map(shown).collect())),
        Err(error) => Err(unavailable(&error.to_string())),
    }
}

fn shown(subscription: &Subscription) -> Shown {
    Shown {
        seq: subscription.seq,
        user_id: subscription.user_id,
        notification_end_point: redacted(subscription.notification_end_point.expose()),
        create_at: subscription.create_at,
    }
}

/// Callers on this machine, addressing it as such, or callers who know the token.
fn may_look(peer: IpAddr, headers: &HeaderMap, token: Option<&Secret>) -> bool {
    (peer.to_canonical().is_loopback() && loopback::is_named_by(headers))
        || knows_token(headers, token)
}

fn knows_token(headers: &HeaderMap, token: Option<&Secret>) -> bool {
    let sent = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok());
    let sent = sent.and_then(|value| value.strip_prefix("Bearer "));
    match (sent, token) {
        (Some(sent), Some(token)) => {
            let (sent, token) = (sent.as_bytes(), token.expose().as_bytes());
            // Comparing in constant time tells nobody how much of a guess was right.
            sent.len() == token.len() && memcmp::eq(sent, token)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);
    const THERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));

    fn headers(pairs: &[(header::HeaderName, &str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| (name.clone(), value.parse().unwrap()))
            .collect()
    }

    #[test]
    fn this_machine_may_look_unless_a_foreign_name_was_used() {
        assert!(may_look(
            HERE,
            &headers(&[(header::HOST, "127.0.0.1:8081")]),
            None
        ));
        assert!(!may_look(
            HERE,
            &headers(&[(header::HOST, "evil.example:8081")]),
            None
        ));
        assert!(!may_look(HERE, &HeaderMap::new(), None));
    }

    #[test]
    fn others_need_the_token() {
        let token = Secret::new("opensesame");
        let with = |text| headers(&[(header::AUTHORIZATION, text)]);
        assert!(may_look(THERE, &with("Bearer opensesame"), Some(&token)));
        assert!(!may_look(THERE, &with("Bearer opensesame"), None));
        for wrong in [
            "Bearer opensesam",
            "Bearer opensesamf",
            "opensesame",
            "Bearer ",
        ] {
            assert!(!may_look(THERE, &with(wrong), Some(&token)), "{wrong}");
        }
        assert!(!may_look(
            THERE,
            &headers(&[(header::HOST, "localhost")]),
            Some(&token)
        ));
    }
}
