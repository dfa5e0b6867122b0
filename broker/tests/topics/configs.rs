//! Changing a topic's configuration: all at once (AlterConfigs) and step by
//! step (IncrementalAlterConfigs), and what of it is refused.

use kafka_protocol::ResponseError;
use kafka_protocol::messages::describe_configs_request::DescribeConfigsResource;
use kafka_protocol::messages::{
    AlterConfigsRequest, DescribeConfigsRequest, IncrementalAlterConfigsRequest,
    alter_configs_request, incremental_alter_configs_request,
};
use ottla::Broker;

use crate::socket::Client;
use crate::{create, text};

const TOPIC: i8 = 2;

async fn broker_with_orders() -> (Broker, Client) {
    let broker = Broker::builder().start().await.unwrap();
    let mut client = Client::connect(&broker);
    create(&mut client, &[("orders", 1)]);
    (broker, client)
}

fn replacement(
    kind: i8,
    name: &str,
    configs: &[(&str, Option<&str>)],
) -> alter_configs_request::AlterConfigsResource {
    let configs = configs.iter().map(|(name, value)| {
        alter_configs_request::AlterableConfig::default()
            .with_name(text(name))
            .with_value(value.map(text))
    });
    alter_configs_request::AlterConfigsResource::default()
        .with_resource_type(kind)
        .with_resource_name(text(name))
        .with_configs(configs.collect())
}

fn replace(
    client: &mut Client,
    version: i16,
    resources: Vec<alter_configs_request::AlterConfigsResource>,
) -> Vec<i16> {
    let request = AlterConfigsRequest::default().with_resources(resources);
    let responses = client.call(version, &request).responses;
    responses.iter().map(|answer| answer.error_code).collect()
}

/// `operation` as numbered on the wire: set, delete, append, subtract.
fn step(
    client: &mut Client,
    only_validate: bool,
    steps: &[(&str, i8, Option<&str>)],
) -> (i16, Option<String>) {
    let configs = steps.iter().map(|(name, operation, value)| {
        incremental_alter_configs_request::AlterableConfig::default()
            .with_name(text(name))
            .with_config_operation(*operation)
            .with_value(value.map(text))
    });
    let resource = incremental_alter_configs_request::AlterConfigsResource::default()
        .with_resource_type(TOPIC)
        .with_resource_name(text("orders"))
        .with_configs(configs.collect());
    let request = IncrementalAlterConfigsRequest::default()
        .with_resources(vec![resource])
        .with_validate_only(only_validate);
    let answer = client.call(1, &request).responses.remove(0);
    let message = answer.error_message.map(|message| message.to_string());
    (answer.error_code, message)
}

/// What was set on `orders` itself.
fn overrides(client: &mut Client) -> Vec<(String, String)> {
    let resource = DescribeConfigsResource::default()
        .with_resource_type(TOPIC)
        .with_resource_name(text("orders"))
        .with_configuration_keys(None);
    let request = DescribeConfigsRequest::default().with_resources(vec![resource]);
    let configs = client.call(4, &request).results.remove(0).configs;
    let own = configs
        .into_iter()
        .filter(|config| config.config_source == 1);
    own.map(|config| (config.name.to_string(), config.value.unwrap().to_string()))
        .collect()
}

fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    let pairs = expected.iter();
    pairs
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

#[tokio::test]
async fn alter_configs_takes_away_what_it_does_not_name() {
    let (_broker, mut client) = broker_with_orders().await;
    for version in 0..=2 {
        let both = [("retention.ms", Some("5")), ("segment.ms", Some("6"))];
        assert_eq!(
            replace(
                &mut client,
                version,
                vec![replacement(TOPIC, "orders", &both)]
            ),
            [0]
        );
        assert_eq!(
            overrides(&mut client),
            pairs(&[("retention.ms", "5"), ("segment.ms", "6")])
        );
        let one = [("retention.ms", Some("7"))];
        replace(
            &mut client,
            version,
            vec![replacement(TOPIC, "orders", &one)],
        );
        assert_eq!(overrides(&mut client), pairs(&[("retention.ms", "7")]));
    }
    replace(&mut client, 2, vec![replacement(TOPIC, "orders", &[])]);
    assert_eq!(overrides(&mut client), []);
}

#[tokio::test]
async fn a_change_that_is_only_validated_or_refused_changes_nothing() {
    let (_broker, mut client) = broker_with_orders().await;
    let only_asked = AlterConfigsRequest::default()
        .with_validate_only(true)
        .with_resources(vec![replacement(
            TOPIC,
            "orders",
            &[("retention.ms", Some("5"))],
        )]);
    assert_eq!(client.call(2, &only_asked).responses[0].error_code, 0);
    assert_eq!(
        step(&mut client, true, &[("retention.ms", 0, Some("5"))]).0,
        0
    );
    let invalid_config = ResponseError::InvalidConfig.code();
    let half_wrong = [("retention.ms", Some("5")), ("segment.bytes", Some("1"))];
    assert_eq!(
        replace(
            &mut client,
            2,
            vec![replacement(TOPIC, "orders", &half_wrong)]
        ),
        [invalid_config]
    );
    let half_wrong = [
        ("retention.ms", 0, Some("5")),
        ("segment.bytes", 0, Some("1")),
    ];
    assert_eq!(step(&mut client, false, &half_wrong).0, invalid_config);
    assert_eq!(overrides(&mut client), []);
}

#[tokio::test]
async fn changes_that_kafka_refuses_are_refused_with_its_codes() {
    let (_broker, mut client) = broker_with_orders().await;
    let invalid_request = ResponseError::InvalidRequest.code();
    let good = [("retention.ms", Some("5"))];
    let named_twice = vec![
        replacement(TOPIC, "orders", &good),
        replacement(TOPIC, "orders", &good),
    ];
    assert_eq!(replace(&mut client, 2, named_twice), [invalid_request; 2]);
    assert_eq!(overrides(&mut client), []);
    let mut code = |kind, name: &str, configs: &[(&str, Option<&str>)]| {
        replace(&mut client, 2, vec![replacement(kind, name, configs)])[0]
    };
    let unknown = ResponseError::UnknownTopicOrPartition.code();
    assert_eq!(code(TOPIC, "nothing", &good), unknown);
    assert_eq!(code(TOPIC, "", &good), invalid_request);
    let no_name = ResponseError::InvalidTopicException.code();
    assert_eq!(code(TOPIC, "no name!", &good), no_name);
    assert_eq!(code(99, "orders", &good), invalid_request);
    let none = [("retention.ms", None)];
    assert_eq!(code(TOPIC, "orders", &none), invalid_request);
    let twice = [("retention.ms", Some("5")), ("retention.ms", Some("6"))];
    assert_eq!(code(TOPIC, "orders", &twice), invalid_request);
    let no_such_name = [("retention.mss", Some("5"))];
    assert_eq!(
        code(TOPIC, "orders", &no_such_name),
        ResponseError::InvalidConfig.code()
    );
}
