//! Lists of objects in one request: created, changed or deleted in one transaction, all or none.
//!
//! What is wrong with an object is an error at its index, whether the body says it, another object of the body or the
//! database. See DRF's chapter "Serializers", "Dealing with multiple objects".

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use super::View;
use super::exchange::{self, Given, Root};
use super::instance::Deleting;
use super::resource::{Resource, Stop, Tries, undo};
use super::save::Saving;
use super::write::{answering, decide};
use crate::context::Context;
use crate::error::{Error, ErrorDetail, MOST_ITEMS, Result, ValidationError};
use crate::heavy;
use crate::pause::{Pause, Point};
use crate::relations::parse_key;
use crate::serializers::{Mode, Validated, Via};
use crate::store::{ColumnSet, Rows, StoreError, Transaction};
use crate::value::{DbValue, Value, convert};

/// How many rows one statement inserts: what bounds the memory of a large request.
const BATCH: usize = 1_000;

impl View {
    /// POST of a list: the new objects as a JSON array.
    ///
    /// # Errors
    ///
    /// 400 with the errors of the objects by their index; otherwise as [`View::create`].
    pub(crate) async fn create_list(
        &self,
        resource: &Resource,
        data: &Value,
        cx: &Context,
        pause: &Pause,
    ) -> Result<Vec<u8>> {
        let mut objects = resource.serializer.validate_list(data, Mode::Create, cx)?;
        resource.right_or_wrong(data, &mut objects, None, cx).await?;
        resource.serializer.validate_whole_list(&objects)?;
        let repeated = resource.serializer.repeated(&objects);
        if !repeated.is_empty() {
            return Err(by_index(objects.len(), repeated).into());
        }
        self.save_list(resource, data, objects, None, cx, pause).await
    }

    /// PUT or PATCH of a list: every object names the row that it changes by its key.
    ///
    /// # Errors
    ///
    /// 400 with the errors of the objects by their index, for a row that is not there too.
    pub(crate) async fn update_list(
        &self,
        resource: &Resource,
        data: &Value,
        mode: Mode,
        cx: &Context,
        pause: &Pause,
    ) -> Result<Vec<u8>> {
        let cx = &answering(mode, cx);
        let mut objects = resource.serializer.validate_list(data, mode, cx)?;
        let keys = resource.keys(data);
        resource.right_or_wrong(data, &mut objects, keys.as_deref().ok(), cx).await?;
        let keys = keys?;
        resource.serializer.validate_whole_list(&objects)?;
        let repeated = resource.serializer.repeated(&objects);
        if !repeated.is_empty() {
            return Err(by_index(objects.len(), repeated).into());
        }
        self.save_list(resource, data, objects, Some(&keys), cx, pause).await
    }

    async fn save_list(
        &self,
        resource: &Resource,
        data: &Value,
        mut objects: Vec<Validated>,
        keys: Option<&[DbValue]>,
        cx: &Context,
        pause: &Pause,
    ) -> Result<Vec<u8>> {
        let files = resource.stage(&mut objects).await?;
        let mut tries = Tries::new(resource, None, None, cx);
        let outcome = loop {
            if let Err(error) = tries.ready().await {
                break Err(error);
            }
            let request = ListRequest { data, objects: &objects, keys, cx, pause, careful: tries.stopped > 0 };
            let stop = match Box::pin(self.list_in_transaction(resource, &request)).await {
                Ok(body) => break Ok(body),
                Err(stop) => stop,
            };
            let serializer = &resource.serializer;
            let ruling = |violation: &_| serializer.ruling(violation, &Value::Null);
            if let Err(error) = tries.again(stop, ruling).await {
                break Err(error);
            }
        };
        decide(files, &outcome);
        outcome
    }

    /// DELETE of a list of keys, or of objects that name their keys.
    ///
    /// # Errors
    ///
    /// 400 for a key that no row has, at its index; 409 where other rows protect one of them.
    pub(crate) async fn destroy_list(
        &self,
        resource: &Resource,
        data: &Value,
        cx: &Context,
        pause: &Pause,
    ) -> Result<()> {
        let keys = resource.keys(data)?;
        let mut tries = Tries::new(resource, None, None, cx);
        loop {
            tries.ready().await?;
            match Box::pin(self.destroy_list_in_transaction(resource, &keys, cx, pause)).await {
                Ok(()) => return Ok(()),
                Err(stop) => tries.again(stop, |_| (resource.protected(), true)).await?,
            }
        }
    }

    async fn list_in_transaction(&self, resource: &Resource, request: &ListRequest<'_>) -> Result<Vec<u8>, Stop> {
        let (tx, _) = resource.begin(None, request.cx).await?;
        match self.list_inside(resource, &tx, request).await {
            Ok(body) => {
                request.pause.at(Point::BeforeCommit).await;
                resource.commit(tx, &body, request.cx).await?;
                Ok(body)
            }
            Err(stop) => Err(undo(tx, stop).await),
        }
    }

