//! A directory of the server.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use tempfile::NamedTempFile;

use super::names::{available_name, check, quoted};
use super::{Storage, StorageError};
use crate::value::Upload;

/// A directory, and the address below which a web server shows it: Django's `FileSystemStorage`.
///
/// A file is written under a name of its own, made durable and then given its name, in one step which never replaces
/// another file. Links in the directory are followed: whoever may write to it decides where files go.
///
/// ```
/// use bowline::storage::{FileSystemStorage, Storage};
/// let storage = FileSystemStorage::new("media", "/media/");
/// assert_eq!(storage.url("maps/a b.pdf"), "/media/maps/a%20b.pdf");
/// ```
#[derive(Clone, Debug)]
pub struct FileSystemStorage {
    location: PathBuf,
    base_url: String,
}

impl FileSystemStorage {
    /// A directory (made with its first file) and the address of it: a path as `/media/`, or a whole URL.
    pub fn new(location: impl Into<PathBuf>, base_url: impl Into<String>) -> Self {
        let mut base_url = base_url.into();
        if !base_url.ends_with('/') {
            base_url.push('/');
        }
        FileSystemStorage { location: location.into(), base_url }
    }

    /// The directory.
    pub fn location(&self) -> &Path {
        &self.location
    }

    /// The path of a file.
    ///
    /// # Errors
    ///
    /// [`StorageError::Name`] for a name that leads out of the directory.
    pub fn path(&self, name: &str) -> Result<PathBuf, StorageError> {
        check(name)?;
        Ok(self.location.join(name))
    }
}

#[async_trait]
impl Storage for FileSystemStorage {
    async fn save(&self, name: &str, upload: &Upload, max_length: Option<usize>) -> Result<String, StorageError> {
        let mut name = available_name(self, name, max_length).await?;
        let folder = self.path(&name)?.parent().unwrap_or(&self.location).to_owned();
        let upload = upload.clone();
        let mut written = on_a_thread(move || written(&folder, &upload)).await?;
        loop {
            let path = self.path(&name)?;
            match on_a_thread(move || named(written, &path)).await? {
                Named::Done(claim) => {
                    claim.keep();
                    return Ok(name);
                }
                // somebody else got the name in the meantime
                Named::Taken(file) => written = file,
            }
            name = available_name(self, &name, max_length).await?;
        }
    }

    async fn delete(&self, name: &str) -> Result<(), StorageError> {
        let path = self.path(name)?;
        on_a_thread(move || removed(&path)).await
    }

    async fn exists(&self, name: &str) -> Result<bool, StorageError> {
        let path = self.path(name)?;
        on_a_thread(move || match fs::symlink_metadata(path) {
            Ok(_) => Ok(true),
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(false),
            Err(error) => Err(error),
        })
        .await
    }

    fn url(&self, name: &str) -> String {
        format!("{}{}", self.base_url, quoted(name).trim_start_matches('/'))
    }

    fn discard(&self, name: &str) -> bool {
        let outcome = self.path(name).and_then(|path| removed(&path).map_err(StorageError::from));
        if let Err(error) = outcome {
            tracing::error!(%error, name, "a file that no row names could not be removed");
        }
        true
    }
}

/// Writes a file under a name that nobody asks for, durably.
fn written(folder: &Path, upload: &Upload) -> io::Result<NamedTempFile> {
    fs::create_dir_all(folder)?;
    let mut file = tempfile::Builder::new().prefix(".upload-").tempfile_in(folder)?;
    io::copy(&mut upload.reader(), &mut file)?;
    // what Django gives its files; a temporary file can only be read by its owner
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        file.as_file().set_permissions(fs::Permissions::from_mode(0o644))?;
    }
    file.as_file().sync_all()?;
    Ok(file)
}

/// What came of giving a file its name.
enum Named {
    Done(Claim),
    /// Another file has it; this one is still without.
    Taken(NamedTempFile),
}

/// A file that has its name but nobody who knows of it: whoever asked may be gone. Dropping it removes the file.
struct Claim(Option<PathBuf>);

impl Claim {
    fn keep(mut self) {
        self.0 = None;
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        let Some(path) = self.0.take() else { return };
        if let Err(error) = removed(&path) {
            tracing::error!(%error, path = %path.display(), "a file that no row names could not be removed");
        }
    }
}

fn named(file: NamedTempFile, path: &Path) -> io::Result<Named> {
    match file.persist_noclobber(path) {
        Ok(_) => {
            let claim = Claim(Some(path.to_owned()));
            // the name is durable when the folder is
            #[cfg(unix)]
            if let Some(folder) = path.parent() {
                fs::File::open(folder)?.sync_all()?;
            }
            Ok(Named::Done(claim))
        }
        Err(failed) if failed.error.kind() == io::ErrorKind::AlreadyExists => Ok(Named::Taken(failed.file)),
        Err(failed) => Err(failed.error),
    }
}

fn removed(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

/// Runs what waits for the disk where it holds up nobody.
async fn on_a_thread<T: Send + 'static>(
    run: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> Result<T, StorageError> {
    let outcome = tokio::task::spawn_blocking(run).await.map_err(StorageError::failed)?;
    outcome.map_err(StorageError::from)
}
