//! One row and what hangs on it, written inside an open transaction.

use std::sync::Arc;

use futures_util::future::BoxFuture;

use super::resource::{Resource, Stop, add_rules, truth};
use crate::error::{Error, ValidationError};
use crate::model::ModelMeta;
use crate::serializers::{BoundSerializer, NestedInput, NestedRow, NestedWrite, Validated, Via, Writes};
use crate::store::plan::{Plan, Prepared};
use crate::store::{Cell, Changes, ColumnSet, Rows, StoreError, Transaction, Violation, ViolationKind};
use crate::value::{DbValue, Value};

/// A row that was written, or stayed as it was.
#[derive(Debug)]
pub(crate) struct Written {
    /// Its primary key.
    pub(crate) pk: DbValue,
    /// What the statement returned, where one ran.
    pub(crate) returned: Option<(Arc<Rows>, Arc<Prepared>)>,
    /// Whether rows that hang on it were written too.
    pub(crate) wide: bool,
}

/// What writes the rows of one serializer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Target<'a> {
    pub(crate) serializer: &'a BoundSerializer,
    pub(crate) plan: &'a Plan,
}

impl Resource {
    /// What writes the resource's rows.
    pub(crate) fn target(&self) -> Target<'_> {
        Target { serializer: &self.serializer, plan: &self.plan }
    }
}

