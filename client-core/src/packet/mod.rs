//! Socket.IO packets, as far as the core looks into them: the header.

pub mod header;

pub use header::{Header, PacketKind};
