//! Where a database is. A password in it is never shown.

use std::fmt;
use std::str::FromStr;

use sqlx::postgres::PgConnectOptions;

/// A PostgreSQL database, and the schema in it that one service keeps its tables in.
///
/// Each service has a schema of its own, so that both may be given the same database and still
/// neither meets the other's tables.
#[derive(Clone)]
pub struct Address {
    options: PgConnectOptions,
    schema: String,
}

/// Why a text is no address. Repeats nothing of it, for it may hold a password.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum AddressError {
    /// It begins otherwise.
    #[error("a database is given as postgres://USER:PASSWORD@HOST:PORT/NAME")]
    Scheme,
    /// PostgreSQL's client cannot read it.
    #[error("the database's URL cannot be read: {0}")]
    Unreadable(String),
    /// The schema would have to be quoted.
    #[error("a schema's name has letters, digits and _ only")]
    Schema,
}

impl Address {
    /// Reads `postgres://USER:PASSWORD@HOST:PORT/NAME?sslmode=…&sslrootcert=…`, the form that
    /// PostgreSQL's own programs read; `schema` is the service's.
    ///
    /// # Errors
    /// When it is another kind of URL, or none; when the schema's name is not plain.
    pub fn parse(url: &str, schema: &str) -> Result<Self, AddressError> {
        if !url.starts_with("postgres://") && !url.starts_with("postgresql://") {
            return Err(AddressError::Scheme);
        }
        let options = PgConnectOptions::from_str(url)
            .map_err(|error| AddressError::Unreadable(error.to_string()))?;
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        if schema.is_empty() || !schema.chars().all(plain) {
            return Err(AddressError::Schema);
        }
        Ok(Self {
            options,
            schema: schema.to_owned(),
        })
    }

    /// The schema.
    #[must_use]
    pub fn schema(&self) -> &str {
        &self.schema
    }

    pub(crate) fn options(&self) -> PgConnectOptions {
        self.options.clone()
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (host, port) = (self.options.get_host(), self.options.get_port());
        let database = self.options.get_database().unwrap_or("postgres");
        write!(f, "{host}:{port}/{database} ({})", self.schema)
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Address({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_shown_without_its_password() {
        let url = "postgres://social:hunter2@db.example:5433/social?sslmode=verify-full";
        let address = Address::parse(url, "api").unwrap();
        assert_eq!(address.to_string(), "db.example:5433/social (api)");
        assert!(!format!("{address:?}").contains("hunter2"));
    }

    #[test]
    fn what_is_no_address_is_refused_without_being_repeated() {
        for url in [
            "",
            "mysql://social:hunter2@db/social",
            "postgres://social:hunter2@db:port/social",
            "postgres://social:hunter2@db/social?sslmode=hunter2",
        ] {
            let error = Address::parse(url, "api").unwrap_err();
            assert!(!error.to_string().contains("hunter2@"), "{error}");
        }
    }

    #[test]
    fn a_schema_that_would_need_quotes_is_refused() {
        for schema in ["", "Api", "a b", "a\";drop"] {
            let refused = Address::parse("postgres://db/social", schema).unwrap_err();
            assert_eq!(refused, AddressError::Schema);
        }
    }
}
