//! What parsers make of bodies (`/parse/`), and files (`/upload-check/`).

use bowline::fields::*;
use bowline::parsers::{
    FileUploadParser, FormParser, JSONParser, MultiPartParser, Parser, ParserContext, Parsers, RequestBody,
};
use bowline::prelude::*;
use bowline::serializers::{ListSerializer, Serializer};
use bowline::value;
use bowline::value::{Map, Upload};

use crate::composites::{address, line};

/// Answers what the parser made of the body.
async fn echo(mut request: Request) -> bowline::Result<Response> {
    let content_type =
        request.header("content-type").unwrap_or_default().split(';').next().unwrap_or_default().to_owned();
    let data = request.data().await?;
    let mut files = Vec::new();
    let plain = match data {
        Value::Form(form) => {
            let entries = form.lists().map(|(name, values)| {
                if values.iter().any(|value| matches!(value, Value::File(_))) {
                    files.push(name.to_owned());
                }
                (name.to_owned(), values.iter().map(shown).collect::<Vec<_>>().into())
            });
            Value::Map(entries.collect::<Map>())
        }
        other => other.clone(),
    };
    files.sort();
    Ok(Response::new(value!({
        "type": if matches!(data, Value::Form(_)) { "QueryDict" } else { data.type_name() },
        "data": plain,
        "files": files.into_iter().map(Value::from).collect::<Vec<_>>(),
        "content_type": content_type,
    })))
}

fn shown(value: &Value) -> Value {
    match value {
        Value::File(file) => {
            format!("<{} {} {}>", file.name(), file.size(), file.content_type().unwrap_or_default()).into()
        }
        other => other.clone(),
    }
}

fn view(type_name: &'static str) -> ApiView {
    ApiView::new(type_name).description("Answers what the parser made of the body.").post(echo).put(echo).patch(echo)
}

/// `text/plain`, in upper case.
#[derive(Debug)]
struct PlainTextParser;

#[bowline::async_trait]
impl Parser for PlainTextParser {
    fn media_type(&self) -> &str {
        "text/plain"
    }

    async fn parse(&self, body: &mut RequestBody<'_>, request: &ParserContext<'_>) -> bowline::Result<Value> {
        Ok(request.decode(&body.bytes().await?)?.to_uppercase().into())
    }
}

async fn upload(mut request: Request) -> bowline::Result<Response> {
    let data = request.data().await?;
    let Some(Value::File(file)) = data.get("file") else {
        let keys = data.as_map().map(|map| map.keys().map(Value::from).collect::<Vec<_>>());
        return Ok(Response::new(value!({"name": null, "keys": keys.unwrap_or_default()})));
    };
    let content: String = file.read().map_err(Error::internal)?.iter().take(20).map(|byte| char::from(*byte)).collect();
    Ok(Response::new(value!({"name": file.name(), "size": file.size(), "content": content})))
}

/// HTML form input semantics: absent booleans, empty strings, lists, nesting.
fn form_fields() -> bowline::Result<Serializer> {
    Ok(Serializer::new()
        .field(Field::new("name", CharField::new().max_length(8)))
        .field(Field::new("agree", BooleanField::new()))
        .field(Field::new("maybe", BooleanField::new()).allow_null(true).required(false))
        .field(Field::new("count", IntegerField::new()).required(false).allow_null(true))
        .field(Field::new("day", DateField::new()).required(false).allow_null(true))
        .field(Field::new("note", CharField::new().allow_blank(true)).required(false))
        .field(Field::new("nick", CharField::new()).required(false).allow_null(true))
        .field(Field::new("colours", MultipleChoiceField::new(["r", "g", "b"])).required(false))
        .field(Field::new("numbers", ListField::of(IntegerField::new())).required(false))
        .field(Field::new("options", DictField::of(CharField::new())).required(false))
        .field(Field::new("extra", JSONField::new()).required(false))
        .field(Field::new("point", address()).required(false))
        .field(Field::new("lines", ListSerializer::new(line()?)).required(false)))
}

fn form_serializer_view() -> bowline::Result<ApiView> {
    Ok(ApiView::new("FormSerializerView")
        .description("HTML form input semantics: absent booleans, empty strings, lists, nesting.")
        .serializer(form_fields()?)
        .post(async |mut request: Request| request.validate().await)
        .patch(async |mut request: Request| request.validate_partial().await)
        .authentication([]))
}

/// Reports what the file fields found in the upload.
async fn found(mut request: Request) -> bowline::Result<Value> {
    let validated = request.validate().await?;
    let size = |file: &Upload| Value::from(i64::try_from(file.size()).unwrap_or(i64::MAX));
    let entries = validated.as_map().into_iter().flatten().map(|(name, value)| {
        let found = match value {
            Value::File(file) => value!([file.name(), size(file), file.content_type()]),
            Value::List(files) => {
                let files = files.iter().map(|item| match item {
                    Value::File(file) => value!([file.name(), size(file)]),
                    other => other.clone(),
                });
                Value::List(files.collect())
            }
            other => other.clone(),
        };
        (name, found)
    });
    Ok(Value::Map(entries.collect::<Map>()))
}

pub fn upload_check() -> ApiView {
    let files = ListField::of(FileField::new());
    let serializer = Serializer::new()
        .field(Field::new("file", FileField::new().max_length(20)))
        .field(Field::new("maybe_empty", FileField::new().allow_empty_file(true)).required(false))
        .field(Field::new("image", ImageField::new()).required(false).allow_null(true))
        .field(Field::new("files", files).required(false))
        .field(Field::new("note", CharField::new()).required(false));
    ApiView::new("UploadCheckView")
        .description("Reports what FileField / ImageField found in the upload.")
        .serializer(serializer)
        .post(found)
        .authentication([])
}

pub fn urls() -> bowline::Result<DefaultRouter> {
    let json = || Parsers::none().with(JSONParser::new());
    let upload =
        ApiView::new("ParseFileUpload").post(upload).put(upload).parsers(Parsers::none().with(FileUploadParser::new()));
    Ok(DefaultRouter::new()
        .path("default/", view("ParseDefault"))
        .path("json/", view("ParseJson").parsers(json()))
        .path("form/", view("ParseForm").parsers(Parsers::none().with(FormParser::new())))
        .path("multipart/", view("ParseMultipart").parsers(Parsers::none().with(MultiPartParser::new())))
        .path("loose/", view("ParseLoose").parsers(Parsers::none().with(JSONParser::new().strict(false))))
        .path("text/", view("ParseText").parsers(Parsers::none().with(PlainTextParser).with(JSONParser::new())))
        .path("upload/", upload.clone())
        .path("upload/<str:filename>", upload)
        .path("form-fields/", form_serializer_view()?))
}
