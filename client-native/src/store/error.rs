//! What can go wrong with a store, who is at fault, and what to do next.

use std::io;
use std::path::{Path, PathBuf};

use socketio_client_core::RecordError;
use thiserror::Error;

/// A store did not do what it was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum StoreError {
    /// Another client has it open, in this process or in another one.
    #[error("the outbox {path:?} is in use by another client; close that one, or give each its own file")]
    Locked {
        /// The file.
        path: PathBuf,
    },
    /// The disk, the quota or the limit on the size of files leaves no room.
    #[error("no room for the outbox {path:?}: {cause}; make room, and emit again")]
    Full {
        /// The file.
        path: PathBuf,
        /// The operating system's word.
        cause: String,
    },
    /// The file or its directory must not be written.
    #[error(
        "the outbox {path:?} cannot be written: {cause}; give this user the right to write it and its directory"
    )]
    ReadOnly {
        /// The file.
        path: PathBuf,
        /// The operating system's word.
        cause: String,
    },
    /// It was damaged while it was open: by another program, or by the disk.
    #[error("the outbox {path:?} was damaged while it was open: {cause}; restart, and the file is set aside")]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// What does not fit.
        cause: String,
    },
    /// The disk does not do its work.
    #[error("the outbox {path:?} cannot be used: {cause}")]
    Io {
        /// The file.
        path: PathBuf,
        /// The operating system's word.
        cause: String,
    },
    /// An emit has no form that can be stored.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// It was not opened, or its thread has ended.
    #[error("the outbox is not open; open it first")]
    NotOpen,
}

impl StoreError {
    pub(crate) fn io(path: &Path, error: &io::Error) -> Self {
        let (path, cause) = (path.to_owned(), error.to_string());
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
                Self::Full { path, cause }
            }
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                Self::ReadOnly { path, cause }
            }
            _ => Self::Io { path, cause },
        }
    }

    pub(crate) fn corrupt(path: &Path, cause: impl ToString) -> Self {
        Self::Corrupt { path: path.to_owned(), cause: cause.to_string() }
    }
}
