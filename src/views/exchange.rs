//! Values that change places within one write.
//!
//! A body may give one row the unique value of another one that gets a new value itself, or goes. What counts is how the rows
//! are in the end. The database judges row by row, so before such a write has its turn, in its transaction and under its locks,
//!
//! 1. the nested rows that the body does not mention are deleted, and rows that it does not name let go, wherever in the body that is;
//! 2. the database is asked, by its own indexes, which rows of the body have values that others of its rows want;
//! 3. those rows are written first, each after those that it waits for itself. In a ring one row is *parked*: it gets
//!    a value that nobody wants, until its own is free, a few statements later. A constraint that can be deferred is deferred
//!    instead. Where there is no such value, SQLite is given one that its CHECKs would refuse, and PostgreSQL's row is taken out of
//!    its table and put back.
//!
//! What is still in the way after that is no row of the body, or one that keeps its value: an error at its place. Only a
//! write that a constraint has stopped comes here, and one with a unique rule that no index backs.

use std::collections::HashMap;
use std::sync::Arc;

use futures_util::future::BoxFuture;

use super::resource::Stop;
use super::row::{Target, key_of};
use crate::error::Error;
use crate::serializers::{BoundSerializer, NestedInput, NestedRow, Validated, Writes};
use crate::store::{Cell, Dialect, Statement, Transaction};
use crate::value::{DbValue, convert};
use node::{Course, Node, recovered};
use order::Step;

mod given;
mod node;
mod order;
mod spare;

pub(crate) use given::Given;

/// How many rows of rings are found to be stuck before the exchange goes on without them.
const TRIES: usize = 16;

/// A row of a request's own, with all that hangs on it.
pub(super) struct Root<'a> {
    /// Its key, where it is there already.
    pub(super) key: Option<&'a DbValue>,
    /// What it is so far.
    pub(super) stored: Option<Vec<DbValue>>,
    pub(super) validated: &'a mut Validated,
}

fn text(key: &DbValue) -> String {
    convert::from_db(key).to_python_str().into_owned()
}

fn set_of(cell: Cell<'_>) -> Option<usize> {
    match cell {
        Cell::Int(set) => usize::try_from(set).ok(),
        _ => None,
    }
}

/// Whether a write has to come here before it is judged: a rule that no index backs looks at other rows before the write.
pub(super) fn is_wanted(serializer: &BoundSerializer, object: &Validated) -> bool {
    let below = |nested: &NestedInput| match serializer.bound_fields().get(nested.field).map(|field| &field.writes) {
        Some(Writes::Nested(write)) => {
            let mut rows = nested.rows.iter().flatten();
            rows.any(|row| is_wanted(&write.serializer, &row.validated))
        }
        _ => false,
    };
    serializer.has_unenforced() || object.nested.iter().any(below)
}

/// Has every row of the request give up what another one of it wants.
///
/// # Errors
///
/// As the statements; 409 where a nested row that has to go is protected.
pub(super) async fn make_room(tx: &Transaction, target: Target<'_>, roots: &mut [Root<'_>]) -> Result<(), Stop> {
    let mut nodes = Vec::new();
    for (n, root) in roots.iter().enumerate() {
        let pk = root.stored.as_ref().and_then(|stored| stored.get(target.plan.key()).cloned());
        let node = Node {
            target,
            key: root.key.cloned(),
            pk,
            changes: root.validated.changes.clone(),
            stored: root.stored.clone(),
            place: (n, Vec::new()),
            awaited: Vec::new(),
            borrowed: Vec::new(),
            early: None,
            out: None,
        };
        gather(tx, node, root.validated, &mut nodes).await?;
    }
    let waits = waits(tx, &mut nodes).await?;
    if waits.iter().any(|waits| !waits.is_empty()) {
        exchange(tx, &mut nodes, &waits).await?;
    }
    for node in nodes {
        let (root, way) = node.place;
        let mut validated = &mut *roots[root].validated;
        for (field, row) in way {
            let Some(row) = validated.nested.get_mut(field).and_then(|nested| nested.rows.as_mut()?.get_mut(row))
            else {
                return Err(Error::internal("a row of the body is not there any more").into());
            };
            validated = &mut row.validated;
        }
        validated.placed = true;
        validated.early = node.early.map(Arc::new);
    }
    Ok(())
}

