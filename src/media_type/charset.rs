//! Text of other charsets than UTF-8, by the names that Python knows.
//!
//! DRF takes the charset of a body from its `Content-Type`. A name that Python does not know counts as UTF-8, one of
//! Python's codecs that is no text encoding (`zlib`, `rot13`) is refused. The common encodings are read; refused with
//! them, which is a difference, are those that no HTTP client sends and some that are dangerous: EBCDIC, DOS and
//! most Mac code pages, UTF-7, IDNA, Punycode, Python's escapes.

use std::borrow::Cow;

use encoding_rs::{self as tables, DecoderResult, Encoding};

use crate::value::json;

/// What a charset's name means.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Lookup {
    /// An encoding that is read here.
    Found(Charset),
    /// A codec of Python's that is no text encoding, or one that is not read here.
    NotText,
    /// Nothing.
    Unknown,
}

/// A text encoding.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Charset {
    Utf8,
    /// With a byte order mark that does not belong to the text.
    Utf8Sig,
    Ascii,
    Latin1,
    /// ISO 8859-9: six letters other than Latin-1's.
    Latin5,
    /// In a byte order, or in that of its mark.
    Utf16(Option<Order>),
    /// In a byte order, or in that of its mark.
    Utf32(Option<Order>),
    /// By a table of the WHATWG's, with Python's name of the codec in its messages.
    Table(&'static Encoding, &'static str),
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Order {
    Big,
    Little,
}

/// The charset of a name, in any spelling that Python takes.
pub(crate) fn lookup(name: &str) -> Lookup {
    use Charset::{Ascii, Latin1, Latin5, Table, Utf8, Utf8Sig, Utf16, Utf32};
    let name = normalized(name);
    let found = match name.as_str() {
        "utf_8" | "utf8" | "u8" | "utf" | "cp65001" | "utf8_ucs2" | "utf8_ucs4" => Utf8,
        "utf_8_sig" => Utf8Sig,
        "ascii" | "us_ascii" | "us" | "646" | "cp367" | "csascii" | "ibm367" | "iso646_us" | "iso_ir_6"
        | "iso_646_irv_1991" | "ansi_x3_4_1968" | "ansi_x3_4_1986" => Ascii,
        "latin_1" | "latin1" | "latin" | "l1" | "8859" | "cp819" | "csisolatin1" | "ibm819" | "iso8859"
        | "iso8859_1" | "iso_8859_1" | "iso_8859_1_1987" | "iso_ir_100" => Latin1,
        "iso8859_9" | "iso_8859_9" | "iso_8859_9_1989" | "csisolatin5" | "iso_ir_148" | "l5" | "latin5" => Latin5,
        "utf_16" | "utf16" | "u16" => Utf16(None),
        "utf_16_be" | "utf_16be" | "unicodebigunmarked" => Utf16(Some(Order::Big)),
        "utf_16_le" | "utf_16le" | "unicodelittleunmarked" => Utf16(Some(Order::Little)),
        "utf_32" | "utf32" | "u32" => Utf32(None),
        "utf_32_be" | "utf_32be" => Utf32(Some(Order::Big)),
        "utf_32_le" | "utf_32le" => Utf32(Some(Order::Little)),
        other => match TABLES.iter().find(|(names, ..)| names.contains(&other)) {
            Some((_, table, codec)) => Table(table, codec),
            None if is_other_codec(other) => return Lookup::NotText,
            None => return Lookup::Unknown,
        },
    };
    Lookup::Found(found)
}

/// Python's `encodings.normalize_encoding` and the look into its aliases: what is neither letter nor digit is one `_`.
fn normalized(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    let mut gap = false;
    for c in name.chars() {
        if c.is_alphanumeric() {
            if gap && !out.is_empty() {
                out.push('_');
            }
            if c.is_ascii() {
                out.push(c.to_ascii_lowercase());
            }
            gap = false;
        } else {
            gap = true;
        }
    }
    out
}

type Row = (&'static [&'static str], &'static Encoding, &'static str);

