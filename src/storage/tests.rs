#![allow(clippy::unwrap_used, clippy::panic)]

use std::fs;
use std::io::Write;
use std::sync::Mutex;

use super::*;

fn directory() -> (tempfile::TempDir, Arc<FileSystemStorage>) {
    let directory = tempfile::tempdir().unwrap();
    let storage = Arc::new(FileSystemStorage::new(directory.path().join("media"), "/media"));
    (directory, storage)
}

/// All files below a directory, hidden ones as well.
fn files(storage: &FileSystemStorage) -> Vec<String> {
    fn walk(folder: &std::path::Path, prefix: &str, found: &mut Vec<String>) {
        let Ok(entries) = fs::read_dir(folder) else { return };
        for entry in entries {
            let entry = entry.unwrap();
            let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
            if entry.path().is_dir() {
                walk(&entry.path(), &format!("{name}/"), found);
            } else {
                found.push(name);
            }
        }
    }
    let mut found = Vec::new();
    walk(storage.location(), "", &mut found);
    found.sort();
    found
}

fn text(name: &str, content: &'static str) -> Upload {
    Upload::new(name, None, content)
}

#[tokio::test]
async fn kept_and_removed() {
    let (_directory, storage) = directory();
    let column = UploadTo::new(Arc::clone(&storage) as Arc<dyn Storage>, "papers");
    let pending = column.stage(&text("my paper.txt", "one")).await.unwrap();
    assert_eq!(pending.name(), "papers/my_paper.txt");
    assert!(storage.exists("papers/my_paper.txt").await.unwrap());
    assert_eq!(pending.keep(), "papers/my_paper.txt");

    let taken = column.stage(&text("my paper.txt", "two")).await.unwrap();
    let name = taken.name().to_owned();
    assert!(name.starts_with("papers/my_paper_") && name.ends_with(".txt") && name.len() == 27, "{name}");
    assert_eq!(fs::read(storage.path(&name).unwrap()).unwrap(), b"two");
    drop(taken);
    assert_eq!(files(&storage), ["papers/my_paper.txt"]);
    assert_eq!(fs::read(storage.path("papers/my_paper.txt").unwrap()).unwrap(), b"one");

    column.stage(&text("x", "three")).await.unwrap().remove().await.unwrap();
    storage.delete("papers/my_paper.txt").await.unwrap();
    storage.delete("papers/my_paper.txt").await.unwrap();
    assert!(files(&storage).is_empty());
}

#[tokio::test]
async fn a_file_on_the_disk_is_copied() {
    let (_directory, storage) = directory();
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(&vec![b'x'; 300_000]).unwrap();
    let upload = Upload::on_disk("big.bin", None, file, 300_000);
    let name = storage.save("big.bin", &upload, None).await.unwrap();
    let path = storage.path(&name).unwrap();
    assert_eq!(fs::metadata(&path).unwrap().len(), 300_000);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o644);
    }
}

/// Many at once that want the same name: each gets one of its own, and none loses its content.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nobody_takes_the_name_of_another() {
    let (_directory, storage) = directory();
    let mut tasks = Vec::new();
    for n in 0..16 {
        let storage = Arc::clone(&storage);
        tasks.push(tokio::spawn(async move {
            let upload = Upload::new("same.txt", None, n.to_string());
            (n, storage.save("a/same.txt", &upload, Some(20)).await.unwrap())
        }));
    }
    let mut names = std::collections::HashSet::new();
    for task in tasks {
        let (n, name) = task.await.unwrap();
        assert_eq!(fs::read(storage.path(&name).unwrap()).unwrap(), n.to_string().into_bytes());
        assert!(name.len() <= 20);
        assert!(names.insert(name));
    }
    assert_eq!(files(&storage).len(), 16);
}