impl Target<'_> {
    /// Asks the probes about a new row.
    pub(crate) async fn examine_new(self, changes: &Changes, via: Via<'_>) -> Result<Vec<(usize, bool)>, StoreError> {
        let prepared = self.plan.examine_new(changes.columns());
        if prepared.probes.is_empty() {
            return Ok(Vec::new());
        }
        let rows = via.read(prepared.bind(None, changes)).await?;
        Resource::answers(&prepared, &rows, 0)
    }

    /// Asks whether a row is there, and the probes about its changes; none where it is not there.
    pub(crate) async fn examine_stored(
        self,
        key: &DbValue,
        changes: &Changes,
        via: Via<'_>,
    ) -> Result<Option<Vec<(usize, bool)>>, StoreError> {
        let prepared = self.plan.examine_stored(changes.columns());
        let rows = via.read(prepared.bind(Some(key), changes)).await?;
        if !truth(rows.cell(0, 0)?) {
            return Ok(None);
        }
        Resource::answers(&prepared, &rows, 1).map(Some)
    }

    /// Judges one of several rows by the rules that no constraint keeps, after the rows before it were written; `examined` where
    /// the constraints are asked as well.
    ///
    /// # Errors
    ///
    /// What they find, as it stands for this row alone.
    pub(crate) async fn judge(
        self,
        tx: &Transaction,
        key: Option<&DbValue>,
        stored: Option<&[DbValue]>,
        data: &Value,
        changes: &Changes,
        examined: bool,
    ) -> Result<(), Stop> {
        let mut errors = ValidationError::fields();
        if examined || self.serializer.has_unenforced() {
            let via = Via::Transaction(tx);
            let answers = match key {
                Some(key) => self.examine_stored(key, changes, via).await?.unwrap_or_default(),
                None => self.examine_new(changes, via).await?,
            };
            self.serializer.judge(data, &answers, None, &mut errors);
        }
        let mut rules = self.serializer.object_rules(stored, changes)?;
        rules.merge(self.serializer.query_rules(stored, changes, tx).await?);
        add_rules(&mut errors, rules);
        if errors.is_empty() { Ok(()) } else { Err(Error::from(errors).into()) }
    }

    /// A row as it is, which is locked already.
    ///
    /// # Errors
    ///
    /// As [`Transaction::query`].
    pub(crate) async fn stored(self, tx: &Transaction, key: &DbValue) -> Result<Vec<DbValue>, StoreError> {
        let rows = tx.query(self.plan.lock(key)).await?;
        let columns = self.serializer.model().columns.iter().enumerate();
        columns.map(|(n, column)| Ok(rows.cell(0, n)?.to_value(column.kind))).collect()
    }

    /// Whether a statement returned a row that it wrote.
    pub(crate) fn is_written(&self, prepared: &Prepared, rows: &Rows) -> Result<bool, StoreError> {
        if rows.is_empty() || !prepared.guarded {
            return Ok(!rows.is_empty());
        }
        let key = prepared.returns.iter().position(|n| *n == self.plan.key()).unwrap_or(0);
        Ok(rows.cell(0, prepared.probes.len() + key)? != Cell::Null)
    }

    /// Writes a row, then what hangs on it, under the row's lock.
    ///
    /// # Errors
    ///
    /// As the statements; the error of another row of the body at its place in the body.
    pub(crate) fn write_row<'a>(
        self,
        tx: &'a Transaction,
        key: Option<&'a DbValue>,
        stored: Option<&'a [DbValue]>,
        validated: &'a Validated,
        guarded: bool,
    ) -> BoxFuture<'a, Result<Written, Stop>>
    where
        Self: 'a,
    {
        Box::pin(async move { self.write(tx, key, stored, validated, guarded).await })
    }

    async fn write(
        &self,
        tx: &Transaction,
        key: Option<&DbValue>,
        stored: Option<&[DbValue]>,
        validated: &Validated,
        guarded: bool,
    ) -> Result<Written, Stop> {
        let changes = &validated.changes;
        // a hook may have changed what was written before its turn
        let early = validated.early.as_ref().filter(|early| early.changes == *changes);
        let stored_pk = stored.and_then(|stored| stored.get(self.plan.key()).cloned());
        let returned = match key {
            Some(_) if changes.columns().is_empty() => None,
            Some(_) => match early.and_then(|early| early.returned.clone()) {
                Some(returned) => Some(returned),
                None => {
                    let prepared = self.plan.update(changes.columns());
                    Some((Arc::new(tx.query(prepared.bind(key, changes)).await?), prepared))
                }
            },
            None => {
                let prepared = match guarded {
                    true => self.plan.insert(changes.columns()),
                    false => self.plan.insert_plain(changes.columns()),
                };
                let rows = tx.query(prepared.bind(None, changes)).await.inspect_err(|error| {
                    if let StoreError::Violation(violation) = error {
                        self.plan.learn(violation);
                    }
                })?;
                if guarded && !self.is_written(&prepared, &rows)? {
                    // the guard stood before it: no number was used up, and nothing was aborted
                    let answers = match prepared.bind_verdict(None, changes) {
                        Some(verdict) => Resource::answers(&prepared, &tx.query(verdict).await?, 0)?,
                        None => Resource::answers(&prepared, &rows, 0)?,
                    };
                    return Err(Stop::Refused(answers));
                }
                Some((Arc::new(rows), prepared))
            }
        };
        let pk = match (&returned, stored_pk) {
            (Some((rows, prepared)), _) => {
                if !self.is_written(prepared, rows)? {
                    return Err(Stop::Unexplained);
                }
                let at = prepared.returns.iter().position(|n| *n == self.plan.key()).unwrap_or(0);
                let before = if prepared.guarded { prepared.probes.len() } else { 0 };
                key_of(rows.cell(0, at + before)?).ok_or_else(|| Error::internal("a row without a key was written"))?
            }
            (None, Some(pk)) => pk,
            (None, None) => return Err(Error::internal("a row without a key was changed").into()),
        };
        let mut wide = false;
        for found in &validated.found {
            wide = true;
            let Some(Writes::Many(many)) = self.serializer.bound_fields().get(found.field).map(|f| &f.writes) else {
                continue;
            };
            let owner = match many.own {
                Some(n) if n != self.plan.key() => changes.get(n).or_else(|| stored?.get(n)).cloned(),
                _ => Some(pk.clone()),
            };
            let owner = owner.ok_or_else(|| Error::internal("a relation hangs on a column that is not known"))?;
            for statement in many.plan.set(&owner, &found.keys, key.is_none()) {
                tx.query(statement).await?;
            }
        }
        for nested in &validated.nested {
            wide = true;
            self.write_nested(tx, key.is_none(), &pk, stored, changes, nested).await?;
        }
        Ok(Written { pk, returned, wide })
    }

    async fn write_nested(
        &self,
        tx: &Transaction,
        creating: bool,
        pk: &DbValue,
        stored: Option<&[DbValue]>,
        changes: &Changes,
        nested: &NestedInput,
    ) -> Result<(), Stop> {
        let Some(bound) = self.serializer.bound_fields().get(nested.field) else { return Ok(()) };
        let Writes::Nested(write) = &bound.writes else { return Ok(()) };
        let owner = if write.own_column == self.plan.key() {
            Some(pk.clone())
        } else {
            changes.get(write.own_column).or_else(|| stored?.get(write.own_column)).cloned()
        };
        let owner = owner.ok_or_else(|| Error::internal("nested rows hang on a column that is not known"))?;
        let mut there: Vec<DbValue> = Vec::new();
        if !creating {
            let rows = tx.query(write.keys.bind(vec![owner.clone()])).await?;
            for row in 0..rows.len() {
                there.extend(key_of(rows.cell(row, 0)?));
            }
        }
        let rows = nested.rows.as_deref().unwrap_or_default();
        // what the body does not mention goes first, so that its unique values are free again
        for gone in there.iter().filter(|known| !write.mentions(rows, known)) {
            write.plan.delete(tx, gone).await?;
        }
        let target = Target { serializer: &write.serializer, plan: &write.plan };
        let is_judged = write.serializer.has_object_rules() || write.serializer.has_query_rules();
        let mut errors: Vec<(usize, ValidationError)> = Vec::new();
        for (n, NestedRow { key, data, validated }) in rows.iter().enumerate() {
            let mut add = |error| errors.push((n, error));
            let key = key.as_ref().filter(|key| write.many && there.contains(key));
            let mut row = validated.clone();
            if key.is_none() {
                write.serializer.fill_in(&mut row.changes);
                row.changes.set(write.column, owner.clone());
            }
            let stored = match (key, &row.early) {
                (Some(_), Some(early)) => Some(early.stored.clone()),
                (Some(key), None) if is_judged => Some(target.stored(tx, key).await?),
                (Some(key), None) => Some(write.whole(key)),
                (None, _) => None,
            };
            if is_judged || row.placed {
                match target.judge(tx, key, stored.as_deref(), data, &row.changes, row.placed).await {
                    Ok(()) => {}
                    Err(Stop::Fail(Error::Validation(error))) => {
                        // the others are judged all the same: what is wrong is said at once
                        add(error);
                        continue;
                    }
                    Err(stop) => return Err(stop),
                }
            }
            match target.write_row(tx, key, stored.as_deref(), &row, false).await {
                Ok(_) => {}
                // a key that nobody sent comes from a sequence, which may be behind
                Err(Stop::Store(StoreError::Violation(violation)))
                    if key.is_none() && is_generated(&violation, &row.changes, write.serializer.model()) =>
                {
                    return Err(Stop::Store(StoreError::Violation(violation)));
                }
                // it may be a row of the body that has the value and gives it up: the next try makes room first
                Err(Stop::Store(StoreError::Violation(violation)))
                    if violation.kind != ViolationKind::Unique || row.placed =>
                {
                    let mut linked = ColumnSet::default();
                    linked.insert(write.column);
                    if violation.kind == ViolationKind::NotNull
                        && let Some(mistake) = write.serializer.mistake(&violation, linked)
                    {
                        return Err(Error::internal(mistake).into());
                    }
                    add(write.serializer.verdict(&violation, data));
                    break;
                }
                Err(Stop::Fail(Error::Validation(error))) => {
                    add(error);
                    break;
                }
                Err(stop) => return Err(stop),
            }
        }
        let error = match errors.pop() {
            None => return Ok(()),
            Some((_, error)) if !write.many => error,
            Some(last) => {
                errors.push(last);
                ValidationError::items(rows.len(), errors)
            }
        };
        Err(Stop::Fail(ValidationError::field(bound.field.name.clone(), error).into()))
    }
}