    async fn list_inside(
        &self,
        resource: &Resource,
        tx: &Transaction,
        request: &ListRequest<'_>,
    ) -> Result<Vec<u8>, Stop> {
        let &ListRequest { data, objects, keys, cx, pause, careful } = request;
        let via = Via::Transaction(tx);
        let serializer = &resource.serializer;
        let mut out = vec![b'['];
        let mut placed;
        let mut locked = None;
        let objects = if careful || objects.iter().any(|object| exchange::is_wanted(serializer, object)) {
            if let Some(keys) = keys {
                locked = match resource.lock_all(tx, keys, cx).await {
                    Ok(rows) => Some(rows),
                    // a row that is not there is not all that may be wrong
                    Err(Stop::Fail(error)) => {
                        resource.examine_all(data, &mut objects.to_vec(), Some(keys), cx, via).await?;
                        return Err(error.into());
                    }
                    Err(stop) => return Err(stop),
                };
            }
            placed = objects.to_vec();
            resource.make_room(tx, &mut placed, keys, locked.as_deref(), cx).await?;
            &placed
        } else {
            objects
        };
        let is_plain = objects.iter().all(Validated::is_plain);
        let judged = serializer.has_object_rules() || serializer.has_query_rules() || self.hooks.is_some();
        if careful || serializer.has_unenforced() {
            let mut copies = objects.to_vec();
            resource.examine_all(data, &mut copies, keys, cx, via).await?;
        }
        pause.at(Point::BeforeWrite).await;
        // after a constraint stopped them all, one by one, so that the object at fault is known
        if keys.is_none() && is_plain && !judged && !careful && resource.shape.flat().is_some() {
            resource.insert_all(tx, objects, cx, &mut out).await?;
            out.push(b']');
            return Ok(out);
        }
        // rows are locked in the order of their keys, whatever order the body has
        let stored = match (locked, keys) {
            (Some(locked), _) => Some(locked),
            (None, Some(keys)) => Some(resource.lock_all(tx, keys, cx).await?),
            (None, None) => None,
        };
        for (n, object) in objects.iter().enumerate() {
            let key = keys.and_then(|keys| keys.get(n));
            let rows = stored.as_ref().and_then(|stored| stored.get(n));
            let none = Rows::none();
            let rows = rows.unwrap_or(&none);
            let body = self.one_inside(resource, tx, key, rows, item(data, n), object, cx).await;
            let body = body.map_err(|stop| match stop {
                Stop::Store(StoreError::Violation(violation)) if careful => {
                    at(n, objects.len(), Stop::Fail(serializer.ruling(&violation, item(data, n)).0))
                }
                stop => at(n, objects.len(), stop),
            })?;
            if n > 0 {
                out.push(b',');
            }
            out.extend_from_slice(&body);
        }
        out.push(b']');
        Ok(out)
    }

    /// One object of a list, by rules and hooks of its own.
    #[allow(clippy::too_many_arguments)] // the parts of one object
    async fn one_inside(
        &self,
        resource: &Resource,
        tx: &Transaction,
        key: Option<&DbValue>,
        rows: &Rows,
        data: &Value,
        object: &Validated,
        cx: &Context,
    ) -> Result<Vec<u8>, Stop> {
        let stored = if rows.is_empty() { None } else { Some(resource.stored(rows)?) };
        let stored = stored.as_deref();
        let is_placed = object.placed;
        let mut object = object.clone();
        if object.has_lookups() {
            resource.serializer.look_up(&mut object, cx, Via::Transaction(tx)).await?;
            if object.is_wrong() {
                return Err(Error::from(object.into_errors()).into());
            }
        }
        resource.target().judge(tx, key, stored, data, &object.changes, false).await?;
        if let Some(hooks) = &self.hooks {
            let (saving, outcome) = hooks.save(Saving::new(resource, tx, key, stored, object, cx, false)).await;
            return match saving.finish(outcome, rows).await {
                Err(Stop::Refused(answers)) if is_placed => {
                    resource.refuse(data, &answers)?;
                    Err(Stop::Unexplained)
                }
                // another object may have what this one wants, and give it up: the next try makes room first
                Err(Stop::Refused(_)) => Err(Stop::Unexplained),
                body => body,
            };
        }
        let written = resource.target().write_row(tx, key, stored, &object, false).await?;
        resource.answer(&written, &object.changes, rows, tx, cx).await
    }

