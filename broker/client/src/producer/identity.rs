//! An idempotent producer's id, epoch and sequences (KIP-98): what lets a
//! broker recognise a batch that is sent again.

use std::collections::BTreeMap;

use kafka_protocol::messages::InitProducerIdRequest;
use ottla_core::ids::{ProducerEpoch, ProducerId, Sequence};

use crate::client::Client;
use crate::error::ClientError;
use crate::record::TopicPartition;

/// One id, and the next sequence of every partition produced to under it.
#[derive(Debug)]
pub(super) struct Identity {
    pub(super) id: ProducerId,
    pub(super) epoch: ProducerEpoch,
    next: BTreeMap<TopicPartition, Sequence>,
}

impl Identity {
    /// Asks any broker for a fresh id.
    pub(super) async fn acquire(client: &Client) -> Result<Identity, ClientError> {
        // Without a transactional id the timeout means nothing.
        let request = InitProducerIdRequest::default()
            .with_transactional_id(None)
            .with_transaction_timeout_ms(i32::MAX)
            .with_producer_id((-1).into())
            .with_producer_epoch(-1);
        let mut backoff = client.backoff();
        loop {
            let error = match ask(client, &request).await {
                Ok(identity) => return Ok(identity),
                Err(error) => error,
            };
            if !error.is_retriable() || !backoff.pause().await {
                return Err(error);
            }
        }
    }

    /// The sequence of the next record of the partition.
    pub(super) fn next_sequence(&self, partition: &TopicPartition) -> Sequence {
        self.next.get(partition).copied().unwrap_or(Sequence(0))
    }

    /// Notes that a batch of `record_count` records from `first` on is in.
    pub(super) fn appended(&mut self, partition: &TopicPartition, first: Sequence, count: i32) {
        self.next.insert(partition.clone(), first.plus(count));
    }
}

async fn ask(client: &Client, request: &InitProducerIdRequest) -> Result<Identity, ClientError> {
    let response = client.ask_any(request).await?;
    ClientError::check(|| "producer id".to_owned(), response.error_code, None)?;
    Ok(Identity {
        id: ProducerId(response.producer_id.0),
        epoch: ProducerEpoch(response.producer_epoch),
        next: BTreeMap::new(),
    })
}
