//! Uploaded files.

use std::sync::Arc;

use super::{FieldContext, FieldType, Unrepresentable};
use crate::context::Context;
use crate::error::ValidationError;
use crate::storage::{self, Storage};
use crate::store::Cell;
use crate::value::{Upload, Value, write};

/// A file of a multipart form, or the one of a [`FileUploadParser`](crate::parsers::FileUploadParser).
///
/// | code | message |
/// |---|---|
/// | `required` | `No file was submitted.` |
/// | `invalid` | `The submitted data was not a file. Check the encoding type on the form.` |
/// | `no_name` | `No filename could be determined.` |
/// | `empty` | `The submitted file is empty.` |
/// | `max_length` | `Ensure this filename has at most {max_length} characters (it has {length}).` |
///
/// It is shown as its address, absolute where there is a request, or as its name; null where the column is empty.
///
/// ```
/// use std::sync::Arc;
///
/// use bowline::fields::{Field, FileField};
/// use bowline::value::{Upload, Value};
///
/// let field = Field::new("paper", FileField::new().max_length(8));
/// let paper = Value::File(Arc::new(Upload::new("a.txt", None, "text")));
/// assert_eq!(field.clean(&paper), Ok(paper.clone()));
/// assert_eq!(
///     field.clean(&Value::File(Arc::new(Upload::new("long-name.txt", None, "text")))).unwrap_err().to_json(),
///     r#"["Ensure this filename has at most 8 characters (it has 13)."]"#
/// );
/// ```
#[derive(Clone, Debug)]
pub struct FileField {
    max_length: Option<usize>,
    allow_empty_file: bool,
    use_url: bool,
    storage: Option<Arc<dyn Storage>>,
}

impl Default for FileField {
    fn default() -> Self {
        FileField::new()
    }
}

impl FileField {
    /// Any file that is not empty, shown by its address below `/media/`.
    pub fn new() -> Self {
        FileField { max_length: None, allow_empty_file: false, use_url: true, storage: None }
    }

    /// The most characters of the file's name.
    pub fn max_length(mut self, max: impl Into<Option<usize>>) -> Self {
        self.max_length = max.into();
        self
    }

    /// Whether a file without content is accepted.
    pub fn allow_empty_file(mut self, yes: bool) -> Self {
        self.allow_empty_file = yes;
        self
    }

    /// Whether it is shown by its address, or by its name (DRF's `UPLOADED_FILES_USE_URL`).
    pub fn use_url(mut self, yes: bool) -> Self {
        self.use_url = yes;
        self
    }

    /// The storage that knows the address.
    pub fn storage(mut self, storage: Arc<dyn Storage>) -> Self {
        self.storage = Some(storage);
        self
    }

    /// The uploaded file of an input that has all that is asked for.
    pub(super) fn upload<'a>(
        &self,
        input: &'a Value,
        cx: &FieldContext<'_>,
    ) -> Result<&'a Arc<Upload>, ValidationError> {
        let Value::File(file) = input else {
            let text = "The submitted data was not a file. Check the encoding type on the form.";
            return Err(cx.error("invalid", text, &[]));
        };
        if file.name().is_empty() {
            return Err(cx.error("no_name", "No filename could be determined.", &[]));
        }
        if !self.allow_empty_file && file.size() == 0 {
            return Err(empty(cx));
        }
        let length = file.name().chars().count();
        if let Some(max) = self.max_length.filter(|max| length > *max) {
            let text = "Ensure this filename has at most {max_length} characters (it has {length}).";
            let parameters = [("max_length", max.to_string()), ("length", length.to_string())];
            let parameters = parameters.each_ref().map(|(name, value)| (*name, value.as_str()));
            return Err(cx.error("max_length", text, &parameters));
        }
        Ok(file)
    }
}

pub(super) fn empty(cx: &FieldContext<'_>) -> ValidationError {
    cx.error("empty", "The submitted file is empty.", &[])
}

impl FieldType for FileField {
    fn to_internal_value(&self, input: &Value, cx: &FieldContext<'_>) -> Result<Value, ValidationError> {
        self.upload(input, cx).map(|file| Value::File(Arc::clone(file)))
    }

