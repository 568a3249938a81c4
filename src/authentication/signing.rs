//! Django's signatures: `django.core.signing` and `salted_hmac`.

use std::io::{Read, Write};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use flate2::Compression;
use flate2::read::ZlibDecoder;
use flate2::write::ZlibEncoder;
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::error::{Error, Result};
use crate::value::{Value, json, write};

/// No session is longer than this.
const MOST_BYTES: u64 = 4 << 20;
const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// Django's `salted_hmac` with SHA-256.
pub(super) fn salted_hmac(salt: &str, value: &str, secret: &[u8]) -> Vec<u8> {
    let key = Sha256::new().chain_update(salt).chain_update(secret).finalize();
    hmac_sha256(&key, value.as_bytes())
}

pub(super) fn hmac_sha256(key: &[u8], value: &[u8]) -> Vec<u8> {
    let mac = Hmac::<Sha256>::new_from_slice(key).map(|mac| mac.chain_update(value).finalize().into_bytes().to_vec());
    mac.unwrap_or_default()
}

/// Django's `constant_time_compare`.
pub(super) fn same(one: &[u8], other: &[u8]) -> bool {
    one.ct_eq(other).into()
}

fn signature(salt: &str, value: &str, secret: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(salted_hmac(&format!("{salt}signer"), value, secret))
}

/// Django's `signing.dumps(…, compress=True)`, at a time in seconds.
///
/// # Errors
///
/// 500 where there is no memory.
pub(super) fn dumps(value: &Value, salt: &str, secret: &[u8], now: i64) -> Result<String> {
    let mut text = Vec::new();
    write::value(value, &mut text);
    let data = ascii(&String::from_utf8_lossy(&text)).into_bytes();
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(&data).map_err(Error::internal)?;
    let compressed = encoder.finish().map_err(Error::internal)?;
    let encoded = if compressed.len() + 1 < data.len() {
        format!(".{}", URL_SAFE_NO_PAD.encode(compressed))
    } else {
        URL_SAFE_NO_PAD.encode(data)
    };
    let stamped = format!("{encoded}:{}", base62(now));
    Ok(format!("{stamped}:{}", signature(salt, &stamped, secret)))
}

/// Django's `signing.loads` without an age; none where no key signed it.
pub(super) fn loads(text: &str, salt: &str, secrets: &[Vec<u8>]) -> Option<Value> {
    let (stamped, signed) = text.rsplit_once(':')?;
    if !secrets.iter().any(|secret| same(signed.as_bytes(), signature(salt, stamped, secret).as_bytes())) {
        return None;
    }
    let (encoded, _) = stamped.rsplit_once(':')?;
    let data = match encoded.strip_prefix('.') {
        None => URL_SAFE_NO_PAD.decode(encoded).ok()?,
        Some(encoded) => {
            let compressed = URL_SAFE_NO_PAD.decode(encoded).ok()?;
            let mut data = Vec::new();
            ZlibDecoder::new(compressed.as_slice()).take(MOST_BYTES).read_to_end(&mut data).ok()?;
            data
        }
    };
    // Django reads latin-1; it writes ASCII only
    let text: String = data.into_iter().map(char::from).collect();
    json::parse(text.as_bytes()).ok()
}

/// JSON in ASCII, as Python writes it.
fn ascii(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    for c in json.chars() {
        if c.is_ascii() {
            text.push(c);
        } else {
            let mut units = [0; 2];
            for unit in c.encode_utf16(&mut units) {
                text.push_str(&format!("\\u{unit:04x}"));
            }
        }
    }
    text
}

fn base62(number: i64) -> String {
    let mut number = number.unsigned_abs();
    let mut digits = Vec::new();
    loop {
        digits.push(BASE62[(number % 62) as usize]);
        number /= 62;
        if number == 0 {
            break;
        }
    }
    digits.iter().rev().map(|digit| char::from(*digit)).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;

    const SALT: &str = "django.contrib.sessions.SessionStore";
    const KEY: &[u8] = b"oracle-fixed-secret-key-not-for-production";
    const DJANGO: &str = ".eJxVjMEOwiAQRP-FsyFQwgIevfsNhGUXqRqalPbU-O-2SQ86x3lvZhMxrUuNa-c5jiSuwojLb4cpv7gdgJ6pPSaZp7bMI8pDkSft8j4Rv2-n-3dQU6_7GosfLHo06BJnsmgUBQcBgY3BRCU4bb2BPZwR1UBaFSgaM1guAOLzBQSQOJ4:1rKGxc:MSC7KxKDsxhgrNNkNHof4By1V6OXHECriogtNkHk1R0";

    #[test]
    fn django_s_session_is_read() {
        let session = loads(DJANGO, SALT, &[KEY.to_vec()]).unwrap();
        let id = session.as_map().and_then(|map| map.get("_auth_user_id")).and_then(Value::as_str);
        assert_eq!(id, Some("3"));
        assert!(loads(DJANGO, SALT, &[b"another".to_vec()]).is_none());
        assert!(loads(DJANGO, "another", &[KEY.to_vec()]).is_none());
        assert!(loads(&DJANGO.replace("1rKGxc", "1rKGxd"), SALT, &[KEY.to_vec()]).is_none());
        for text in ["", ":", "::", "a:b:c"] {
            assert!(loads(text, SALT, &[KEY.to_vec()]).is_none());
        }
    }

    #[test]
    fn what_is_written_is_read() {
        let long = "é😀".repeat(100);
        for value in [crate::value!({"a": "é😀", "b": 1}), crate::value!({"long": long})] {
            let text = dumps(&value, SALT, KEY, 1_704_110_400).unwrap();
            assert!(text.is_ascii());
            assert!(text.contains(":1rKGxc:") || text.contains(":1rK"), "{text}");
            assert_eq!(loads(&text, SALT, &[b"x".to_vec(), KEY.to_vec()]), Some(value));
        }
    }
}