/// Whoever stops waiting in the middle leaves no file: neither one without a name, nor one that nobody knows.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_save_that_nobody_waits_for() {
    let (_directory, storage) = directory();
    for n in 0..200_u64 {
        let upload = text("a.txt", "x");
        let save = storage.save("a.txt", &upload, None);
        let _ = tokio::time::timeout(std::time::Duration::from_micros(n * 10), save).await.map(|saved| {
            fs::remove_file(storage.path(&saved.unwrap()).unwrap()).unwrap();
        });
    }
    // what is still running on other threads ends
    tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    assert_eq!(files(&storage), Vec::<String>::new());
}

#[tokio::test]
async fn lengths() {
    let (_directory, storage) = directory();
    let column = UploadTo::new(Arc::clone(&storage) as Arc<dyn Storage>, "f/").max_length(20);
    let name = column.stage(&text("0123456789012.tar.gz", "x")).await.unwrap().keep();
    assert_eq!((name.chars().count(), name.get(..5), name.get(13..)), (20, Some("f/012"), Some(".tar.gz")), "{name}");
    let again = column.stage(&text("été été é.txt", "x")).await.unwrap();
    assert_eq!(again.name(), "f/été_été_é.txt");
    let error = column.stage(&text("a.abcdefghijklmnopqrstuvwxyz", "x")).await.unwrap_err();
    assert!(error.to_string().starts_with("Storage can not find an available filename for \"f/"), "{error}");
    let error = storage.save(&"é".repeat(200), &text("x", "x"), None).await.unwrap_err();
    assert!(matches!(error, StorageError::Name(_)), "{error:?}");
    assert_eq!(Error::from(error).status(), 400);
}

#[tokio::test]
async fn nothing_leads_out_of_the_directory() {
    let (directory, storage) = directory();
    for name in ["../x", "/etc/x", "a/../../x", "..", "a\\..\\..\\x", ""] {
        assert!(matches!(storage.save(name, &text("x", "x"), None).await, Err(StorageError::Name(_))), "{name}");
        assert!(storage.delete(name).await.is_err(), "{name}");
        assert!(storage.exists(name).await.is_err(), "{name}");
    }
    let column = UploadTo::new(storage, "up/../..");
    assert!(column.stage(&text("x", "x")).await.is_err());
    assert!(fs::read_dir(directory.path()).unwrap().next().is_none());
}

#[test]
fn folders_by_the_time() {
    let year = chrono::Utc::now().format("%Y").to_string();
    assert_eq!(filled_in("a/%Y/"), format!("a/{year}/"));
    assert_eq!(filled_in("a/100%"), "a/100%");
    assert_eq!(filled_in("plain/"), "plain/");
}

#[test]
fn addresses() {
    let storage = FileSystemStorage::new("x", "https://cdn.example/files");
    assert_eq!(storage.url("/a b"), "https://cdn.example/files/a%20b");
}

/// A storage that cannot remove anything at once.
#[derive(Debug, Default)]
struct Remote {
    names: Mutex<Vec<String>>,
}

#[async_trait]
impl Storage for Remote {
    async fn save(&self, name: &str, _: &Upload, max_length: Option<usize>) -> Result<String, StorageError> {
        let name = available_name(self, name, max_length).await?;
        self.names.lock().unwrap().push(name.clone());
        Ok(name)
    }

    async fn delete(&self, name: &str) -> Result<(), StorageError> {
        self.names.lock().unwrap().retain(|n| n != name);
        Ok(())
    }

    async fn exists(&self, name: &str) -> Result<bool, StorageError> {
        Ok(self.names.lock().unwrap().iter().any(|n| n == name))
    }

    fn url(&self, name: &str) -> String {
        name.to_owned()
    }
}

#[tokio::test]
async fn a_storage_elsewhere_is_told_later() {
    let storage = Arc::new(Remote::default());
    let column = UploadTo::new(Arc::clone(&storage) as Arc<dyn Storage>, "");
    drop(column.stage(&text("gone", "x")).await.unwrap());
    let kept = column.stage(&text("kept", "x")).await.unwrap().keep();
    tokio::task::yield_now().await;
    assert_eq!(*storage.names.lock().unwrap(), [kept]);
}
