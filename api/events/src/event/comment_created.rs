//! `CommentCreated`: somebody wrote a comment on a post.

use serde::{Deserialize, Serialize};

use super::{Event, Message, UserDto, Writer};
use crate::{CommentId, PostId, UserId, topics};

/// A comment was written. Its key is the post author's seq, so one author's pushes keep order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CommentCreated {
    /// The author of the post, whom the push is for.
    pub post_writer: UserDto,
    /// The post.
    pub post_id: PostId,
    /// Who wrote the comment. A comment on one's own post is an event too, but never a push.
    pub user_id: UserId,
    /// The same person's address and name.
    pub comment_writer: Writer,
    /// The comment.
    pub comment_id: CommentId,
}

impl Message for CommentCreated {
    const TYPE: &'static str = "CommentCreated";
    const VERSION: u16 = 1;
}

impl Event for CommentCreated {
    const TOPIC: &'static str = topics::COMMENT_CREATED;

    fn key(&self) -> String {
        self.post_writer.seq.to_string()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{EmailAddress, Timestamp};

    #[test]
    fn its_json_has_exactly_the_documented_fields() {
        let address = |text: &str| EmailAddress {
            address: text.into(),
        };
        let event = CommentCreated {
            post_writer: UserDto {
                seq: UserId(1),
                name: "tester00".into(),
                email: address("test00@example.com"),
                profile_image_url: None,
                login_count: 3,
                last_login_at: Some(Timestamp::from_millis(1000)),
                create_at: Timestamp::from_millis(0),
            },
            post_id: PostId(7),
            user_id: UserId(2),
            comment_writer: Writer {
                email: address("b@b.kr"),
                name: Some("나".into()),
            },
            comment_id: CommentId(9),
        };
        let expected = json!({
            "postWriter": {
                "seq": 1, "name": "tester00", "email": {"address": "test00@example.com"},
                "loginCount": 3, "lastLoginAt": "1970-01-01T00:00:01.000Z",
                "createAt": "1970-01-01T00:00:00.000Z"
            },
            "postId": 7,
            "userId": 2,
            "commentWriter": {"email": {"address": "b@b.kr"}, "name": "나"},
            "commentId": 9
        });
        assert_eq!(serde_json::to_value(&event).unwrap(), expected);
        assert_eq!(
            serde_json::from_value::<CommentCreated>(expected).unwrap(),
            event
        );
        assert_eq!(event.key(), "1");
    }
}
