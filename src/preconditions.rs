//! Entity tags, and the preconditions that requests make of them: RFC 9110, sections 8.8.3 and 13.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::header::{HeaderMap, HeaderName, IF_MATCH, IF_NONE_MATCH};
use sha2::{Digest, Sha256};

use crate::error::{Error, Result};
use crate::value::{json, write};

/// How many bytes of the hash a tag has: no two states of an object have the same one by chance, nor on purpose.
const BYTES: usize = 24;

/// That the answers of a view have strong entity tags, and that requests to it may have preconditions.
///
/// A GET that names the present tag in `If-None-Match` is a 304. A write to one object that names another one in `If-Match` is a
/// 412; it is judged under the lock of the row, so that of any number of writes that name one state exactly one is done.
///
/// ```
/// use bowline::prelude::*;
/// # use bowline::doc::booking;
/// let bookings = ModelViewSet::<booking::Entity>::new().etags(ETags::new().required());
/// let settings = Settings { etags: Some(ETags::new()), ..Settings::default() };
/// ```
#[derive(Clone, Debug, Default)]
pub struct ETags {
    required: bool,
    weakened: bool,
    field: Option<Cow<'static, str>>,
}

impl ETags {
    /// Tags that are hashes of what the answers show.
    pub fn new() -> Self {
        ETags::default()
    }

    /// Tags of objects that are hashes of one field, a version or a time that changes with every change of what the serializer
    /// shows: who declares it vouches for that. Lists have their own all the same.
    ///
    /// ```
    /// use bowline::prelude::*;
    /// # use bowline::doc::booking;
    /// let bookings = ModelViewSet::<booking::Entity>::new().etags(ETags::from_field("start"));
    /// ```
    pub fn from_field(name: impl Into<Cow<'static, str>>) -> Self {
        ETags { field: Some(name.into()), ..ETags::default() }
    }

    /// Writes to one object must have `If-Match`: 428 without it.
    pub fn required(mut self) -> Self {
        self.required = true;
        self
    }

    /// For a server behind a proxy that compresses and makes tags weak when it does (nginx does): a weak tag in `If-Match` counts as the
    /// strong one that it was. All tags are strong where they are made, so that a weak one names one state all the same; RFC 9110
    /// would have it match nothing, and clients behind such a proxy could never write on condition.
    pub fn weakened_by_proxy(mut self) -> Self {
        self.weakened = true;
        self
    }

    /// Whether weak tags were strong ones.
    pub(crate) fn are_weakened(&self) -> bool {
        self.weakened
    }

    /// Whether writes to one object must have `If-Match`.
    pub(crate) fn is_required(&self) -> bool {
        self.required
    }

    /// The field that tags of objects are made of.
    pub(crate) fn field(&self) -> Option<&str> {
        self.field.as_deref()
    }

    /// What the tags of a state begin with, whatever the renderer; none where the object has no such field.
    pub(crate) fn state(&self, text: &[u8], is_object: bool) -> Option<String> {
        let Some(field) = self.field.as_ref().filter(|_| is_object) else { return Some(hash(text)) };
        let object = json::parse(text).ok()?;
        let mut value = Vec::new();
        write::value(object.get(field)?, &mut value);
        Some(hash(&value))
    }
}

/// A hash that is the same in every process: in the alphabet of base64 for addresses, which has no dot.
pub(crate) fn hash(text: &[u8]) -> String {
    let digest = Sha256::digest(text);
    URL_SAFE_NO_PAD.encode(digest.get(..BYTES).unwrap_or(&digest))
}

/// An entity tag as a header holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct EntityTag {
    weak: bool,
    opaque: Vec<u8>,
}

impl EntityTag {
    /// The only tag of a header.
    pub(crate) fn parse(header: &[u8]) -> Option<Self> {
        let (tag, rest) = EntityTag::first(header)?;
        rest.is_empty().then_some(tag)
    }

