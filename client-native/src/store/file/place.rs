//! A path, and who has it.
//!
//! The lock is the operating system's, on the file itself: nothing is left behind by a process that was killed.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::ops::Deref;
use std::path::{Path, PathBuf};

use super::StoreError;

/// How often another client may take the file away from under the path before it counts as locked.
pub(super) const ATTEMPTS: usize = 10;

/// A file that nobody else may use until this is dropped.
pub(super) struct Locked(File);

impl Deref for Locked {
    type Target = File;

    fn deref(&self) -> &File {
        &self.0
    }
}

impl Drop for Locked {
    fn drop(&mut self) {
        // By name: a process that is started at this moment has a copy of the file until it runs, and the lock with it.
        let _ = self.0.unlock();
    }
}

/// The file at `path`; `None` if there is none.
pub(super) fn open(path: &Path) -> Result<Option<Locked>, StoreError> {
    for _ in 0..ATTEMPTS {
        let file = match OpenOptions::new().read(true).write(true).open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(StoreError::io(path, &error)),
        };
        if !file.metadata().map_err(|error| StoreError::io(path, &error))?.is_file() {
            return Err(StoreError::Io { path: path.to_owned(), cause: "it is not a file".to_owned() });
        }
        let file = lock(file, path)?;
        if is_at(&file, path) {
            return Ok(Some(file));
        }
    }
    Err(StoreError::Locked { path: path.to_owned() })
}

/// What is at a path before a new file is put there. The caller has locked it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Before {
    Nothing,
    /// It is not needed any more.
    Old,
    /// It is kept under another name.
    Damaged,
}

/// A file that was put at a path.
pub(super) struct Created<T> {
    pub(super) file: Locked,
    pub(super) filled: T,
    /// Where the damaged one is.
    pub(super) aside: Option<PathBuf>,
}

/// Puts a file at `path`, complete from the beginning. `None` if another client was faster. Its name is durable after
/// [`sync_directory`].
pub(super) fn create<T>(
    path: &Path,
    before: Before,
    fill: impl FnOnce(&File) -> Result<T, StoreError>,
) -> Result<Option<Created<T>>, StoreError> {
    let io = |error: &io::Error| StoreError::io(path, error);
    let new = with_suffix(path, ".being-made");
    let mut options = OpenOptions::new();
    // What a crash has left is not emptied before it is locked.
    options.read(true).write(true).create(true).truncate(false);
    // It holds what users have written.
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = lock(options.open(&new).map_err(|error| io(&error))?, path)?;
    if !is_at(&file, &new) {
        return Ok(None);
    }
    let work = || {
        if before == Before::Nothing && path.exists() {
            return Ok(None);
        }
        file.set_len(0).map_err(|error| io(&error))?;
        let filled = fill(&file)?;
        file.sync_all().map_err(|error| io(&error))?;
        // Whoever finds nothing at the path now finds the new file locked.
        let aside = if before == Before::Damaged { Some(set_aside(path)?) } else { None };
        fs::rename(&new, path).map_err(|error| io(&error))?;
        Ok(Some((filled, aside)))
    };
    let done: Result<_, StoreError> = work();
    if !matches!(done, Ok(Some(_))) {
        // If it stays, the next attempt uses it.
        let _ = fs::remove_file(&new);
    }
    Ok(done?.map(|(filled, aside)| Created { file, filled, aside }))
}

/// Gives a file another name, one that is free.
fn set_aside(path: &Path) -> Result<PathBuf, StoreError> {
    let names = (0_u64..).map(|number| match number {
        0 => with_suffix(path, ".damaged"),
        _ => with_suffix(path, &format!(".damaged.{number}")),
    });
    for name in names {
        match fs::symlink_metadata(&name) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                fs::rename(path, &name).map_err(|error| StoreError::io(path, &error))?;
                return Ok(name);
            }
            Err(error) => return Err(StoreError::io(path, &error)),
            Ok(_) => {}
        }
    }
    Err(StoreError::corrupt(path, "no name is free to set it aside"))
}

fn lock(file: File, path: &Path) -> Result<Locked, StoreError> {
    match file.try_lock() {
        Ok(()) => Ok(Locked(file)),
        Err(TryLockError::WouldBlock) => Err(StoreError::Locked { path: path.to_owned() }),
        Err(TryLockError::Error(error)) => Err(StoreError::io(path, &error)),
    }
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

/// A new name is durable when its directory is. Where a directory cannot be opened, this is not known.
pub(super) fn sync_directory(path: &Path) -> Result<(), StoreError> {
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    match File::open(directory) {
        Ok(directory) if cfg!(unix) => directory.sync_all().map_err(|error| StoreError::io(path, &error)),
        _ => Ok(()),
    }
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    name.into()
}
