//! How both services reach PostgreSQL. Owns no table and no statement about users or pushes.
//!
//! - [`Address`]: where the database is, and in which schema a service keeps its tables.
//! - [`connect`]: waits until the database is there, brings the schema up to date, opens a pool.
//! - [`again`]: a transaction that met another one is tried again.

mod address;
mod again;
mod connect;

pub use address::{Address, AddressError};
pub use again::again;
pub use connect::{ConnectError, connect, is_away};
