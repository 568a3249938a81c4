//! Rows of PostgreSQL as SeaORM's driver has them.
//!
//! The driver makes rows of nothing but what a server sends. So a connection of its own leads to us, and we answer it as
//! PostgreSQL does: a description of the columns with their real names and types, and the bytes of each value as PostgreSQL
//! sent them. Both ends are polled by the one task that wants the rows; nothing runs while nobody asks.

use std::collections::HashSet;
use std::error::Error as StdError;
use std::io;

use bytes::{Buf, BufMut, BytesMut};
use sea_orm::sqlx::postgres::{PgQueryResult, PgRow};
use sea_orm::sqlx::{Error, PgConnection, query};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_postgres::Row;
use tokio_postgres::types::{FromSql, Type};

pub(super) mod link;
mod protocol;
mod types;

use super::error::Failure;
use super::{Failed, KnownEntities};
use crate::store::{Cell, StoreError, Violation};
use crate::value::convert::json_text;
use link::Duplex;
use protocol::{Field, complete, fields, message, ready, value};
use types::Types;

/// The driver's statement, prepared once: whatever we answer are its rows.
const ROWS: &str = "ROWS";
/// The statement whose columns have types that the driver has not met.
const TYPES: &str = "TYPES";
/// How many bytes are written at a time.
const PORTION: usize = 64 * 1024;

/// A connection of the driver, and our end of it.
pub(super) struct Converter {
    driver: PgConnection,
    stream: Box<dyn Duplex>,
    inbox: BytesMut,
    /// The types that the driver has met.
    met: HashSet<u32>,
}

impl Converter {
    pub(super) async fn open() -> Result<Self, Error> {
        let (driver, stream) = link::connect().await?;
        Ok(Converter { driver, stream, inbox: BytesMut::new(), met: HashSet::new() })
    }

    /// The rows with the names and types of their columns.
    pub(super) async fn rows(&mut self, rows: &[Row], known: &KnownEntities) -> Result<Vec<PgRow>, Failed> {
        let Some(first) = rows.first() else {
            return Ok(Vec::new());
        };
        let shapes: Vec<Shape> = first.columns().iter().map(|column| Shape::of(column.type_(), known)).collect();
        self.meet(&shapes).await?;
        let mut script = Script { found: Some((rows, &shapes)), ..Script::default() };
        let Converter { driver, stream, inbox, .. } = self;
        let driven = async { Ok::<_, Failed>(query(ROWS).fetch_all(driver).await?) };
        let (made, ()) = tokio::try_join!(driven, serve(stream, inbox, &mut script))?;
        Ok(made)
    }

    /// The result of a statement that concerned so many rows.
    pub(super) async fn result(&mut self, affected: u64) -> Result<PgQueryResult, Failed> {
        let mut script = Script { affected, ..Script::default() };
        let Converter { driver, stream, inbox, .. } = self;
        let driven = async { Ok::<_, Failed>(query(ROWS).execute(driver).await?) };
        let (made, ()) = tokio::try_join!(driven, serve(stream, inbox, &mut script))?;
        Ok(made)
    }

    /// The driver's error for a violation.
    pub(super) async fn error(&mut self, failure: &Failure, violation: &Violation) -> Result<Error, Failed> {
        let mut script = Script { failure: Some((failure, violation)), ..Script::default() };
        let Converter { driver, stream, inbox, .. } = self;
        let (met, served) = tokio::join!(query(ROWS).execute(driver), serve(stream, inbox, &mut script));
        served?;
        match met {
            Err(error @ Error::Database(_)) => Ok(error),
            Err(error) => Err(error.into()),
            Ok(_) => Err(StoreError::Internal("an error was not read".into()).into()),
        }
    }

