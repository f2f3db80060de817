//! The arguments that say how events are delivered.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use socketio_client_native::{BufferPolicy, ClientBuilder};

use crate::args::duration;

#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Delivery")]
pub(crate) struct Delivery {
    /// Send an event again, so often at most, until its handler has answered: a number, or infinity
    #[arg(long, value_name = "N", value_parser = retries)]
    retries: Option<u32>,
    /// So many events may be on their way before the first of them is answered [default: 1; with --exactly-once 16]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1024))]
    retry_window: Option<u32>,
    /// Have a server with the middleware run each event once, however often it is sent; implies --retries infinity
    #[arg(long)]
    exactly_once: bool,
    /// Keep events in this file until they are answered, and send first what it holds; implies --retries infinity
    #[arg(long, value_name = "FILE")]
    pub(crate) outbox: Option<PathBuf>,
    /// So many events may wait to be sent or answered [default: 10000]
    #[arg(long, value_name = "N")]
    buffer_size: Option<usize>,
    /// So many bytes of them [default: 16 MiB]
    #[arg(long, value_name = "N")]
    buffer_bytes: Option<usize>,
    /// So long an event may wait to be sent [default: for ever]
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    buffer_max_age: Option<Duration>,
    /// What happens when there is no room: refuse, drop-oldest, drop-newest [default: input waits]
    #[arg(long, value_name = "POLICY", value_parser = policy)]
    buffer_policy: Option<BufferPolicy>,
}

impl Delivery {
    /// Whether input waits for room, rather than that events are refused or dropped.
    pub(crate) const fn is_patient(&self) -> bool {
        self.buffer_size.is_none() && self.buffer_bytes.is_none() && self.buffer_policy.is_none()
    }

    pub(crate) fn configure(&self, mut builder: ClientBuilder) -> ClientBuilder {
        builder = builder
            .retries(self.retries)
            .exactly_once(self.exactly_once)
            .buffer_max_age(self.buffer_max_age)
            .buffer_policy(self.buffer_policy.unwrap_or_default());
        if let Some(events) = self.retry_window {
            builder = builder.retry_window(events);
        }
        if let Some(events) = self.buffer_size {
            builder = builder.buffer_size(events);
        }
        if let Some(bytes) = self.buffer_bytes {
            builder = builder.buffer_bytes(bytes);
        }
        if let Some(file) = &self.outbox {
            builder = builder.outbox(file);
        }
        builder
    }
}

fn retries(text: &str) -> Result<u32, String> {
    match text {
        "infinity" => Ok(u32::MAX),
        _ => text.parse().map_err(|_| "a number or infinity is needed".to_owned()),
    }
}

fn policy(text: &str) -> Result<BufferPolicy, String> {
    match text {
        "refuse" => Ok(BufferPolicy::Refuse),
        "drop-oldest" => Ok(BufferPolicy::DropOldest),
        "drop-newest" => Ok(BufferPolicy::DropNewest),
        _ => Err("the policies are refuse, drop-oldest and drop-newest".to_owned()),
    }
}
