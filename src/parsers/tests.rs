#![allow(clippy::unwrap_used, clippy::panic)]

use std::convert::Infallible;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use http::HeaderValue;
use proptest::prelude::*;

use super::*;
use crate::value::Upload;

const MULTIPART: &str = "multipart/form-data; boundary=B";

fn headers(content_type: &str, length: Option<usize>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    if !content_type.is_empty() {
        let value = HeaderValue::from_bytes(&content_type.chars().map(|c| c as u8).collect::<Vec<_>>()).unwrap();
        headers.insert(names::CONTENT_TYPE, value);
    }
    if let Some(length) = length {
        headers.insert(names::CONTENT_LENGTH, length.into());
    }
    headers
}

/// What some parsers make of a body that arrives in one piece.
async fn parse_with(parsers: &Parsers, content_type: &str, body: &[u8], limits: &BodyLimits) -> Result<Value> {
    let headers = headers(content_type, Some(body.len()));
    parsers.parse(&headers, Body::from(body.to_vec()), &[], limits).await
}

async fn parse(content_type: &str, body: &[u8]) -> Result<Value> {
    parse_with(&Parsers::default(), content_type, body, &BodyLimits::default()).await
}

/// The same for a body that arrives in pieces, without a length.
async fn parse_pieces(content_type: &str, body: &[u8], size: usize, limits: &BodyLimits) -> Result<Value> {
    let pieces: Vec<_> = body.chunks(size.max(1)).map(|p| Ok::<_, Infallible>(Bytes::copy_from_slice(p))).collect();
    let body = Body::from_stream(stream::iter(pieces));
    Parsers::default().parse(&headers(content_type, None), body, &[], limits).await
}

fn answer(result: Result<Value>) -> String {
    match result {
        Err(error) => format!("{} {error}", error.status().as_u16()),
        Ok(value) => format!("{value:?}"),
    }
}

fn form(result: Result<Value>) -> Form {
    match result {
        Ok(Value::Form(form)) => *form,
        other => panic!("{}", answer(other)),
    }
}

/// A form as `name=value` pairs; a file as `<name size type>`.
fn pairs(result: Result<Value>) -> Vec<String> {
    let text = |value: &Value| match value {
        Value::File(file) => format!("<{} {} {}>", file.name(), file.size(), file.content_type().unwrap_or("None")),
        other => other.to_python_str().into_owned(),
    };
    form(result).lists().flat_map(|(name, all)| all.iter().map(move |v| format!("{name}={}", text(v)))).collect()
}

fn part(headers: &str, content: &str) -> String {
    format!("--B\r\n{headers}\r\n\r\n{content}\r\n")
}

fn file(form: &Form, name: &str) -> Arc<Upload> {
    let Some(Value::File(file)) = form.get(name) else { panic!("{form:?}") };
    Arc::clone(file)
}

#[tokio::test]
async fn a_body_that_is_empty() {
    for content_type in ["", "text/plain", "application/json", "nonsense"] {
        assert_eq!(parse(content_type, b"").await.unwrap(), Value::map(), "{content_type}");
    }
    for content_type in ["application/x-www-form-urlencoded", MULTIPART, "MULTIPART/form-data"] {
        assert!(form(parse(content_type, b"").await).is_empty(), "{content_type}");
        assert!(form(parse_pieces(content_type, b"", 1, &BodyLimits::default()).await).is_empty(), "{content_type}");
    }
}

#[tokio::test]
async fn the_first_parser_that_reads_the_type() {
    for content_type in ["application/json", "APPLICATION/JSON", "application/*", "*/*", "application/json; x=y"] {
        assert_eq!(parse(content_type, b"1").await.unwrap(), Value::Int(1), "{content_type}");
    }
    for content_type in ["", "nonsense", "text/json", "application/xml; charset=utf-8"] {
        let text = content_type.to_owned();
        assert_eq!(
            answer(parse(content_type, b"1").await),
            format!("415 {{\"detail\":\"Unsupported media type \\\"{text}\\\" in request.\"}}")
        );
    }
    let long = format!("application/json; x={}", "y".repeat(256));
    assert!(matches!(parse(&long, b"1").await, Err(Error::UnsupportedMediaType(_))));
    assert!(answer(parse("text/pl\u{e9}in", b"1").await).contains("text/pl\u{e9}in"));
}