    async fn destroy_list_in_transaction(
        &self,
        resource: &Resource,
        keys: &[DbValue],
        cx: &Context,
        pause: &Pause,
    ) -> Result<(), Stop> {
        let (tx, _) = resource.begin(None, cx).await?;
        let inside = async {
            let stored = resource.lock_all(&tx, keys, cx).await?;
            pause.at(Point::BeforeWrite).await;
            for (key, rows) in keys.iter().zip(&stored) {
                let stored = resource.stored(rows)?;
                if let Some(hooks) = &self.hooks {
                    let (deleting, outcome) = hooks.destroy(Deleting::new(resource, &tx, key, &stored, cx)).await;
                    if let Some(stop) = deleting.stop {
                        return Err(resource.plan.protecting(stop.into()));
                    }
                    outcome?;
                    continue;
                }
                resource.plan.delete(&tx, key).await?;
            }
            Ok(())
        };
        match inside.await {
            Ok(()) => {
                pause.at(Point::BeforeCommit).await;
                resource.commit(tx, &[], cx).await.map_err(|stop| resource.plan.protecting(stop))
            }
            Err(stop) => Err(undo(tx, stop).await),
        }
    }
}

/// One request to write a list.
#[derive(Clone, Copy)]
struct ListRequest<'a> {
    data: &'a Value,
    objects: &'a [Validated],
    keys: Option<&'a [DbValue]>,
    cx: &'a Context,
    pause: &'a Pause,
    careful: bool,
}

impl Resource {
    /// Fails with the errors of all objects by their index, where one is wrong as it is.
    async fn right_or_wrong(
        &self,
        data: &Value,
        objects: &mut [Validated],
        keys: Option<&[DbValue]>,
        cx: &Context,
    ) -> Result<()> {
        if objects.iter().any(Validated::is_wrong) {
            let given = keys.filter(|_| self.plan.by() == self.plan.key()).map(|keys| Given::new(keys, objects));
            self.examine(data, objects, keys, given.as_ref(), cx, self.via(cx)).await?;
        }
        Ok(())
    }

    /// DRF's errors of all objects: as they are, and by what the database answers.
    async fn examine_all(
        &self,
        data: &Value,
        objects: &mut [Validated],
        keys: Option<&[DbValue]>,
        cx: &Context,
        via: Via<'_>,
    ) -> Result<()> {
        self.examine(data, objects, keys, None, cx, via).await
    }

    /// The same, where what other objects give up is not in the way.
    async fn examine(
        &self,
        data: &Value,
        objects: &mut [Validated],
        keys: Option<&[DbValue]>,
        given: Option<&Given>,
        cx: &Context,
        via: Via<'_>,
    ) -> Result<()> {
        let mut errors = Vec::new();
        for (n, object) in objects.iter_mut().enumerate() {
            let key = keys.and_then(|keys| keys.get(n));
            let found = match self.complete(key, item(data, n), object, given, cx, via).await {
                // it was written already, and is not of those any more that the request may see
                Err(Error::Http404(_)) if object.early.is_some() => ValidationError::fields(),
                Err(Error::Http404(_)) => missing(),
                other => other?,
            };
            if !found.is_empty() {
                errors.push((n, found));
            }
        }
        if errors.is_empty() { Ok(()) } else { Err(by_index(objects.len(), errors).into()) }
    }

    /// Has the rows of all objects give up what others of them want.
    async fn make_room(
        &self,
        tx: &Transaction,
        objects: &mut [Validated],
        keys: Option<&[DbValue]>,
        locked: Option<&[Rows]>,
        cx: &Context,
    ) -> Result<(), Stop> {
        let mut roots = Vec::with_capacity(objects.len());
        for (n, validated) in objects.iter_mut().enumerate() {
            if validated.has_lookups() {
                self.serializer.look_up(validated, cx, Via::Transaction(tx)).await?;
            }
            let stored = match locked.and_then(|locked| locked.get(n)) {
                Some(rows) => Some(self.stored(rows)?),
                None => None,
            };
            roots.push(Root { key: keys.and_then(|keys| keys.get(n)), stored, validated });
        }
        exchange::make_room(tx, self.target(), &mut roots).await
    }

    /// INSERT of all objects, by one statement for each run of objects that write the same columns.
    async fn insert_all(
        &self,
        tx: &Transaction,
        objects: &[Validated],
        cx: &Context,
        out: &mut Vec<u8>,
    ) -> Result<(), Stop> {
        let mut rest = objects;
        let mut written = 0;
        while let Some(first) = rest.first() {
            let columns: ColumnSet = first.changes.columns();
            let run = rest.iter().take(BATCH).take_while(|o| o.changes.columns() == columns).count();
            let (now, later) = rest.split_at(run);
            let (insert, returns) = self.plan.insert_many(columns);
            let layout = self.shape.layout(&returns, 0);
            let null = || DbValue::String(None);
            let values = now.iter().map(|object| {
                columns.iter().map(|n| object.changes.get(n).cloned().unwrap_or_else(null)).collect::<Vec<_>>()
            });
            let mut objects = now.iter();
            for statement in insert.bind(values.collect())? {
                let rows = tx.query(statement).await?;
                heavy::weigh_rows(&rows).await;
                for (row, object) in (0..rows.len()).zip(objects.by_ref()) {
                    if written > 0 {
                        out.push(b',');
                    }
                    written += 1;
                    self.shape.represent_written(&rows, row, &layout, &object.changes, cx, out)?;
                }
            }
            rest = later;
        }
        Ok(())
    }