    /// The tag at the beginning of a text, and what follows.
    fn first(text: &[u8]) -> Option<(Self, &[u8])> {
        let (weak, text) = match text.strip_prefix(b"W/") {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let text = text.strip_prefix(b"\"")?;
        let end = text.iter().position(|byte| *byte == b'"')?;
        let (opaque, rest) = text.split_at(end);
        let is_fine = opaque.iter().all(|byte| matches!(byte, 0x21 | 0x23..=0x7e | 0x80..));
        is_fine.then(|| (EntityTag { weak, opaque: opaque.to_vec() }, &rest[1..]))
    }

    /// What it says of the state, without the renderer.
    fn state(&self) -> &[u8] {
        self.opaque.split(|byte| *byte == b'.').next().unwrap_or_default()
    }
}

/// What `If-Match` and `If-None-Match` hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Tags {
    /// `*`
    Any,
    /// A list.
    These(Vec<EntityTag>),
}

/// A header that is neither `*` nor a list of tags.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Malformed;

impl Tags {
    /// The lines of a header; none where there is no such header.
    fn read(headers: &HeaderMap, name: &HeaderName) -> Result<Option<Self>, Malformed> {
        let mut lines = headers.get_all(name).iter().map(|value| value.as_bytes()).peekable();
        if lines.peek().is_none() {
            return Ok(None);
        }
        let mut tags = Vec::new();
        let (mut any, mut several) = (false, false);
        for mut rest in lines {
            loop {
                rest = rest.trim_ascii_start();
                // a list may have empty elements
                if let Some(next) = rest.strip_prefix(b",") {
                    rest = next;
                    continue;
                }
                if rest.is_empty() {
                    break;
                }
                several |= any;
                if let Some(next) = rest.strip_prefix(b"*") {
                    any = true;
                    rest = next;
                } else {
                    let (tag, next) = EntityTag::first(rest).ok_or(Malformed)?;
                    tags.push(tag);
                    rest = next;
                }
                rest = rest.trim_ascii_start();
                if !rest.is_empty() && !rest.starts_with(b",") {
                    return Err(Malformed);
                }
            }
        }
        match (any, tags.is_empty()) {
            (true, true) if !several => Ok(Some(Tags::Any)),
            (false, false) => Ok(Some(Tags::These(tags))),
            _ => Err(Malformed),
        }
    }

    /// Whether one of them is the tag, by RFC 9110's weak comparison.
    pub(crate) fn has(&self, tag: &EntityTag) -> bool {
        match self {
            Tags::Any => true,
            Tags::These(tags) => tags.iter().any(|known| known.opaque == tag.opaque),
        }
    }

    /// Whether one of them names a state, whatever the renderer was; by RFC 9110's strong comparison, or its weak one.
    fn name(&self, state: &[u8], strong: bool) -> bool {
        match self {
            Tags::Any => true,
            Tags::These(tags) => tags.iter().any(|tag| !(strong && tag.weak) && tag.state() == state),
        }
    }
}

/// What a request demands of the state of what it is about.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Conditions {
    pub(crate) if_match: Option<Tags>,
    pub(crate) if_none_match: Option<Tags>,
}

impl Conditions {
    /// Those of a request that reads. An `If-None-Match` that cannot be read demands nothing: the answer is whole.
    ///
    /// # Errors
    ///
    /// 400 for an `If-Match` that cannot be read.
    pub(crate) fn of_read(headers: &HeaderMap) -> Result<Self> {
        let if_match = Tags::read(headers, &IF_MATCH).map_err(|Malformed| Error::precondition_invalid("If-Match"))?;
        Ok(Conditions { if_match, if_none_match: Tags::read(headers, &IF_NONE_MATCH).unwrap_or_default() })
    }

    /// Those of a request that writes.
    ///
    /// # Errors
    ///
    /// 400 for a header that cannot be read: who sent it meant to be protected by it.
    pub(crate) fn of_write(headers: &HeaderMap) -> Result<Self> {
        let invalid = |Malformed| Error::precondition_invalid("If-None-Match");
        let if_none_match = Tags::read(headers, &IF_NONE_MATCH).map_err(invalid)?;
        Ok(Conditions { if_none_match, ..Conditions::of_read(headers)? })
    }

