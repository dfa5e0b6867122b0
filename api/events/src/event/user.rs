//! Users in events, in the shapes the HTTP API shows them too; `UserJoined` and `UserUpdated`.

use serde::{Deserialize, Serialize};

use super::{Event, Message};
use crate::{Timestamp, UserId, topics};

/// An e-mail address, as an object because the API's JSON has it so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct EmailAddress {
    /// `name@domain`.
    pub address: String,
}

/// What the API says about a user; never a password, never a hash.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct UserDto {
    /// The user's number.
    pub seq: UserId,
    /// The name others see.
    pub name: String,
    /// The address used to log in.
    pub email: EmailAddress,
    /// Where the profile image is served, relative to the API's address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile_image_url: Option<String>,
    /// How often the user has logged in.
    pub login_count: i64,
    /// The last log-in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_login_at: Option<Timestamp>,
    /// When the user joined.
    pub create_at: Timestamp,
}

/// Who wrote a post or a comment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Writer {
    /// The writer's address.
    pub email: EmailAddress,
    /// The writer's name at that moment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// A user joined: everybody who subscribed gets a push, the joiner excepted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UserJoined {
    /// Who joined.
    pub user_id: UserId,
    /// Under which name.
    pub name: String,
}

impl Message for UserJoined {
    const TYPE: &'static str = "UserJoined";
    const VERSION: u16 = 1;
}

impl Event for UserJoined {
    const TOPIC: &'static str = topics::USER_JOINED;

    fn key(&self) -> String {
        self.user_id.to_string()
    }
}

/// A user changed their name; keepers of a copy update it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UserUpdated {
    /// Whose name changed.
    pub user_id: UserId,
    /// The name from now on.
    pub name: String,
}

impl Message for UserUpdated {
    const TYPE: &'static str = "UserUpdated";
    const VERSION: u16 = 1;
}

impl Event for UserUpdated {
    const TOPIC: &'static str = topics::USER_UPDATED;

    fn key(&self) -> String {
        self.user_id.to_string()
    }
}
