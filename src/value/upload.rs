//! An uploaded file.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::sync::Arc;

use bytes::Bytes;

/// The most characters of a name.
const MAX_NAME: usize = 255;

/// A file that a request sent: Django's `UploadedFile`.
///
/// Small ones are in memory, large ones in a temporary file that nobody else can see and that is gone with the last
/// clone of the upload; [`reader`](Upload::reader) reads both.
///
/// ```
/// use std::io::Read;
///
/// use bowline::value::Upload;
///
/// let upload = Upload::new("docs/a.txt", Some("text/plain".into()), "hello");
/// assert_eq!((upload.name(), upload.size()), ("a.txt", 5));
/// let mut text = String::new();
/// upload.reader().read_to_string(&mut text).unwrap();
/// assert_eq!(text, "hello");
/// ```
#[derive(Clone, Debug)]
pub struct Upload {
    name: String,
    content_type: Option<String>,
    content: Content,
}

#[derive(Clone, Debug)]
enum Content {
    Memory(Bytes),
    Disk(Arc<File>, u64),
}

impl Upload {
    /// A file with its name, its media type where the request named one, and its content.
    ///
    /// Folders are cut off the name, and what is beyond 255 characters, the extension kept.
    pub fn new(name: impl AsRef<str>, content_type: Option<String>, content: impl Into<Bytes>) -> Self {
        Upload { name: file_name(name.as_ref()), content_type, content: Content::Memory(content.into()) }
    }

    /// A file whose content is on the disk, already written: the first `size` bytes of it.
    ///
    /// The file is read at positions of the reader's own; where it is read to elsewhere does not matter.
    pub fn on_disk(name: impl AsRef<str>, content_type: Option<String>, file: File, size: u64) -> Self {
        Upload { name: file_name(name.as_ref()), content_type, content: Content::Disk(Arc::new(file), size) }
    }

    /// The file's name, without folders; never `..`, empty where the request named a folder.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The media type that the request named, without parameters.
    pub fn content_type(&self) -> Option<&str> {
        self.content_type.as_deref()
    }

    /// The same file with another media type.
    pub fn with_content_type(mut self, content_type: Option<String>) -> Self {
        self.content_type = content_type;
        self
    }

    /// The number of its bytes.
    pub fn size(&self) -> u64 {
        match &self.content {
            Content::Memory(bytes) => bytes.len() as u64,
            Content::Disk(_, size) => *size,
        }
    }

    /// The content where it is in memory.
    pub fn in_memory(&self) -> Option<&Bytes> {
        match &self.content {
            Content::Memory(bytes) => Some(bytes),
            Content::Disk(..) => None,
        }
    }

    /// The content from its beginning; readers do not disturb each other.
    ///
    /// Reading a file that is not in memory waits for the disk: do it on a thread that may.
    pub fn reader(&self) -> UploadReader {
        UploadReader { content: self.content.clone(), at: 0, size: self.size() }
    }

    /// All of the content, read into memory where it is not there.
    ///
    /// # Errors
    ///
    /// What the disk says.
    pub fn read(&self) -> io::Result<Bytes> {
        if let Content::Memory(bytes) = &self.content {
            return Ok(bytes.clone());
        }
        let mut bytes = Vec::new();
        self.reader().read_to_end(&mut bytes)?;
        Ok(bytes.into())
    }
}

/// Files are the same where they say the same of themselves and are the same content: bytes in memory by their
/// values, a file on the disk by being that file.
impl PartialEq for Upload {
    fn eq(&self, other: &Self) -> bool {
        let is_same = match (&self.content, &other.content) {
            (Content::Memory(own), Content::Memory(other)) => own == other,
            (Content::Disk(own, _), Content::Disk(other, _)) => Arc::ptr_eq(own, other),
            _ => false,
        };
        is_same && self.name == other.name && self.content_type == other.content_type
    }
}

impl Eq for Upload {}

/// Reads an [`Upload`].
#[derive(Clone, Debug)]
pub struct UploadReader {
    content: Content,
    at: u64,
    size: u64,
}

