//! PostgreSQL's `numeric` as a decimal.

use std::error::Error as StdError;

use sea_orm::prelude::Decimal;
use tokio_postgres::Row;
use tokio_postgres::types::{FromSql, Type};

use super::bind::base;
use crate::store::StoreError;

/// The decimal of a `numeric` column; nothing where the column is of another type.
///
/// # Errors
///
/// [`StoreError::Internal`] for `NaN`, infinities, and numbers of more than 28 digits.
pub(in crate::store) fn numeric(row: &Row, column: usize) -> Result<Option<Option<Decimal>>, StoreError> {
    match row.columns().get(column) {
        Some(of) if *base(of.type_()) == Type::NUMERIC => match row.try_get::<_, Option<Numeric>>(column) {
            Ok(value) => Ok(Some(value.map(|Numeric(decimal)| decimal))),
            Err(error) => Err(StoreError::Internal(Box::new(error))),
        },
        _ => Ok(None),
    }
}

struct Numeric(Decimal);

impl FromSql<'_> for Numeric {
    fn from_sql(_: &Type, raw: &[u8]) -> Result<Self, Box<dyn StdError + Sync + Send>> {
        let words = raw.chunks_exact(2).map(|word| i16::from_be_bytes([word[0], word[1]])).collect::<Vec<_>>();
        let [_, weight, sign, scale, digits @ ..] = words.as_slice() else {
            return Err("a numeric is cut short".into());
        };
        if !matches!(*sign, 0 | 0x4000) {
            return Err("not a finite number".into());
        }
        // The digits are to the base of 10000; the weight is the power of the first of them.
        let mut text = String::new();
        if *sign == 0x4000 {
            text.push('-');
        }
        let digit = |power: i16| {
            let at = usize::try_from(i32::from(*weight) - i32::from(power)).ok();
            at.and_then(|at| digits.get(at)).copied().unwrap_or(0)
        };
        for power in (0..=(*weight).max(0)).rev() {
            text.push_str(&format!("{:04}", digit(power)));
        }
        if *scale > 0 {
            text.push('.');
            let places = (1..=(*scale + 3) / 4).map(|n| format!("{:04}", digit(-n))).collect::<String>();
            text.push_str(places.get(..usize::try_from(*scale)?).unwrap_or(&places));
        }
        Ok(Numeric(Decimal::from_str_exact(&text)?))
    }

    fn accepts(ty: &Type) -> bool {
        *base(ty) == Type::NUMERIC
    }
}
