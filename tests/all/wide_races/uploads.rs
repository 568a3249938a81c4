//! Files beside writes that fail: each row has its file, and no file is without a row.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use bowline::prelude::*;
use bowline::storage::FileSystemStorage;
use serde_json::json;

use crate::support::Database;
use crate::wide_races::clients::{Api, CLIENTS, Call, count, delete, one_gets_it, patch, post, put};
use crate::wide_races::each;
use crate::wide_races::models::{page, paper};

fn api(database: &Database, media: &Path) -> Api {
    let media = Arc::new(FileSystemStorage::new(media, "/media/"));
    let described = Model::<paper::Entity>::new().column(paper::Column::File, |file| file.file("papers/"));
    let pages = ModelSerializer::<page::Entity>::new().fields(["id", "scan"]);
    let scanned = ModelSerializer::new().fields(["id", "title", "file", "pages"]).nested("pages", pages, |f| f);
    let router = DefaultRouter::new()
        .describe(described)
        .describe(
            Model::<page::Entity>::new()
                .foreign_key(page::Column::PaperId, |paper| paper.related_name("pages"))
                .column(page::Column::Scan, |scan| scan.file("papers/")),
        )
        .register("papers", ModelViewSet::<paper::Entity>::new())
        .register("scanned", ModelViewSet::<paper::Entity>::new().serializer(scanned).basename("scanned"))
        .configure(|settings| settings.storage = media);
    Api::new(database, router)
}

/// A form with a title and a file.
fn form(call: Call, title: Option<&str>, content: &str) -> Call {
    form_with(call, title, content, &[])
}

/// The same with pages.
fn form_with(call: Call, title: Option<&str>, content: &str, pages: &[&str]) -> Call {
    let part = |head: &str, body: &str| format!("--limit\r\nContent-Disposition: form-data; {head}\r\n\r\n{body}\r\n");
    let mut body = title.map(|title| part("name=\"title\"", title)).unwrap_or_default();
    body.push_str(&part("name=\"file\"; filename=\"paper.txt\"", content));
    for (n, page) in pages.iter().enumerate() {
        body.push_str(&part(&format!("name=\"pages[{n}]scan\"; filename=\"page{n}.txt\""), page));
    }
    body.push_str("--limit--\r\n");
    call.of_kind("multipart/form-data; boundary=limit", body.into_bytes())
}

/// The names and contents that rows have, and those of files; files that a row had before are Django's to keep.
fn files(media: &Path) -> BTreeSet<String> {
    let Ok(folder) = std::fs::read_dir(media.join("papers")) else { return BTreeSet::new() };
    folder.map(|entry| format!("papers/{}", entry.unwrap().file_name().to_str().unwrap())).collect()
}

fn named(api: &Api) -> BTreeSet<String> {
    let name = |row: &serde_json::Value| row["file"].as_str().unwrap().split_once("/media/").unwrap().1.to_owned();
    api.rows("/papers/").iter().map(name).collect()
}

#[test]
fn a_title_that_is_taken_leaves_no_file() {
    const REFUSAL: &str = r#"{"title":["paper with this title already exists."]}"#;
    each(|database| {
        let media = tempfile::tempdir().unwrap();
        let api = api(database, media.path());
        for round in 0..4 {
            let title = format!("t{round}");
            one_gets_it(&api, 201, REFUSAL, |n| form(post("/papers/", &json!(null)), Some(&title), &n.to_string()));
            let rows = api.rows("/papers/");
            assert_eq!((rows.len(), files(media.path())), (round + 1, named(&api)));
        }
        let names = named(&api);
        let ids: Vec<i64> = (0..CLIENTS)
            .map(|n| {
                let call = form(post("/papers/", &json!(null)), Some(&format!("own{n}")), "own");
                api.at_once([call])[0].body["id"].as_i64().unwrap()
            })
            .collect();
        let before = files(media.path());
        one_gets_it(&api, 200, REFUSAL, |n| {
            let path = format!("/papers/{}/", ids[n]);
            form(if n % 2 == 0 { put(path, &json!(null)) } else { patch(path, &json!(null)) }, Some("same"), "new")
        });
        let after = files(media.path());
        assert_eq!(after.difference(&before).count(), 1, "the winner's");
        assert!(named(&api).is_subset(&after) && names.is_subset(&after));
    });
}

#[test]
fn a_row_that_goes_leaves_the_file_of_no_change() {
    each(|database| {
        let media = tempfile::tempdir().unwrap();
        let api = api(database, media.path());
        for round in 0..4 {
            let call = form(post("/papers/", &json!(null)), Some(&format!("t{round}")), "first");
            let id = api.at_once([call])[0].body["id"].clone();
            let path = format!("/papers/{id}/");
            let before = files(media.path());
            let answers = api.at_once((0..CLIENTS).map(|n| match n {
                5 => delete(&path),
                _ => form(patch(&path, &json!(null)), None, &n.to_string()),
            }));
            assert_eq!(answers[5].status, 204, "{:?}", answers[5]);
            let (done, gone) = (count(&answers, 200), count(&answers, 404));
            assert_eq!(done + gone, CLIENTS - 1, "{answers:?}");
            // what was a row's once stays, as in Django; what never was is gone
            let after = files(media.path());
            assert_eq!(after.difference(&before).count(), done);
            assert!(before.is_subset(&after));
        }
        assert_eq!(api.rows("/papers/").len(), 0);
    });
}

#[test]
fn files_of_rows_within_a_row() {
    each(|database| {
        let media = tempfile::tempdir().unwrap();
        let api = api(database, media.path());
        let call = |n: usize| form_with(post("/scanned/", &json!(null)), Some("t"), "c", &["one", &n.to_string()]);
        one_gets_it(&api, 201, r#"{"title":["paper with this title already exists."]}"#, call);
        let row = &api.rows("/scanned/")[0];
        assert_eq!((row["pages"].as_array().unwrap().len(), files(media.path()).len()), (2, 3), "{row}");
        for page in row["pages"].as_array().unwrap() {
            let name = page["scan"].as_str().unwrap().split_once("/media/").unwrap().1;
            assert!(files(media.path()).contains(name), "{name}");
        }
    });
}
