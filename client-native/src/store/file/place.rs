//! A path, and who has it.
//!
//! The lock is the operating system's, on the file itself: nothing is left behind by a process that was killed.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use super::StoreError;

/// How often another client may take the file away from under the path before it counts as locked.
const ATTEMPTS: usize = 10;

/// The file at `path`, locked; `None` if there is none.
pub(super) fn open(path: &Path) -> Result<Option<File>, StoreError> {
    for _ in 0..ATTEMPTS {
        let file = match OpenOptions::new().read(true).write(true).open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(StoreError::io(path, &error)),
        };
        if !file.metadata().map_err(|error| StoreError::io(path, &error))?.is_file() {
            return Err(StoreError::Io { path: path.to_owned(), cause: "it is not a file".to_owned() });
        }
        lock(&file, path)?;
        if is_at(&file, path) {
            return Ok(Some(file));
        }
    }
    Err(StoreError::Locked { path: path.to_owned() })
}

/// Puts a file at `path`, in place of one that the caller has locked or of none, and not before it is complete. `None`
/// if another client was faster.
pub(super) fn create<T>(
    path: &Path,
    replaces: bool,
    fill: impl FnOnce(&File) -> Result<T, StoreError>,
) -> Result<Option<(File, T)>, StoreError> {
    let io = |error: &io::Error| StoreError::io(path, error);
    let new = with_suffix(path, ".new");
    let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&new);
    let file = file.map_err(|error| io(&error))?;
    lock(&file, path)?;
    if !is_at(&file, &new) || (!replaces && fs::symlink_metadata(path).is_ok()) {
        return Ok(None);
    }
    let fill = || {
        file.set_len(0).map_err(|error| io(&error))?;
        let filled = fill(&file)?;
        file.sync_all().and_then(|()| fs::rename(&new, path)).map_err(|error| io(&error))?;
        Ok(filled)
    };
    match fill() {
        Ok(filled) => {
            sync_directory(path).map_err(|error| io(&error))?;
            Ok(Some((file, filled)))
        }
        Err(error) => {
            // What stays is used by the next attempt.
            let _ = fs::remove_file(&new);
            Err(error)
        }
    }
}

/// Gives a file another name, one that is free.
pub(super) fn set_aside(path: &Path) -> Result<PathBuf, StoreError> {
    let names = (0_u64..).map(|number| match number {
        0 => with_suffix(path, ".damaged"),
        _ => with_suffix(path, &format!(".damaged.{number}")),
    });
    for name in names {
        match fs::symlink_metadata(&name) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return fs::rename(path, &name)
                    .and_then(|()| sync_directory(path))
                    .map(|()| name)
                    .map_err(|error| StoreError::io(path, &error));
            }
            Err(error) => return Err(StoreError::io(path, &error)),
            Ok(_) => {}
        }
    }
    Err(StoreError::corrupt(path, "no name is free to set it aside"))
}

// redb asks for a newer Rust than the rest as well.
#[allow(clippy::incompatible_msrv)]
fn lock(file: &File, path: &Path) -> Result<(), StoreError> {
    file.try_lock().map_err(|error| match error {
        TryLockError::WouldBlock => StoreError::Locked { path: path.to_owned() },
        TryLockError::Error(error) => StoreError::io(path, &error),
    })
}

/// Whether the path still leads to this file, which was opened before it was locked.
#[cfg(unix)]
fn is_at(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    match (file.metadata(), fs::metadata(path)) {
        (Ok(this), Ok(that)) => (this.dev(), this.ino()) == (that.dev(), that.ino()),
        _ => false,
    }
}

/// A file that is open keeps its name there, in practice.
#[cfg(not(unix))]
fn is_at(_: &File, path: &Path) -> bool {
    path.exists()
}

/// A new name is durable when its directory is.
fn sync_directory(path: &Path) -> io::Result<()> {
    if cfg!(unix) {
        let directory =
            path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        File::open(directory)?.sync_all()?;
    }
    Ok(())
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    name.into()
}