#[tokio::test]
async fn json() {
    let detail = |text: &str| format!("400 {{\"detail\":\"JSON parse error - {text}\"}}");
    let latin = "application/json; charset=latin-1";
    assert_eq!(parse(latin, b"\"\xe9\"").await.unwrap(), "é".into());
    assert_eq!(parse("application/json; charset=nope", "\"é\"".as_bytes()).await.unwrap(), "é".into());
    assert_eq!(parse("application/json; charset=\"UTF-16\"", b"\xff\xfe1\0").await.unwrap(), Value::Int(1));
    assert_eq!(
        answer(parse("application/json; charset=zlib", b"1").await),
        "400 {\"detail\":\"Unsupported charset \\\"zlib\\\" in request Content-Type header.\"}"
    );
    assert_eq!(
        answer(parse("application/json; charset=ascii", b"\"\xe9\"").await),
        detail("'ascii' codec can't decode byte 0xe9 in position 1: ordinal not in range(128)")
    );
    assert_eq!(
        answer(parse("application/json", b"\xef\xbb\xbf1").await),
        detail("Unexpected UTF-8 BOM (decode using utf-8-sig): line 1 column 1 (char 0)")
    );
    assert_eq!(parse("application/json; charset=utf-8-sig", b"\xef\xbb\xbf1").await.unwrap(), Value::Int(1));
    assert_eq!(
        answer(parse("application/json", b"NaN").await),
        detail("Out of range float values are not JSON compliant: 'NaN'")
    );
    let deep = "[".repeat(100_000);
    assert_eq!(answer(parse("application/json", deep.as_bytes()).await), detail("Maximum nesting depth exceeded"));
    let loose = Parsers::none().with(JSONParser::new().strict(false));
    let limits = BodyLimits::default();
    let parsed = parse_with(&loose, "application/json", b"[NaN, -Infinity]", &limits).await.unwrap();
    assert!(matches!(parsed.as_list().unwrap(), [Value::Float(nan), Value::Float(f64::NEG_INFINITY)] if nan.is_nan()));
    assert_eq!(
        answer(parse_with(&loose, "application/json", b"\"\t\"", &limits).await),
        detail("Invalid control character at: line 1 column 2 (char 1)")
    );
}

#[tokio::test]
async fn forms() {
    let urlencoded = "application/x-www-form-urlencoded";
    for (body, expected) in [
        (b"a=1&b=%C3%A9&a=2&c=+x+&d".as_slice(), vec!["a=1", "a=2", "b=é", "c= x ", "d="]),
        (b"a=%zz&=x&&b=%ff&c=%+f", vec!["a=%zz", "=x", "b=\u{fffd}", "c=% f"]),
        // bytes that are not UTF-8 turn the whole body to Latin-1, but not its escapes
        (b"a=\xe9&b=%C3%A9\xc3", vec!["a=\u{e9}", "b=é\u{c3}"]),
        (b"a=b=c;d=e", vec!["a=b=c;d=e"]),
    ] {
        assert_eq!(pairs(parse(urlencoded, body).await), expected, "{body:?}");
    }
    let latin = format!("{urlencoded}; charset=latin-1");
    assert_eq!(pairs(parse(&latin, b"%e9=\xe9+%E9").await), ["é=é é"]);
    let ascii = format!("{urlencoded}; charset=ascii");
    assert_eq!(pairs(parse(&ascii, b"a=%e9&b=\xe9x%e9").await), ["a=\u{fffd}", "b=\u{e9}x\u{fffd}"]);
    assert!(parse(&format!("{urlencoded}; charset=rot13"), b"a=1").await.is_err());
    let many = "a=1&".repeat(999);
    assert_eq!(form(parse(urlencoded, many.as_bytes()).await).get_list("a").len(), 999);
    let error = answer(parse(urlencoded, format!("{many}&").as_bytes()).await);
    assert!(error.starts_with("400 {\"detail\":\"The number of GET/POST parameters exceeded"), "{error}");
}