impl Read for UploadReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.size.saturating_sub(self.at);
        let room = usize::try_from(left).unwrap_or(usize::MAX).min(buffer.len());
        let Some(buffer) = buffer.get_mut(..room).filter(|buffer| !buffer.is_empty()) else { return Ok(0) };
        let read = match &self.content {
            Content::Memory(bytes) => {
                let start = usize::try_from(self.at).unwrap_or(usize::MAX);
                bytes.get(start..).unwrap_or_default().read(buffer)?
            }
            Content::Disk(file, _) => read_at(file, buffer, self.at)?,
        };
        self.at += read as u64;
        Ok(read)
    }
}

impl Seek for UploadReader {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let at = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::End(by) => self.size.checked_add_signed(by),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
        };
        self.at = at.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "a seek to before the beginning"))?;
        Ok(self.at)
    }
}

#[cfg(unix)]
fn read_at(file: &File, buffer: &mut [u8], at: u64) -> io::Result<usize> {
    std::os::unix::fs::FileExt::read_at(file, buffer, at)
}

#[cfg(windows)]
fn read_at(file: &File, buffer: &mut [u8], at: u64) -> io::Result<usize> {
    std::os::windows::fs::FileExt::seek_read(file, buffer, at)
}

/// A name without folders, of a length that file systems take.
fn file_name(path: &str) -> String {
    let name = path.rsplit_once('/').map_or(path, |(_, name)| name);
    if matches!(name, "." | "..") {
        return String::new();
    }
    let length = name.chars().count();
    if length <= MAX_NAME {
        return name.to_owned();
    }
    // a dot at the very beginning does not begin an extension
    let dot = name.rfind('.').filter(|at| !name.get(..*at).unwrap_or_default().trim_start_matches('.').is_empty());
    let (root, extension) = name.split_at(dot.unwrap_or(name.len()));
    let extension: String = extension.chars().take(MAX_NAME).collect();
    let room = MAX_NAME - extension.chars().count();
    root.chars().take(room).chain(extension.chars()).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::io::Write;

    use super::*;

    #[test]
    fn names() {
        for (given, name) in [("a.txt", "a.txt"), ("/etc/passwd", "passwd"), ("x/", ""), ("a/..", ""), ("..", "")] {
            assert_eq!(Upload::new(given, None, "").name(), name, "{given}");
        }
        let long = format!("{}.txt", "é".repeat(300));
        let upload = Upload::new(&long, None, "");
        assert_eq!(upload.name(), format!("{}.txt", "é".repeat(251)));
        assert_eq!(Upload::new(format!(".{}", "x".repeat(300)), None, "").name().len(), 255);
    }

    #[test]
    fn readers_of_a_file_on_the_disk() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"0123456789").unwrap();
        let upload = Upload::on_disk("d", None, file, 8);
        assert_eq!((upload.size(), upload.in_memory()), (8, None));
        let (mut one, mut two) = (upload.reader(), upload.reader());
        let mut head = [0; 3];
        one.read_exact(&mut head).unwrap();
        two.seek(SeekFrom::End(-2)).unwrap();
        let mut rest = String::new();
        two.read_to_string(&mut rest).unwrap();
        assert_eq!((&head, rest.as_str()), (b"012", "67"));
        one.read_to_string(&mut rest).unwrap();
        assert_eq!(rest, "6734567");
        assert_eq!(upload.read().unwrap(), "01234567");
        assert!(one.seek(SeekFrom::Current(-9)).is_err());
        one.seek(SeekFrom::Start(100)).unwrap();
        assert_eq!(one.read(&mut head).unwrap(), 0);
    }

    #[test]
    fn equality() {
        let upload = Upload::new("a", None, "x");
        assert_eq!(upload, Upload::new("a", None, "x"));
        assert_ne!(upload, Upload::new("a", None, "y"));
        assert_ne!(upload, upload.clone().with_content_type(Some("t/x".into())));
        let disk = Upload::on_disk("a", None, tempfile::tempfile().unwrap(), 0);
        assert_eq!(disk, disk.clone());
        assert_ne!(disk, Upload::on_disk("a", None, tempfile::tempfile().unwrap(), 0));
    }
}
