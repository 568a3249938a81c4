//! Unique values that change places, in several writes at once: the answers and the rows are those of some order in which the
//! writes might have come one after the other.

use std::collections::{BTreeMap, BTreeSet};

use bowline::fields::{Field, IntegerField};
use bowline::prelude::*;
use serde_json::{Value as Json, json};

use crate::support::{Database, Random};
use crate::wide_races::clients::{Answer, Api, Call, patch};
use crate::wide_races::each_kind;
use crate::wide_races::models::{SHELVES, item, shelf, shelves};

/// How many items there are, and how many writes come at once.
const ITEMS: i64 = 6;
const WRITES: usize = 5;

fn api(database: &Database) -> Api {
    let items = || ModelSerializer::<item::Entity>::new().fields(["id", "label", "code"]);
    let nested = items().declare(Field::new("id", IntegerField::new()).required(false));
    let serializer =
        ModelSerializer::<shelf::Entity>::new().fields(["id", "name", "items"]).nested("items", nested, |f| f);
    let many = [Action::Update, Action::PartialUpdate];
    let all = [Action::List, Action::Retrieve, Action::Update, Action::PartialUpdate];
    let router = shelves()
        .register("shelves", ModelViewSet::new().serializer(serializer))
        .register("items", ModelViewSet::new().serializer(items()).actions(all).update_many(many));
    Api::new(database, router)
}

type Codes = BTreeMap<i64, String>;

/// What one write says of codes, and how it is sent.
struct Write {
    codes: Vec<(i64, String)>,
    call: Call,
}

fn write(random: &mut Random, start: &Codes) -> Write {
    let mut ids: Vec<i64> = start.keys().copied().collect();
    for n in (1..ids.len()).rev() {
        ids.swap(n, random.below(n as u64 + 1) as usize);
    }
    let kind = random.below(4);
    let some = if kind == 0 { 1 } else { 2 + random.below(4) as usize };
    let (changed, others) = ids.split_at(some);
    // values that go around, with now and then one that nobody has, or somebody else
    let mut codes: Vec<String> = changed.iter().map(|id| start[id].clone()).collect();
    codes.rotate_left(1);
    if kind == 0 || random.below(3) == 0 {
        let place = random.below(codes.len() as u64) as usize;
        codes[place] = (*random.pick(&["A", "B", "C", "D", "E", "F", "G", "H"])).to_owned();
    }
    let codes: Vec<(i64, String)> = changed.iter().copied().zip(codes).collect();
    let mut items: Vec<Json> = codes.iter().map(|(id, code)| json!({"id": id, "code": code})).collect();
    let call = match kind {
        0 => patch(format!("/items/{}/", changed[0]), &json!({"code": codes[0].1})),
        1 => {
            items.extend(others.iter().map(|id| json!({"id": id})));
            patch("/shelves/1/", &json!({"items": items}))
        }
        _ => patch("/items/", &json!(items)),
    };
    Write { codes, call }
}

/// The codes after a write, where it can be done.
fn after(codes: &Codes, write: &Write) -> Option<Codes> {
    let mut codes = codes.clone();
    codes.extend(write.codes.iter().cloned());
    (codes.values().collect::<BTreeSet<_>>().len() == codes.len()).then_some(codes)
}

/// Whether the writes that are left may have come in some order, and have led to the end.
fn is_serial(codes: &Codes, left: &[usize], writes: &[Write], answers: &[Answer], end: &Codes) -> bool {
    if left.is_empty() {
        return codes == end;
    }
    left.iter().any(|next| {
        let rest: Vec<usize> = left.iter().copied().filter(|n| n != next).collect();
        match (after(codes, &writes[*next]), answers[*next].status) {
            (Some(codes), 200) => is_serial(&codes, &rest, writes, answers, end),
            (None, 400) => is_serial(codes, &rest, writes, answers, end),
            _ => false,
        }
    })
}

#[test]
fn values_change_places_as_if_writes_came_one_by_one() {
    each_kind(SHELVES, |database| {
        let api = api(database);
        let items: Vec<Json> = ["A", "B", "C", "D", "E", "F"].iter().map(|c| json!({"label": c, "code": c})).collect();
        api.post("/shelves/", &json!({"name": "s", "items": items}));
        let now = || -> Codes {
            let rows = api.rows("/items/").into_iter();
            rows.map(|row| (row["id"].as_i64().unwrap(), row["code"].as_str().unwrap().to_owned())).collect()
        };
        let mut random = Random::new(5);
        let mut statuses = BTreeMap::<u16, usize>::new();
        for round in 0..60 {
            let start = now();
            assert_eq!(start.len() as i64, ITEMS);
            let writes: Vec<Write> = (0..WRITES).map(|_| write(&mut random, &start)).collect();
            let answers = api.at_once(writes.iter().map(|write| write.call.clone()));
            answers.iter().for_each(|answer| *statuses.entry(answer.status).or_default() += 1);
            let end = now();
            let all: Vec<usize> = (0..WRITES).collect();
            let told = || {
                let of = |(write, answer): (&Write, &Answer)| {
                    format!("{:?}: {} {}", write.codes, answer.status, answer.text)
                };
                writes.iter().zip(&answers).map(of).collect::<Vec<_>>().join("\n")
            };
            let place = database.name();
            assert!(
                is_serial(&start, &all, &writes, &answers, &end),
                "{place} {round}: {start:?}\n{}\n{end:?}",
                told()
            );
        }
        assert!(statuses[&200] > 60 && statuses[&400] > 10, "{statuses:?}");
    });
}