#[tokio::test]
async fn multipart_fields_and_files() {
    let body = [
        part(
            "Content-Disposition: form-data; name=\"f\"; filename=\"x.txt\"\r\nContent-Type: Text/Plain; charset=x",
            "hi",
        ),
        part("Content-Disposition: form-data; name=\"a\"", "1"),
        part("content-disposition: form-data; name=a", "é"),
        part("Content-Disposition: form-data; name=\"f\"; filename=y", ""),
        part("Content-Disposition: form-data; name=\" e \"", ""),
        part("Content-Disposition: form-data; name=\"none\"; filename=\"\"", ""),
        part("Content-Disposition: form-data; name=\"skipped\"; filename=\"..\"", "x"),
        part("Content-Disposition: form-data; filename=\"skipped\"", "x"),
        part("Content-Disposition: form-data", "skipped"),
        part("X-Header: 1", "skipped"),
        "--B--\r\n".to_owned(),
    ]
    .concat();
    let expected = ["a=1", "a=é", "e=", "none=", "f=<x.txt 2 text/plain>", "f=<y 0 >"];
    assert_eq!(pairs(parse(MULTIPART, body.as_bytes()).await), expected);
    for size in 1..40 {
        let limits = BodyLimits::default();
        assert_eq!(pairs(parse_pieces(MULTIPART, body.as_bytes(), size, &limits).await), expected, "{size}");
    }
}

#[tokio::test]
async fn multipart_boundaries() {
    let error = |text: &str| format!("400 {{\"detail\":\"Multipart form parse error - {text}\"}}");
    for (content_type, text) in [
        ("multipart/form-data", "Invalid boundary in multipart: None"),
        ("multipart/form-data; boundary=", "Invalid boundary in multipart: "),
        ("multipart/form-data; boundary=\"x \"", "Invalid boundary in multipart: x "),
        (
            "multipart/form-data; boundary=\u{e9}",
            "Invalid non-ASCII Content-Type in multipart: multipart/form-data; boundary=\u{e9}",
        ),
        ("Multipart/form-data; boundary=B", "Invalid Content-Type: Multipart/form-data; boundary=B"),
    ] {
        assert_eq!(answer(parse(content_type, b"x").await), error(text));
    }
    let too_long = format!("multipart/form-data; boundary={}", "x".repeat(202));
    assert!(answer(parse(&too_long, b"x").await).contains("Invalid boundary in multipart: xxx"));
    let field = "Content-Disposition: form-data; name=a\r\n\r\n";
    for (body, expected) in [
        // a boundary that is missing at the end
        (format!("--B\r\n{field}x"), vec!["a=x"]),
        (format!("--B\r\n{field}x\r\n"), vec!["a=x\r\n"]),
        (format!("--B\r\n{field}x\r\n--"), vec!["a=x\r\n--"]),
        // one in the middle of a line, and line ends of other kinds
        (format!("--B\r\n{field}x--Bjunk\r\n{field}y\n--B--"), vec!["a=x", "a=y"]),
        (format!("--B\n{field}x\r--B--"), vec!["a=x"]),
        // something before the first one and after the last one
        (format!("preamble\r\n--B\r\n{field}x\r\n--B--\r\nepilogue"), vec!["a=x"]),
        (format!("{field}before\r\n--B\r\n{field}x\r\n--B--\r\n{field}after"), vec!["a=before", "a=x", "a=after"]),
        ("no boundary at all".to_owned(), vec![]),
        ("--B--".to_owned(), vec![]),
        ("--B".to_owned(), vec![]),
        ("--B\r\n\r\n--B--".to_owned(), vec![]),
    ] {
        for size in [1, 3, 1000] {
            let parsed = parse_pieces(MULTIPART, body.as_bytes(), size, &BodyLimits::default()).await;
            assert_eq!(pairs(parsed), expected, "{body:?}");
        }
    }
    let upload = "Content-Disposition: form-data; name=f; filename=f\r\n\r\n";
    for (end, expected) in
        [("", vec![]), ("\r\n--B", vec![]), ("\r\n--B-", vec!["f=<f 1 >"]), ("\r\n--B--", vec!["f=<f 1 >"])]
    {
        let body = format!("--B\r\n{upload}x{end}");
        assert_eq!(pairs(parse(MULTIPART, body.as_bytes()).await), expected, "a file that is cut short");
    }
    let long = format!("--B\r\nX: {}\r\n\r\n", "x".repeat(2000));
    assert_eq!(answer(parse(MULTIPART, long.as_bytes()).await), error("Request max total header size exceeded."));
}