/// Python's names, the WHATWG's table, the name in Python's messages.
static TABLES: [Row; 36] = [
    (&["cp1252", "1252", "windows_1252"], tables::WINDOWS_1252, "charmap"),
    (&["cp1250", "1250", "windows_1250"], tables::WINDOWS_1250, "charmap"),
    (&["cp1251", "1251", "windows_1251"], tables::WINDOWS_1251, "charmap"),
    (&["cp1253", "1253", "windows_1253"], tables::WINDOWS_1253, "charmap"),
    (&["cp1254", "1254", "windows_1254"], tables::WINDOWS_1254, "charmap"),
    (&["cp1255", "1255", "windows_1255"], tables::WINDOWS_1255, "charmap"),
    (&["cp1256", "1256", "windows_1256"], tables::WINDOWS_1256, "charmap"),
    (&["cp1257", "1257", "windows_1257"], tables::WINDOWS_1257, "charmap"),
    (&["cp1258", "1258", "windows_1258"], tables::WINDOWS_1258, "charmap"),
    (&["iso8859_15", "iso_8859_15", "l9", "latin9"], tables::ISO_8859_15, "charmap"),
    (
        &["iso8859_2", "iso_8859_2", "iso_8859_2_1987", "csisolatin2", "iso_ir_101", "l2", "latin2"],
        tables::ISO_8859_2,
        "charmap",
    ),
    (
        &["iso8859_3", "iso_8859_3", "iso_8859_3_1988", "csisolatin3", "iso_ir_109", "l3", "latin3"],
        tables::ISO_8859_3,
        "charmap",
    ),
    (
        &["iso8859_4", "iso_8859_4", "iso_8859_4_1988", "csisolatin4", "iso_ir_110", "l4", "latin4"],
        tables::ISO_8859_4,
        "charmap",
    ),
    (
        &["iso8859_5", "iso_8859_5", "iso_8859_5_1988", "csisolatincyrillic", "cyrillic", "iso_ir_144"],
        tables::ISO_8859_5,
        "charmap",
    ),
    (
        &[
            "iso8859_6",
            "iso_8859_6",
            "iso_8859_6_1987",
            "csisolatinarabic",
            "arabic",
            "asmo_708",
            "ecma_114",
            "iso_ir_127",
        ],
        tables::ISO_8859_6,
        "charmap",
    ),
    (
        &[
            "iso8859_7",
            "iso_8859_7",
            "iso_8859_7_1987",
            "csisolatingreek",
            "greek",
            "greek8",
            "ecma_118",
            "elot_928",
            "iso_ir_126",
        ],
        tables::ISO_8859_7,
        "charmap",
    ),
    (
        &["iso8859_8", "iso_8859_8", "iso_8859_8_1988", "csisolatinhebrew", "hebrew", "iso_ir_138"],
        tables::ISO_8859_8,
        "charmap",
    ),
    (
        &["iso8859_10", "iso_8859_10", "iso_8859_10_1992", "csisolatin6", "iso_ir_157", "l6", "latin6"],
        tables::ISO_8859_10,
        "charmap",
    ),
    (&["iso8859_13", "iso_8859_13", "l7", "latin7"], tables::ISO_8859_13, "charmap"),
    (
        &["iso8859_14", "iso_8859_14", "iso_8859_14_1998", "iso_celtic", "iso_ir_199", "l8", "latin8"],
        tables::ISO_8859_14,
        "charmap",
    ),
    (
        &["iso8859_16", "iso_8859_16", "iso_8859_16_2001", "iso_ir_226", "l10", "latin10"],
        tables::ISO_8859_16,
        "charmap",
    ),
    (&["cp874"], tables::WINDOWS_874, "charmap"),
    (
        &[
            "iso8859_11",
            "iso_8859_11",
            "iso_8859_11_2001",
            "thai",
            "tis_620",
            "tis620",
            "iso_ir_166",
            "tis_620_0",
            "tis_620_2529_0",
            "tis_620_2529_1",
        ],
        tables::WINDOWS_874,
        "charmap",
    ),
    (&["koi8_r", "cskoi8r"], tables::KOI8_R, "charmap"),
    (&["koi8_u"], tables::KOI8_U, "charmap"),
    (&["cp866", "866", "csibm866", "ibm866"], tables::IBM866, "charmap"),
    (&["mac_roman", "macintosh", "macroman"], tables::MACINTOSH, "charmap"),
    (&["mac_cyrillic", "maccyrillic"], tables::X_MAC_CYRILLIC, "charmap"),
    (&["shift_jis", "csshiftjis", "s_jis", "shiftjis", "sjis", "x_mac_japanese"], tables::SHIFT_JIS, "shift_jis"),
    (&["cp932", "932", "ms932", "ms_kanji", "mskanji"], tables::SHIFT_JIS, "cp932"),
    (&["euc_jp", "eucjp", "u_jis", "ujis"], tables::EUC_JP, "euc_jp"),
    (
        &[
            "euc_kr",
            "euckr",
            "korean",
            "ks_c_5601",
            "ks_c_5601_1987",
            "ks_x_1001",
            "ksc5601",
            "ksx1001",
            "x_mac_korean",
            "cp949",
            "949",
            "ms949",
            "uhc",
        ],
        tables::EUC_KR,
        "euc_kr",
    ),
    (
        &[
            "gbk",
            "936",
            "cp936",
            "ms936",
            "gb2312",
            "chinese",
            "csiso58gb231280",
            "euc_cn",
            "euccn",
            "eucgb2312_cn",
            "gb2312_1980",
            "gb2312_80",
            "iso_ir_58",
            "x_mac_simp_chinese",
        ],
        tables::GBK,
        "gbk",
    ),
    (&["gb18030", "gb18030_2000"], tables::GB18030, "gb18030"),
    (
        &[
            "big5",
            "big5_tw",
            "csbig5",
            "x_mac_trad_chinese",
            "big5hkscs",
            "big5_hkscs",
            "hkscs",
            "cp950",
            "950",
            "ms950",
        ],
        tables::BIG5,
        "big5",
    ),
    (&["iso2022_jp", "csiso2022jp", "iso2022jp", "iso_2022_jp"], tables::ISO_2022_JP, "iso2022_jp"),
];

