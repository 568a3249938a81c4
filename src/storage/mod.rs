//! Where uploaded files go: Django's file storages.
//!
//! A column keeps a file's *name*; the content is in a [`Storage`], by default a directory
//! ([`FileSystemStorage`]). A write stages its files before its statement runs, and keeps them after the commit:
//!
//! ```
//! # async fn example() -> Result<(), bowline::storage::StorageError> {
//! use std::sync::Arc;
//!
//! use bowline::storage::{FileSystemStorage, UploadTo};
//! use bowline::value::Upload;
//!
//! let directory = tempfile::tempdir().unwrap();
//! let storage = Arc::new(FileSystemStorage::new(directory.path(), "/media/"));
//! let column = UploadTo::new(storage, "papers/%Y/").max_length(60);
//!
//! let pending = column.stage(&Upload::new("my paper.txt", None, "text")).await?;
//! assert!(pending.name().ends_with("/my_paper.txt"));
//! // … the statement with the name, the commit …
//! let name = pending.keep();
//! # Ok(())
//! # }
//! # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(example()).unwrap();
//! ```
//!
//! A [`Pending`] that is dropped removes its file, so that a write which fails, or is rolled back, leaves none. A
//! process that is killed between the two leaves its file without a row; a row without its file there never is. As
//! in Django, the old file stays where a row gets another one or is deleted. See Django's chapter "Managing files".

use std::borrow::Cow;
use std::fmt;
use std::io;
use std::sync::Arc;

use async_trait::async_trait;
use chrono::format::{Item, StrftimeItems};

use crate::error::{Error, Source, is_out_of_files};
use crate::value::Upload;

mod directory;
mod names;

pub use directory::FileSystemStorage;
pub use names::{available_name, quoted, valid_name};

/// Keeps files by their names.
///
/// Names have `/` between folders, are relative, and have no `..` in them.
#[async_trait]
pub trait Storage: Send + Sync + fmt::Debug + 'static {
    /// Keeps a file under this name or, where it is taken or longer than `max_length` characters, under one like
    /// it ([`available_name`]), and answers the name.
    ///
    /// The file is complete and durable when the name is answered; two files never get the same name.
    ///
    /// # Errors
    ///
    /// [`StorageError::Name`] for a name that cannot be had; [`StorageError::Failed`] where the storage does not work.
    async fn save(&self, name: &str, upload: &Upload, max_length: Option<usize>) -> Result<String, StorageError>;

    /// Removes a file; there need not be one.
    ///
    /// # Errors
    ///
    /// As [`save`](Storage::save).
    async fn delete(&self, name: &str) -> Result<(), StorageError>;

    /// Whether there is a file of this name.
    ///
    /// # Errors
    ///
    /// As [`save`](Storage::save).
    async fn exists(&self, name: &str) -> Result<bool, StorageError>;

    /// The address of a file: a path, or a whole URL.
    fn url(&self, name: &str) -> String;

    /// Removes a file at once, where that is possible without waiting for anybody else; answers whether it was.
    ///
    /// It is asked when a [`Pending`] is dropped; where it cannot, [`delete`](Storage::delete) runs as a task of its own.
    fn discard(&self, _name: &str) -> bool {
        false
    }
}

/// Why a storage did not do what it was asked.
#[derive(Debug)]
#[non_exhaustive]
pub enum StorageError {
    /// There is no such name: nothing is left of what the client called its file, or no free name is short enough.
    Name(String),
    /// The storage is full.
    Full(Source),
    /// The storage does not work.
    Failed(Source),
}

impl StorageError {
    /// An error of the storage's own.
    pub fn failed(source: impl Into<Source>) -> Self {
        StorageError::Failed(source.into())
    }
}

impl fmt::Display for StorageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StorageError::Name(sentence) => f.write_str(sentence),
            StorageError::Full(source) => write!(f, "the storage is full: {source}"),
            StorageError::Failed(source) => write!(f, "the storage does not work: {source}"),
        }
    }
}

impl std::error::Error for StorageError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            StorageError::Name(_) => None,
            StorageError::Full(source) | StorageError::Failed(source) => Some(source.as_ref()),
        }
    }
}