    /// Makes the types of columns known to the driver, once each: it asks for the names and parts of all that it was not
    /// built with, but only while it prepares a statement.
    async fn meet(&mut self, shapes: &[Shape]) -> Result<(), Failed> {
        let new: Vec<Type> =
            shapes.iter().map(|shape| &shape.ty).filter(|ty| !self.met.contains(&ty.oid())).cloned().collect();
        if new.is_empty() {
            return Ok(());
        }
        let mut types = Types::default();
        new.iter().for_each(|ty| types.add(ty));
        let mut script = Script { described: &new, types, ..Script::default() };
        let Converter { driver, stream, inbox, .. } = self;
        let driven = async { Ok::<_, Failed>(query(TYPES).persistent(false).execute(driver).await?) };
        tokio::try_join!(driven, serve(stream, inbox, &mut script))?;
        self.met.extend(new.iter().map(Type::oid));
        Ok(())
    }
}

/// How the driver gets a column.
#[derive(Debug)]
struct Shape {
    ty: Type,
    form: Form,
}

/// In which form the values go on.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Form {
    /// As they came.
    Same,
    /// An `interval`, which SeaORM has no type for, as an `i64` of microseconds.
    Micros,
    /// An `hstore`, which SeaORM has no type for, as JSON.
    Pairs,
    /// An address, where entities keep them in strings.
    Address,
}

impl Shape {
    fn of(ty: &Type, known: &KnownEntities) -> Self {
        let (ty, form) = match *ty {
            Type::INTERVAL => (Type::INT8, Form::Micros),
            Type::INET | Type::CIDR if known.has_textual_addresses() => (Type::TEXT, Form::Address),
            _ if ty.name() == "hstore" => (Type::JSON, Form::Pairs),
            _ => (ty.clone(), Form::Same),
        };
        Shape { ty, form }
    }

    fn write(&self, row: &Row, column: usize, out: &mut BytesMut) -> Result<(), StoreError> {
        if self.form == Form::Same {
            let raw = row.try_get::<_, Raw<'_>>(column).map_err(|error| StoreError::Internal(Box::new(error)))?;
            value(out, raw.0);
            return Ok(());
        }
        match crate::store::postgres::cell(row, column)? {
            Cell::Null => value(out, None),
            Cell::Duration(span) => {
                let micros = span.num_microseconds().ok_or_else(|| {
                    StoreError::Internal("an interval has more microseconds than 64 bits hold".into())
                })?;
                value(out, Some(&micros.to_be_bytes()));
            }
            Cell::Pairs(pairs) => value(out, Some(json_text(&pairs.to_value()).as_bytes())),
            Cell::Inet(address) => value(out, Some(address.to_string().as_bytes())),
            _ => return Err(StoreError::Internal("an interval is out of range".into())),
        }
        Ok(())
    }
}

/// The bytes of any type.
struct Raw<'a>(Option<&'a [u8]>);

impl<'a> FromSql<'a> for Raw<'a> {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn StdError + Sync + Send>> {
        Ok(Raw(Some(raw)))
    }

    fn from_sql_null(_: &Type) -> Result<Self, Box<dyn StdError + Sync + Send>> {
        Ok(Raw(None))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

/// What our end answers until the driver's statement is done.
#[derive(Default)]
struct Script<'a> {
    /// The columns of the statement that is prepared.
    described: &'a [Type],
    /// What is known of types.
    types: Types,
    /// The rows of the statement that is executed.
    found: Option<(&'a [Row], &'a [Shape])>,
    /// How many rows it concerned.
    affected: u64,
    /// Why it failed.
    failure: Option<(&'a Failure, &'a Violation)>,
}

