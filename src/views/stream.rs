//! A list of any length, written while it is read.

use std::io;
use std::sync::Arc;

use axum::body::{Body, Bytes};
use futures_util::stream::try_unfold;

use super::places::StreamPlace;
use super::resource::Resource;
use super::{Action, View};
use crate::context::Context;
use crate::error::{Error, Result};
use crate::renderers::{ListWriter, Unrenderable};
use crate::serializers::Via;
use crate::store::RowStream;
use crate::store::plan::{Listing, Window};

/// The least and the most rows of one portion.
const ROWS: (usize, usize) = (16, 2_000);
/// How many bytes a portion should have.
const BYTES: usize = 256 << 10;

/// A list that is under way to its client.
struct Flow {
    view: Arc<View>,
    cx: Context,
    rows: RowStream,
    /// How many rows the next portion has.
    most: usize,
    writer: Box<dyn ListWriter>,
    begun: bool,
    ended: bool,
    place: StreamPlace,
}

impl View {
    /// The whole list as a body that is read from the database as its client takes it, in constant memory.
    ///
    /// All of it is one state of the database. A client that stops reading stops the query, one that goes away ends it. What goes
    /// wrong before the first portion is an answer as usual; later it can only close the connection.
    ///
    /// # Errors
    ///
    /// 503 where the database has no connection for it, or its client has too many of them under way.
    pub(super) async fn flow(
        self: &Arc<Self>,
        listing: &Listing,
        cx: &Context,
        writer: Box<dyn ListWriter>,
    ) -> Result<Body> {
        let resource = self.resource(Action::List);
        let place = resource.places.place(cx).await?;
        let rows = resource.store(cx).stream(resource.plan.reads().listing(listing, Window::All)).await?;
        let mut flow =
            Flow { view: Arc::clone(self), cx: cx.clone(), rows, most: 256, writer, begun: false, ended: false, place };
        let first = flow.portion().await?;
        let rest = try_unfold((flow, first), |(mut flow, ready)| async move {
            if let Some(ready) = ready {
                flow.place.pace().gives(ready.len());
                return Ok(Some((ready, (flow, None))));
            }
            if let Err(reason) = flow.place.pace().goes_on() {
                tracing::warn!(reason, "a list was given up");
                return Err(io::Error::other("the list was given up"));
            }
            match flow.portion().await {
                Ok(portion) => {
                    flow.place.pace().gives(portion.as_ref().map_or(0, Bytes::len));
                    Ok(portion.map(|bytes| (bytes, (flow, None))))
                }
                Err(error) => {
                    tracing::error!(%error, "a list broke off");
                    Err(io::Error::other("the list broke off"))
                }
            }
        });
        Ok(Body::from_stream(rest))
    }
}

impl Flow {
    /// The next rows as they are sent; none at the end.
    async fn portion(&mut self) -> Result<Option<Bytes>> {
        if self.ended {
            return Ok(None);
        }
        let resource: &Resource = self.view.resource(Action::List);
        let rows = self.rows.next(self.most).await?;
        let mut out = Vec::new();
        if !std::mem::replace(&mut self.begun, true) {
            self.writer.open(&mut out).map_err(unrenderable)?;
        }
        if rows.is_empty() {
            self.ended = true;
            self.writer.close(&mut out);
            return Ok(Some(out).filter(|out| !out.is_empty()).map(Bytes::from));
        }
        let groups = resource.shape.load(&rows, Via::Stream(&self.rows)).await?;
        out.reserve(BYTES);
        let mut json = Vec::new();
        for row in 0..rows.len() {
            json.clear();
            resource.shape.represent(&rows, row, &groups, &self.cx, &mut json)?;
            self.writer.row(&json, &mut out).map_err(unrenderable)?;
        }
        let wanted = rows.len().saturating_mul(BYTES) / out.len().max(1);
        self.most = wanted.clamp(ROWS.0, ROWS.1);
        Ok(Some(out.into()))
    }
}

fn unrenderable(_: Unrenderable) -> Error {
    Error::internal("a row holds what the renderer of the list has no form for")
}
