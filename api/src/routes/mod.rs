//! One file per resource: read the request, ask the store, write the answer. No rules inside.

pub(crate) mod authentication;
pub(crate) mod comments;
pub(crate) mod connections;
pub(crate) mod delivery;
pub(crate) mod feed;
pub(crate) mod health;
pub(crate) mod images;
pub(crate) mod join;
pub(crate) mod likes;
pub(crate) mod posts;
pub(crate) mod profile;
pub(crate) mod profile_form;
pub(crate) mod push_key;
pub(crate) mod receipts;
pub(crate) mod seed_users;
pub(crate) mod stream;
pub(crate) mod subscriptions;
pub(crate) mod trace;
pub(crate) mod verdict;
pub(crate) mod views;