    /// The same with strong tags in `If-Match` for weak ones, where these were strong.
    pub(crate) fn strengthened(mut self, etags: &ETags) -> Self {
        if let (true, Some(Tags::These(tags))) = (etags.are_weakened(), &mut self.if_match) {
            tags.iter_mut().for_each(|tag| tag.weak = false);
        }
        self
    }

    /// Whether nothing is demanded.
    pub(crate) fn are_none(&self) -> bool {
        self.if_match.is_none() && self.if_none_match.is_none()
    }

    /// Whether the state matters, beyond that there is one.
    pub(crate) fn name_tags(&self) -> bool {
        let names = |tags: &Option<Tags>| matches!(tags, Some(Tags::These(_)));
        names(&self.if_match) || names(&self.if_none_match)
    }

    /// Judges the present state of an object that is there, in the order of RFC 9110, section 13.2.2; an object that has no
    /// state to speak of has no tag.
    ///
    /// # Errors
    ///
    /// 412 where one of them does not hold.
    pub(crate) fn judge(&self, state: Option<&str>) -> Result<()> {
        let names = |tags: &Tags, strong| match state {
            Some(state) => tags.name(state.as_bytes(), strong),
            None => *tags == Tags::Any,
        };
        if self.if_match.as_ref().is_some_and(|tags| !names(tags, true)) {
            return Err(Error::no_longer_matches());
        }
        if self.if_none_match.as_ref().is_some_and(|tags| names(tags, false)) {
            return Err(Error::matches_already());
        }
        Ok(())
    }