/// The rest of what Python knows.
const OTHERS: &str = " base64 base64_codec base_64 bz2 bz2_codec charmap hex hex_codec quopri quopri_codec \
    quoted_printable quotedprintable rot13 rot_13 uu uu_codec zip zlib zlib_codec idna punycode undefined \
    raw_unicode_escape unicode_escape utf_7 utf7 u7 unicode_1_1_utf_7 palmos hz hz_gb hz_gb_2312 \
    hzgb johab ms1361 koi8_t kz1048 kz_1048 rk1048 strk1048_2002 ptcp154 csptcp154 cyrillic_asian pt154 hp_roman8 \
    cshproman8 r8 roman8 ruscii euc_jis2004 euc_jis_2004 eucjis2004 jisx0213 euc_jisx0213 eucjisx0213 s_jis_2004 \
    shift_jis_2004 shiftjis2004 sjis_2004 s_jisx0213 shift_jisx0213 shiftjisx0213 sjisx0213 037 273 424 437 500 775 \
    850 852 855 857 858 860 861 862 863 864 865 869 1026 1125 1140 cspc8codepage437 cspc775baltic \
    cspc850multilingual cspcp852 cspc862latinhebrew csibm037 csibm273 csibm424 csibm500 csibm855 csibm857 csibm858 \
    csibm860 csibm861 csibm863 csibm864 csibm865 csibm869 csibm1026 csibm1125 ebcdic_cp_ca ebcdic_cp_nl ebcdic_cp_us \
    ebcdic_cp_wt ebcdic_cp_he ebcdic_cp_be ebcdic_cp_ch cp_is cp_gr cp866u csiso2022kr mac_arabic mac_croatian \
    mac_farsi mac_greek macgreek mac_iceland maciceland mac_latin2 mac_centeuro maccentraleurope maclatin2 \
    mac_romanian mac_turkish macturkish ibm037 ibm039 ibm273 ibm424 ibm437 ibm500 ibm775 ibm850 ibm852 ibm855 ibm857 \
    ibm858 ibm860 ibm861 ibm862 ibm863 ibm864 ibm865 ibm869 ibm1026 ibm1051 ibm1125 ibm1140 cp037 cp1006 cp1026 \
    cp1051 cp1125 cp1140 cp1361 cp154 cp273 cp424 cp437 cp500 cp720 cp737 cp775 cp850 cp852 cp855 cp856 cp857 cp858 \
    cp860 cp861 cp862 cp863 cp864 cp865 cp869 cp875 iso2022_jp_1 iso2022jp_1 iso_2022_jp_1 iso2022_jp_2 iso2022jp_2 \
    iso_2022_jp_2 iso2022_jp_2004 iso2022jp_2004 iso_2022_jp_2004 iso2022_jp_3 iso2022jp_3 iso_2022_jp_3 \
    iso2022_jp_ext iso2022jp_ext iso_2022_jp_ext iso2022_kr iso2022kr iso_2022_kr ";

