//! Who we are towards push services: the VAPID key pair (RFC 8292) and signatures made with it.
//!
//! The private key is made on the first run and kept in a file that only its owner may read, or in
//! the database that workers share. Neither log nor `Debug` shows it.

use std::collections::HashMap;
use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use openssl::ec::{EcGroup, EcKey};
use openssl::nid::Nid;
use social_events::{Secret, Timestamp};
use web_push::{
    PartialVapidSignatureBuilder, SubscriptionInfo, VapidSignature, VapidSignatureBuilder,
};

use crate::endpoint::Endpoint;
use crate::keys::{decode, encode};
use crate::store::{PostgresStore, StoreError};

/// The length of a P-256 private key, in bytes.
const PRIVATE_KEY_BYTES: usize = 32;

/// How long one signature is valid; RFC 8292 allows up to 24 hours.
const SIGNATURE_LIFETIME: Duration = Duration::from_hours(12);
/// A signature that is valid for less than this is made anew.
const SIGNATURE_REST: Duration = Duration::from_hours(1);
/// How many origins' signatures are kept.
const ORIGINS_MAX: usize = 256;

/// The server's key pair.
pub struct VapidKeys {
    builder: PartialVapidSignatureBuilder,
}

/// Why there is no key pair.
#[derive(Debug, thiserror::Error)]
pub enum VapidError {
    /// The file cannot be read or written.
    #[error("cannot use the VAPID key file {}: {cause}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The operating system's reason.
        cause: io::Error,
    },
    /// Somebody else may read the file.
    #[error("the VAPID key file {} is open to others: run chmod 600 on it", .0.display())]
    OpenToOthers(PathBuf),
    /// The file holds something else.
    #[error("{} holds no VAPID key: restore it, or remove it and let everybody subscribe again", .0.display())]
    NoKey(PathBuf),
    /// The database and the file have different keys.
    #[error("the database has another VAPID key than {}: browsers know one of them; remove the file to use the database's", .0.display())]
    OtherKey(PathBuf),
    /// The database's key is none.
    #[error("the database's table vapid_key holds no VAPID key")]
    NoKeyInDatabase,
    /// The random number generator or the curve failed.
    #[error("cannot make a VAPID key: {0}")]
    Generate(String),
}

/// Why workers have no key pair to share.
#[derive(Debug, thiserror::Error)]
pub enum SharedKeyError {
    /// There is no key.
    #[error(transparent)]
    Key(#[from] VapidError),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl VapidKeys {
    /// A new key pair, in memory only.
    ///
    /// # Errors
    /// When the system gives no randomness.
    pub fn generate() -> Result<Self, VapidError> {
        Self::from_text(&new_private_key()?)
            .ok_or_else(|| VapidError::Generate("the new key was refused".to_owned()))
    }

    /// The key pair in `path`, made on the first run.
    ///
    /// # Errors
    /// When the file cannot be used, is open to others, or holds no key.
    pub fn load_or_create(path: &Path) -> Result<Self, VapidError> {
        let file = |cause| VapidError::File {
            path: path.to_owned(),
            cause,
        };
        if !path.try_exists().map_err(file)? {
            write_private(path, &new_private_key()?).map_err(file)?;
        }
        let text = read_private(path)?;
        Self::from_text(text.trim()).ok_or_else(|| VapidError::NoKey(path.to_owned()))
    }

    /// The key pair of the workers that share `store`, made by the first of them: the one in
    /// `file`, if it is there, so that browsers that know it need not subscribe again.
    ///
    /// # Errors
    /// When the database fails, or has another key than the file.
    pub async fn shared(
        store: &PostgresStore,
        file: Option<&Path>,
    ) -> Result<Self, SharedKeyError> {
        let file = file.filter(|file| file.exists());
        let candidate = match file {
            Some(file) => read_private(file)?,
            None => new_private_key()?,
        };
        let candidate = Secret::new(candidate.trim());
        let kept = store.vapid_key(&candidate).await?;
        match file {
            Some(file) if kept != candidate => Err(VapidError::OtherKey(file.to_owned()).into()),
            _ => Ok(Self::from_text(kept.expose()).ok_or(VapidError::NoKeyInDatabase)?),
        }
    }

    /// The public key as browsers want it: the uncompressed point in unpadded base64url.
    #[must_use]
    pub fn public_key(&self) -> String {
        encode(&self.builder.get_public_key())
    }

    /// The length is checked here: the crate below panics on any other.
    fn from_text(text: &str) -> Option<Self> {
        if decode(text)?.len() != PRIVATE_KEY_BYTES {
            return None;
        }
        let builder = VapidSignatureBuilder::from_base64_no_sub(text).ok()?;
        Some(Self { builder })
    }
}

impl fmt::Debug for VapidKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VapidKeys(public {})", self.public_key())
    }
}