/// Answers the driver as PostgreSQL would, up to the end of one executed statement.
async fn serve(stream: &mut Box<dyn Duplex>, inbox: &mut BytesMut, script: &mut Script<'_>) -> Result<(), Failed> {
    let mut out = BytesMut::new();
    let mut executed = false;
    loop {
        let (letter, content) = next(stream, inbox).await?;
        match letter {
            b'P' => message(&mut out, b'1', |_| ()),
            b'D' => describe(script, &mut out),
            b'B' => message(&mut out, b'2', |_| ()),
            b'C' => message(&mut out, b'3', |_| ()),
            b'E' => {
                executed = true;
                execute(stream, script, &mut out).await?;
            }
            b'Q' => {
                script.types.answer(&String::from_utf8_lossy(&content), &mut out);
                ready(&mut out);
                send(stream, &mut out).await?;
            }
            b'S' => {
                ready(&mut out);
                send(stream, &mut out).await?;
                if executed {
                    return Ok(());
                }
            }
            _ => return Err(Error::Io(io::ErrorKind::InvalidData.into()).into()),
        }
    }
}

fn describe(script: &Script<'_>, out: &mut BytesMut) {
    message(out, b't', |out| out.put_u16(0));
    if script.described.is_empty() {
        message(out, b'n', |_| ());
    } else {
        fields(out, script.described.iter().map(|ty| Field::computed("", ty.oid(), true)));
    }
}

async fn execute(stream: &mut Box<dyn Duplex>, script: &Script<'_>, out: &mut BytesMut) -> Result<(), Failed> {
    if let Some((failure, violation)) = script.failure {
        refuse(failure, violation, out);
        return Ok(());
    }
    let Some((rows, shapes)) = script.found else {
        complete(out, script.affected);
        return Ok(());
    };
    if let Some(row) = rows.first() {
        let columns = row.columns().iter().zip(shapes.iter().map(|shape| shape.ty.oid()));
        let columns: Vec<Field<'_>> = columns
            .map(|(column, oid)| Field {
                name: column.name(),
                table: column.table_oid().unwrap_or(0),
                number: column.column_id().unwrap_or(0),
                oid,
                modifier: column.type_modifier(),
                binary: true,
            })
            .collect();
        fields(out, columns.into_iter());
    }
    for row in rows {
        let mut written = Ok(());
        message(out, b'D', |out| {
            out.put_u16(u16::try_from(shapes.len()).unwrap_or(u16::MAX));
            written = shapes.iter().enumerate().try_for_each(|(column, shape)| shape.write(row, column, out));
        });
        written?;
        if out.len() >= PORTION {
            send(stream, out).await?;
        }
    }
    complete(out, rows.len() as u64);
    Ok(())
}

fn refuse(failure: &Failure, violation: &Violation, out: &mut BytesMut) {
    let fields = [
        (b'S', Some("ERROR")),
        (b'V', Some("ERROR")),
        (b'C', failure.code.as_deref()),
        (b'M', Some(&*failure.message)),
        (b't', violation.table.as_deref()),
        (b'c', violation.columns.first().map(String::as_str)),
        (b'n', violation.constraint.as_deref()),
    ];
    message(out, b'E', |out| {
        for (letter, text) in fields {
            if let Some(text) = text {
                out.put_u8(letter);
                out.put_slice(text.as_bytes());
                out.put_u8(0);
            }
        }
        out.put_u8(0);
    });
}

async fn send(stream: &mut Box<dyn Duplex>, out: &mut BytesMut) -> Result<(), Error> {
    stream.write_all(out).await?;
    out.clear();
    Ok(())
}

/// The next message of the driver: its letter and its content.
async fn next(stream: &mut Box<dyn Duplex>, inbox: &mut BytesMut) -> Result<(u8, BytesMut), Error> {
    loop {
        if let Some((head, _)) = inbox.split_first_chunk::<5>() {
            let [letter, length @ ..] = *head;
            let length = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX).saturating_sub(4);
            if inbox.len() - 5 >= length {
                inbox.advance(5);
                return Ok((letter, inbox.split_to(length)));
            }
        }
        if stream.read_buf(inbox).await? == 0 {
            return Err(Error::Io(io::ErrorKind::UnexpectedEof.into()));
        }
    }
}