#[tokio::test]
async fn multipart_names_and_encodings() {
    let body = [
        part("Content-Disposition: form-data; name=f; filename=\"C:\\\\dir\\\\a&#98;.txt\"", "1"),
        part("Content-Disposition: form-data; name=f; filename*=utf-8''caf%C3%A9.txt", "2"),
        part("Content-Disposition: form-data; name=f; filename=a; filename*=utf-8''b", "3"),
        part(
            "Content-Disposition: form-data; name=f; filename=64\r\nContent-Transfer-Encoding: BASE64",
            "aGVs\r\nbG8=",
        ),
        part("Content-Disposition: form-data; name=t\r\nContent-Transfer-Encoding: base64", "aGVsbG8="),
        part("Content-Disposition: form-data; name=t\r\nContent-Transfer-Encoding: base64", "aGVsbG8"),
        part("Content-Disposition: form-data; name=t\r\nContent-Type: text/plain; charset=latin-1", "é"),
        "--B--".to_owned(),
    ]
    .concat();
    assert_eq!(
        pairs(parse(MULTIPART, body.as_bytes()).await),
        ["t=hello", "t=aGVsbG8", "t=é", "f=<ab.txt 1 >", "f=<café.txt 1 >", "f=<b 1 >", "f=<64 5 >"]
    );
    let latin = format!("{MULTIPART}; charset=latin-1");
    let body = part("Content-Disposition: form-data; name=\u{e9}", "é") + "--B--";
    assert_eq!(pairs(parse(&latin, body.as_bytes()).await), ["\u{c3}\u{a9}=\u{c3}\u{a9}"]);
    let cut =
        part("Content-Disposition: form-data; name=f; filename=x\r\nContent-Transfer-Encoding: base64", "aGVsbG8")
            + "--B";
    assert!(answer(parse(MULTIPART, cut.as_bytes()).await).contains("Could not decode base64 data."));
}

#[tokio::test]
async fn multipart_limits() {
    let limits =
        BodyLimits { bytes: 20, file_memory: 8, files: 2, fields: 3, upload_bytes: 4000, ..Default::default() };
    let field = |n: usize| part("Content-Disposition: form-data; name=a", &"x".repeat(n));
    let upload = |n: usize| part("Content-Disposition: form-data; name=f; filename=f", &"x".repeat(n));
    // a field counts with its name and two characters, a file does not
    let body = format!("{}{}{}--B--", field(17), upload(100), upload(5));
    let parsed = form(parse_with(&Parsers::default(), MULTIPART, body.as_bytes(), &limits).await);
    let sizes: Vec<_> =
        parsed.get_list("f").iter().map(|v| matches!(v, Value::File(f) if f.in_memory().is_none())).collect();
    assert_eq!(sizes, [true, true]);
    for body in [format!("{}--B--", field(18)), format!("{}{}--B--", field(5), field(10)), upload(5000)] {
        let parsed = parse_with(&Parsers::default(), MULTIPART, body.as_bytes(), &limits).await;
        assert!(matches!(parsed, Err(Error::PayloadTooLarge)), "{body}");
        let parsed = parse_pieces(MULTIPART, body.as_bytes(), 7, &limits).await;
        assert!(matches!(parsed, Err(Error::PayloadTooLarge)), "{body}");
    }
    let error = answer(parse_with(&Parsers::default(), MULTIPART, upload(1).repeat(3).as_bytes(), &limits).await);
    assert!(error.contains("The number of files exceeded"), "{error}");
    assert!(
        form(parse_pieces(MULTIPART, format!("{}--B--", field(1).repeat(3)).as_bytes(), 9, &limits).await)
            .contains("a")
    );
    let error = answer(parse_with(&Parsers::default(), MULTIPART, field(1).repeat(5).as_bytes(), &limits).await);
    assert!(error.contains("The number of GET/POST parameters exceeded"), "{error}");
}

