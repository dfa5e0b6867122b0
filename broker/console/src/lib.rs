//! Metrics, health and control of an Ottla broker over HTTP.