fn is_other_codec(name: &str) -> bool {
    OTHERS.split_ascii_whitespace().any(|other| other == name)
}

impl Charset {
    /// The bytes as text, or Python's sentence about the first ones that are none.
    ///
    /// Bytes at the end that begin a character of UTF-8, -16 or -32 without completing it are dropped, as Python's
    /// stream readers do.
    pub(crate) fn decode(self, bytes: &[u8]) -> Result<Cow<'_, str>, String> {
        let at = |byte: u8, n: usize, codec: &str, reason: &str| {
            format!("'{codec}' codec can't decode byte 0x{byte:02x} in position {n}: {reason}")
        };
        match self {
            Charset::Utf8 => json::decode(bytes).map(Cow::Borrowed).map_err(|error| error.to_string()),
            Charset::Utf8Sig => Charset::Utf8.decode(bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes)),
            Charset::Ascii => match std::str::from_utf8(bytes) {
                Ok(text) if text.is_ascii() => Ok(Cow::Borrowed(text)),
                _ => {
                    let n = bytes.iter().position(|b| !b.is_ascii()).unwrap_or_default();
                    let byte = bytes.get(n).copied().unwrap_or_default();
                    Err(at(byte, n, "ascii", "ordinal not in range(128)"))
                }
            },
            Charset::Latin1 | Charset::Latin5 => Ok(self.decode_lossy(bytes)),
            Charset::Utf16(order) => utf16(bytes, order, false).map(Cow::Owned),
            Charset::Utf32(order) => utf32(bytes, order, false).map(Cow::Owned),
            Charset::Table(table, codec) => match by_table(table, bytes) {
                Ok(text) => Ok(Cow::Owned(text)),
                Err((n, is_cut)) => {
                    let byte = bytes.get(n).copied().unwrap_or_default();
                    let reason = match codec {
                        "charmap" => "character maps to <undefined>",
                        _ if is_cut => "incomplete multibyte sequence",
                        _ => "illegal multibyte sequence",
                    };
                    Err(at(byte, n, codec, reason))
                }
            },
        }
    }

    /// The bytes as text, where they are nothing but text.
    pub(crate) fn decode_whole(self, bytes: &[u8]) -> Option<Cow<'_, str>> {
        // Python's `bytes.decode` takes the machine's order where no mark tells it; its stream readers want the mark
        let ordered = match (self, bytes) {
            (Charset::Utf16(None), [0xfe, 0xff, ..] | [0xff, 0xfe, ..]) => self,
            (Charset::Utf16(None), _) => Charset::Utf16(Some(Order::Little)),
            (Charset::Utf32(None), [0, 0, 0xfe, 0xff, ..] | [0xff, 0xfe, 0, 0, ..]) => self,
            (Charset::Utf32(None), _) => Charset::Utf32(Some(Order::Little)),
            _ => self,
        };
        // what is cut off at the end is dropped by the one and replaced by the other
        ordered.decode(bytes).ok().filter(|text| *text == ordered.decode_lossy(bytes))
    }

    /// The bytes as text, whatever is none replaced by U+FFFD.
    pub(crate) fn decode_lossy(self, bytes: &[u8]) -> Cow<'_, str> {
        let each = |map: fn(u8) -> char| Cow::Owned(bytes.iter().copied().map(map).collect());
        match self {
            Charset::Utf8 => String::from_utf8_lossy(bytes),
            Charset::Utf8Sig => String::from_utf8_lossy(bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes)),
            Charset::Ascii => each(|b| if b.is_ascii() { char::from(b) } else { '\u{fffd}' }),
            Charset::Latin1 => each(char::from),
            Charset::Latin5 => each(latin5),
            Charset::Utf16(order) => Cow::Owned(utf16(bytes, order, true).unwrap_or_default()),
            Charset::Utf32(order) => Cow::Owned(utf32(bytes, order, true).unwrap_or_default()),
            Charset::Table(table, _) => table.decode_without_bom_handling(bytes).0,
        }
    }
}