#[tokio::test]
async fn files_stay_in_memory_as_long_as_all_of_them_are_small() {
    let limits = BodyLimits { file_memory: 8, ..Default::default() };
    let upload = |name: &str, n: usize| {
        part(&format!("Content-Disposition: form-data; name={name}; filename=f"), &"x".repeat(n))
    };
    let body = format!("{}{}{}--B--", upload("a", 5), upload("b", 5), upload("c", 2));
    let parsed = form(parse_pieces(MULTIPART, body.as_bytes(), 16, &limits).await);
    let in_memory = |name| file(&parsed, name).in_memory().is_some();
    assert_eq!((in_memory("a"), in_memory("b"), in_memory("c")), (true, false, true));
    assert_eq!(file(&parsed, "b").read().unwrap(), "xxxxx");
}

#[tokio::test]
async fn a_body_that_is_a_file() {
    let parsers = Parsers::none().with(FileUploadParser::new());
    let upload = async |disposition: Option<&str>, filename: Option<&str>| {
        let mut headers = headers("image/png; x=1", None);
        if let Some(disposition) = disposition {
            headers.insert(names::CONTENT_DISPOSITION, HeaderValue::from_bytes(disposition.as_bytes()).unwrap());
        }
        let kwargs: Vec<_> = filename.map(|name| ("filename".to_owned(), name.to_owned())).into_iter().collect();
        match parsers.parse(&headers, Body::from("hi"), &kwargs, &BodyLimits::default()).await {
            Ok(value) => match value.get("file") {
                Some(Value::File(file)) => format!("{} {} {}", file.name(), file.size(), file.content_type().unwrap()),
                other => panic!("{other:?}"),
            },
            Err(error) => error.to_string(),
        }
    };
    assert_eq!(upload(None, Some("a.txt")).await, "a.txt 2 image/png; x=1");
    assert_eq!(upload(Some("attachment; filename=b.txt"), Some("x/a.txt")).await, "a.txt 2 image/png; x=1");
    assert_eq!(upload(Some("attachment; filename=b.txt"), None).await, "b.txt 2 image/png; x=1");
    assert_eq!(upload(Some("a; filename=b; filename*=utf-8''caf%C3%A9"), None).await, "café 2 image/png; x=1");
    let missing = r#"{"detail":"Missing filename. Request should include a Content-Disposition header with a filename parameter."}"#;
    for disposition in [None, Some("attachment"), Some("attachment; filename="), Some("a; filename*=nope''x")] {
        assert_eq!(upload(disposition, None).await, missing, "{disposition:?}");
    }
    assert_eq!(upload(Some("a; filename=b"), Some("")).await, missing);
    assert_eq!(upload(None, Some("..")).await, r#"{"detail":"Could not derive file name from '..'"}"#);
}

#[tokio::test]
async fn bodies_that_are_too_long() {
    let limits = BodyLimits { bytes: 10, ..Default::default() };
    for content_type in ["application/json", "application/x-www-form-urlencoded"] {
        assert!(parse_with(&Parsers::default(), content_type, b"1111111111", &limits).await.is_ok());
        let body = b"11111111111";
        let declared = parse_with(&Parsers::default(), content_type, body, &limits).await;
        assert!(matches!(declared, Err(Error::PayloadTooLarge)));
        for size in [1, 10, 11] {
            let found = parse_pieces(content_type, body, size, &limits).await;
            assert!(matches!(found, Err(Error::PayloadTooLarge)), "{size}");
        }
    }
    let text = parse_with(&Parsers::default(), "text/plain", b"11111111111", &limits).await;
    assert!(matches!(text, Err(Error::UnsupportedMediaType(_))));
}

#[tokio::test(start_paused = true)]
async fn bodies_that_are_too_slow() {
    let limits = BodyLimits { bytes: 4, timeout: Duration::from_secs(10), ..Default::default() };
    let slow = |content_type: &str, pause: u64, pieces: u32| {
        let stream = stream::unfold(0, move |n| async move {
            tokio::time::sleep(Duration::from_secs(pause)).await;
            (n < pieces).then(|| (Ok::<_, Infallible>(Bytes::from_static(b"1")), n + 1))
        });
        let headers = headers(content_type, None);
        let limits = limits.clone();
        async move { Parsers::default().parse(&headers, Body::from_stream(stream), &[], &limits).await }
    };
    assert!(slow("application/json", 3, 2).await.is_ok());
    assert!(matches!(slow("application/json", 3, 3).await, Err(Error::RequestTimeout)));
    // a form with files has as much time for each four bytes
    assert!(slow(MULTIPART, 2, 40).await.is_ok());
    assert!(matches!(slow(MULTIPART, 3, 40).await, Err(Error::RequestTimeout)));
}

#[derive(Debug)]
struct Shout;

#[async_trait]
impl Parser for Shout {
    fn media_type(&self) -> &str {
        "text/*; v=1"
    }

    async fn parse(&self, body: &mut RequestBody<'_>, request: &ParserContext<'_>) -> Result<Value> {
        let bytes = body.bytes().await?;
        Ok(format!("{} {}", request.decode(&bytes)?.to_uppercase(), request.kwarg("k").unwrap_or("-")).into())
    }
}

#[tokio::test]
async fn a_parser_of_ones_own() {
    let parsers = Parsers::default().with(Shout);
    let kwargs = [("k".to_owned(), "v".to_owned())];
    let headers = headers("text/plain; v=1; charset=latin-1", None);
    let parsed = parsers.parse(&headers, Body::from(b"\xe9".to_vec()), &kwargs, &BodyLimits::default()).await;
    assert_eq!(parsed.unwrap(), "É v".into());
    let limits = BodyLimits::default();
    assert!(parse_with(&parsers, "text/plain", b"x", &limits).await.is_err());
}

fn run(body: &[u8], size: usize, limits: &BodyLimits) -> Result<Value> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(parse_pieces("multipart/form-data; boundary=B", body, size, limits))
}

