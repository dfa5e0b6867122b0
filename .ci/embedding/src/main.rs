//! A program with a broker inside: starts it, uses it, ends.

use std::error::Error;

use ottla::Broker;

fn main() -> Result<(), Box<dyn Error>> {
    let broker = Broker::builder()
        .records("greetings", [("world", "hello")])
        .start_blocking()?;
    let records = broker.topic("greetings").wait_records(1).blocking()?;
    let value = records[0].value.as_deref().unwrap_or_default();
    println!(
        "{} says {}",
        broker.bootstrap_servers(),
        String::from_utf8_lossy(value)
    );
    broker.shutdown_blocking();
    Ok(())
}