/// Signs for origins, and keeps each signature while it is valid.
///
/// One signature serves every endpoint of an origin: signing costs more than everything else that
/// is done for a push.
pub struct VapidSigner {
    keys: VapidKeys,
    contact: String,
    by_origin: Mutex<HashMap<String, Signed>>,
}

struct Signed {
    signature: VapidSignature,
    expires: Timestamp,
}

impl VapidSigner {
    /// Signs with `keys`; `contact` (`mailto:` or `https:`) tells a push service whom to ask.
    #[must_use]
    pub fn new(keys: VapidKeys, contact: impl Into<String>) -> Self {
        Self {
            keys,
            contact: contact.into(),
            by_origin: Mutex::default(),
        }
    }

    /// The public key, see [`VapidKeys::public_key`].
    #[must_use]
    pub fn public_key(&self) -> String {
        self.keys.public_key()
    }

    /// A signature for `endpoint`'s origin that is valid for another hour at least.
    ///
    /// # Errors
    /// When the crate refuses to sign, which only a broken build makes it do.
    pub fn sign(
        &self,
        endpoint: &Endpoint,
        now: Timestamp,
    ) -> Result<VapidSignature, web_push::WebPushError> {
        let origin = endpoint.origin();
        let mut by_origin = self
            .by_origin
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = by_origin.get(&origin)
            && known.expires.millis() - now.millis() >= millis(SIGNATURE_REST)
        {
            return Ok(known.signature.clone());
        }
        if by_origin.len() >= ORIGINS_MAX {
            by_origin.clear();
        }
        let expires = Timestamp::from_millis(now.millis() + millis(SIGNATURE_LIFETIME));
        let signature = self.sign_origin(endpoint, &origin, expires)?;
        by_origin.insert(
            origin,
            Signed {
                signature: signature.clone(),
                expires,
            },
        );
        Ok(signature)
    }

    fn sign_origin(
        &self,
        endpoint: &Endpoint,
        origin: &str,
        expires: Timestamp,
    ) -> Result<VapidSignature, web_push::WebPushError> {
        let subscription = SubscriptionInfo::new(endpoint.expose(), "", "");
        let mut builder = self.keys.builder.clone().add_sub_info(&subscription);
        // By itself the crate leaves the port out, and a strict service then refuses.
        builder.add_claim("aud", origin);
        builder.add_claim("exp", expires.millis() / 1000);
        builder.add_claim("sub", self.contact.as_str());
        builder.build()
    }
}

impl fmt::Debug for VapidSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VapidSigner")
            .field("keys", &self.keys)
            .finish_non_exhaustive()
    }
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

fn new_private_key() -> Result<String, VapidError> {
    let generate = || {
        let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1)?;
        EcKey::generate(&group)?
            .private_key()
            .to_vec_padded(PRIVATE_KEY_BYTES as i32)
    };
    let bytes = generate().map_err(|error| VapidError::Generate(error.to_string()))?;
    Ok(encode(&bytes))
}

/// What is in the file, unless others may read it.
fn read_private(path: &Path) -> Result<String, VapidError> {
    let text = fs::read_to_string(path).map_err(|cause| VapidError::File {
        path: path.to_owned(),
        cause,
    })?;
    refuse_if_open_to_others(path)?;
    Ok(text)
}

