//! What a view is called for people.

/// A view's name from its type's: without `View` or `ViewSet`, words apart. DRF's `get_view_name`.
///
/// ```
/// assert_eq!(bowline::views::view_name("LongNamedXMLThingAPIView"), "Long Named Xml Thing Api");
/// assert_eq!(bowline::views::view_name("put_only"), "Put Only");
/// ```
pub fn view_name(type_name: &str) -> String {
    let without = |name, trailing| match str::strip_suffix(name, trailing) {
        Some(rest) if !rest.is_empty() => rest,
        _ => name,
    };
    let name = without(without(type_name, "View"), "ViewSet");
    let mut spaced = String::with_capacity(name.len() + 8);
    let mut before = None;
    let mut rest = name.chars().peekable();
    while let Some(c) = rest.next() {
        let after = rest.peek();
        let begins_word = before.is_some_and(|c: char| c.is_ascii_lowercase())
            || after.is_some_and(|after| !after.is_ascii_uppercase());
        if c.is_ascii_uppercase() && begins_word {
            spaced.push(' ');
        }
        spaced.push(if c == '_' { ' ' } else { c });
        before = Some(c);
    }
    let mut title = String::with_capacity(spaced.len());
    let mut in_word = false;
    for c in spaced.trim().chars() {
        if in_word {
            title.extend(c.to_lowercase());
        } else {
            title.extend(c.to_uppercase());
        }
        in_word = c.is_alphabetic();
    }
    title
}

/// A description without the indent that its lines share after the first. DRF's `dedent`.
pub(crate) fn dedent(text: &str) -> String {
    let lines = || text.lines().skip(1).filter(|line| !line.trim().is_empty());
    let count = |c: char| lines().map(|line| line.len() - line.trim_start_matches(c).len()).min().unwrap_or(0);
    let indent = match (count(' '), count('\t')) {
        (0, tabs) => "\t".repeat(tabs),
        (spaces, _) => " ".repeat(spaces),
    };
    let lines: Vec<&str> = text.lines().map(|line| line.strip_prefix(&indent).unwrap_or(line)).collect();
    lines.join("\n").trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        for (type_name, name) in [
            ("ValueView", "Value"),
            ("MemoryViewSet", "Memory"),
            ("View", "View"),
            ("ViewSet", "View Set"),
            ("NegoDefault", "Nego Default"),
            ("APIRootView", "Api Root"),
            ("hello", "Hello"),
            ("XMLView", "Xml"),
            ("Version2Thing", "Version2 Thing"),
        ] {
            assert_eq!(view_name(type_name), name);
        }
    }

    #[test]
    fn descriptions() {
        assert_eq!(
            dedent("\n    First line.\n\n        indented\n\n    Last line.\n    "),
            "First line.\n\n    indented\n\nLast line."
        );
        assert_eq!(dedent("First.\n\tSecond.\n\t\tThird."), "First.\nSecond.\n\tThird.");
        assert_eq!(dedent("One."), "One.");
    }
}
