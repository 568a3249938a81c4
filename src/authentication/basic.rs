//! `Authorization: Basic …`, RFC 7617.

use std::borrow::Cow;

use async_trait::async_trait;

use super::hashers::Passwords;
use super::header::{Credentials, credentials};
use super::{Authenticated, Authentication, users};
use crate::context::{Context, User};
use crate::error::{Error, Result};
use crate::store::Database;

/// By name and password of `auth_user`, DRF's `BasicAuthentication`.
///
/// ```
/// use bowline::authentication::{BasicAuthentication, PasswordHasher, Passwords};
/// let quick = Passwords::new(PasswordHasher::Pbkdf2Sha256 { iterations: 1000 }); // for tests
/// let basic = BasicAuthentication::new().realm("shop").passwords(quick);
/// # let _ = basic;
/// ```
#[derive(Clone, Debug)]
pub struct BasicAuthentication {
    realm: Cow<'static, str>,
    passwords: Passwords,
}

impl Default for BasicAuthentication {
    fn default() -> Self {
        Self::new()
    }
}

impl BasicAuthentication {
    /// With the realm `api` and Django's way to hash passwords.
    pub fn new() -> Self {
        BasicAuthentication { realm: Cow::Borrowed("api"), passwords: Passwords::default() }
    }

    /// With another realm, DRF's `www_authenticate_realm`.
    pub fn realm(mut self, realm: impl Into<Cow<'static, str>>) -> Self {
        self.realm = realm.into();
        self
    }

    /// With another way to hash passwords.
    pub fn passwords(mut self, passwords: Passwords) -> Self {
        self.passwords = passwords;
        self
    }
}

#[async_trait]
impl Authentication for BasicAuthentication {
    async fn authenticate(&self, request: &Context, database: &Database) -> Result<Option<Authenticated>> {
        let failed = |detail: &'static str| Error::authentication_failed(detail);
        let encoded = match credentials(request, "basic") {
            Credentials::Others => return Ok(None),
            Credentials::None => return Err(failed("Invalid basic header. No credentials provided.")),
            Credentials::Several => {
                return Err(failed("Invalid basic header. Credentials string should not contain spaces."));
            }
            Credentials::One(encoded) => encoded,
        };
        let decoded = decoded(encoded).map(|bytes| match String::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) => error.into_bytes().into_iter().map(char::from).collect(),
        });
        let Some((username, password)) = decoded.as_ref().and_then(|text| text.split_once(':')) else {
            return Err(failed("Invalid basic header. Credentials not correctly base64 encoded."));
        };
        match users::authenticate(database, &self.passwords, username, password).await? {
            Some(user) => Ok(Some(Authenticated::new(User::from(&user)))),
            None => Err(failed("Invalid username/password.")),
        }
    }

    fn authenticate_header(&self, _: &Context) -> Option<Cow<'static, str>> {
        Some(format!("Basic realm=\"{}\"", self.realm).into())
    }
}

/// Base64 as Python's `b64decode` reads it: what is not of its alphabet is passed over, what stands behind the padding too.
fn decoded(encoded: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(encoded.len() / 4 * 3);
    let (mut filled, mut left, mut pads) = (0_u8, 0_u8, 0_u8);
    for byte in encoded {
        let value = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            b'=' => {
                pads += 1;
                if filled >= 2 && filled + pads >= 4 {
                    return Some(out);
                }
                pads = pads.min(4);
                continue;
            }
            _ => continue,
        };
        pads = 0;
        match filled {
            0 => left = value,
            1 => {
                out.push(left << 2 | value >> 4);
                left = value & 0x0f;
            }
            2 => {
                out.push(left << 4 | value >> 2);
                left = value & 0x03;
            }
            _ => out.push(left << 6 | value),
        }
        filled = (filled + 1) % 4;
    }
    (filled == 0).then_some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_as_python_reads_it() {
        for (encoded, bytes) in [
            ("", Some("")),
            ("YWxpY2U6eA==", Some("alice:x")),
            ("YWxp!Y2U6eA==", Some("alice:x")),
            ("YWxpY2U6eA==YWxp", Some("alice:x")),
            ("=YWxpY2U6eA==", Some("alice:x")),
            ("YWxpY2U6eA=", None),
            ("YWxpY2U6eA", None),
            ("Y", None),
            ("!!!", Some("")),
        ] {
            assert_eq!(decoded(encoded.as_bytes()).as_deref(), bytes.map(str::as_bytes), "{encoded}");
        }
    }
}
