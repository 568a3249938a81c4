//! Who a client is that did not log in: its address.

use std::net::SocketAddr;

use axum::extract::ConnectInfo;

use crate::context::Context;

/// Longer texts are no addresses; what is kept of them bounds the memory that a client can claim.
const LONGEST: usize = 256;

/// The client's address, DRF's `get_ident`.
pub(super) fn address(request: &Context, num_proxies: Option<usize>) -> String {
    let forwarded = match num_proxies {
        Some(0) => None,
        _ => forwarded(request),
    };
    let mut address = match (forwarded, num_proxies) {
        (Some(forwarded), Some(proxies)) => {
            let last = forwarded.split(',').count().min(proxies);
            forwarded.rsplit(',').nth(last.saturating_sub(1)).unwrap_or_default().trim().to_owned()
        }
        (Some(forwarded), None) if !forwarded.is_empty() => forwarded.split_whitespace().collect(),
        _ => remote(request),
    };
    if address.len() > LONGEST {
        let end = (0..=LONGEST).rev().find(|n| address.is_char_boundary(*n)).unwrap_or(0);
        address.truncate(end);
    }
    address
}

/// The address at the other end of the connection; `None` where the server does not tell it, as in DRF.
fn remote(request: &Context) -> String {
    match request.remote_addr() {
        Some(address) => address.ip().to_canonical().to_string(),
        None => "None".into(),
    }
}

/// What proxies wrote into `X-Forwarded-For`, each at the end of what it found there.
fn forwarded(request: &Context) -> Option<String> {
    let lines = request.headers()?.get_all("x-forwarded-for");
    let lines: Vec<_> = lines.iter().map(|line| String::from_utf8_lossy(line.as_bytes())).collect();
    if lines.is_empty() { None } else { Some(lines.join(",")) }
}

impl Context {
    /// The address at the other end of the connection, Django's `REMOTE_ADDR`: that of the last proxy, where there are any.
    ///
    /// It is what axum's [`ConnectInfo`] says: the server of [`serve`](crate::serve) puts it there; an application with a server
    /// of its own does so by `into_make_service_with_connect_info`.
    pub fn remote_addr(&self) -> Option<SocketAddr> {
        self.kept::<ConnectInfo<SocketAddr>>().map(|info| info.0)
    }
}
