//! Every recorded body of `/fields/…` and `/composite/…`, asked of the same serializers without a server.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};

use bowline::context::Context;
use bowline::fields::metadata;
use bowline::serializers::Serializer;
use bowline::value::{Form, Value, convert, json, query};

use crate::composites;
use crate::kinds;

/// The serializers by their paths, without `-codes`.
fn serializers() -> HashMap<String, Serializer> {
    let kinds = kinds::kinds().unwrap().into_iter();
    let kinds = kinds.map(|(name, field)| (format!("/fields/{name}/"), Serializer::new().field(field)));
    let composites = composites::composites().unwrap().into_iter();
    kinds.chain(composites.map(|(name, serializer)| (format!("/composite/{name}/"), serializer))).collect()
}

/// What a request answers: its status and its body.
fn answer(serializer: &Serializer, method: &str, data: &Value, codes: bool) -> (i64, Value) {
    let request = Context::default();
    let valid = match method {
        "PATCH" => serializer.run_partial_validation(data, &request),
        _ => serializer.run_validation(data, &request),
    };
    let error = match valid {
        Ok(valid) => {
            let shown = |value: &Value| json::parse_str(&convert::json_text(value)).unwrap();
            let mut body = Value::map();
            let Value::Map(map) = &mut body else { unreachable!() };
            if method == "POST" {
                map.insert("data", serializer.data(&valid, &request).unwrap());
            }
            map.insert("validated", shown(&valid));
            return (200, body);
        }
        Err(error) => error,
    };
    let body = match codes {
        true => bowline::value!({"codes": error.get_codes(), "full": error.get_full_details()}),
        false => json::parse_str(&error.to_json()).unwrap(),
    };
    (400, body)
}

/// The body of a recorded request; none where it is not one that serializers see.
fn data(request: &Value) -> Option<Value> {
    if let Some(json) = request.get("json") {
        return Some(json.clone());
    }
    if let Some(pairs) = request.get("form") {
        let mut form = Form::new();
        let mut add = |name: &str, value: &Value| form.append(name, value.to_python_str().into_owned().into());
        for (name, value) in pairs.as_map()? {
            match value {
                Value::List(values) => values.iter().for_each(|value| add(name, value)),
                value => add(name, value),
            }
        }
        return Some(Value::Form(Box::new(form)));
    }
    let body = request.get("body")?.as_str()?;
    let headers = request.get("headers").and_then(Value::as_map);
    let media = headers.and_then(|headers| headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("content-type")));
    match media.and_then(|(_, media)| media.as_str()) {
        Some("application/json") => json::parse_str(body).ok(),
        Some("application/x-www-form-urlencoded") => {
            let mut form = Form::new();
            for (name, value) in query::parameters(body) {
                form.append(name, Value::Str(value.into_owned()));
            }
            Some(Value::Form(Box::new(form)))
        }
        _ => None,
    }
}

fn scenarios(folder: &Path, found: &mut Vec<PathBuf>) {
    let mut entries: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            scenarios(&path, found);
        } else {
            found.push(path);
        }
    }
}

#[test]
fn recorded_answers() {
    let serializers = serializers();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/oracle/scenarios");
    let mut files = Vec::new();
    scenarios(&folder, &mut files);
    let mut asked = HashSet::new();
    let mut wrong = Vec::new();
    let mut steps = 0;
    for file in files {
        let scenario = json::parse(&fs::read(&file).unwrap()).unwrap();
        for step in scenario.get("steps").unwrap().as_list().unwrap() {
            let request = step.get("request").unwrap();
            let path = request.get("path").unwrap().as_str().unwrap();
            let codes = path.contains("-codes/");
            let Some((key, serializer)) = serializers.get_key_value(&path.replace("-codes/", "/")) else { continue };
            let response = step.get("response").unwrap();
            let method = request.get("method").unwrap().as_str().unwrap();
            let (status, body) = match (method, data(request)) {
                ("OPTIONS", _) => (200, metadata::fields(serializer.fields())),
                ("POST" | "PATCH", Some(data)) => answer(serializer, method, &data, codes),
                _ => continue,
            };
            let expected_status = response.get("status").unwrap().as_int().unwrap();
            let expected = response.get("json").cloned().unwrap_or(Value::Null);
            let expected = match (method, codes && expected_status == 400) {
                ("OPTIONS", _) => expected.get("actions").unwrap().get("POST").unwrap().clone(),
                (_, true) => {
                    let error = expected.get("error").unwrap();
                    let part = |name: &str| error.get(name).unwrap().clone();
                    bowline::value!({"codes": part("codes"), "full": part("full")})
                }
                _ => expected,
            };
            // where DRF fails, anything but a success will do; the order of the keys counts
            let fits = match expected_status {
                500 => status == 400,
                _ => status == expected_status && convert::json_text(&body) == convert::json_text(&expected),
            };
            steps += 1;
            asked.insert(key);
            if !fits {
                let step = step.get("name").map(|name| name.to_python_str().into_owned()).unwrap_or_default();
                let file = file.file_stem().unwrap().to_string_lossy().into_owned();
                let (body, expected) = (convert::json_text(&body), convert::json_text(&expected));
                wrong.push(format!(
                    "{file}, {step}:\n  expected {expected_status} {expected}\n  found    {status} {body}"
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {steps} steps:\n{}", wrong.len(), wrong.join("\n"));
    let mut never: Vec<_> = serializers.keys().filter(|key| !asked.contains(key)).collect();
    never.sort();
    assert!(never.is_empty(), "nothing was recorded for {never:?}");
    assert!(steps > 1000, "only {steps} steps were found");
}
