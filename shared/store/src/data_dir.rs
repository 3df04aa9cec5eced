use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

use crate::StoreError;

/// A folder with SQLite files that belongs to this process alone, for as long as the value lives. The lock is the
/// operating system's: it goes with the process, however that dies.
#[derive(Debug)]
pub struct DataDir {
    path: PathBuf,
    _lock: File,
}

impl DataDir {
    /// Makes the folder if need be and locks it.
    ///
    /// # Errors
    /// [`StoreError::DataDirInUse`] when another process has it, [`StoreError::DataDir`] when it cannot be had at all.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        let path = path.as_ref().to_owned();
        let fault = |source| StoreError::DataDir { path: path.clone(), source };
        fs::create_dir_all(&path).map_err(fault)?;
        let mut options = File::options();
        let lock =
            options.create(true).truncate(false).write(true).open(path.join("chit.lock")).map_err(fault)?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { path, _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(StoreError::DataDirInUse { path }),
            Err(TryLockError::Error(source)) => Err(StoreError::DataDir { path, source }),
        }
    }

    /// The folder.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where this service's SQLite file lives.
    #[must_use]
    pub fn database_path(&self, service: &str) -> PathBuf {
        self.path.join(format!("{service}.sqlite"))
    }
}