    /// The rows of some keys, locked in the order of the keys, each in the place of its key; the request's permissions are
    /// asked about each.
    async fn lock_all(&self, tx: &Transaction, keys: &[DbValue], cx: &Context) -> Result<Vec<Rows>, Stop> {
        let text = |key: &DbValue| convert::from_db(key).to_python_str().into_owned();
        let mut order: Vec<usize> = (0..keys.len()).collect();
        order.sort_by(|a, b| match (&keys[*a], &keys[*b]) {
            (DbValue::BigInt(a), DbValue::BigInt(b)) => a.cmp(b),
            (a, b) => text(a).cmp(&text(b)),
        });
        let mut found: Vec<Rows> = keys.iter().map(|_| Rows::none()).collect();
        let mut errors = Vec::new();
        for n in order {
            let rows = tx.query(self.plan.lock(&keys[n])).await?;
            if rows.is_empty() {
                errors.push((n, missing()));
                if errors.len() == MOST_ITEMS {
                    break;
                }
            }
            found[n] = rows;
        }
        if !errors.is_empty() {
            return Err(Stop::Fail(by_index(keys.len(), errors).into()));
        }
        if Resource::judges(cx) {
            for rows in &found {
                self.permit(&self.stored(rows)?, cx)?;
            }
        }
        Ok(found)
    }

    /// The keys that the objects of a list name.
    fn keys(&self, data: &Value) -> Result<Vec<DbValue>> {
        let Value::List(items) = data else {
            let text = format!("Expected a list of items but got type \"{}\".", data.type_name());
            let detail = ErrorDetail::new(text, "not_a_list");
            return Err(ValidationError::field("non_field_errors", detail).into());
        };
        let column = &self.model().columns[self.plan.by()];
        let mut keys: Vec<DbValue> = Vec::with_capacity(items.len());
        let mut seen: std::collections::HashSet<String> = Default::default();
        let mut errors = Vec::new();
        for (n, item) in items.iter().enumerate() {
            let named = match item {
                Value::Map(map) => map.get(&column.name),
                other => Some(other),
            };
            let Some(named) = named.filter(|named| !named.is_null()) else {
                let detail = ErrorDetail::new("This field is required.", "required");
                errors.push((n, ValidationError::field(column.name.clone(), detail)));
                continue;
            };
            match parse_key(column.kind, named).map(convert::to_db) {
                Ok(key) if !seen.insert(convert::from_db(&key).to_python_str().into_owned()) => {
                    let detail = ErrorDetail::new("This object is in the list more than once.", "unique");
                    errors.push((n, ValidationError::field(column.name.clone(), detail)));
                }
                Ok(key) => keys.push(key),
                Err(_) => errors.push((n, missing())),
            }
            if errors.len() >= MOST_ITEMS {
                break;
            }
        }
        if errors.is_empty() { Ok(keys) } else { Err(by_index(items.len(), errors).into()) }
    }
}

/// An object of a list as it was sent.
fn item(data: &Value, n: usize) -> &Value {
    match data {
        Value::List(items) => items.get(n).unwrap_or(&Value::Null),
        _ => &Value::Null,
    }
}

/// The error of an object whose row is not there.
fn missing() -> ValidationError {
    ValidationError::field("non_field_errors", ErrorDetail::new("Not found.", "not_found"))
}

/// Errors of the objects of a list as DRF shows those of `many=True`, each object once.
fn by_index(length: usize, errors: impl IntoIterator<Item = (usize, ValidationError)>) -> ValidationError {
    let mut all: BTreeMap<usize, ValidationError> = BTreeMap::new();
    for (n, error) in errors {
        match all.entry(n) {
            Entry::Vacant(place) => drop(place.insert(error)),
            Entry::Occupied(mut place) => place.get_mut().merge(error),
        }
    }
    ValidationError::items(length, all.into_iter().collect())
}

/// An error at the place of its object.
fn at(n: usize, length: usize, stop: Stop) -> Stop {
    match stop {
        Stop::Fail(Error::Validation(error)) => Stop::Fail(by_index(length, [(n, error)]).into()),
        stop => stop,
    }
}