fn latin5(byte: u8) -> char {
    match byte {
        0xd0 => 'Ğ',
        0xdd => 'İ',
        0xde => 'Ş',
        0xf0 => 'ğ',
        0xfd => 'ı',
        0xfe => 'ş',
        other => char::from(other),
    }
}

/// The text, or the place of the first byte that is none, and whether what begins there is only cut short.
fn by_table(table: &'static Encoding, bytes: &[u8]) -> Result<String, (usize, bool)> {
    let mut decoder = table.new_decoder_without_bom_handling();
    let room = decoder.max_utf8_buffer_length_without_replacement(bytes.len());
    let mut text = String::with_capacity(room.unwrap_or_default());
    let place = |read: usize, length: u8, after: u8| read.saturating_sub(usize::from(length) + usize::from(after));
    let (result, read) = decoder.decode_to_string_without_replacement(bytes, &mut text, false);
    if let DecoderResult::Malformed(length, after) = result {
        return Err((place(read, length, after), false));
    }
    if let (DecoderResult::Malformed(length, after), _) =
        decoder.decode_to_string_without_replacement(&[], &mut text, true)
    {
        return Err((place(bytes.len(), length, after), true));
    }
    // the WHATWG gives the bytes that a Windows code page leaves out to control characters, Python to nothing
    let undefined = text.chars().position(|c| ('\u{80}'..='\u{9f}').contains(&c));
    match undefined.filter(|_| table.name().starts_with("windows-")) {
        Some(n) => Err((n, false)),
        None => Ok(text),
    }
}

fn utf16(bytes: &[u8], order: Option<Order>, lossy: bool) -> Result<String, String> {
    let (order, name, start) = match (order, bytes) {
        (Some(Order::Big), _) => (Order::Big, "utf-16-be", 0),
        (Some(Order::Little), _) => (Order::Little, "utf-16-le", 0),
        (None, [0xfe, 0xff, ..]) => (Order::Big, "utf-16-be", 2),
        (None, [0xff, 0xfe, ..]) => (Order::Little, "utf-16-le", 2),
        (None, [_, _, ..]) if !lossy => return Err("UTF-16 stream does not start with BOM".into()),
        (None, _) => (Order::Little, "utf-16-le", 0),
    };
    let (pairs, rest) = bytes.get(start..).unwrap_or_default().as_chunks::<2>();
    let units = pairs.iter().map(|pair| match order {
        Order::Big => u16::from_be_bytes(*pair),
        Order::Little => u16::from_le_bytes(*pair),
    });
    let mut text = String::with_capacity(pairs.len());
    let mut at = start;
    let mut found = char::decode_utf16(units).peekable();
    while let Some(next) = found.next() {
        match next {
            Ok(c) => {
                text.push(c);
                at += 2 * c.len_utf16();
            }
            Err(_) if lossy => text.push('\u{fffd}'),
            // the first half of a character at the very end may be completed later
            Err(error) if found.peek().is_none() && error.unpaired_surrogate() < 0xdc00 => break,
            Err(error) => {
                let is_first = error.unpaired_surrogate() < 0xdc00;
                let reason = if is_first { "illegal UTF-16 surrogate" } else { "illegal encoding" };
                return Err(format!("'{name}' codec can't decode bytes in position {at}-{}: {reason}", at + 1));
            }
        }
    }
    if lossy && !rest.is_empty() {
        text.push('\u{fffd}');
    }
    Ok(text)
}

