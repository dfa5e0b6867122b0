//! An answer of a coordinator, there or on its way.

use ottla_core::group::{GroupError, GroupReply};
use tokio::sync::oneshot;

use crate::node::partition::Ticket;

/// What became of a request to a coordinator.
#[derive(Debug)]
pub(crate) enum Asked {
    /// It may be said at once.
    Answered(Result<GroupReply, GroupError>),
    /// It depends on others, or on the log.
    Waiting(Waiting),
}

/// An answer on its way. Dropping it stops the waiting and nothing else.
#[derive(Debug)]
pub(crate) struct Waiting {
    receiver: oneshot::Receiver<Delivery>,
}

/// An answer, and when it may be said: when all that was decided so far is
/// committed.
#[derive(Debug)]
pub(super) struct Delivery {
    pub(super) reply: GroupReply,
    pub(super) committed: Option<Ticket>,
}

impl Asked {
    /// An answer that comes through the returned sender. The sender dropped
    /// means that the coordinator is gone.
    pub(super) fn waiting() -> (oneshot::Sender<Delivery>, Asked) {
        let (sender, receiver) = oneshot::channel();
        (sender, Asked::Waiting(Waiting { receiver }))
    }

    /// The answer, once it may be said.
    pub(crate) async fn answer(self) -> Result<GroupReply, GroupError> {
        match self {
            Asked::Answered(result) => result,
            Asked::Waiting(waiting) => waiting.answer().await,
        }
    }
}

impl Waiting {
    async fn answer(self) -> Result<GroupReply, GroupError> {
        let Ok(delivery) = self.receiver.await else {
            return Err(GroupError::NotCoordinator);
        };
        match delivery.committed {
            None => Ok(delivery.reply),
            Some(ticket) => match ticket.await {
                Ok(()) => Ok(delivery.reply),
                Err(_) => Err(GroupError::NotCoordinator),
            },
        }
    }
}
