//! What the store keeps, as plain values.

use social_events::bus::Position;
use social_events::{
    CommentCreated, CommentId, EmailAddress, Envelope, EventId, Moment, PostId, PushOutcome,
    Timestamp, TraceParent, UserDto, UserId, UserJoined, Writer,
};

use super::{Contents, Email, Name, Passage, ProfileImage};

/// Somebody who is about to join.
#[derive(Debug, Clone)]
pub struct NewUser {
    /// The name.
    pub name: Name,
    /// The address.
    pub email: Email,
    /// The password's hash, in PHC form.
    pub password_hash: String,
    /// The profile image.
    pub image: Option<ProfileImage>,
    /// When.
    pub at: Timestamp,
    /// The trace of the request.
    pub trace: TraceParent,
}

/// A user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// The number.
    pub seq: UserId,
    /// The name.
    pub name: String,
    /// The address.
    pub email: String,
    /// Where the profile image is served.
    pub profile_image_url: Option<String>,
    /// How often the user has logged in.
    pub login_count: i64,
    /// The last time.
    pub last_login_at: Option<Timestamp>,
    /// When the user joined.
    pub create_at: Timestamp,
}

impl From<User> for UserDto {
    fn from(user: User) -> Self {
        Self {
            seq: user.seq,
            name: user.name,
            email: EmailAddress {
                address: user.email,
            },
            profile_image_url: user.profile_image_url,
            login_count: user.login_count,
            last_login_at: user.last_login_at,
            create_at: user.create_at,
        }
    }
}

/// What joining left behind.
#[derive(Debug, Clone)]
pub struct JoinedUser {
    /// The user.
    pub user: User,
    /// The `UserJoined` event, whose record is in the outbox.
    pub event: Envelope<UserJoined>,
}

/// A change of one's profile.
#[derive(Debug, Clone)]
pub struct ProfileChange {
    /// A new name.
    pub name: Option<Name>,
    /// A new image.
    pub image: Option<ProfileImage>,
    /// The trace of the request.
    pub trace: TraceParent,
}

/// A post, as one reader sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Post {
    /// The number.
    pub seq: PostId,
    /// The text.
    pub contents: String,
    /// How many like it.
    pub likes: i64,
    /// Whether the reader does.
    pub likes_of_me: bool,
    /// How many comments it has.
    pub comments: i64,
    /// The number of who wrote it.
    pub writer_seq: UserId,
    /// Who wrote it.
    pub writer: Writer,
    /// When.
    pub create_at: Timestamp,
}

/// A comment that is about to be written.
#[derive(Debug, Clone)]
pub struct NewComment {
    /// Whose post.
    pub post_writer: UserId,
    /// Which post.
    pub post: PostId,
    /// Who comments.
    pub writer: UserId,
    /// What.
    pub contents: Contents,
    /// When.
    pub at: Timestamp,
    /// When the request was read.
    pub requested_at: Moment,
    /// The trace of the request.
    pub trace: TraceParent,
}

/// A comment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Comment {
    /// The number.
    pub seq: CommentId,
    /// The post.
    pub post: PostId,
    /// Whose post it is.
    pub post_writer: UserId,
    /// The text.
    pub contents: String,
    /// The number of who wrote it.
    pub writer_seq: UserId,
    /// Who wrote it.
    pub writer: Writer,
    /// When.
    pub create_at: Timestamp,
    /// The way of its event; `None` when that was forgotten.
    pub passage: Option<Box<Passage>>,
}

/// What writing a comment left behind.
#[derive(Debug, Clone)]
pub struct WrittenComment {
    /// The comment.
    pub comment: Comment,
    /// The `CommentCreated` event, whose record is in the outbox.
    pub event: Envelope<CommentCreated>,
}

/// A one-way connection: `user` may, once granted, see and comment `target`'s posts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Connection {
    /// Who asked.
    pub user: UserId,
    /// Who was asked.
    pub target: UserId,
    /// When the target agreed.
    pub granted_at: Option<Timestamp>,
    /// When it was asked for.
    pub create_at: Timestamp,
}

/// A user whose posts one may see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectedUser {
    /// The number.
    pub seq: UserId,
    /// The name.
    pub name: String,
    /// The address.
    pub email: String,
    /// Where the profile image is served.
    pub profile_image_url: Option<String>,
    /// When the user agreed.
    pub granted_at: Timestamp,
}

/// A user who asks to see one's posts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectionRequest {
    /// The number.
    pub seq: UserId,
    /// The name.
    pub name: String,
    /// The address.
    pub email: String,
    /// Where the profile image is served.
    pub profile_image_url: Option<String>,
    /// When it was asked for.
    pub create_at: Timestamp,
}

/// Where a comment's event is on its way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// The event.
    pub event_id: EventId,
    /// The outbox row.
    pub outbox_seq: i64,
    /// The topic the event is for.
    pub topic: String,
    /// The record's key.
    pub key: String,
    /// The trace.
    pub trace: TraceParent,
    /// When the row was written, in the comment's transaction.
    pub create_at: Timestamp,
    /// When Kafka acknowledged the record.
    pub published_at: Option<Timestamp>,
    /// Where the record is.
    pub position: Option<Position>,
    /// What the push service said about it.
    pub outcome: Option<PushOutcome>,
}

/// What became of all confirmed comments, from one look at the database.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tally {
    /// Comments that were stored, and so confirmed.
    pub confirmed: i64,
    /// Events whose push was accepted, or that nobody had to get.
    pub delivered: i64,
    /// Events still on their way.
    pub waiting: i64,
    /// Events given up.
    pub dead_lettered: i64,
    /// Events that are nowhere.
    pub lost: i64,
    /// Pushes that a repeat did not need.
    pub folded: i64,
    /// The comments of lost events, the newest.
    pub lost_comments: Vec<CommentId>,
}

/// An event that was published, and of which nothing has been heard since.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suspect {
    /// The outbox row.
    pub outbox_seq: i64,
    /// The event.
    pub event_id: EventId,
    /// Where its record is.
    pub position: Position,
}

/// Who may say that an event's notification was shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Notified {
    /// The author of a post, of a comment on it.
    Author(UserId, CommentId),
    /// Everybody but who joined.
    EverybodyBut(UserId),
}

/// A device says that it showed a notification.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// Of which event.
    pub event_id: EventId,
    /// The device's session.
    pub session: [u8; 32],
    /// The notification's tag.
    pub tag: String,
    /// When it was shown, by the device's clock.
    pub shown_at: Moment,
    /// When the device said so.
    pub received_at: Moment,
}

/// A record on a partition, as a neighbour sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LaneRecord {
    /// The partition.
    pub partition: i32,
    /// The offset.
    pub offset: i64,
    /// The key: a post author's number.
    pub key: String,
}