impl NestedWrite {
    /// Whether a body mentions a row that is there.
    pub(super) fn mentions(&self, rows: &[NestedRow], known: &DbValue) -> bool {
        self.many && rows.iter().any(|row| row.key.as_ref() == Some(known))
    }

    /// A row of which only the key is known.
    fn whole(&self, key: &DbValue) -> Vec<DbValue> {
        let mut values = vec![DbValue::String(None); self.serializer.model().columns.len()];
        if let Some(place) = values.get_mut(self.plan.key()) {
            *place = key.clone();
        }
        values
    }
}

impl Plan {
    /// Deletes a row and what must go with it, inside an open transaction; one that is not there is no error.
    ///
    /// # Errors
    ///
    /// 409 where other rows protect it.
    pub(crate) async fn delete(&self, tx: &Transaction, key: &DbValue) -> Result<(), Stop> {
        let mut last = Rows::none();
        for statement in self.destroy().statements(key) {
            last = tx.query(statement).await.map_err(|error| self.protecting(error.into()))?;
        }
        // where nothing was deleted, a guard stood before it, or another row has taken it along
        if last.is_empty() && !tx.query(self.destroy().there(key)).await?.is_empty() {
            return Err(self.protected().into());
        }
        Ok(())
    }

    /// A foreign key that stops a deletion is a row that protects; one that cascades is another matter, a child that
    /// came in between.
    pub(crate) fn protecting(&self, stop: Stop) -> Stop {
        match &stop {
            Stop::Store(StoreError::Violation(v))
                if v.kind == ViolationKind::ForeignKey && !self.destroy().cascades(v.constraint.as_deref()) =>
            {
                self.protected().into()
            }
            _ => stop,
        }
    }

