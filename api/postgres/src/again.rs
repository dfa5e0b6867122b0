//! Trying a transaction again that met another one.

use std::error::Error;
use std::time::Duration;

/// How often a transaction is tried in all.
const TRIES_MAX: u32 = 5;
/// The pause before the second try; it doubles.
const PAUSE_FIRST: Duration = Duration::from_millis(5);

/// Serialization failure and deadlock: PostgreSQL has rolled the transaction back, and asks for
/// it to be tried again.
const TRY_AGAIN: [&str; 2] = ["40001", "40P01"];

/// Does `transaction`, and again as long as PostgreSQL says that it met another one.
///
/// Nothing else is tried again: when a connection breaks, nobody knows whether the commit was
/// done, and the caller has to decide.
///
/// # Errors
/// The last one.
pub async fn again<T, E, F>(transaction: impl Fn() -> F) -> Result<T, E>
where
    E: Error + 'static,
    F: Future<Output = Result<T, E>>,
{
    let mut pause = PAUSE_FIRST;
    for _ in 1..TRIES_MAX {
        match transaction().await {
            Err(error) if met_another(&error) => {
                tracing::debug!(%error, "a transaction met another one; trying it again");
                tokio::time::sleep(pause).await;
                pause *= 2;
            }
            done => return done,
        }
    }
    transaction().await
}

/// Looks for the database's own error among the causes.
fn met_another(error: &(dyn Error + 'static)) -> bool {
    let causes = std::iter::successors(Some(error), |&error| error.source());
    causes
        .filter_map(|cause| cause.downcast_ref::<sqlx::Error>())
        .filter_map(sqlx::Error::as_database_error)
        .filter_map(sqlx::error::DatabaseError::code)
        .any(|code| TRY_AGAIN.contains(&code.as_ref()))
}
