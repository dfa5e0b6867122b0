//! What a push service's answer means. Pure.
//!
//! | status | verdict |
//! |---|---|
//! | 2xx | accepted (RFC 8030 says 201; some answer 200 or 202) |
//! | 404, 410 | the subscription is gone |
//! | 413 | too large |
//! | 429, and 406 from Windows push | throttled |
//! | 408, 5xx | transient |
//! | everything else | refused: our mistake, or a key that changed. The subscription stays |

use std::time::Duration;

use crate::endpoint::Endpoint;
use crate::transport::Answer;

/// What to do about an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The push service took it. That is not yet "shown".
    Accepted,
    /// Nobody will ever read it there: forget the subscription.
    Gone,
    /// Send less.
    TooLarge,
    /// Leave the endpoint alone for a while.
    Throttled {
        /// For how long, if the service said so.
        after: Option<Duration>,
    },
    /// It may work later.
    Transient {
        /// When, if the service said so.
        after: Option<Duration>,
    },
    /// Trying again will not help, and a person should look. Deleting the subscription would be
    /// wrong: a mistake in our signature would then delete everybody's.
    Refused,
}

/// Judges `answer` of `endpoint`'s service.
#[must_use]
pub fn judge(answer: &Answer, endpoint: &Endpoint) -> Verdict {
    let after = answer.retry_after;
    match answer.status {
        200..=299 => Verdict::Accepted,
        404 | 410 => Verdict::Gone,
        413 => Verdict::TooLarge,
        429 => Verdict::Throttled { after },
        406 if endpoint.origin().ends_with(".notify.windows.com") => Verdict::Throttled { after },
        408 | 500..=599 => Verdict::Transient { after },
        _ => Verdict::Refused,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::endpoint::{EndpointPolicy, HostRule};

    fn at(host: &str) -> Endpoint {
        EndpointPolicy::new(HostRule::Public)
            .check(&format!("https://{host}/x"))
            .unwrap()
    }

    fn verdict(status: u16) -> Verdict {
        judge(&Answer::status(status), &at("push.example"))
    }

    #[test]
    fn every_status_of_the_table_leads_to_its_action() {
        for status in [200, 201, 202] {
            assert_eq!(verdict(status), Verdict::Accepted);
        }
        for status in [404, 410] {
            assert_eq!(verdict(status), Verdict::Gone);
        }
        for status in [400, 401, 403, 406, 301, 307] {
            assert_eq!(verdict(status), Verdict::Refused, "{status}");
        }
        for status in [408, 500, 502, 503] {
            assert_eq!(verdict(status), Verdict::Transient { after: None });
        }
        assert_eq!(verdict(413), Verdict::TooLarge);
        assert_eq!(verdict(429), Verdict::Throttled { after: None });
    }

    #[test]
    fn windows_push_throttles_with_406() {
        let answer = Answer {
            status: 406,
            retry_after: Some(Duration::from_secs(9)),
        };
        let verdict = judge(&answer, &at("wns2.notify.windows.com"));
        assert_eq!(
            verdict,
            Verdict::Throttled {
                after: Some(Duration::from_secs(9))
            }
        );
    }

    proptest! {
        #[test]
        fn only_404_and_410_ever_cost_a_subscription(status in any::<u16>()) {
            prop_assert_eq!(verdict(status) == Verdict::Gone, status == 404 || status == 410);
        }
    }
}
