//! The contract between the services: topics, event types, JSON, and the bus both speak it over.