fn utf32(bytes: &[u8], order: Option<Order>, lossy: bool) -> Result<String, String> {
    let (order, name, start) = match (order, bytes) {
        (Some(Order::Big), _) => (Order::Big, "utf-32-be", 0),
        (Some(Order::Little), _) => (Order::Little, "utf-32-le", 0),
        (None, [0, 0, 0xfe, 0xff, ..]) => (Order::Big, "utf-32-be", 4),
        (None, [0xff, 0xfe, 0, 0, ..]) => (Order::Little, "utf-32-le", 4),
        (None, [a, b, c, d, ..]) if !lossy && char::from_u32(u32::from_le_bytes([*a, *b, *c, *d])).is_some() => {
            return Err("UTF-32 stream does not start with BOM".into());
        }
        (None, _) => (Order::Little, "utf-32-le", 0),
    };
    let (quads, rest) = bytes.get(start..).unwrap_or_default().as_chunks::<4>();
    let mut text = String::with_capacity(quads.len());
    for (n, quad) in quads.iter().enumerate() {
        let code = match order {
            Order::Big => u32::from_be_bytes(*quad),
            Order::Little => u32::from_le_bytes(*quad),
        };
        match char::from_u32(code) {
            Some(c) => text.push(c),
            None if lossy => text.push('\u{fffd}'),
            None => {
                let at = start + 4 * n;
                let is_surrogate = (0xd800..0xe000).contains(&code);
                let reason = match is_surrogate {
                    true => "code point in surrogate code point range(0xd800, 0xe000)",
                    false => "code point not in range(0x110000)",
                };
                return Err(format!("'{name}' codec can't decode bytes in position {at}-{}: {reason}", at + 3));
            }
        }
    }
    if lossy && !rest.is_empty() {
        text.push('\u{fffd}');
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]

    use super::*;

    fn charset(name: &str) -> Charset {
        match lookup(name) {
            Lookup::Found(charset) => charset,
            other => panic!("{name}: {other:?}"),
        }
    }

    #[test]
    fn names() {
        for name in ["utf-8", "UTF8", "utf_8_", "--utf 8--", "é-utf-8"] {
            assert_eq!(lookup(name), Lookup::Found(Charset::Utf8), "{name}");
        }
        for name in ["latin-1", "ISO8859-1", "iso-ir-100", "csISOLatin1", "iso.8859.1", "L1"] {
            assert_eq!(lookup(name), Lookup::Found(Charset::Latin1), "{name}");
        }
        for name in ["zlib", "rot13", "base64", "bz2_codec", "undefined", "idna", "utf-7", "cp037", "unicode-escape"] {
            assert_eq!(lookup(name), Lookup::NotText, "{name}");
        }
        for name in ["", "nope", "utf-9", "iso-8859-12"] {
            assert_eq!(lookup(name), Lookup::Unknown, "{name}");
        }
    }

    /// The expectations are what Python's stream readers answer.
    #[test]
    fn texts() {
        for (name, bytes, text) in [
            ("latin-1", b"\xe9\x80".as_slice(), "é\u{80}"),
            ("iso-8859-9", b"\xd0\xe9", "Ğé"),
            ("cp1252", b"\x80\xe9", "€é"),
            ("iso-8859-15", b"\xa4", "€"),
            ("koi8-r", b"\xc1", "а"),
            ("shift_jis", b"\x82\xa0", "あ"),
            ("gb18030", b"\xc4\xe3", "你"),
            ("big5", b"\xa7\x41", "你"),
            ("euc-kr", b"\xb0\xa1", "가"),
            ("utf-8-sig", b"\xef\xbb\xbfx", "x"),
            ("utf-8", b"x\xc3", "x"),
            ("utf-16", b"\xff\xfeh\0i\0", "hi"),
            ("utf-16", b"\xfe\xff\0h\xd8\x3d\xde\0", "h😀"),
            ("utf-16-le", b"h\0i", "h"),
            ("utf-16-be", b"\0h\xd8\x3d", "h"),
            ("utf-32", b"\xff\xfe\0\0h\0\0\0", "h"),
            ("utf-32-be", b"\0\0\0h\0\x01\xf6\0", "h😀"),
        ] {
            assert_eq!(charset(name).decode(bytes).as_deref(), Ok(text), "{name} {bytes:?}");
        }
        for (name, bytes, message) in [
            (
                "ascii",
                b"ab\xe9".as_slice(),
                "'ascii' codec can't decode byte 0xe9 in position 2: ordinal not in range(128)",
            ),
            ("cp1252", b"a\x81", "'charmap' codec can't decode byte 0x81 in position 1: character maps to <undefined>"),
            (
                "shift_jis",
                b"a\xff",
                "'shift_jis' codec can't decode byte 0xff in position 1: illegal multibyte sequence",
            ),
            (
                "shift_jis",
                b"a\x82",
                "'shift_jis' codec can't decode byte 0x82 in position 1: incomplete multibyte sequence",
            ),
            ("utf-16", b"h\0", "UTF-16 stream does not start with BOM"),
            ("utf-16-le", b"\0\xdch\0", "'utf-16-le' codec can't decode bytes in position 0-1: illegal encoding"),
            (
                "utf-16-le",
                b"h\0\0\xd8h\0",
                "'utf-16-le' codec can't decode bytes in position 2-3: illegal UTF-16 surrogate",
            ),
            ("utf-32", b"h\0\0\0", "UTF-32 stream does not start with BOM"),
            (
                "utf-32",
                b"text",
                "'utf-32-le' codec can't decode bytes in position 0-3: code point not in range(0x110000)",
            ),
            (
                "utf-32-le",
                b"\0\0\x11\0",
                "'utf-32-le' codec can't decode bytes in position 0-3: code point not in range(0x110000)",
            ),
        ] {
            assert_eq!(charset(name).decode(bytes).unwrap_err(), message, "{name} {bytes:?}");
        }
    }

    #[test]
    fn whatever_the_bytes() {
        for name in ["utf-8", "ascii", "latin-1", "cp1252", "utf-16", "utf-32-le", "gbk", "iso2022_jp"] {
            let all: Vec<u8> = (0..=255).collect();
            assert!(!charset(name).decode_lossy(&all).is_empty(), "{name}");
        }
        assert_eq!(charset("utf-16-le").decode_whole(b"h\0").as_deref(), Some("h"));
        assert_eq!(charset("utf-16-le").decode_whole(b"h\0\0"), None);
        assert_eq!(charset("utf-16").decode_whole(b"h\0i\0").as_deref(), Some("hi"));
        assert_eq!(charset("utf-16").decode_whole(b"\xfe\xff\0h").as_deref(), Some("h"));
        assert_eq!(charset("utf-32").decode_whole(b"h\0\0\0").as_deref(), Some("h"));
        assert_eq!(charset("utf-8-sig").decode_whole(b"h\xc3"), None);
        assert_eq!(charset("ascii").decode_lossy(b"a\xe9"), "a\u{fffd}");
        assert_eq!(charset("utf-16-le").decode_lossy(b"\0\xd8h\0x"), "\u{fffd}h\u{fffd}");
    }
}
