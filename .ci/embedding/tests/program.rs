//! A test of a program that reads a topic, against a broker in its process.

use std::error::Error;
use std::time::Duration;

use ottla::Broker;
use ottla::embed::Api;
use ottla_client::{Client, ClientConfig, Environment, GroupConfig, GroupConsumer};

#[tokio::test]
async fn a_consumer_reads_on_after_its_connection_was_cut() -> Result<(), Box<dyn Error>> {
    let broker = Broker::builder().topic("orders", 1).start().await?;
    let cut = broker.fault(Api::Fetch).times(1).disconnect();
    let config = ClientConfig::new(&broker.bootstrap_servers());
    let client = Client::connect(config, Environment::system()).await?;
    let reading = tokio::spawn(async move {
        let config = GroupConfig {
            auto_commit_interval_ms: Some(50),
            ..GroupConfig::new("program", &["orders"])
        };
        let mut consumer = GroupConsumer::new(&client, config);
        loop {
            // A cut connection is an error of the program's own to bear.
            let _ = consumer.poll(Duration::from_millis(50)).await;
        }
    });
    broker.group("program").wait_stable(1).await?;
    cut.wait_struck(1).await?;
    broker.topic("orders").append(("key", "value")).await?;
    broker.group("program").wait_caught_up().await?;
    reading.abort();
    broker.shutdown().await;
    Ok(())
}
