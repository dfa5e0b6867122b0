//! The tour as a person follows it, in Korean or English.

use std::io::{IsTerminal as _, Write as _};

use super::report::{CommentFacts, RecordFacts, SubscriptionFacts, UserFacts};
use super::verdict::Verdict;
use crate::language::Language;
use crate::parts::Part;
use crate::text;

/// Writes to standard output, or to standard error when that is for the JSON.
pub(super) struct Show {
    language: Language,
    on_stderr: bool,
}

impl Show {
    pub(super) fn new(language: Language, on_stderr: bool) -> Show {
        Show {
            language,
            on_stderr,
        }
    }

    pub(super) fn title(&self) {
        self.line(self.language.pick(
            "댓글 하나가 푸시가 되기까지, 손대지 않고 따라가 봅니다.",
            "How a comment becomes a push, played without hands.",
        ));
    }

    pub(super) fn parts(&self, parts: &[Part]) {
        self.line("");
        for part in parts {
            self.line(&text::part(self.language, part));
        }
    }

    pub(super) fn users(&self, users: &[UserFacts]) {
        let names = users
            .iter()
            .map(|user| format!("{} (#{})", user.name, user.user_id));
        let names = names.collect::<Vec<_>>().join(", ");
        self.step(
            1,
            self.language
                .pick("가입하고 로그인했어요", "joined and logged in"),
            &names,
        );
    }

    pub(super) fn connected(&self, reader: &str, writer: &str) {
        let what = self.language.pick("연결됐어요", "connected");
        self.step(2, what, &format!("{reader} → {writer}"));
    }

    pub(super) fn subscription(&self, facts: &SubscriptionFacts) {
        let what = self.language.pick("알림을 구독했어요", "subscribed");
        let round_trip = self.language.pick("왕복", "round trip");
        self.step(
            3,
            what,
            &format!("#{} · {}", facts.seq, facts.endpoint_origin),
        );
        self.detail(&format!("request  {}", record(&facts.request)));
        self.detail(&format!("reply    {}", record(&facts.reply)));
        self.detail(&format!(
            "correlation id {} · {round_trip} {:.1} ms",
            facts.correlation_id, facts.round_trip_ms
        ));
    }

    pub(super) fn post(&self, author: &str, contents: &str) {
        let what = self.language.pick("글을 썼어요", "posted");
        self.step(4, what, &format!("{author}: {contents}"));
    }

    /// Rewrites one line on a terminal; says nothing elsewhere until the end.
    pub(super) fn progress(&self, written: u32, all: u32) {
        let terminal = if self.on_stderr {
            std::io::stderr().is_terminal()
        } else {
            std::io::stdout().is_terminal()
        };
        let what = self.language.pick("댓글을 썼어요", "comments written");
        if terminal && written < all {
            self.write(&format!("\r 5  {what}  {written}/{all}"));
        } else if written == all {
            self.write(if terminal { "\r" } else { "" });
            self.step(5, what, &format!("{written}/{all}"));
        }
    }

    /// The first and the last comment in full: the ones between look alike.
    pub(super) fn comments(&self, comments: &[CommentFacts], line: &str) {
        let what = self
            .language
            .pick("댓글마다 따라간 길", "the way of each comment");
        let shown = comments
            .first()
            .into_iter()
            .chain(comments.last().filter(|_| comments.len() > 1));
        self.step(6, what, "");
        for comment in shown {
            self.comment(comment);
        }
        let between = comments.len().saturating_sub(2);
        if between > 0 {
            let more = self
                .language
                .pick("개가 그 사이에 있어요", " more between them");
            self.detail(&format!("… {between}{more}"));
        }
        self.step(
            7,
            self.language
                .pick("푸시 서비스의 콘솔", "the push service's console"),
            "",
        );
        self.detail(line);
    }

    fn comment(&self, comment: &CommentFacts) {
        let handlers = comment.bus_event["handlers"].as_array();
        let handlers = handlers
            .into_iter()
            .flatten()
            .filter_map(|handler| handler.as_str());
        let handlers = handlers.collect::<Vec<_>>().join(", ");
        let bus_event = comment.bus_event["type"].as_str().unwrap_or_default();
        self.detail(&format!(
            "comments #{} + outbox #{}  →  {bus_event} → {handlers}",
            comment.comment_id, comment.outbox_seq
        ));
        self.detail(&format!(
            "  event {}  {}",
            comment.event_id,
            record(&comment.record)
        ));
        let missing = self
            .language
            .pick("푸시가 오지 않았어요", "no push arrived");
        match &comment.push {
            Some(push) => {
                let body = push.body.as_deref().unwrap_or_default();
                self.detail(&format!("  push “{} {body}”", push.title));
            }
            None => self.detail(&format!("  {missing}")),
        }
    }

    pub(super) fn verdict(&self, verdict: &Verdict) {
        let lost = verdict.lost.len();
        self.line("");
        self.line(&match self.language {
            Language::Ko => format!(
                "확인 {} = 전달 {} + 유실 {lost} · 두 번 온 푸시 {}",
                verdict.acknowledged,
                verdict.delivered,
                verdict.repeated.len()
            ),
            Language::En => format!(
                "confirmed {} = delivered {} + lost {lost} · pushes that came twice {}",
                verdict.acknowledged,
                verdict.delivered,
                verdict.repeated.len()
            ),
        });
        if let Some(lines) = verdict.console_lines {
            let what = self.language.pick("콘솔에 찍힌 줄", "lines on the console");
            self.line(&format!("{what} {lines}"));
        }
        for event in &verdict.lost {
            self.line(&format!("lost: event {event}"));
        }
        self.line(match verdict.is_good() {
            true => self
                .language
                .pick("모두 제자리에 도착했어요", "everything arrived"),
            false => self
                .language
                .pick("무언가 잘못됐어요", "something went wrong"),
        });
    }

    fn step(&self, number: u32, what: &str, facts: &str) {
        self.line(&format!("{number:>2}  {what}  {facts}"));
    }

    fn detail(&self, text: &str) {
        self.line(&format!("      {text}"));
    }

    fn line(&self, text: &str) {
        self.write(&format!("{text}\n"));
    }

    fn write(&self, text: &str) {
        // A closed pipe ends the show, not the tour.
        let _ = if self.on_stderr {
            std::io::stderr().write_all(text.as_bytes())
        } else {
            let mut out = std::io::stdout();
            out.write_all(text.as_bytes()).and_then(|()| out.flush())
        };
    }
}

fn record(record: &RecordFacts) -> String {
    let key = record.key.as_deref().unwrap_or("–");
    format!(
        "{}-{} @{} (key {key})",
        record.topic, record.partition, record.offset
    )
}
