//! Publishes verified dreams, renders the night.