impl From<io::Error> for StorageError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            // a name that the file system does not take: too long in bytes, or with a NUL
            io::ErrorKind::InvalidFilename | io::ErrorKind::InvalidInput => {
                StorageError::Name("The file system does not take a file of this name.".into())
            }
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
                StorageError::Full(error.into())
            }
            _ => StorageError::failed(error),
        }
    }
}

/// A name is the client's mistake, 400 as Django answers it; where too many files are open, 503; the rest is a 500.
impl From<StorageError> for Error {
    fn from(error: StorageError) -> Self {
        match error {
            StorageError::Name(sentence) => Error::Parse(sentence),
            StorageError::Full(source) => Error::InsufficientStorage(source),
            StorageError::Failed(source) => match source.downcast_ref() {
                Some(error) if is_out_of_files(error) => Error::Unavailable(source),
                _ => Error::Internal(source),
            },
        }
    }
}

/// Where the files of one column go: Django's `storage`, `upload_to` and `max_length`.
#[derive(Clone, Debug)]
pub struct UploadTo {
    storage: Arc<dyn Storage>,
    folder: Cow<'static, str>,
    max_length: Option<usize>,
}

impl UploadTo {
    /// A folder of a storage; `strftime` places in it are filled in with the time in UTC (`photos/%Y/%m/`).
    pub fn new(storage: Arc<dyn Storage>, folder: impl Into<Cow<'static, str>>) -> Self {
        UploadTo { storage, folder: folder.into(), max_length: None }
    }

    /// The most characters of a name, folder included; longer ones are cut before the extension.
    pub fn max_length(mut self, characters: impl Into<Option<usize>>) -> Self {
        self.max_length = characters.into();
        self
    }

    /// The storage.
    pub fn storage(&self) -> &Arc<dyn Storage> {
        &self.storage
    }

    /// Keeps a file until it is known whether its row is written.
    ///
    /// # Errors
    ///
    /// As [`Storage::save`].
    pub async fn stage(&self, upload: &Upload) -> Result<Pending, StorageError> {
        let folder = filled_in(&self.folder);
        let separator = if folder.is_empty() || folder.ends_with('/') { "" } else { "/" };
        let name = names::generated(&format!("{folder}{separator}{}", upload.name()))?;
        let name = self.storage.save(&name, upload, self.max_length).await?;
        Ok(Pending { storage: Arc::clone(&self.storage), name: Some(name) })
    }
}

/// The folder at this time; what is no `strftime` pattern is taken as it stands.
fn filled_in(folder: &str) -> Cow<'_, str> {
    if !folder.contains('%') {
        return Cow::Borrowed(folder);
    }
    let items: Vec<Item<'_>> = StrftimeItems::new(folder).collect();
    if items.contains(&Item::Error) {
        return Cow::Borrowed(folder);
    }
    Cow::Owned(chrono::Utc::now().format_with_items(items.iter()).to_string())
}

/// A file that is kept, of a row that is not written yet.
///
/// Dropping it removes the file.
#[derive(Debug)]
#[must_use = "a pending file is removed when it is dropped"]
pub struct Pending {
    storage: Arc<dyn Storage>,
    /// None once it is decided.
    name: Option<String>,
}

impl Pending {
    /// The file's name, for its column.
    pub fn name(&self) -> &str {
        self.name.as_deref().unwrap_or_default()
    }

    /// Leaves the file where it is: its row is committed.
    pub fn keep(mut self) -> String {
        self.name.take().unwrap_or_default()
    }

    /// Removes the file, and waits until it is gone.
    ///
    /// # Errors
    ///
    /// As [`Storage::delete`].
    pub async fn remove(mut self) -> Result<(), StorageError> {
        match self.name.take() {
            Some(name) => self.storage.delete(&name).await,
            None => Ok(()),
        }
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        let Some(name) = self.name.take() else { return };
        if self.storage.discard(&name) {
            return;
        }
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            tracing::error!(name, "a file that no row names stays: its write ended outside of the runtime");
            return;
        };
        let storage = Arc::clone(&self.storage);
        drop(runtime.spawn(async move {
            if let Err(error) = storage.delete(&name).await {
                tracing::error!(%error, name, "a file that no row names could not be removed");
            }
        }));
    }
}

#[cfg(test)]
mod tests;
