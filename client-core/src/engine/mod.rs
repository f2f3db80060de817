//! Engine.IO: one session over one or two transports.

pub mod packet;
pub mod url;

pub use packet::PacketType;
