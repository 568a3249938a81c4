//! Random text, for keys, salts and masks.

use crate::error::{Error, Result};

/// Letters and digits.
pub(crate) const ALPHANUMERIC: &[u8; 62] = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

/// As many random characters of an alphabet of at most 128, each as likely as any other.
///
/// # Errors
///
/// Where the system has no random numbers.
pub(crate) fn text(length: usize, alphabet: &[u8]) -> Result<String> {
    let size = alphabet.len().min(128);
    // what is above the last whole multiple would make the first characters likelier
    let end = 256 / size.max(1) * size;
    let mut text = String::with_capacity(length);
    let mut bytes = [0; 64];
    while text.len() < length {
        fill(&mut bytes)?;
        let fair = bytes.iter().map(|byte| usize::from(*byte)).filter(|byte| *byte < end);
        text.extend(fair.take(length - text.len()).map(|byte| char::from(alphabet[byte % size])));
    }
    Ok(text)
}

/// As many random bytes as hexadecimal digits.
///
/// # Errors
///
/// As [`text`].
pub(crate) fn hex(bytes: usize) -> Result<String> {
    let mut random = vec![0; bytes];
    fill(&mut random)?;
    Ok(to_hex(&random))
}

/// Bytes as hexadecimal digits.
pub(crate) fn to_hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn fill(bytes: &mut [u8]) -> Result<()> {
    getrandom::fill(bytes).map_err(|error| Error::internal(format!("no random numbers: {error}")))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;

    #[test]
    fn text_has_its_length_and_alphabet() {
        let text = text(1000, b"ab").unwrap();
        assert_eq!(text.len(), 1000);
        assert!(text.bytes().all(|b| b"ab".contains(&b)));
        assert!(text.contains('a') && text.contains('b'));
        assert_ne!(hex(20).unwrap(), hex(20).unwrap());
        assert_eq!(to_hex(&[0, 255, 16]), "00ff10");
    }
}
