//! IP addresses.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{CharField, FieldContext, FieldType, Unrepresentable};
use crate::context::Context;
use crate::error::{ErrorDetail, ValidationError};
use crate::store::Cell;
use crate::value::Value;

/// Which addresses an [`IPAddressField`] takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Protocol {
    /// IPv4 and IPv6; an IPv4 address that is written as IPv6 (`::ffff:192.0.2.1`) is unpacked.
    #[default]
    Both,
    /// IPv4 only.
    IPv4,
    /// IPv6 only.
    IPv6,
}

/// An IP address; IPv6 is written in lower case and with its longest run of zeros left out.
///
/// | code | message |
/// |---|---|
/// | `invalid` | `Enter a valid IPv4 or IPv6 address.` (`IPv4 address.`, `IPv6 address.`; see below) |
/// | the others | as [`CharField`] |
///
/// As in DRF, text with a colon and what is no text get the field's own message for `invalid`, other text the protocol's.
///
/// ```
/// use bowline::fields::{Field, IPAddressField};
/// let field = Field::new("ip", IPAddressField::new());
/// assert_eq!(field.clean(&"2001:DB8:0:0:0:0:0:1".into()), Ok("2001:db8::1".into()));
/// assert_eq!(field.clean(&"::ffff:192.0.2.1".into()), Ok("192.0.2.1".into()));
/// assert!(field.clean(&"256.0.0.1".into()).is_err());
/// ```
#[derive(Clone, Debug, Default)]
pub struct IPAddressField {
    text: CharField,
    protocol: Protocol,
}

impl IPAddressField {
    /// An address of either protocol.
    pub fn new() -> Self {
        IPAddressField::default()
    }

    /// Which addresses are accepted.
    pub fn protocol(mut self, protocol: Protocol) -> Self {
        self.protocol = protocol;
        self
    }

    /// Whether empty text is accepted.
    pub fn allow_blank(mut self, yes: bool) -> Self {
        self.text = self.text.allow_blank(yes);
        self
    }

    /// The most characters that are accepted.
    pub fn max_length(mut self, max: impl Into<Option<usize>>) -> Self {
        self.text = self.text.max_length(max);
        self
    }

    /// The fewest characters that are accepted.
    pub fn min_length(mut self, min: impl Into<Option<usize>>) -> Self {
        self.text = self.text.min_length(min);
        self
    }
}

/// `ipaddress.IPv4Address(text)`.
pub(super) fn is_ipv4(text: &str) -> bool {
    text.parse::<Ipv4Addr>().is_ok()
}

/// Django's `is_valid_ipv6_address`.
pub(super) fn is_ipv6(text: &str) -> bool {
    parse_ipv6(text).is_some()
}

/// The address without the zone that may follow it; none beyond 39 characters, as in Django.
fn parse_ipv6(text: &str) -> Option<Ipv6Addr> {
    if text.chars().count() > 39 {
        return None;
    }
    without_zone(text)?.parse().ok()
}

/// `fe80::1` of `fe80::1%eth0`; none where the zone is none.
pub(super) fn without_zone(text: &str) -> Option<&str> {
    match text.split_once('%') {
        _ if text.contains('/') => None,
        None => Some(text),
        Some((_, zone)) if zone.is_empty() || zone.contains('%') => None,
        Some((address, _)) => Some(address),
    }
}

const INVALID: &str = "Enter a valid IPv4 or IPv6 address.";

impl FieldType for IPAddressField {
    fn shortcut(&self, input: &Value, cx: &FieldContext<'_>) -> Option<Result<Value, ValidationError>> {
        self.text.shortcut(input, cx)
    }