/// Collects the rows of a body, and deletes those that it does not mention.
fn gather<'a: 'v, 'v>(
    tx: &'v Transaction,
    node: Node<'a>,
    validated: &'v Validated,
    nodes: &'v mut Vec<Node<'a>>,
) -> BoxFuture<'v, Result<(), Stop>> {
    Box::pin(async move {
        let target = node.target;
        let (pk, changes) = (node.pk.clone(), node.changes.clone());
        let (stored, place) = (node.stored.clone(), node.place.clone());
        nodes.push(node);
        for found in validated.found.iter().filter(|_| pk.is_some()) {
            let fields = target.serializer.bound_fields();
            let Some(Writes::Many(many)) = fields.get(found.field).map(|field| &field.writes) else { continue };
            let owner = match many.own {
                Some(n) if n != target.plan.key() => changes.get(n).or_else(|| stored.as_ref()?.get(n)).cloned(),
                _ => pk.clone(),
            };
            for statement in owner.iter().flat_map(|owner| many.plan.release(owner, &found.keys)) {
                tx.query(statement).await?;
            }
        }
        for (n, nested) in validated.nested.iter().enumerate() {
            let fields = target.serializer.bound_fields();
            let Some(Writes::Nested(write)) = fields.get(nested.field).map(|field| &field.writes) else { continue };
            let owner = match write.own_column {
                own if own == target.plan.key() => pk.clone(),
                own => changes.get(own).or_else(|| stored.as_ref()?.get(own)).cloned(),
            };
            let mut there: Vec<DbValue> = Vec::new();
            if let (Some(_), Some(owner)) = (&pk, &owner) {
                let rows = tx.query(write.keys.bind(vec![owner.clone()])).await?;
                for row in 0..rows.len() {
                    there.extend(key_of(rows.cell(row, 0)?));
                }
            }
            let rows = nested.rows.as_deref().unwrap_or_default();
            for gone in there.iter().filter(|known| !write.mentions(rows, known)) {
                write.plan.delete(tx, gone).await?;
            }
            let below = Target { serializer: &write.serializer, plan: &write.plan };
            for (m, NestedRow { key, validated, .. }) in rows.iter().enumerate() {
                let key = key.as_ref().filter(|key| write.many && there.contains(key)).cloned();
                let mut changes = validated.changes.clone();
                if key.is_none() {
                    write.serializer.fill_in(&mut changes);
                    if let Some(owner) = &owner {
                        changes.set(write.column, owner.clone());
                    }
                }
                let stored = match &key {
                    Some(key) if !validated.nested.is_empty() => Some(below.stored(tx, key).await?),
                    _ => None,
                };
                let mut place = place.clone();
                place.1.push((n, m));
                let (pk, awaited, borrowed) = (key.clone(), Vec::new(), Vec::new());
                let (early, out) = (None, None);
                let node = Node { target: below, key, pk, changes, stored, place, awaited, borrowed, early, out };
                gather(tx, node, validated, nodes).await?;
            }
        }
        Ok(())
    })
}

/// Of each row the rows of the body that have what it wants and are about to change it, with the number of the set.
async fn waits(tx: &Transaction, nodes: &mut [Node<'_>]) -> Result<Vec<Vec<(usize, usize)>>, Stop> {
    let mut known: HashMap<(Option<String>, String), HashMap<String, usize>> = HashMap::new();
    for (n, node) in nodes.iter().enumerate() {
        if let Some(pk) = &node.pk {
            known.entry(node.table()).or_default().insert(text(pk), n);
        }
    }
    let mut waits = vec![Vec::new(); nodes.len()];
    for n in 0..nodes.len() {
        let node = &nodes[n];
        // nobody else of the body has anything to give up
        let Some(others) = known.get(&node.table()).filter(|others| others.len() > usize::from(node.pk.is_some()))
        else {
            continue;
        };
        let Some(question) = node.target.plan.holders(node.changes.columns(), node.key.is_some()) else { continue };
        let rows = tx.query(question.bind(node.key.as_ref(), &node.changes)).await?;
        for row in 0..rows.len() {
            let Some(set) = set_of(rows.cell(row, 0)?) else { continue };
            let holder = key_of(rows.cell(row, 1)?).and_then(|key| others.get(&text(&key)).copied());
            let (Some(holder), Some(unique)) = (holder, node.target.plan.unique_sets().get(set)) else { continue };
            let gives = unique.reads.iter().any(|column| nodes[holder].changes.columns().contains(*column));
            if holder != n && gives {
                waits[n].push((holder, set));
            }
        }
    }
    for (holder, set) in waits.iter().flatten() {
        nodes[*holder].awaited.push(*set);
    }
    Ok(waits)
}

/// Takes the steps of an exchange, as far as they go: with the first row that cannot be parked, where that matters.
async fn go(
    tx: &Transaction,
    nodes: &mut [Node<'_>],
    steps: Vec<Step>,
    stops: bool,
) -> Result<(Course, Option<usize>), Stop> {
    let mut course = Course::default();
    for step in steps {
        match step {
            Step::Park(n, set) => {
                if !nodes[n].park(tx, set, true, &mut course).await? && stops {
                    return Ok((course, Some(n)));
                }
            }
            Step::Write(n) => nodes[n].write(tx, &mut course).await?,
        }
        if course.lost {
            break;
        }
    }
    Ok((course, None))
}

async fn exchange(tx: &Transaction, nodes: &mut [Node<'_>], waits: &[Vec<(usize, usize)>]) -> Result<(), Stop> {
    let mut waiting: Vec<String> = nodes.iter().filter_map(|node| node.target.plan.waiting(true)).collect();
    waiting.sort_unstable();
    waiting.dedup();
    for statement in &waiting {
        tx.batch(statement).await?;
    }
    let mut stuck = Vec::new();
    let course = loop {
        // SQLite takes any value, and no row is stuck
        let may_try_again = tx.dialect() == Dialect::Postgres && stuck.len() < TRIES;
        if may_try_again {
            tx.batch("SAVEPOINT exchange").await?;
        }
        let (course, failed) = go(tx, nodes, order::steps(waits, &stuck), may_try_again).await?;
        match failed.filter(|n| !stuck.contains(n)) {
            None if !course.lost => break course,
            // the rows have to be as they were for their turns to tell what is wrong with them
            None => {
                tx.batch("ROLLBACK TO SAVEPOINT exchange").await?;
                nodes.iter_mut().for_each(Node::reset);
                break course;
            }
            // the next try parks another row of the ring
            Some(n) => {
                tx.batch("ROLLBACK TO SAVEPOINT exchange").await?;
                nodes.iter_mut().for_each(Node::reset);
                stuck.push(n);
            }
        }
    };
    if let Some(ended) = course.dangling {
        tx.batch(ended).await?;
    }
    let mut judged: Vec<String> = nodes.iter().filter_map(|node| node.target.plan.waiting(false)).collect();
    judged.sort_unstable();
    judged.dedup();
    for statement in judged {
        // what is wrong now is found at the rows' own turns, or at the commit
        recovered(tx.attempt(Statement::once(statement).bind(Vec::new())).await)?;
    }
    Ok(())
}
