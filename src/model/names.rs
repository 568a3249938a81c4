//! What people read instead of a name, derived as Django derives it.
//!
//! Django's `verbose_name` stands in messages ("book with this ISBN already exists."); with its first letter made
//! large it is the label of a serializer's field.

use std::borrow::Cow;

use super::{ColumnMeta, ManyToManyMeta, ModelMeta};

impl ModelMeta {
    /// The model's name for people, as given or as its name in small letters: `author profile` for `AuthorProfile`.
    pub fn verbose_name(&self) -> Cow<'_, str> {
        match &self.verbose_name {
            Some(name) => Cow::Borrowed(name),
            None => Cow::Owned(camel_case_to_spaces(&self.name)),
        }
    }

    /// Its plural, as given or with an `s`.
    pub fn verbose_name_plural(&self) -> Cow<'_, str> {
        match &self.verbose_name_plural {
            Some(name) => Cow::Borrowed(name),
            None => Cow::Owned(format!("{}s", self.verbose_name())),
        }
    }

    /// The Django application that the model belongs to, the first half of a permission's name (`library.add_book`): as
    /// given, or what stands before the model's name in that of the table; empty where it is neither.
    pub fn app_label(&self) -> &str {
        let derived = || {
            let end = self.table.len().checked_sub(self.name.len())?;
            let (prefix, rest) = self.table.split_at_checked(end)?;
            prefix.strip_suffix('_').filter(|_| rest.eq_ignore_ascii_case(&self.name))
        };
        self.app_label.as_deref().or_else(derived).unwrap_or_default()
    }
}

impl ColumnMeta {
    /// The column's name for people, as given or as the field's name with spaces.
    pub fn verbose_name(&self) -> Cow<'_, str> {
        match &self.attributes.verbose_name {
            Some(name) => Cow::Borrowed(name),
            // the key that Django makes by itself
            None if self.auto_increment && self.name == "id" => Cow::Borrowed("ID"),
            None => spaced(&self.name),
        }
    }

    /// The label of the field that a serializer derives from it.
    pub fn label(&self) -> String {
        capfirst(&self.verbose_name())
    }
}

impl ManyToManyMeta {
    /// The relation's name for people, as given or as its name with spaces.
    pub fn verbose_name(&self) -> Cow<'_, str> {
        match &self.verbose_name {
            Some(name) => Cow::Borrowed(name),
            None => spaced(&self.name),
        }
    }

    /// The label of the field that a serializer derives from it.
    pub fn label(&self) -> String {
        capfirst(&self.verbose_name())
    }
}

fn spaced(name: &str) -> Cow<'_, str> {
    if name.contains('_') { Cow::Owned(name.replace('_', " ")) } else { Cow::Borrowed(name) }
}

/// Django's `capfirst`: the first letter large, the others as they are.
fn capfirst(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_default()
}

/// Django's `camel_case_to_spaces`: a large letter begins a word after a small one, or before anything but another large
/// one.
fn camel_case_to_spaces(name: &str) -> String {
    let mut text = String::with_capacity(name.len() + 4);
    let mut before: Option<char> = None;
    let mut chars = name.chars().peekable();
    while let Some(c) = chars.next() {
        let after_small = before.is_some_and(|b| b.is_ascii_lowercase());
        let before_other = chars.peek().is_some_and(|after| !after.is_ascii_uppercase());
        if c.is_ascii_uppercase() && (after_small || before_other) {
            text.push(' ');
        }
        text.push(c);
        before = Some(c);
    }
    text.trim().to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::super::Model;
    use super::*;
    use crate::doc::booking;

    #[test]
    fn words_of_a_name() {
        for (name, words) in [
            ("Book", "book"),
            ("AuthorProfile", "author profile"),
            ("HTTPServer", "http server"),
            ("UserID", "user id"),
            ("APIKey2Use", "api key2 use"),
            ("", ""),
        ] {
            assert_eq!(camel_case_to_spaces(name), words, "{name}");
        }
    }

    #[test]
    fn a_model_has_names_of_its_own_where_it_says_so() {
        let plain = Model::<booking::Entity>::new().into_source().0.meta;
        assert_eq!((plain.verbose_name().as_ref(), plain.verbose_name_plural().as_ref()), ("booking", "bookings"));
        let said = Model::<booking::Entity>::new().verbose_name("shelf").into_source().0.meta;
        assert_eq!(said.verbose_name_plural(), "shelfs");
        let said = Model::<booking::Entity>::new().verbose_name("shelf").verbose_name_plural("shelves");
        assert_eq!(said.into_source().0.meta.verbose_name_plural(), "shelves");
    }

    #[test]
    fn the_application_is_the_first_half_of_the_table() {
        let mut meta = Model::<booking::Entity>::new().into_source().0.meta;
        for (table, label) in
            [("booking", ""), ("hotel_booking", "hotel"), ("my_hotel_booking", "my_hotel"), ("rooms", ""), ("é_x", "")]
        {
            meta.table = table.into();
            assert_eq!(meta.app_label(), label, "{table}");
        }
        meta.app_label = Some("rooms".into());
        assert_eq!(meta.app_label(), "rooms");
    }

    #[test]
    fn labels_begin_with_a_large_letter() {
        let model =
            Model::<booking::Entity>::new().column(booking::Column::Note, |note| note.verbose_name("eMail note"));
        let meta = model.into_source().0.meta;
        let labels: Vec<String> = meta.columns.iter().map(ColumnMeta::label).collect();
        assert_eq!(labels, ["ID", "Room id", "Start", "End", "EMail note"]);
        assert_eq!(meta.columns[4].verbose_name(), "eMail note");
    }
}
