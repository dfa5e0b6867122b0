//! Users to play with, added only on request: tester00 to tester02, all with one password.

use social_events::{Timestamp, TraceParent, UserId};

use crate::auth::PasswordHasher;
use crate::domain::{Email, Name, NewUser, Password};
use crate::startup::StartError;
use crate::store::{Store, StoreError};

/// The password of every seeded user; the README names it.
pub(crate) const PASSWORD: &str = "1234";
/// How many there are.
const COUNT: u32 = 3;

/// Adds the users that are not there yet, and lets the first see the second's posts.
pub(crate) async fn add(store: &dyn Store, passwords: &PasswordHasher) -> Result<(), StartError> {
    let mut users = Vec::new();
    for number in 0..COUNT {
        users.push(user(store, passwords, number).await?);
    }
    let (viewer, owner, now) = (users[0], users[1], Timestamp::now());
    store.ask_connection(viewer, owner, now).await?;
    store.grant_connection(owner, viewer, now).await?;
    Ok(())
}

/// Their addresses.
pub(crate) fn emails() -> impl Iterator<Item = Email> {
    (0..COUNT).map(email)
}

fn email(number: u32) -> Email {
    Email::parse(&format!("test{number:02}@example.com")).expect("the seeds are legal values")
}

async fn user(
    store: &dyn Store,
    passwords: &PasswordHasher,
    number: u32,
) -> Result<UserId, StartError> {
    let legal = "the seeds are legal values";
    let email = email(number);
    if let Some((seq, _)) = store.credentials(&email).await? {
        return Ok(seq);
    }
    let password_hash = passwords
        .hash(Password::parse(PASSWORD).expect(legal))
        .await?;
    let user = NewUser {
        name: Name::parse(&format!("tester{number:02}")).expect(legal),
        email: email.clone(),
        password_hash,
        image: None,
        at: Timestamp::now(),
        trace: TraceParent::random(),
    };
    match store.add_user(user).await {
        Ok(joined) => Ok(joined.user.seq),
        Err(error) => Err(StoreError::into(error)),
    }
}
