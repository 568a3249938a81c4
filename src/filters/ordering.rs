//! `?ordering=-price,title`

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;

use super::path::{End, Models};
use super::{FilterBackend, FilterView, OrderingFields, Queryset};
use crate::context::Context;
use crate::error::Result;
use crate::model::ModelMeta;
use crate::store::plan::Order;
use crate::value::python;

/// Orders a list by the fields that a request names, DRF's `OrderingFilter`.
///
/// Allowed are the view's `ordering_fields`, by default the fields that its serializer shows. Names that are not are
/// left out, as in DRF; where none is left, the order is the view's own. NULLs come where the database has them: first
/// on SQLite, last on PostgreSQL.
///
/// ```
/// use bowline::filters::OrderingFilter;
/// use bowline::prelude::*;
/// # use bowline::doc::booking;
/// let bookings = ModelViewSet::<booking::Entity>::new()
///     .filter_backend(OrderingFilter::new().param("sort"))
///     .ordering_fields(["start", "end"]);
/// # let _ = bookings;
/// ```
#[derive(Clone, Debug)]
pub struct OrderingFilter {
    param: String,
}

impl OrderingFilter {
    /// By the parameter `ordering`.
    pub fn new() -> Self {
        OrderingFilter { param: "ordering".into() }
    }

    /// By another parameter, DRF's `ordering_param`.
    pub fn param(mut self, name: impl Into<String>) -> Self {
        self.param = name.into();
        self
    }
}

impl Default for OrderingFilter {
    fn default() -> Self {
        Self::new()
    }
}

impl From<OrderingFilter> for Arc<dyn FilterBackend> {
    fn from(backend: OrderingFilter) -> Self {
        Arc::new(backend)
    }
}

/// What a field orders by, as Django's `order_by` has it: a relation by the order of the model at its other end.
///
/// # Errors
///
/// A sentence where there is no such field.
pub(super) fn orders(models: &Models, model: &Arc<ModelMeta>, field: &str) -> Result<Vec<Order>, String> {
    let (path, descending) = match field.strip_prefix('-') {
        Some(path) => (path, true),
        None => (field, false),
    };
    let mut found = Vec::new();
    follow(models, model, path, descending, 0, &mut found)?;
    Ok(found)
}

fn follow(
    models: &Models,
    model: &Arc<ModelMeta>,
    path: &str,
    descending: bool,
    depth: u8,
    found: &mut Vec<Order>,
) -> Result<(), String> {
    let resolved = models.resolve(model, path)?;
    if resolved.expression.said {
        return Err(format!("{}: {path} is more than a field to order by.", model.name));
    }
    if let End::Relation(link, ..) = &resolved.end
        && !link.target().ordering.is_empty()
        && depth < 8
    {
        let target = link.target();
        for order in &target.ordering {
            let Some(column) = target.columns.get(order.column) else { continue };
            // a key of its own goes by its column there, not by a further model's order
            let own = match &order.through {
                Some(through) => format!("{path}__{}__{through}", column.name),
                None => format!("{path}__{}", column.name),
            };
            follow(models, model, &own, descending != order.descending, depth + 1, found)?;
        }
        return Ok(());
    }
    found.push(Order { source: resolved.source, descending });
    Ok(())
}

/// The filter of one view.
#[derive(Debug)]
struct BoundOrdering {
    param: String,
    fields: HashMap<String, Vec<Order>>,
}

#[async_trait]
impl FilterBackend for OrderingFilter {
    fn bind(&self, view: &FilterView<'_>) -> Result<Option<Arc<dyn FilterBackend>>, Vec<String>> {
        view.read.ordering_fields.set(true);
        let mut fields = HashMap::new();
        let mut mistakes = Vec::new();
        let all: Vec<String>;
        let (names, declared) = match view.ordering_fields {
            OrderingFields::These(names) => (names, true),
            OrderingFields::Serializer => (&view.shown, false),
            OrderingFields::All => {
                all = view.model.columns.iter().map(|column| column.name.clone()).collect();
                (&all, false)
            }
        };
        for name in names {
            if declared && name.starts_with('-') {
                mistakes.push(format!(
                    "{}: ordering_fields names {name}: leave the \"-\" out, which is a request's to say.",
                    view.model.name
                ));
                continue;
            }
            match orders(&view.models, view.model, name) {
                Ok(order) => {
                    fields.insert(name.clone(), order);
                }
                // what the serializer works out cannot be ordered by
                Err(mistake) if declared => mistakes.push(mistake),
                Err(_) => {}
            }
        }
        if !mistakes.is_empty() {
            return Err(mistakes);
        }
        Ok(Some(Arc::new(BoundOrdering { param: self.param.clone(), fields })))
    }

    async fn filter_queryset(&self, _request: &Context, _queryset: &mut Queryset<'_>) -> Result<()> {
        Ok(())
    }
}

#[async_trait]
impl FilterBackend for BoundOrdering {
    async fn filter_queryset(&self, request: &Context, queryset: &mut Queryset<'_>) -> Result<()> {
        let Some(text) = request.query_param(&self.param) else { return Ok(()) };
        let mut order: Vec<Order> = Vec::new();
        for term in text.split(',') {
            let term = python::strip(term);
            let (name, turned) = match term.strip_prefix('-') {
                Some(name) => (name, true),
                None => (term, false),
            };
            for by in self.fields.get(name).into_iter().flatten() {
                // once is enough, however often it is named
                if !order.iter().any(|known| known.source == by.source) {
                    order.push(Order { source: Arc::clone(&by.source), descending: by.descending != turned });
                }
            }
        }
        if !order.is_empty() {
            queryset.set_order(order);
        }
        Ok(())
    }
}
