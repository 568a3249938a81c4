//! Rules and hooks, as a user would write them.

use bowline::prelude::*;
use sea_orm::{ConnectionTrait, DbBackend, Statement};
use serde_json::Value as Json;

use super::entities::{audit, booking, document, label};

pub fn start_before_end(object: &Object<'_>) -> bowline::Result<()> {
    let start: Option<i64> = object.get(booking::Column::Start)?;
    let end: Option<i64> = object.get(booking::Column::End)?;
    if start < end { Ok(()) } else { Err(ValidationError::from("A booking ends after it starts.").into()) }
}

/// At most three documents in a collection.
pub struct AtMostThree;

#[bowline::async_trait]
impl QueryValidator for AtMostThree {
    async fn validate(&self, object: &Object<'_>, tx: &Transaction) -> bowline::Result<()> {
        let collection: Option<i64> = object.get(document::Column::CollectionId)?;
        let there = document::Entity::find().filter(document::Column::CollectionId.eq(collection)).count(tx).await?;
        if there < 3 { Ok(()) } else { Err(ValidationError::from("The collection is full.").into()) }
    }
}

/// Writes an audit row with each document, and does what the blob's `audit` says.
pub struct Audited {
    /// Where another client writes from, for the blob that says `contested`.
    pub rival: Option<String>,
}

impl Audited {
    async fn note(tx: &Transaction, text: &str) -> bowline::Result<()> {
        let row = audit::ActiveModel { text: ActiveValue::Set(text.to_owned()), ..Default::default() };
        row.insert(tx).await?;
        Ok(())
    }

    async fn touch(tx: &Transaction, other: i64) -> bowline::Result<()> {
        let found = document::Entity::find_by_id(other).one(tx).await?;
        if let Some(found) = found {
            let mut row: document::ActiveModel = found.into();
            row.blob = ActiveValue::Set(serde_json::json!({"touched": true}));
            row.update(tx).await?;
        }
        Ok(())
    }
}

#[bowline::async_trait]
impl ViewSetHooks<document::Entity> for Audited {
    async fn perform_create(&self, save: &mut Save<'_, document::Entity>) -> bowline::Result<()> {
        let blob: Json = save.get(document::Column::Blob)?;
        if blob["audit"] == "isolation" {
            let sql = "SELECT current_setting('transaction_isolation') AS isolation";
            let row = save.tx().query_one_raw(Statement::from_string(DbBackend::Postgres, sql)).await?;
            let isolation: Option<String> = row.and_then(|row| row.try_get("", "isolation").ok());
            Self::note(save.tx(), &isolation.unwrap_or_default()).await?;
        } else {
            Self::note(save.tx(), "create").await?;
        }
        if blob["audit"] == "astray" {
            save.set(document::Column::CollectionId, 999_999_i64);
        }
        save.save().await?;
        match blob["audit"].as_str() {
            Some("gives up") => Err(ValidationError::from("Given up.").into()),
            Some("panics") => panic!("a hook that panics"),
            _ => Ok(()),
        }
    }

    async fn perform_update(&self, save: &mut Save<'_, document::Entity>) -> bowline::Result<()> {
        let blob: Json = save.get(document::Column::Blob)?;
        if let Some(labels) = blob["labels"].as_array() {
            let id: i64 = save.get(document::Column::Id)?;
            label::Entity::delete_many().filter(label::Column::DocumentId.eq(id)).exec(save.tx()).await?;
            for value in labels.iter().filter_map(Json::as_i64) {
                let row = label::ActiveModel {
                    document_id: ActiveValue::Set(id),
                    value: ActiveValue::Set(value),
                    ..Default::default()
                };
                row.insert(save.tx()).await?;
            }
        }
        if let Some(other) = blob["other"].as_i64() {
            if let (Some("contested"), Some(rival)) = (blob["audit"].as_str(), &self.rival) {
                super::rival(rival, other).await;
            }
            Self::touch(save.tx(), other).await?;
        }
        save.save().await
    }
}

/// The client is who it says it is, and owns what begins with its number.
#[derive(Debug)]
pub struct IsOwner;

impl Permission for IsOwner {
    fn has_object_permission(&self, request: &Context, _: &ViewInfo, booking: &Object<'_>) -> bowline::Result<bool> {
        let owner: Option<i64> = booking.get(booking::Column::Start)?;
        Ok(owner.is_some() && owner == request.query_param("as").and_then(|who| who.parse().ok()))
    }

    fn message(&self) -> Option<Value> {
        Some("Not yours.".into())
    }
}
