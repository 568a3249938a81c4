//! Base64 as Python's `base64.b64decode` reads it and `b64encode` writes it.
//!
//! A decoder that refuses what is not of the alphabet, as those of the crates do, would refuse what Django accepts.

/// The bytes that a text stands for; none where a character is missing at its end.
///
/// What is not of the alphabet is passed over, and so is everything after the padding.
pub(crate) fn decode(text: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len() / 4 * 3);
    // the bits of a byte that is not complete yet, and the place in the group of four
    let mut left = 0;
    let mut place = 0;
    let mut pads = 0;
    for byte in text {
        let value = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            b'=' if place >= 2 => {
                pads += 1;
                if place + pads >= 4 {
                    return Some(out);
                }
                continue;
            }
            _ => continue,
        };
        pads = 0;
        match place {
            0 => {}
            1 => out.push(left << 2 | value >> 4),
            2 => out.push(left << 4 | value >> 2),
            _ => out.push(left << 6 | value),
        }
        left = value;
        place = (place + 1) % 4;
    }
    (place == 0).then_some(out)
}

/// Bytes as text, with padding.
pub(crate) fn encode(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let at = |n: usize| u32::from(group.get(n).copied().unwrap_or(0));
        let bits = at(0) << 16 | at(1) << 8 | at(2);
        for place in 0..4 {
            let digit = (bits >> (18 - 6 * place) & 63) as usize;
            out.push(if place <= group.len() { char::from(ALPHABET[digit]) } else { '=' });
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::{decode, encode};

    #[test]
    fn what_is_written_is_read_again() {
        assert_eq!(encode(b""), "");
        assert_eq!(encode(b"h"), "aA==");
        assert_eq!(encode(b"he"), "aGU=");
        assert_eq!(encode(b"hello"), "aGVsbG8=");
        let all: Vec<u8> = (0..=255).collect();
        assert_eq!(decode(encode(&all).as_bytes()), Some(all));
    }

    /// The expectations are Python 3.11's.
    #[test]
    fn as_python_reads_it() {
        for (text, bytes) in [
            ("", Some("")),
            ("aGVsbG8=", Some("hello")),
            ("aGVs\r\n bG8=", Some("hello")),
            ("aGVsb-*G8=", Some("hello")),
            ("aGVsbG8=ignored", Some("hello")),
            ("aG=VsbG8=", Some("hello")),
            ("aA==", Some("h")),
            ("=aA==", Some("h")),
            ("aGVsbG8", None),
            ("aA=", None),
            ("a", None),
            ("aGVsa", None),
            ("***", Some("")),
            ("aGV=sbG8=", Some("he")),
        ] {
            assert_eq!(decode(text.as_bytes()).as_deref(), bytes.map(str::as_bytes), "{text}");
        }
    }
}