/// Bodies out of the words of the format, so that every branch is met.
fn bodies() -> impl Strategy<Value = Vec<u8>> {
    let words: Vec<&[u8]> = vec![
        b"--B",
        b"--",
        b"B",
        b"\r\n",
        b"\r",
        b"\n",
        b"\r\n\r\n",
        b"\r\n--B\r\n",
        b"\r\n--B--\r\n",
        b"x",
        b"=",
        b"\xff",
        b"\0",
        b"Content-Disposition: form-data; name=\"a\"",
        b"Content-Disposition: form-data; name=f; filename=\"f\"",
        b"; filename*=utf-8''%C3%A9",
        b"; filename*0=x; filename*1*=y",
        b"Content-Type: text/plain; charset=utf-16",
        b"Content-Transfer-Encoding: base64",
        b"aGVsbG8=",
        b"\"",
        b";",
        b"\\\"",
        b"&amp;&#0;",
    ];
    let word = prop_oneof![
        20 => proptest::sample::select(words).prop_map(<[u8]>::to_vec),
        1 => proptest::collection::vec(any::<u8>(), 0..40),
        1 => (0..1500_usize).prop_map(|n| vec![b'y'; n]),
    ];
    proptest::collection::vec(word, 0..40).prop_map(|words| words.concat())
}

proptest! {
    /// Nothing from outside is a panic or a 500, and how the body is cut into pieces on its way does not matter.
    #[test]
    fn multipart_never_fails_otherwise_than_with_4xx(body in bodies(), size in 1..200_usize) {
        let limits = BodyLimits { bytes: 2000, file_memory: 8, fields: 6, files: 3, ..Default::default() };
        let whole = run(&body, body.len().max(1), &limits);
        if let Err(error) = &whole {
            prop_assert!(error.status().is_client_error());
        }
        let describe = |result: Result<Value>| match result {
            Ok(_) => pairs(result).join("\n"),
            Err(error) => error.to_string(),
        };
        prop_assert_eq!(describe(whole), describe(run(&body, size, &limits)));
    }

    #[test]
    fn forms_never_fail(body in proptest::collection::vec(any::<u8>(), 1..300), charset in "utf-8|latin-1|utf-16|cp1252|gbk|ascii") {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let content_type = format!("application/x-www-form-urlencoded; charset={charset}");
        prop_assert!(runtime.block_on(parse(&content_type, &body)).is_ok());
    }

    #[test]
    fn headers_never_panic(header in "[a-z;=\"*' %0-9\\\\<>é]{0,60}") {
        let _ = Parameters::parse(&header);
    }
}
