//! Fixtures for integration tests against real servers.
