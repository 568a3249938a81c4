//! Long lists that are under way: how many of them one client may have, and for how long.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use crate::context::Context;
use crate::error::{Error, Result};
use crate::settings::{Settings, StreamLimits};
use crate::throttling::address;

/// The long lists of one application by their clients.
#[derive(Debug)]
pub(crate) struct StreamPlaces {
    limits: StreamLimits,
    num_proxies: Option<usize>,
    patience: Duration,
    clients: Mutex<HashMap<String, Arc<Semaphore>>>,
}

/// A place for one long list.
#[derive(Debug)]
pub(super) struct StreamPlace {
    owner: Arc<StreamPlaces>,
    client: String,
    permit: Option<OwnedSemaphorePermit>,
    pace: Pace,
}

impl StreamPlaces {
    pub(crate) fn new(settings: &Settings) -> Self {
        StreamPlaces {
            limits: settings.streams.clone(),
            num_proxies: settings.num_proxies,
            patience: settings.store.acquire_timeout,
            clients: Mutex::default(),
        }
    }

    /// A place for a client, once it has one free.
    ///
    /// # Errors
    ///
    /// 503 where its other lists take too long.
    pub(super) async fn place(self: &Arc<Self>, request: &Context) -> Result<StreamPlace> {
        let client = address(request, self.num_proxies);
        let pace = Pace::new(self.limits.clone());
        let mut place = StreamPlace { owner: Arc::clone(self), client, permit: None, pace };
        if request.remote_addr().is_none() {
            // all clients would be one
            return Ok(place);
        }
        let own = {
            let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
            let new = || Arc::new(Semaphore::new(self.limits.per_client.clamp(1, Semaphore::MAX_PERMITS)));
            Arc::clone(clients.entry(place.client.clone()).or_insert_with(new))
        };
        match timeout(self.patience, own.acquire_owned()).await {
            Ok(Ok(permit)) => place.permit = Some(permit),
            _ => return Err(Error::unavailable("one client has too many long lists under way")),
        }
        Ok(place)
    }
}

impl StreamPlace {
    /// How its client takes what it gets.
    pub(super) fn pace(&mut self) -> &mut Pace {
        &mut self.pace
    }
}

impl Drop for StreamPlace {
    fn drop(&mut self) {
        self.permit = None;
        let mut clients = self.owner.clients.lock().unwrap_or_else(PoisonError::into_inner);
        // nobody waits for a place, and nobody has one
        if clients.get(&self.client).is_some_and(|own| Arc::strong_count(own) == 1) {
            clients.remove(&self.client);
        }
    }
}

/// How long a list has been under way, and how fast its client takes it.
#[derive(Debug)]
pub(super) struct Pace {
    limits: StreamLimits,
    begun: Instant,
    /// Since when its client has not asked for more.
    given: Option<Instant>,
    waited: Duration,
    bytes: u64,
}

impl Pace {
    fn new(limits: StreamLimits) -> Self {
        Pace { limits, begun: Instant::now(), given: None, waited: Duration::ZERO, bytes: 0 }
    }

    /// So many bytes are there for the client.
    pub(super) fn gives(&mut self, bytes: usize) {
        self.bytes += bytes as u64;
        self.given = Some(Instant::now());
    }

    /// The client wants more: whether it may have it.
    ///
    /// # Errors
    ///
    /// A sentence where it took too long.
    pub(super) fn goes_on(&mut self) -> Result<(), &'static str> {
        self.waited += self.given.take().map_or(Duration::ZERO, |given| given.elapsed());
        if self.begun.elapsed() > self.limits.time {
            return Err("it takes longer than streams.time");
        }
        let wanted = self.waited.saturating_sub(self.limits.grace).as_secs().saturating_mul(self.limits.rate.into());
        if self.bytes < wanted { Err("its client takes it more slowly than streams.rate") } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use axum::extract::ConnectInfo;

    use super::*;

    fn places(limits: StreamLimits) -> Arc<StreamPlaces> {
        let mut settings = Settings { streams: limits, ..Settings::default() };
        settings.store.acquire_timeout = Duration::from_millis(20);
        Arc::new(StreamPlaces::new(&settings))
    }

    fn from(address: &str) -> Context {
        let mut request = http::Request::new(());
        let address: std::net::SocketAddr = address.parse().unwrap();
        request.extensions_mut().insert(ConnectInfo(address));
        Context::new(request.into_parts().0, Vec::new())
    }

    #[tokio::test]
    async fn a_client_has_its_places_and_others_have_theirs() {
        let places = places(StreamLimits { per_client: 2, ..StreamLimits::default() });
        let (one, other) = (from("10.0.0.1:1"), from("10.0.0.2:1"));
        let first = places.place(&one).await.unwrap();
        let _second = places.place(&from("10.0.0.1:2")).await.unwrap();
        assert_eq!(places.place(&one).await.unwrap_err().status().as_u16(), 503);
        let _others = places.place(&other).await.unwrap();
        drop(first);
        drop(places.place(&one).await.unwrap());
        drop((_second, _others));
        assert!(places.clients.lock().unwrap().is_empty(), "nothing is kept of who has gone");
    }

    #[tokio::test]
    async fn a_list_is_taken_in_time() {
        let limits = StreamLimits { grace: Duration::from_millis(1), rate: 1_000, ..StreamLimits::default() };
        let mut pace = Pace::new(limits);
        pace.gives(1_000);
        pace.goes_on().unwrap();
        pace.waited = Duration::from_secs(3);
        assert!(pace.goes_on().unwrap_err().contains("streams.rate"));
        let mut long = Pace::new(StreamLimits { time: Duration::ZERO, ..StreamLimits::default() });
        assert!(long.goes_on().unwrap_err().contains("streams.time"));
    }
}
