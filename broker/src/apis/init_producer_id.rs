//! InitProducerId (22), versions 0–5: an id for an idempotent producer
//! (KIP-98).
//!
//! - 2: flexible. 3: a producer may name the id and epoch it had (KIP-360); an
//!   idempotent one gets a new id all the same, as from Kafka. 4, 5: other
//!   error codes for transactions.
//! - A transactional id is refused with INVALID_REQUEST: transactions are not
//!   supported yet.

use std::sync::Arc;

use bytes::BytesMut;
use kafka_protocol::ResponseError;
use kafka_protocol::messages::{InitProducerIdRequest, InitProducerIdResponse, ProducerId};

use super::errors::ApiError;
use super::{Answer, Malformed, RequestContext, decode, when_committed};
use crate::node::Node;

pub(super) fn handle(
    node: &Arc<Node>,
    context: &RequestContext,
    body: BytesMut,
) -> Result<Answer, Malformed> {
    let request: InitProducerIdRequest = decode(context, body)?;
    let given = check(&request).and_then(|()| Ok(node.next_producer_id(context.now)?));
    Ok(match given {
        Ok((producer_id, committed)) => {
            let response = InitProducerIdResponse::default()
                .with_producer_id(ProducerId(producer_id.0))
                .with_producer_epoch(0);
            when_committed(committed, context, response)
        }
        Err(error) => {
            let refused = InitProducerIdResponse::default()
                .with_error_code(error.code())
                .with_producer_id(ProducerId(-1))
                .with_producer_epoch(-1);
            Answer::ready(context, &refused)
        }
    })
}

fn check(request: &InitProducerIdRequest) -> Result<(), ApiError> {
    let refused = |sentence| Err(ApiError::new(ResponseError::InvalidRequest, sentence));
    if request.transactional_id.is_some() {
        return refused("transactions are not supported by this broker yet");
    }
    if (request.producer_id.0 == -1) != (request.producer_epoch == -1) {
        return refused("a producer id and its epoch are named together or not at all");
    }
    Ok(())
}
