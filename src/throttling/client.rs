//! Who a client is that did not log in: its address.

use std::borrow::Cow;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use axum::extract::ConnectInfo;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

use crate::context::Context;

/// The most bytes of a name that are kept as they are.
const LONGEST: usize = 128;

/// The client's address, DRF's `get_ident`, with an IPv6 address as its network.
pub(crate) fn address(request: &Context, num_proxies: Option<usize>) -> String {
    let forwarded = match num_proxies {
        Some(0) => None,
        _ => forwarded(request),
    };
    let address = match (forwarded, num_proxies) {
        (Some(forwarded), Some(proxies)) => {
            let last = forwarded.split(',').count().min(proxies);
            forwarded.rsplit(',').nth(last.saturating_sub(1)).unwrap_or_default().trim().to_owned()
        }
        (Some(forwarded), None) if !forwarded.is_empty() => forwarded.split_whitespace().collect(),
        _ => return remote(request),
    };
    match parsed(&address) {
        Some(ip) => network(ip),
        None => bounded(&address).into_owned(),
    }
}

/// A name of at most 128 bytes: a longer one is known by its hash, so that the memory that a client can claim is bounded and two
/// clients with one beginning are still two.
pub(super) fn bounded(name: &str) -> Cow<'_, str> {
    if name.len() <= LONGEST {
        return Cow::Borrowed(name);
    }
    Cow::Owned(format!("sha256:{}", URL_SAFE_NO_PAD.encode(Sha256::digest(name))))
}

/// The address that a proxy wrote, with a port or a zone or without; some proxies add the port, which is another one with every
/// connection.
fn parsed(text: &str) -> Option<IpAddr> {
    if let Ok(ip) = text.parse() {
        return Some(ip);
    }
    if let Ok(with_port) = text.parse::<SocketAddr>() {
        return Some(with_port.ip());
    }
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    bare.split('%').next()?.parse().ok()
}

/// Whom an address stands for. Whoever has one address of IPv6 has the 2⁶⁴ of its network, so the network is the client; one
/// that holds an address of IPv4 is that one.
fn network(address: IpAddr) -> String {
    let IpAddr::V6(six) = address.to_canonical() else { return address.to_canonical().to_string() };
    match six.segments() {
        // translated by NAT64
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => Ipv4Addr::from((u32::from(high) << 16) | u32::from(low)).to_string(),
        _ if six.is_loopback() => six.to_string(),
        [a, b, c, d, ..] => format!("{}/64", Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0)),
    }
}

/// The address at the other end of the connection; `None` where the server does not tell it, as in DRF.
fn remote(request: &Context) -> String {
    match request.remote_addr() {
        Some(address) => network(address.ip()),
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
