//! What users, posts and comments are, and which values they may have.
//!
//! A value of these types is legal: it was parsed, once, at the edge. Nothing here knows HTTP,
//! SQL or Kafka.

mod contents;
mod email;
mod fate;
mod image;
pub mod journey;
mod model;
mod name;
mod page;
mod password;
mod text;

pub use contents::{Contents, ContentsError};
pub use email::{Email, EmailError};
pub use fate::Fate;
pub use image::{ImageError, ImageKind, ProfileImage};
pub use journey::{Answer, Passage, Shown};
pub use model::{
    Comment, ConnectedUser, Connection, ConnectionRequest, Delivery, JoinedUser, LaneRecord,
    NewComment, NewUser, Notified, Post, ProfileChange, Receipt, Suspect, Tally, User,
    WrittenComment,
};
pub use name::{Name, NameError};
pub use page::{Page, PageError};
pub use password::{Password, PasswordError};
