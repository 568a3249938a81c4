//! Addresses of the Internet as PostgreSQL sends them.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The address of a host or, with a prefix shorter than the address, of a network.
///
/// It prints as Django shows a PostgreSQL `inet`: `10.0.0.1`, `2001:db8::/32`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Inet {
    /// The address.
    pub address: IpAddr,
    /// How many bits of it name the network.
    pub prefix: u8,
    /// Whether the prefix is shown though it is the whole address (PostgreSQL's `cidr`).
    pub network: bool,
}

impl Inet {
    /// The address of a column's bytes: family, prefix, whether it is a `cidr`, length, address.
    pub(crate) fn read(raw: &[u8]) -> Option<Self> {
        let (&[family, prefix, network, _length], address) = raw.split_first_chunk::<4>()?;
        let (address, bits) = match family {
            2 => (IpAddr::from(<[u8; 4]>::try_from(address).ok()?), 32),
            3 => (IpAddr::from(<[u8; 16]>::try_from(address).ok()?), 128),
            _ => return None,
        };
        (prefix <= bits).then_some(Inet { address, prefix, network: network != 0 })
    }
}

impl fmt::Display for Inet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bits = match self.address {
            IpAddr::V4(address) => {
                write!(f, "{address}")?;
                32
            }
            IpAddr::V6(address) => {
                match embedded(address) {
                    Some(inner) => write!(f, "::{inner}")?,
                    None => write!(f, "{address}")?,
                }
                128
            }
        };
        if self.network || self.prefix < bits {
            write!(f, "/{}", self.prefix)?;
        }
        Ok(())
    }
}

/// The IPv4 address after exactly six groups of zeros, which PostgreSQL prints with dots, and Rust does not.
fn embedded(address: Ipv6Addr) -> Option<Ipv4Addr> {
    match address.segments() {
        [0, 0, 0, 0, 0, 0, high, low] if high != 0 => {
            let [a, b] = high.to_be_bytes();
            let [c, d] = low.to_be_bytes();
            Some(Ipv4Addr::new(a, b, c, d))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn bytes_are_read() {
        let host = Inet::read(&[2, 32, 0, 4, 10, 0, 0, 1]).unwrap();
        assert_eq!(host.to_string(), "10.0.0.1");
        assert_eq!(Inet::read(&[2, 32, 1, 4, 10, 0, 0, 1]).unwrap().to_string(), "10.0.0.1/32");
        assert_eq!(Inet::read(&[2, 8, 0, 4, 10, 0, 0, 0]).unwrap().to_string(), "10.0.0.0/8");
        for raw in [&[][..], &[2, 32, 0, 4, 10, 0, 0], &[4, 32, 0, 4, 10, 0, 0, 1], &[2, 33, 0, 4, 10, 0, 0, 1]] {
            assert!(Inet::read(raw).is_none(), "{raw:?}");
        }
    }
}