fn refuse_if_open_to_others(path: &Path) -> Result<(), VapidError> {
    let metadata = fs::metadata(path).map_err(|cause| VapidError::File {
        path: path.to_owned(),
        cause,
    })?;
    if metadata.permissions().mode() & 0o077 != 0 {
        return Err(VapidError::OpenToOthers(path.to_owned()));
    }
    Ok(())
}

/// Writes the file whole or not at all, and never readable for anybody else.
fn write_private(path: &Path, text: &str) -> io::Result<()> {
    let draft = path.with_extension("new");
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&draft)?;
    file.set_permissions(fs::Permissions::from_mode(0o600))?;
    writeln!(file, "{text}")?;
    file.sync_all()?;
    fs::rename(&draft, path)?;
    match path.parent() {
        Some(folder) => File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::endpoint::{EndpointPolicy, HostRule};

    fn endpoint(text: &str) -> Endpoint {
        let policy = EndpointPolicy::new(HostRule::Public)
            .allow("http://127.0.0.1:7070")
            .unwrap();
        policy.check(text).unwrap()
    }

    fn claims(signature: &VapidSignature) -> serde_json::Value {
        let payload = signature.auth_t.split('.').nth(1).unwrap();
        serde_json::from_slice(&decode(payload).unwrap()).unwrap()
    }

    #[test]
    fn the_key_is_made_once_and_only_its_owner_may_read_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("vapid.key");
        let first = VapidKeys::load_or_create(&path).unwrap();
        let again = VapidKeys::load_or_create(&path).unwrap();
        assert_eq!(first.public_key(), again.public_key());
        assert_eq!(
            fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600
        );
    }

    #[test]
    fn a_key_that_others_may_read_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("vapid.key");
        VapidKeys::load_or_create(&path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        assert!(matches!(
            VapidKeys::load_or_create(&path),
            Err(VapidError::OpenToOthers(_))
        ));
    }

    #[test]
    fn a_damaged_key_is_never_replaced_silently() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("vapid.key");
        for damage in [
            "",
            "short",
            "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
            "\u{fffd}",
        ] {
            write_private(&path, damage).unwrap();
            assert!(
                matches!(VapidKeys::load_or_create(&path), Err(VapidError::NoKey(_))),
                "{damage}"
            );
        }
    }

    #[test]
    fn the_audience_keeps_its_port_and_the_expiry_is_within_a_day() {
        let signer = VapidSigner::new(VapidKeys::generate().unwrap(), "mailto:ops@example.org");
        let now = Timestamp::from_millis(1_000_000);
        let local = signer
            .sign(&endpoint("http://127.0.0.1:7070/wpush/v2/a"), now)
            .unwrap();
        let local = claims(&local);
        assert_eq!(local["aud"], "http://127.0.0.1:7070");
        assert_eq!(local["exp"], 1000 + 12 * 3600);
        assert_eq!(local["sub"], "mailto:ops@example.org");
        let public = signer
            .sign(&endpoint("https://push.example/x"), now)
            .unwrap();
        assert_eq!(claims(&public)["aud"], "https://push.example");
    }

    #[test]
    fn one_signature_serves_an_origin_until_its_last_hour() {
        let signer = VapidSigner::new(VapidKeys::generate().unwrap(), "mailto:ops@example.org");
        let at = |hours: i64| Timestamp::from_millis(hours * 3_600_000);
        let first = signer
            .sign(&endpoint("https://push.example/a"), at(0))
            .unwrap();
        assert_eq!(
            signer
                .sign(&endpoint("https://push.example/b"), at(11))
                .unwrap(),
            first
        );
        assert_ne!(
            signer
                .sign(&endpoint("https://push.example/a"), at(12))
                .unwrap(),
            first
        );
    }

    #[test]
    fn debug_shows_the_public_key_only() {
        let private = new_private_key().unwrap();
        let keys = VapidKeys::from_text(&private).unwrap();
        assert!(!format!("{keys:?}").contains(&private));
    }
}
