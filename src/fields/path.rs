//! Paths of files.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::{ChoiceField, FieldContext, FieldType, Unrepresentable};
use crate::context::Context;
use crate::error::{Error, ValidationError};
use crate::store::Cell;
use crate::value::Value;
use crate::value::pattern::Pattern;

/// One of the files of a folder, by its path.
///
/// | code | message |
/// |---|---|
/// | `invalid_choice` | `"{input}" is not a valid path choice.` |
///
/// The folder is read when the field is made, not again: a file that appears later is no choice.
///
/// ```no_run
/// use bowline::fields::{Field, FilePathField};
/// # fn fields() -> bowline::Result<Field> {
/// let template = FilePathField::of("/srv/templates").matching(r"\.html$").recursive(true).read()?;
/// # Ok(
/// Field::new("template", template)
/// # )
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct FilePathField {
    choices: ChoiceField,
}

impl FilePathField {
    /// The files of a folder; [`FilePaths::read`] makes the field.
    pub fn of(path: impl Into<PathBuf>) -> FilePaths {
        FilePaths {
            path: path.into(),
            matching: None,
            recursive: false,
            allow_files: true,
            allow_folders: false,
            blank_choice: true,
            allow_blank: false,
        }
    }
}

/// Which paths a [`FilePathField`] takes.
#[derive(Clone, Debug)]
pub struct FilePaths {
    path: PathBuf,
    matching: Option<String>,
    recursive: bool,
    allow_files: bool,
    allow_folders: bool,
    blank_choice: bool,
    allow_blank: bool,
}

impl FilePaths {
    /// Only those in whose name this regular expression of Python's syntax is found (DRF's `match`).
    pub fn matching(mut self, pattern: impl Into<String>) -> Self {
        self.matching = Some(pattern.into());
        self
    }

    /// Whether those in folders inside the folder count too.
    pub fn recursive(mut self, yes: bool) -> Self {
        self.recursive = yes;
        self
    }

    /// Whether files count.
    pub fn allow_files(mut self, yes: bool) -> Self {
        self.allow_files = yes;
        self
    }

    /// Whether folders count.
    pub fn allow_folders(mut self, yes: bool) -> Self {
        self.allow_folders = yes;
        self
    }

    /// Whether empty text is the first choice, as it is in DRF unless the field is given `required=True`.
    pub fn blank_choice(mut self, yes: bool) -> Self {
        self.blank_choice = yes;
        self
    }

    /// Whether empty text is accepted without being a choice.
    pub fn allow_blank(mut self, yes: bool) -> Self {
        self.allow_blank = yes;
        self
    }

    /// Reads the folder.
    ///
    /// # Errors
    ///
    /// [`Error::Startup`] where the folder cannot be read or the pattern is none. Names that are not Unicode are passed over.
    pub fn read(self) -> Result<FilePathField, Error> {
        let pattern = self.matching.as_deref().map(Pattern::new).transpose()?;
        let mut found = Vec::new();
        let mut add = |path: String, name: &str, label: String| {
            if pattern.as_ref().is_none_or(|pattern| pattern.is_match(name)) {
                found.push((path, label));
            }
        };
        if self.recursive {
            self.walk(&mut add);
        } else {
            let failed = |e: io::Error| Error::startup(format!("{} cannot be read: {e}", self.path.display()));
            for (path, name, kind) in entries(&self.path).map_err(failed)? {
                if name != "__pycache__"
                    && ((self.allow_files && kind.is_file()) || (self.allow_folders && kind.is_dir()))
                {
                    add(path, &name, name.clone());
                }
            }
            found.sort_by(|(_, a), (_, b)| a.cmp(b));
        }
        if self.blank_choice {
            found.insert(0, (String::new(), "---------".to_owned()));
        }
        let choices = ChoiceField::new(found).allow_blank(self.allow_blank);
        Ok(FilePathField { choices: choices.invalid_text("\"{input}\" is not a valid path choice.") })
    }