    /// 409 with Django's sentence.
    pub(crate) fn protected(&self) -> Error {
        let relations: Vec<String> = self.destroy().protected_by.iter().map(|r| format!("'{r}'")).collect();
        let name = &self.model().name;
        Error::Conflict(if relations.is_empty() {
            format!("Cannot delete some instances of model '{name}' because other rows refer to them.").into()
        } else {
            format!(
                "Cannot delete some instances of model '{name}' because they are referenced through protected foreign \
                 keys: {}.",
                relations.join(", ")
            )
            .into()
        })
    }
}

/// Whether a unique constraint speaks of nothing but columns that the database fills in by itself.
fn is_generated(violation: &Violation, changes: &Changes, model: &ModelMeta) -> bool {
    let own = |name: &String| model.column(name).is_some_and(|n| changes.get(n).is_none());
    violation.kind == ViolationKind::Unique && !violation.columns.is_empty() && violation.columns.iter().all(own)
}

/// A key as a statement's place takes it.
pub(crate) fn key_of(cell: Cell<'_>) -> Option<DbValue> {
    match cell {
        Cell::Int(i) => Some(DbValue::BigInt(Some(i))),
        Cell::Uuid(uuid) => Some(DbValue::Uuid(Some(uuid))),
        // a UUID of SQLite's
        Cell::Text(text) if text.len() == 32 => match uuid::Uuid::try_parse(text) {
            Ok(uuid) => Some(DbValue::Uuid(Some(uuid))),
            Err(_) => Some(DbValue::String(Some(text.to_owned()))),
        },
        Cell::Text(text) => Some(DbValue::String(Some(text.to_owned()))),
        // one that SeaORM's driver wrote
        Cell::Bytes(bytes) => uuid::Uuid::from_slice(bytes).ok().map(|uuid| DbValue::Uuid(Some(uuid))),
        _ => None,
    }
}
