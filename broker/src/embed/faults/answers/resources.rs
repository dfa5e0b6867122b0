//! Configuration, and what is asked of the broker itself.

use kafka_protocol::messages::describe_configs_response::DescribeConfigsResult;
use kafka_protocol::messages::incremental_alter_configs_response::AlterConfigsResourceResponse;
use kafka_protocol::messages::{
    AlterConfigsRequest, AlterConfigsResponse, ApiVersionsRequest, ApiVersionsResponse,
    DescribeClusterRequest, DescribeClusterResponse, DescribeConfigsRequest,
    DescribeConfigsResponse, IncrementalAlterConfigsRequest, IncrementalAlterConfigsResponse,
    InitProducerIdRequest, InitProducerIdResponse, ProducerId, alter_configs_response,
};
use uuid::Uuid;

use super::super::selection::Selection;
use super::split::{always, take_if};
use super::{Split, Whole};

/// Kafka's `ConfigResource.Type` of a topic.
const TOPIC: i8 = 2;

fn is_wanted(wanted: &Selection, resource_type: i8, resource_name: &str) -> bool {
    let is_named = resource_type == TOPIC && wanted.is_topic(resource_name, Uuid::nil());
    wanted.is_everything() || is_named
}

pub(super) static DESCRIBE_CONFIGS: Split<DescribeConfigsRequest, DescribeConfigsResponse> =
    Split {
        take: |request, wanted| {
            let taken = take_if(&mut request.resources, |resource| {
                is_wanted(wanted, resource.resource_type, &resource.resource_name)
            });
            request.clone().with_resources(taken)
        },
        is_empty: |request| request.resources.is_empty(),
        fail: |request, _, code| {
            let results = request.resources.into_iter().map(|resource| {
                DescribeConfigsResult::default()
                    .with_error_code(code)
                    .with_resource_type(resource.resource_type)
                    .with_resource_name(resource.resource_name)
            });
            DescribeConfigsResponse::default().with_results(results.collect())
        },
        merge: |answer, failed| answer.results.extend(failed.results),
        is_answered: always,
    };

pub(super) static ALTER_CONFIGS: Split<AlterConfigsRequest, AlterConfigsResponse> = Split {
    take: |request, wanted| {
        let taken = take_if(&mut request.resources, |resource| {
            is_wanted(wanted, resource.resource_type, &resource.resource_name)
        });
        request.clone().with_resources(taken)
    },
    is_empty: |request| request.resources.is_empty(),
    fail: |request, _, code| {
        let responses = request.resources.into_iter().map(|resource| {
            alter_configs_response::AlterConfigsResourceResponse::default()
                .with_error_code(code)
                .with_resource_type(resource.resource_type)
                .with_resource_name(resource.resource_name)
        });
        AlterConfigsResponse::default().with_responses(responses.collect())
    },
    merge: |answer, failed| answer.responses.extend(failed.responses),
    is_answered: always,
};

pub(super) static INCREMENTAL_ALTER_CONFIGS: Split<
    IncrementalAlterConfigsRequest,
    IncrementalAlterConfigsResponse,
> = Split {
    take: |request, wanted| {
        let taken = take_if(&mut request.resources, |resource| {
            is_wanted(wanted, resource.resource_type, &resource.resource_name)
        });
        request.clone().with_resources(taken)
    },
    is_empty: |request| request.resources.is_empty(),
    fail: |request, _, code| {
        let responses = request.resources.into_iter().map(|resource| {
            AlterConfigsResourceResponse::default()
                .with_error_code(code)
                .with_resource_type(resource.resource_type)
                .with_resource_name(resource.resource_name)
        });
        IncrementalAlterConfigsResponse::default().with_responses(responses.collect())
    },
    merge: |answer, failed| answer.responses.extend(failed.responses),
    is_answered: always,
};

pub(super) static DESCRIBE_CLUSTER: Whole<DescribeClusterRequest, DescribeClusterResponse> =
    Whole {
        fail: |_, _, code| DescribeClusterResponse::default().with_error_code(code),
    };

pub(super) static API_VERSIONS: Whole<ApiVersionsRequest, ApiVersionsResponse> = Whole {
    fail: |_, _, code| ApiVersionsResponse::default().with_error_code(code),
};

pub(super) static INIT_PRODUCER_ID: Whole<InitProducerIdRequest, InitProducerIdResponse> = Whole {
    fail: |_, _, code| {
        InitProducerIdResponse::default()
            .with_error_code(code)
            .with_producer_id(ProducerId(-1))
            .with_producer_epoch(-1)
    },
};
