//! The API as a program sees it: JSON over HTTP, the token in `api_key`.
//!
//! The tour's users and the visitor beside Firefox go through it; it knows
//! nothing that any other client could not know.

use anyhow::{Context as _, bail};
use reqwest::Method;
use reqwest::header::HeaderMap;
use serde_json::{Value, json};

/// A user of the API, logged in or not yet.
#[derive(Clone, Debug)]
pub(crate) struct User {
    pub(crate) name: &'static str,
    pub(crate) seq: i64,
    principal: String,
    token: String,
}

/// Somebody's post, as the feed tells of it.
#[derive(Clone, Debug)]
pub(crate) struct Post {
    pub(crate) seq: i64,
    pub(crate) author: i64,
    pub(crate) contents: String,
}

impl Post {
    fn read(post: &Value) -> anyhow::Result<Post> {
        Ok(Post {
            seq: number(&post["seq"])?,
            author: number(&post["writer"]["seq"])?,
            contents: text(&post["contents"])?,
        })
    }
}

/// Where the API is.
#[derive(Clone, Debug)]
pub(crate) struct Api {
    base: String,
    http: reqwest::Client,
}

/// An answer: what it is about, and the headers beside it.
pub(crate) struct Answer {
    pub(crate) response: Value,
    pub(crate) headers: HeaderMap,
}

/// What the tour's users log in with.
const PASSWORD: &str = "tour-password";

impl Api {
    pub(crate) fn new(base: &str) -> Api {
        Api {
            base: base.trim_end_matches('/').to_owned(),
            http: reqwest::Client::new(),
        }
    }

    /// Joins as a new user and logs in as anybody would.
    pub(crate) async fn join_and_log_in(&self, name: &'static str) -> anyhow::Result<User> {
        let principal = format!("tour-{}@example.org", uuid::Uuid::new_v4().simple());
        let body = json!({"name": name, "principal": principal, "credentials": PASSWORD});
        self.ask(None, Method::POST, "/api/user/join", Some(body))
            .await?;
        self.log_in(name, principal, PASSWORD).await
    }

    /// Logs in as somebody who joined before.
    pub(crate) async fn log_in(
        &self,
        name: &'static str,
        principal: String,
        password: &str,
    ) -> anyhow::Result<User> {
        let body = json!({"principal": principal, "credentials": password});
        let session = self
            .ask(None, Method::POST, "/api/auth", Some(body))
            .await?
            .response;
        Ok(User {
            name,
            seq: number(&session["user"]["seq"])?,
            principal,
            token: text(&session["apiToken"])?,
        })
    }

    /// What `user` may read, the newest first.
    pub(crate) async fn feed(&self, user: &User) -> anyhow::Result<Vec<Post>> {
        let feed = self
            .ask(Some(user), Method::GET, "/api/feed", None)
            .await?
            .response;
        let posts = feed.as_array().context("the API's feed is no list")?;
        posts.iter().map(Post::read).collect()
    }

    /// `reader` asks to see `writer`'s posts, and is let in.
    pub(crate) async fn connect(&self, reader: &User, writer: &User) -> anyhow::Result<()> {
        let path = "/api/user/connections";
        let asked = json!({"address": writer.principal});
        self.ask(Some(reader), Method::POST, path, Some(asked))
            .await?;
        let granted = json!({"userId": reader.seq});
        self.ask(Some(writer), Method::PATCH, path, Some(granted))
            .await?;
        Ok(())
    }

    pub(crate) async fn push_key(&self, user: &User) -> anyhow::Result<String> {
        text(
            &self
                .ask(Some(user), Method::GET, "/api/push/key", None)
                .await?
                .response,
        )
    }

    pub(crate) async fn subscribe(&self, user: &User, body: Value) -> anyhow::Result<Answer> {
        self.ask(Some(user), Method::POST, "/api/subscribe", Some(body))
            .await
    }

    pub(crate) async fn post(&self, user: &User, contents: &str) -> anyhow::Result<i64> {
        let body = json!({"contents": contents});
        let post = self
            .ask(Some(user), Method::POST, "/api/post", Some(body))
            .await?;
        number(&post.response["seq"])
    }

    pub(crate) async fn comment(
        &self,
        commenter: &User,
        author: i64,
        post: i64,
        contents: &str,
    ) -> anyhow::Result<i64> {
        let path = format!("/api/user/{author}/post/{post}/comment");
        let body = json!({"contents": contents});
        let comment = self
            .ask(Some(commenter), Method::POST, &path, Some(body))
            .await?;
        number(&comment.response["seq"])
    }

    /// Where a comment's event is on its way.
    pub(crate) async fn delivery(
        &self,
        author: &User,
        post: i64,
        comment: i64,
    ) -> anyhow::Result<Value> {
        let path = format!(
            "/api/user/{}/post/{post}/comment/{comment}/delivery",
            author.seq
        );
        Ok(self
            .ask(Some(author), Method::GET, &path, None)
            .await?
            .response)
    }

    /// A comment's journey.
    pub(crate) async fn journey(&self, user: &User, comment: i64) -> anyhow::Result<Value> {
        let path = format!("/api/trace?comment={comment}");
        Ok(self
            .ask(Some(user), Method::GET, &path, None)
            .await?
            .response)
    }

    /// What a service worker says once it has shown a notification.
    pub(crate) async fn receipt(&self, user: &User, body: Value) -> anyhow::Result<()> {
        self.ask(Some(user), Method::POST, "/api/push/receipt", Some(body))
            .await?;
        Ok(())
    }

    async fn ask(
        &self,
        user: Option<&User>,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> anyhow::Result<Answer> {
        let mut request = self
            .http
            .request(method.clone(), format!("{}{path}", self.base));
        if let Some(user) = user {
            request = request.header("api_key", format!("Bearer {}", user.token));
        }
        if let Some(body) = body {
            request = request.json(&body);
        }
        let answer = request
            .send()
            .await
            .with_context(|| format!("the API at {} does not answer", self.base))?;
        let (status, headers) = (answer.status(), answer.headers().clone());
        let envelope: Value = answer
            .json()
            .await
            .context("the API's answer is not JSON")?;
        if envelope["success"] != json!(true) {
            bail!(
                "{method} {path} was answered {status}: {}",
                envelope["error"]["message"]
            );
        }
        Ok(Answer {
            response: envelope["response"].clone(),
            headers,
        })
    }
}

fn number(value: &Value) -> anyhow::Result<i64> {
    value.as_i64().context("the API's answer lacks a number")
}

fn text(value: &Value) -> anyhow::Result<String> {
    value
        .as_str()
        .map(str::to_owned)
        .context("the API's answer lacks a text")
}
