//! What is served now, which is made anew where tables were altered.

use std::sync::{Arc, PoisonError, RwLock, Weak};

use axum::extract::Request;
use axum::response::Response;
use tokio::task::AbortHandle;
use tokio::time::Instant;

use super::blueprint::{Blueprint, Made};
use super::dispatch::Dispatch;
use crate::error::Error;
use crate::model::ModelMeta;
use crate::store::catalogue::Catalogue;
use crate::store::{Database, StoreError};
use crate::views::Outdated;

/// What is served now.
///
/// A task of its own waits for signs that tables were altered, and ends with what it watches over.
#[derive(Debug)]
pub(crate) struct Live {
    current: RwLock<Arc<Dispatch>>,
    database: Database,
    watcher: AbortHandle,
}

impl Drop for Live {
    fn drop(&mut self) {
        self.watcher.abort();
    }
}

impl Live {
    /// Serves what was made, as long as the catalogue says the same.
    pub(super) fn start(blueprint: Blueprint, made: Made, catalogue: Catalogue) -> Arc<Self> {
        let Made { dispatch, models } = made;
        let database = blueprint.database.clone();
        blueprint.store.keep(Arc::new(catalogue));
        blueprint.store.signs().begin();
        Arc::new_cyclic(|live| {
            let watcher = tokio::spawn(watch(blueprint, models, Weak::clone(live))).abort_handle();
            Live { current: RwLock::new(Arc::new(dispatch)), database, watcher }
        })
    }

    pub(super) fn current(&self) -> Arc<Dispatch> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) async fn handle(&self, request: Request) -> Response {
        let dispatch = self.current();
        dispatch.handle(request, self).await
    }

    /// What is served instead by now, where an error of an older one may be the reason for which it was made.
    pub(super) async fn instead_of(&self, dispatch: &Dispatch, error: &Error) -> Option<Arc<Dispatch>> {
        let (Error::Internal(source) | Error::Unavailable(source)) = error else { return None };
        if let Some(error) = source.downcast_ref::<StoreError>() {
            self.database.store().is_outdated(error).await;
        } else if !source.is::<Outdated>() {
            return None;
        }
        let current = self.current();
        (!std::ptr::eq(&*current, dispatch)).then_some(current)
    }
}

/// Reads the catalogue again where there are signs, until nothing is served any more.
async fn watch(blueprint: Blueprint, mut models: Vec<Arc<ModelMeta>>, live: Weak<Live>) {
    let signs = Arc::clone(blueprint.store.signs());
    let mut last = Instant::now();
    let mut wrong: Vec<String> = Vec::new();
    loop {
        signs.wanted(last).await;
        let Some(live) = live.upgrade() else { return };
        let known = blueprint.store.catalogue().unwrap_or_default();
        let made = match blueprint.catalogue().await {
            Ok(catalogue) if catalogue == *known => None,
            Ok(catalogue) => {
                tracing::warn!("tables were altered; what is served is made anew of the database's catalogue");
                let (made, sentences) = blueprint.again(&catalogue, &models);
                wrong = sentences;
                blueprint.store.keep(Arc::new(catalogue));
                made
            }
            Err(error) => {
                tracing::warn!(%error, "the catalogue could not be read again");
                None
            }
        };
        for mistake in &wrong {
            tracing::error!("the database was altered, and does not fit the program any more: {mistake}");
        }
        last = Instant::now();
        let is_renewed = made.is_some();
        if let Some(made) = made {
            models = made.models;
            *live.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(made.dispatch);
        }
        signs.read(is_renewed);
    }
}
