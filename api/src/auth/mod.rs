//! Who calls: passwords, tokens, origins, and how often somebody may try.

mod caller;
mod origin;
mod password_hash;
mod rate_limit;
mod token;

pub(crate) use caller::{Caller, ClientIp, Reader};
pub(crate) use origin::refuse_foreign_origins;
pub(crate) use password_hash::PasswordHasher;
pub use password_hash::{PasswordCost, PasswordHashError};
pub(crate) use rate_limit::RateLimits;
pub(crate) use token::{Token, clearing_cookie, cookie};
