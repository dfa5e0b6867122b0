//! A push as an HTTP request: RFC 8030 headers, RFC 8291 body, RFC 8292 authorization.

use std::time::Duration;

use social_events::Timestamp;
use web_push::{
    ContentEncoding, SubscriptionInfo, Urgency, WebPushError, WebPushMessageBuilder,
    request_builder,
};

use super::Recipient;
use crate::notification::Notification;
use crate::transport::PushRequest;
use crate::vapid::VapidSigner;

/// Why a request could not be built. Checked keys and endpoints leave hardly a reason.
#[derive(Debug, thiserror::Error)]
pub enum RequestError {
    /// The crate refused to sign or to encrypt.
    #[error("the push cannot be signed or encrypted: {0}")]
    WebPush(#[from] WebPushError),
    /// A header that is no text.
    #[error("the header {0} is not text")]
    Header(String),
}

/// Encrypts and signs `notification` for `recipient`.
///
/// # Errors
/// When the crate refuses, see [`RequestError`].
pub fn build(
    signer: &VapidSigner,
    recipient: &Recipient,
    notification: &Notification,
    ttl: Duration,
    now: Timestamp,
) -> Result<PushRequest, RequestError> {
    let Recipient { endpoint, keys } = recipient;
    let subscription = SubscriptionInfo::new(endpoint.expose(), &keys.p256dh(), &keys.auth());
    let payload = notification.to_json();
    let mut message = WebPushMessageBuilder::new(&subscription);
    message.set_ttl(u32::try_from(ttl.as_secs()).unwrap_or(u32::MAX));
    message.set_urgency(Urgency::Normal);
    message.set_topic(notification.tag.clone());
    message.set_payload(ContentEncoding::Aes128Gcm, payload.as_bytes());
    message.set_vapid_signature(signer.sign(endpoint, now)?);
    let request = request_builder::build_request::<Vec<u8>>(message.build()?);
    let headers = request
        .headers()
        .iter()
        // The transport counts the bytes itself.
        .filter(|(name, _)| name.as_str() != "content-length")
        .map(|(name, value)| match value.to_str() {
            Ok(value) => Ok((name.to_string(), value.to_owned())),
            Err(_) => Err(RequestError::Header(name.to_string())),
        })
        .collect::<Result<_, _>>()?;
    Ok(PushRequest {
        endpoint: endpoint.clone(),
        headers,
        body: request.into_body(),
    })
}

#[cfg(test)]
mod tests {
    use social_events::{EventId, PostId};

    use super::*;
    use crate::endpoint::{EndpointPolicy, HostRule};
    use crate::keys::{BrowserKeys, encode};
    use crate::vapid::VapidKeys;

    #[test]
    fn a_browser_with_the_keys_reads_the_exact_json() {
        let (pair, auth) = ece::generate_keypair_and_auth_secret().unwrap();
        let components = pair.raw_components().unwrap();
        let keys = BrowserKeys::parse(&encode(components.public_key()), &encode(&auth)).unwrap();
        let endpoint = EndpointPolicy::new(HostRule::Known)
            .check("https://updates.push.services.mozilla.com/wpush/v2/abc")
            .unwrap();
        let signer = VapidSigner::new(VapidKeys::generate().unwrap(), "mailto:ops@example.org");
        let notification = Notification::comment(EventId::random(), PostId(7), "민지");
        let ttl = Duration::from_secs(60);
        let recipient = Recipient { endpoint, keys };
        let request = build(&signer, &recipient, &notification, ttl, Timestamp::now()).unwrap();

        assert_eq!(request.header("TTL"), Some("60"));
        assert_eq!(request.header("Urgency"), Some("normal"));
        assert_eq!(request.header("Topic"), Some(&*notification.tag));
        assert_eq!(request.header("Content-Encoding"), Some("aes128gcm"));
        assert_eq!(
            request
                .header("Crypto-Key")
                .or(request.header("Encryption")),
            None
        );
        let authorization = request.header("Authorization").unwrap();
        assert!(authorization.starts_with("vapid t="), "{authorization}");
        assert!(authorization.ends_with(&format!(", k={}", signer.public_key())));
        let read = ece::decrypt(&components, &auth, &request.body).unwrap();
        assert_eq!(String::from_utf8(read).unwrap(), notification.to_json());
    }
}
