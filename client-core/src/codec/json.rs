//! The codec for Rust applications.
