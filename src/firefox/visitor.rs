//! The other person: a seeded user who comments whenever somebody presses
//! Enter, over the public API as anybody could.

use std::io::{self, BufRead as _};
use std::thread;

use anyhow::Context as _;
use nix::unistd::{getpgrp, tcgetpgrp};
use tokio::sync::mpsc;
use url::Url;

use crate::api::{Api, User};
use crate::language::Language;

/// Who comments: the first of the seeded users, who may see the second's posts.
pub(super) const NAME: &str = "tester00";
const EMAIL: &str = "test00@example.com";
const PASSWORD: &str = "1234";
/// Whose posts the visitor sees: the one to log in as.
pub(super) const HOST: &str = "tester01";

/// How much of a post is quoted on the terminal.
const QUOTED_CHARS: usize = 30;

/// Comments when Enter is pressed.
pub(super) struct Visitor {
    api: Api,
    language: Language,
    user: Option<User>,
    enters: mpsc::Receiver<()>,
}

impl Visitor {
    pub(super) fn new(page: &Url, language: Language) -> Visitor {
        Visitor {
            api: Api::new(page.as_str()),
            language,
            user: None,
            enters: enters(),
        }
    }

    /// Comments and says so, until nobody can press Enter any more.
    pub(super) async fn comment_when_asked(&mut self) {
        while self.enters.recv().await.is_some() {
            let said = match self.comment().await {
                Ok(said) => said,
                Err(error) => format!("{error:#}"),
            };
            eprintln!("  {said}");
        }
    }

    async fn comment(&mut self) -> anyhow::Result<String> {
        let user = self.logged_in().await?;
        let posts = self.api.feed(&user).await?;
        let Some(post) = posts.into_iter().find(|post| post.author != user.seq) else {
            return Ok(format!(
                "{} {HOST}",
                self.language.pick(
                    "아직 댓글을 달 글이 없어요. 이 사용자로 먼저 글을 써 주세요:",
                    "there is no post to comment on yet; write one as"
                )
            ));
        };
        let contents = self.language.pick("잘 읽었어요", "that was worth reading");
        self.api
            .comment(&user, post.author, post.seq, contents)
            .await?;
        Ok(self.said(&post.contents))
    }

    async fn logged_in(&mut self) -> anyhow::Result<User> {
        if let Some(user) = &self.user {
            return Ok(user.clone());
        }
        let user = self
            .api
            .log_in(NAME, EMAIL.to_owned(), PASSWORD)
            .await
            .with_context(|| {
                format!("{NAME} cannot log in; were the services started with --seed-data?")
            })?;
        self.user = Some(user.clone());
        Ok(user)
    }

    fn said(&self, post: &str) -> String {
        let quoted: String = post.chars().take(QUOTED_CHARS).collect();
        match self.language {
            Language::Ko => format!("{NAME} 님이 “{quoted}”에 댓글을 달았어요"),
            Language::En => format!("{NAME} commented on “{quoted}”"),
        }
    }
}

/// One message per line on standard input, while this process may read it. The
/// thread ends with the process: a read from a terminal cannot be called off.
fn enters() -> mpsc::Receiver<()> {
    let (sender, receiver) = mpsc::channel(1);
    if in_the_background() {
        return receiver;
    }
    thread::spawn(move || {
        for line in io::stdin().lock().lines() {
            if line.is_err() || sender.blocking_send(()).is_err() {
                return;
            }
        }
    });
    receiver
}

/// A process that reads its terminal from the background is stopped by it.
fn in_the_background() -> bool {
    tcgetpgrp(io::stdin()).is_ok_and(|foreground| foreground != getpgrp())
}