    fn required_message(&self) -> &'static str {
        "No file was submitted."
    }

    fn to_representation(&self, cell: Cell<'_>, cx: &Context, out: &mut Vec<u8>) -> Result<(), Unrepresentable> {
        let name = match cell {
            Cell::Text(name) => name,
            // a file that is not kept has no address
            Cell::Value(Value::File(file)) if !self.use_url => file.name(),
            Cell::Value(Value::File(_)) => "",
            _ => return Err(Unrepresentable),
        };
        if name.is_empty() {
            out.extend_from_slice(b"null");
        } else if self.use_url {
            let url = match &self.storage {
                Some(storage) => storage.url(name),
                None => format!("/media/{}", storage::quoted(name).trim_start_matches('/')),
            };
            write::string(&cx.absolute(&url), out);
        } else {
            write::string(name, out);
        }
        Ok(())
    }

    fn metadata_type(&self) -> &'static str {
        "file upload"
    }

    fn metadata_limits(&self) -> Vec<(&'static str, Value)> {
        let max = self.max_length.map(|max| ("max_length", Value::Int(i64::try_from(max).unwrap_or(i64::MAX))));
        max.into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use axum::body::Body;

    use super::super::testing::{details, shown};
    use super::super::{Field, Outcome};
    use super::*;
    use crate::storage::FileSystemStorage;
    use crate::value::Form;

    fn file(name: &str, content: &'static str) -> Value {
        Value::File(Arc::new(Upload::new(name, None, content)))
    }

    fn errors(field: &Field, input: &Value) -> Vec<String> {
        details(field.clean(input).unwrap_err())
    }

    #[test]
    fn inputs() {
        let field = Field::new("f", FileField::new().max_length(5));
        assert_eq!(field.clean(&file("a.txt", "x")).unwrap(), file("a.txt", "x"));
        let invalid = "invalid: The submitted data was not a file. Check the encoding type on the form.";
        for input in ["x".into(), "".into(), Value::Int(1), Value::map(), Value::Bytes(b"x".to_vec())] {
            assert_eq!(errors(&field, &input), [invalid], "{input:?}");
        }
        assert_eq!(errors(&field, &file("a/..", "x")), ["no_name: No filename could be determined."]);
        assert_eq!(errors(&field, &file("a", "")), ["empty: The submitted file is empty."]);
        assert_eq!(
            errors(&field, &file("é.text", "x")),
            ["max_length: Ensure this filename has at most 5 characters (it has 6)."]
        );
        assert_eq!(errors(&field, &Value::Null), ["null: This field may not be null."]);
        let lenient = Field::new("f", FileField::new().allow_empty_file(true));
        assert!(lenient.clean(&file("a", "")).is_ok());
    }

    #[test]
    fn absence() {
        let context = Context::default();
        let cx = FieldContext::new(&context);
        let mut field = Field::new("f", FileField::new());
        let absent = |field: &Field| field.run_validation(None, &cx);
        assert_eq!(details(absent(&field).unwrap_err()), ["required: No file was submitted."]);
        field.messages.set("required", "A paper, please.");
        assert_eq!(details(absent(&field).unwrap_err()), ["required: A paper, please."]);
        assert_eq!(absent(&field.required(false)), Ok(Outcome::Skip));
    }

    /// A form without a file has empty text in its place, as browsers send it.
    #[test]
    fn forms() {
        let context = Context::default();
        let cx = FieldContext::new(&context);
        let mut form = Form::new();
        form.append("f", "".into());
        let data = Value::Form(Box::new(form));
        let found = |field: &Field| {
            let input = field.get_value(&data, &cx);
            field.run_validation(input.as_deref(), &cx)
        };
        assert!(found(&Field::new("f", FileField::new())).is_err());
        assert_eq!(found(&Field::new("f", FileField::new()).required(false)), Ok(Outcome::Skip));
        let nullable = Field::new("f", FileField::new()).required(false).allow_null(true);
        assert_eq!(found(&nullable), Ok(Outcome::Set(Value::Null)));
    }

    #[test]
    fn addresses() {
        let field = FileField::new();
        assert_eq!(shown(&field, Cell::Text("maps/map ü.pdf")).unwrap(), r#""/media/maps/map%20%C3%BC.pdf""#);
        assert_eq!(shown(&field, Cell::Text("")).unwrap(), "null");
        let upload = file("a b", "x");
        assert_eq!(shown(&field, Cell::from(&upload)).unwrap(), "null");
        assert!(shown(&field, Cell::Int(1)).is_err());
        let named = FileField::new().use_url(false);
        assert_eq!(shown(&named, Cell::Text("maps/map ü.pdf")).unwrap(), "\"maps/map ü.pdf\"");
        assert_eq!(shown(&named, Cell::from(&upload)).unwrap(), "\"a b\"");
        let elsewhere = FileField::new().storage(Arc::new(FileSystemStorage::new("m", "https://cdn.example/")));
        assert_eq!(shown(&elsewhere, Cell::Text("x")).unwrap(), r#""https://cdn.example/x""#);

        let request = http::Request::builder().uri("/x/").header("Host", "testserver").body(Body::empty()).unwrap();
        let context = Context::new(request.into_parts().0, Vec::new());
        let mut out = Vec::new();
        field.to_representation(Cell::Text("a b"), &context, &mut out).unwrap();
        elsewhere.to_representation(Cell::Text("a b"), &context, &mut out).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), r#""http://testserver/media/a%20b""https://cdn.example/a%20b""#);
    }
}
