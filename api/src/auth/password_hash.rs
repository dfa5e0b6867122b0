//! Hashing passwords: argon2id, off the runtime, and never more at once than the machine bears.

use std::sync::Arc;
use std::time::Duration;

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};
use argon2::{Algorithm, Argon2, Params, Version};
use tokio::sync::Semaphore;

use crate::domain::Password;

/// How long a log-in waits for its turn before it is told to come back.
const WAIT_MAX: Duration = Duration::from_secs(5);
/// Each hash takes memory for itself; more at once only slow each other down.
const AT_ONCE_MAX: usize = 4;

/// What a hash costs. The default is OWASP's for argon2id: 19 MiB, two passes, one lane.
#[derive(Debug, Clone, Copy)]
pub struct PasswordCost {
    /// Memory, in KiB.
    pub memory_kib: u32,
    /// Passes over it.
    pub passes: u32,
}

impl Default for PasswordCost {
    fn default() -> Self {
        Self {
            memory_kib: 19 * 1024,
            passes: 2,
        }
    }
}

/// No hash could be made or compared.
#[derive(Debug, thiserror::Error)]
pub enum PasswordHashError {
    /// Too many at once.
    #[error("too many passwords are being checked")]
    Busy,
    /// The parameters or the stored hash are wrong.
    #[error("password hash: {0}")]
    Failed(String),
}

/// Makes and compares hashes.
#[derive(Debug, Clone)]
pub(crate) struct PasswordHasher {
    argon2: Argon2<'static>,
    turns: Arc<Semaphore>,
    /// The hash of no password, compared where there is no user, so that both take as long.
    decoy: Arc<str>,
}

impl PasswordHasher {
    pub(crate) fn new(cost: PasswordCost) -> Result<Self, PasswordHashError> {
        let params = Params::new(cost.memory_kib, cost.passes, 1, None)
            .map_err(|error| PasswordHashError::Failed(error.to_string()))?;
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let decoy = hash(&argon2, b"nobody's password")?.into();
        Ok(Self {
            argon2,
            turns: Arc::new(Semaphore::new(cores.min(AT_ONCE_MAX))),
            decoy,
        })
    }

    /// The hash to store.
    pub(crate) async fn hash(&self, password: Password) -> Result<String, PasswordHashError> {
        let argon2 = self.argon2.clone();
        self.in_turn(move || hash(&argon2, password.expose()))
            .await?
    }

    /// Whether `password` is the one of `stored`; with no stored hash it is not, and takes as
    /// long to find out.
    pub(crate) async fn verify(
        &self,
        password: Password,
        stored: Option<String>,
    ) -> Result<bool, PasswordHashError> {
        let (argon2, decoy) = (self.argon2.clone(), Arc::clone(&self.decoy));
        self.in_turn(move || {
            let matches = verify(
                &argon2,
                password.expose(),
                stored.as_deref().unwrap_or(&decoy),
            )?;
            Ok(matches && stored.is_some())
        })
        .await?
    }

    async fn in_turn<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, PasswordHashError> {
        let turn = tokio::time::timeout(WAIT_MAX, Arc::clone(&self.turns).acquire_owned()).await;
        let turn = turn.map_err(|_| PasswordHashError::Busy)?;
        let turn = turn.expect("the semaphore is never closed");
        // The turn goes with the work: it stays taken when the request is dropped meanwhile.
        let work = tokio::task::spawn_blocking(move || {
            let done = work();
            drop(turn);
            done
        });
        work.await
            .map_err(|error| PasswordHashError::Failed(error.to_string()))
    }
}

fn hash(argon2: &Argon2<'_>, password: &[u8]) -> Result<String, PasswordHashError> {
    let hash = argon2.hash_password(password);
    hash.map(|hash| hash.to_string())
        .map_err(|error| PasswordHashError::Failed(error.to_string()))
}

fn verify(argon2: &Argon2<'_>, password: &[u8], stored: &str) -> Result<bool, PasswordHashError> {
    let stored =
        PasswordHash::new(stored).map_err(|error| PasswordHashError::Failed(error.to_string()))?;
    Ok(argon2.verify_password(password, &stored).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn password(text: &str) -> Password {
        Password::parse(text).unwrap()
    }

    fn hasher() -> PasswordHasher {
        PasswordHasher::new(PasswordCost {
            memory_kib: 64,
            passes: 1,
        })
        .unwrap()
    }

    #[tokio::test]
    async fn the_same_password_verifies_and_another_does_not() {
        let hasher = hasher();
        let stored = hasher.hash(password("correct")).await.unwrap();
        assert!(stored.starts_with("$argon2id$"), "{stored}");
        assert!(
            hasher
                .verify(password("correct"), Some(stored.clone()))
                .await
                .unwrap()
        );
        assert!(
            !hasher
                .verify(password("wrong"), Some(stored))
                .await
                .unwrap()
        );
    }

    #[tokio::test]
    async fn without_a_user_even_the_decoys_password_is_wrong() {
        let decoys = password("nobody's password");
        assert!(!hasher().verify(decoys, None).await.unwrap());
    }

    #[tokio::test]
    async fn two_hashes_of_one_password_differ() {
        let hasher = hasher();
        let one = hasher.hash(password("same")).await.unwrap();
        assert_ne!(one, hasher.hash(password("same")).await.unwrap());
    }
}
