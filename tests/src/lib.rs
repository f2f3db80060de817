//! Fixtures for integration tests against real servers.
//!
//! Everything here is synchronous: threads and condition variables, no async runtime. A wait ends when what it waits
//! for happens, or panics after [`PATIENCE`] with all that was seen. Nothing uses a fixed port, and what a test
//! writes goes to `tests/.work`, removed when its owner is dropped.
//!
//! ```no_run
//! let server = tests::NodeServer::start(tests::Options::new());
//! let mut sio = tests::Sio::run(["connect", &server.url()]);
//! sio.wait_for("connect", |line| line["type"] == "connect");
//! ```

mod certificate;
mod hostile;
mod lines;
mod node;
mod proxy;
mod scratch;
mod sio;

pub use certificate::{Certificate, self_signed};
pub use hostile::{Behaviour, Hostile};
pub use lines::{Ended, LineProcess};
pub use node::{NodeServer, Options, published_client};
pub use proxy::{Direction, End, Fault, Place, Proxy};
pub use scratch::{Scratch, closed_port, free_port};
pub use sio::{Sio, sio_path};

use std::time::Duration;

/// How long a wait lasts before the test fails. Generous: the machine may be busy.
pub const PATIENCE: Duration = Duration::from_secs(30);