    fn to_internal_value(&self, input: &Value, cx: &FieldContext<'_>) -> Result<Value, ValidationError> {
        let invalid = || cx.error("invalid", INVALID, &[]);
        match input {
            Value::Str(text) | Value::Surrogates(_, text) if text.contains(':') && self.protocol != Protocol::IPv4 => {
                let address = parse_ipv6(text).ok_or_else(invalid)?;
                Ok(Value::Str(match address.to_ipv4_mapped() {
                    Some(address) if self.protocol == Protocol::Both => IpAddr::V4(address).to_string(),
                    Some(address) => format!("::ffff:{address}"),
                    None => address.to_string(),
                }))
            }
            Value::Str(_) | Value::Surrogates(..) => self.text.read(input).ok_or_else(invalid),
            _ => Err(invalid()),
        }
    }

    fn check(&self, value: &Value, cx: &FieldContext<'_>, errors: &mut Vec<ErrorDetail>) {
        self.text.check(value, cx, errors);
        let Some(text) = super::text::text_of(value) else { return };
        let (fits, message) = match self.protocol {
            Protocol::Both => (is_ipv4(text) || is_ipv6(text), INVALID),
            Protocol::IPv4 => (is_ipv4(text), "Enter a valid IPv4 address."),
            Protocol::IPv6 => (is_ipv6(text), "Enter a valid IPv6 address."),
        };
        if !fits {
            errors.push(ErrorDetail::new(message, "invalid"));
        }
    }

    fn allows_blank(&self) -> bool {
        self.text.allows_blank()
    }

    fn to_representation(&self, cell: Cell<'_>, cx: &Context, out: &mut Vec<u8>) -> Result<(), Unrepresentable> {
        self.text.to_representation(cell, cx, out)
    }

    fn metadata_type(&self) -> &'static str {
        "string"
    }

    fn metadata_limits(&self) -> Vec<(&'static str, Value)> {
        self.text.metadata_limits()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::super::testing::{details, error, set};
    use super::*;
    use crate::fields::Field;

    fn quoted(text: &str) -> String {
        format!("\"{text}\"")
    }

    #[test]
    fn both() {
        let field = IPAddressField::new();
        for (input, stored) in [
            (" 192.0.2.1 ", "192.0.2.1"),
            ("::", "::"),
            ("::FFFF:192.0.2.1", "192.0.2.1"),
            ("1:0:0:2:0:0:0:3", "1:0:0:2::3"),
            ("1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"),
            ("fe80::1%eth0", "fe80::1"),
            ("::1.2.3.4", "::102:304"),
        ] {
            assert_eq!(set(&field, &quoted(input)), stored.into(), "{input}");
        }
        for json in [
            "5",
            "true",
            "[]",
            r#""256.0.0.1""#,
            r#""01.2.3.4""#,
            r#""1.2.3""#,
            r#""12345::""#,
            r#"" ::1""#,
            r#""::1%""#,
            r#""::1%a/8""#,
            r#""1::2::3""#,
            r#""::01.2.3.4""#,
            r#""x""#,
            r#""1111:2222:3333:4444:5555:6666:1111:2222%x""#,
        ] {
            assert_eq!(error(&field, json), ["invalid: Enter a valid IPv4 or IPv6 address."], "{json}");
        }
        assert_eq!(error(&field, r#""""#), ["blank: This field may not be blank."]);
    }

    #[test]
    fn one_of_them() {
        let four = IPAddressField::new().protocol(Protocol::IPv4);
        assert_eq!(set(&four, r#"" 10.1.2.3 ""#), "10.1.2.3".into());
        for json in [r#""::1""#, r#""1.2.3.4/8""#, r#""010.1.2.3""#] {
            assert_eq!(error(&four, json), ["invalid: Enter a valid IPv4 address."], "{json}");
        }
        let six = IPAddressField::new().protocol(Protocol::IPv6);
        assert_eq!(set(&six, r#""::ffff:1.2.3.4""#), "::ffff:1.2.3.4".into());
        assert_eq!(error(&six, r#""192.0.2.1""#), ["invalid: Enter a valid IPv6 address."]);
        let own = Field::new("ip", six).error_message("invalid", "No.");
        assert_eq!(details(own.clean(&"1:".into()).unwrap_err()), ["invalid: No."]);
    }
}