    /// Every folder in the order of their paths, as Django goes through `sorted(os.walk(path))`; what cannot be read is passed over.
    fn walk(&self, add: &mut impl FnMut(String, &str, String)) {
        let base = self.path.to_string_lossy();
        let label = |path: &str| path.strip_prefix(base.as_ref()).unwrap_or(path).to_owned();
        let mut folders = vec![self.path.clone()];
        let mut found = Vec::new();
        while let Some(folder) = folders.pop() {
            let (mut files, mut inner) = (Vec::new(), Vec::new());
            for (path, name, kind) in entries(&folder).unwrap_or_default() {
                if !kind.is_dir() {
                    files.push((name, path));
                    continue;
                }
                // a link to a folder is one, but is not gone into
                if fs::symlink_metadata(&path).is_ok_and(|own| !own.is_symlink()) {
                    folders.push(PathBuf::from(&path));
                }
                inner.push((name, path));
            }
            files.sort();
            inner.sort();
            found.push((folder, files, inner));
        }
        found.sort_by(|(a, ..), (b, ..)| a.as_os_str().cmp(b.as_os_str()));
        for (_, files, folders) in found {
            let files = files.into_iter().filter(|_| self.allow_files);
            let folders = folders.into_iter().filter(|(name, _)| self.allow_folders && name != "__pycache__");
            for (name, path) in files.chain(folders) {
                let label = label(&path);
                add(path, &name, label);
            }
        }
    }
}

/// Path, name and kind of what a folder holds; links are what they point at.
fn entries(folder: &Path) -> io::Result<Vec<(String, String, fs::Metadata)>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str());
        let kind = fs::metadata(&path).or_else(|_| fs::symlink_metadata(&path));
        if let (Some(text), Some(name), Ok(kind)) = (path.to_str(), name, kind) {
            found.push((text.to_owned(), name.to_owned(), kind));
        }
    }
    Ok(found)
}

impl FieldType for FilePathField {
    fn to_internal_value(&self, input: &Value, cx: &FieldContext<'_>) -> Result<Value, ValidationError> {
        self.choices.to_internal_value(input, cx)
    }

    fn allows_blank(&self) -> bool {
        self.choices.allows_blank()
    }

    fn to_representation(&self, cell: Cell<'_>, cx: &Context, out: &mut Vec<u8>) -> Result<(), Unrepresentable> {
        self.choices.to_representation(cell, cx, out)
    }

    fn metadata_type(&self) -> &'static str {
        "choice"
    }

    fn metadata_choices(&self) -> Option<Vec<(Value, Value)>> {
        self.choices.metadata_choices()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::super::testing::{error, set, shown};
    use super::*;

    fn folder() -> (tempfile::TempDir, String) {
        let folder = tempfile::tempdir().unwrap();
        for inner in ["b", "b/c", "__pycache__"] {
            fs::create_dir(folder.path().join(inner)).unwrap();
        }
        for file in ["z.txt", "a.txt", "a.png", "b/d.txt", "b/c/e.txt", "__pycache__/f.txt"] {
            fs::write(folder.path().join(file), "").unwrap();
        }
        let path = folder.path().to_str().unwrap().to_owned();
        (folder, path)
    }

    fn labels(field: &FilePathField) -> Vec<String> {
        field.choices.choices().iter().map(|(_, label)| label.to_python_str().into_owned()).collect()
    }

    #[test]
    fn one_folder() {
        let (_folder, path) = folder();
        let field = FilePathField::of(&path).matching(r"\.txt$").read().unwrap();
        assert_eq!(labels(&field), ["---------", "a.txt", "z.txt"]);
        let file = format!("{path}/a.txt");
        assert_eq!(set(&field, &format!("\"{file}\"")), file.as_str().into());
        assert_eq!(set(&field, r#""""#), "".into());
        assert_eq!(error(&field, r#""a.txt""#), ["invalid_choice: \"a.txt\" is not a valid path choice."]);
        assert_eq!(shown(&field, Cell::Text("gone")).unwrap(), r#""gone""#);
        let folders = FilePathField::of(&path).allow_files(false).allow_folders(true).blank_choice(false);
        assert_eq!(labels(&folders.read().unwrap()), ["b"]);
    }

    #[test]
    fn folders_inside() {
        let (_folder, path) = folder();
        let field = FilePathField::of(&path).recursive(true).allow_folders(true).blank_choice(false).read().unwrap();
        let all = ["/a.png", "/a.txt", "/z.txt", "/b", "/__pycache__/f.txt", "/b/d.txt", "/b/c", "/b/c/e.txt"];
        assert_eq!(labels(&field), all);
    }

    #[test]
    fn what_cannot_be_read() {
        let (_folder, path) = folder();
        assert!(FilePathField::of(format!("{path}/none")).read().is_err());
        assert!(FilePathField::of(&path).matching("(").read().is_err());
    }
}