    /// Whether `If-Match` lets a request read an answer with this tag.
    ///
    /// # Errors
    ///
    /// 412 where it does not.
    pub(crate) fn judge_read(&self, tag: &EntityTag) -> Result<()> {
        let matches = |tags: &Tags| tags.name(tag.state(), true);
        if self.if_match.as_ref().is_none_or(matches) { Ok(()) } else { Err(Error::no_longer_matches()) }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use http::HeaderValue;

    use super::*;

    fn read(lines: &[&str]) -> Result<Option<Tags>, Malformed> {
        let value = |line: &&str| (IF_MATCH, HeaderValue::from_bytes(line.as_bytes()).unwrap());
        Tags::read(&lines.iter().map(value).fold(HeaderMap::new(), with), &IF_MATCH)
    }

    fn with(mut headers: HeaderMap, (name, value): (HeaderName, HeaderValue)) -> HeaderMap {
        headers.append(name, value);
        headers
    }

    fn tag(weak: bool, opaque: &str) -> EntityTag {
        EntityTag { weak, opaque: opaque.into() }
    }

    #[test]
    fn lists_of_tags() {
        assert_eq!(read(&[]), Ok(None));
        assert_eq!(read(&["*"]), Ok(Some(Tags::Any)));
        assert_eq!(read(&[" , * ,"]), Ok(Some(Tags::Any)));
        assert_eq!(read(&["\"a\""]), Ok(Some(Tags::These(vec![tag(false, "a")]))));
        assert_eq!(read(&["\"\""]), Ok(Some(Tags::These(vec![tag(false, "")]))));
        let several = Tags::These(vec![tag(false, "a,b"), tag(true, "c"), tag(false, "é*W/")]);
        assert_eq!(read(&[" ,\"a,b\" ,,W/\"c\"\t,\"é*W/\","]), Ok(Some(several.clone())));
        assert_eq!(read(&["\"a,b\"", "W/\"c\", \"é*W/\""]), Ok(Some(several)));
    }

    #[test]
    fn what_is_no_list() {
        for line in [
            "",
            ",",
            " ",
            "a",
            "\"a",
            "a\"",
            "\"a\"b",
            "\"a\" \"b\"",
            "w/\"a\"",
            "W/ \"a\"",
            "W/a",
            "'a'",
            "\"a b\"",
            "**",
            "*, *",
            "*, \"a\"",
            "\"a\", *",
            "\"a\",b",
        ] {
            assert_eq!(read(&[line]), Err(Malformed), "{line:?}");
        }
        assert_eq!(read(&["*", "*"]), Err(Malformed));
        assert_eq!(read(&["\"a\"", "*"]), Err(Malformed));
    }

    #[test]
    fn one_tag() {
        assert_eq!(EntityTag::parse(b"W/\"a\""), Some(tag(true, "a")));
        for text in ["", "a", "\"a\",", "\"a\" ", "\"a\"\"b\""] {
            assert_eq!(EntityTag::parse(text.as_bytes()), None, "{text:?}");
        }
    }

    fn conditions(if_match: Option<&str>, if_none_match: Option<&str>) -> Conditions {
        let mut headers = HeaderMap::new();
        headers.extend(if_match.map(|value| (IF_MATCH, value.parse().unwrap())));
        headers.extend(if_none_match.map(|value| (IF_NONE_MATCH, value.parse().unwrap())));
        Conditions::of_write(&headers).unwrap()
    }

    #[test]
    fn strong_and_weak_comparison() {
        let judge = |m, n| conditions(m, n).judge(Some("now")).map_err(|error| error.status().as_u16());
        assert_eq!(judge(None, None), Ok(()));
        for fine in ["*", "\"now\"", "\"now.csv\"", "\"then\", \"now\""] {
            assert_eq!(judge(Some(fine), None), Ok(()), "{fine}");
        }
        for stale in ["\"then\"", "W/\"now\"", "\"nowhere\"", "\"\"", "\"NOW\""] {
            assert_eq!(judge(Some(stale), None), Err(412), "{stale}");
        }
        for there in ["*", "\"now\"", "W/\"now\"", "\"now.csv\"", "\"then\", W/\"now\""] {
            assert_eq!(judge(None, Some(there)), Err(412), "{there}");
        }
        assert_eq!(judge(None, Some("\"then\"")), Ok(()));
        assert_eq!(judge(Some("\"now\""), Some("\"now\"")), Err(412));
        // an object whose state has no tag
        let judge = |m, n| conditions(m, n).judge(None).is_ok();
        assert!(judge(Some("*"), None) && judge(None, Some("\"now\"")));
        assert!(!judge(Some("\"now\""), None) && !judge(None, Some("*")));
    }

    #[test]
    fn headers_that_cannot_be_read() {
        let headers = |name: HeaderName| HeaderMap::from_iter([(name, HeaderValue::from_static("now"))]);
        assert_eq!(Conditions::of_read(&headers(IF_NONE_MATCH)).unwrap(), Conditions::default());
        assert_eq!(Conditions::of_write(&headers(IF_NONE_MATCH)).unwrap_err().status(), 400);
        assert_eq!(Conditions::of_read(&headers(IF_MATCH)).unwrap_err().status(), 400);
        assert_eq!(Conditions::of_write(&headers(IF_MATCH)).unwrap_err().status(), 400);
    }

    #[test]
    fn states() {
        // the same in every process, today and tomorrow
        assert_eq!(hash(b"{}"), "RBNvo1WzZ4oRRq0W9-hknpT7T8If536D");
        assert_eq!(ETags::new().state(b"{}", true).unwrap(), hash(b"{}"));
        let by_version = ETags::from_field("version");
        let state = |text: &[u8], is_object| by_version.state(text, is_object);
        assert_eq!(state(br#"{"a": 1, "version": 7}"#, true), state(br#"{"version": 7, "a": 2}"#, true));
        assert_ne!(state(br#"{"version": 7}"#, true), state(br#"{"version": "7"}"#, true));
        assert_eq!(state(br#"{"a": 1}"#, true), None);
        assert_eq!(state(b"[]", false), Some(hash(b"[]")));
    }
}
