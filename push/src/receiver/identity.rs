//! Who a browser is: its name at the push service, its subscriptions, and their private keys.

use std::collections::HashMap;
use std::fmt;

use ece::EcKeyComponents;

use super::ReceiverError;
use crate::keys::{decode, encode};

/// A browser's name and subscriptions, enough to come back as the same browser.
#[derive(Debug, Clone, Default)]
pub struct Identity {
    pub(super) uaid: Option<String>,
    pub(super) channels: HashMap<String, Channel>,
}

/// A subscription with its private keys.
#[derive(Debug, Clone)]
pub(super) struct Channel {
    pub(super) channel_id: String,
    pub(super) endpoint: String,
    pub(super) keys: Keys,
}

/// What a page gets from `pushManager.subscribe()`.
#[derive(Clone, PartialEq, Eq)]
pub struct Subscription {
    /// The browser's name for it.
    pub channel_id: String,
    /// Where to push to.
    pub endpoint: String,
    /// The public key, base64url.
    pub p256dh: String,
    /// The authentication secret, base64url.
    pub auth: String,
}

/// The keys of one subscription.
#[derive(Clone)]
pub(super) struct Keys {
    pair: EcKeyComponents,
    auth: [u8; 16],
}

impl Identity {
    pub(super) fn add(&mut self, channel_id: String, channel: Channel) {
        self.channels.insert(channel_id, channel);
    }

    pub(super) fn remove(&mut self, channel_id: &str) {
        self.channels.remove(channel_id);
    }

    /// Its subscriptions.
    #[must_use]
    pub fn subscriptions(&self) -> Vec<Subscription> {
        self.channels.values().map(Channel::shown).collect()
    }
}

impl Channel {
    pub(super) fn shown(&self) -> Subscription {
        Subscription {
            channel_id: self.channel_id.clone(),
            endpoint: self.endpoint.clone(),
            p256dh: encode(self.keys.pair.public_key()),
            auth: encode(&self.keys.auth),
        }
    }
}

impl Keys {
    pub(super) fn generate() -> Result<Self, ReceiverError> {
        let generate = || {
            let (pair, auth) = ece::generate_keypair_and_auth_secret()?;
            Ok::<_, ece::Error>(Self {
                pair: pair.raw_components()?,
                auth,
            })
        };
        generate().map_err(|error| ReceiverError::Keys(error.to_string()))
    }

    /// The plaintext of a notification's base64url data, if it was encrypted to these keys.
    pub(super) fn decrypt(&self, data: &str) -> Option<Vec<u8>> {
        ece::decrypt(&self.pair, &self.auth, &decode(data)?).ok()
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Keys(…)")
    }
}

/// Endpoint and keys are secrets.
impl fmt::Debug for Subscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Subscription({})",
            crate::endpoint::redacted(&self.endpoint)
        )
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_example_of_rfc_8291_is_decrypted() {
        let private = decode("q1dXpw3UpT5VOmu_cf_v6ih07Aems3njxI-JWgLcM94").unwrap();
        let public = decode(
            "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4",
        )
        .unwrap();
        let auth = decode("BTBZMqHH6r4Tts7J_aSIgg")
            .unwrap()
            .try_into()
            .unwrap();
        let keys = Keys {
            pair: EcKeyComponents::new(private, public),
            auth,
        };
        let message = "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3v\
                       CYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwX\
                       PXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN";
        let plaintext = keys.decrypt(message).unwrap();
        assert_eq!(plaintext, b"When I grow up, I want to be a watermelon");
    }

    proptest! {
        #[test]
        fn any_bytes_are_decrypted_or_skipped(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            let keys = Keys::generate().unwrap();
            prop_assert_eq!(keys.decrypt(&encode(&bytes)), None);
        }

        #[test]
        fn a_body_with_one_changed_byte_is_skipped(at in 0_usize..1000, change in 1_u8..) {
            let keys = Keys::generate().unwrap();
            let mut body = ece::encrypt(keys.pair.public_key(), &keys.auth, b"hello").unwrap();
            let at = at % body.len();
            // The record size alone is not authenticated as long as one record stays one record.
            prop_assume!(!(16..20).contains(&at));
            body[at] ^= change;
            prop_assert_eq!(keys.decrypt(&encode(&body)), None);
        }
    }
}
