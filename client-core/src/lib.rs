//! Sans-IO core of a Socket.IO client.
#![no_std]
extern crate alloc;
