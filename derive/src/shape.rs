//! What a struct says of its serializer.

use proc_macro2::{Span, TokenStream};
use quote::quote;
use syn::spanned::Spanned;
use syn::{Data, DeriveInput, Error, Expr, Fields, Ident, LitBool, LitStr, Path, PathArguments, Result, Type};

use super::attributes::{Item, Said, items};

/// A struct.
pub(crate) struct Shape {
    pub(crate) name: Ident,
    /// The path of `bowline`.
    pub(crate) bowline: TokenStream,
    pub(crate) validate: Option<Path>,
    pub(crate) fields: Vec<Field>,
}

/// One of its fields.
pub(crate) struct Field {
    pub(crate) ident: Ident,
    pub(crate) kind: Type,
    /// The name in the body.
    pub(crate) name: LitStr,
    /// The place among the attributes, where it is not of the same name: a path, or nothing for all of them.
    pub(crate) source: Option<LitStr>,
    /// `limits.max_length::<T>(10)` and its like.
    pub(crate) limits: Vec<(Ident, TokenStream)>,
    pub(crate) choices: Option<(Span, Vec<Expr>)>,
    pub(crate) own: Option<TokenStream>,
    pub(crate) required: Option<LitBool>,
    pub(crate) default: Option<Expr>,
    pub(crate) initial: Option<Expr>,
    pub(crate) read_only: bool,
    pub(crate) write_only: bool,
    pub(crate) label: Option<LitStr>,
    pub(crate) help_text: Option<LitStr>,
    pub(crate) messages: Vec<(Ident, LitStr)>,
    pub(crate) validate: Option<Path>,
}

impl Shape {
    pub(crate) fn read(input: &DeriveInput) -> Result<Self> {
        let fields = match &input.data {
            Data::Struct(data) => &data.fields,
            Data::Enum(data) => {
                let text = "only a struct has a serializer; for an enum implement \
                            `bowline::serializers::typed::FieldValue`, with a `ChoiceField` for its field";
                return Err(Error::new(data.enum_token.span, text));
            }
            Data::Union(data) => return Err(Error::new(data.union_token.span, "only a struct has a serializer")),
        };
        let Fields::Named(fields) = fields else {
            let text = "the fields of a serializer have names: write `struct Name { field: Type }`";
            return Err(Error::new(input.ident.span(), text));
        };
        if let Some(parameter) = input.generics.params.first() {
            let text = "a serializer is made once, and so for one type: take the parameters away, or write a struct for \
                        each type";
            return Err(Error::new(parameter.span(), text));
        }
        let mut bowline = quote!(::bowline);
        let mut validate = None;
        for item in items(&input.attrs, true)? {
            match item.name.as_str() {
                "crate" => {
                    let path = item.path()?;
                    bowline = quote!(#path);
                }
                _ => validate = Some(item.path()?),
            }
        }
        let fields = fields.named.iter().map(|field| Field::read(field, &input.ident)).collect::<Result<Vec<_>>>()?;
        for (n, field) in fields.iter().enumerate() {
            let is_same = |other: &&Field| other.name.value() == field.name.value();
            if fields.iter().take(n).any(|other| is_same(&other)) {
                let text = format!("another field of the body is called `{}` already", field.name.value());
                return Err(Error::new(field.name.span(), text));
            }
        }
        Ok(Shape { name: input.ident.clone(), bowline, validate, fields })
    }
}

impl Field {
    fn read(field: &syn::Field, owner: &Ident) -> Result<Self> {
        let ident = field.ident.clone().ok_or_else(|| Error::new(field.span(), "a field has a name"))?;
        if holds(&field.ty, owner) {
            let text =
                "a serializer that holds itself has no end: give the field a type of its own, or `bowline::Value`";
            return Err(Error::new(field.ty.span(), text));
        }
        let raw = ident.to_string();
        let name = LitStr::new(raw.strip_prefix("r#").unwrap_or(&raw), ident.span());
        let mut found = Field {
            ident,
            kind: field.ty.clone(),
            name,
            source: None,
            limits: Vec::new(),
            choices: None,
            own: None,
            required: None,
            default: None,
            initial: None,
            read_only: false,
            write_only: false,
            label: None,
            help_text: None,
            messages: Vec::new(),
            validate: None,
        };
        let items = items(&field.attrs, false)?;
        check(&items, &field.ty)?;
        for item in items {
            found.apply(item)?;
        }
        Ok(found)
    }

    fn apply(&mut self, item: Item) -> Result<()> {
        match item.name.as_str() {
            "max_length" | "min_length" | "max_value" | "min_value" | "max_digits" | "decimal_places" => {
                let name = Ident::new(&item.name, item.span);
                let value = item.expression()?;
                self.limits.push((name, quote!(#value)));
            }
            "allow_blank" | "trim_whitespace" | "allow_empty" => {
                let name = Ident::new(&item.name, item.span);
                let value = item.boolean()?;
                self.limits.push((name, quote!(#value)));
            }
            "choices" => {
                let Item { span, said: Said::Lists(choices), .. } = item else {
                    return Err(Error::new(item.span, "`choices` are listed: `choices(\"a\", \"b\")`"));
                };
                if choices.is_empty() {
                    return Err(Error::new(span, "`choices` has none: nothing could be chosen"));
                }
                self.choices = Some((span, choices));
            }
            "field" => self.own = Some(item.code()?),
            // the type says it; `check` compared them
            "allow_null" => {
                item.boolean()?;
            }
            "required" => self.required = Some(item.boolean()?),
            "default" => self.default = Some(item.expression()?),
            "initial" => self.initial = Some(item.expression()?),
            "read_only" => self.read_only = item.boolean()?.value,
            "write_only" => self.write_only = item.boolean()?.value,
            "rename" => self.name = item.text()?,
            "source" => {
                let source = item.text()?;
                let path = source.value();
                if path != "*" && path.split('.').any(str::is_empty) {
                    let text = "`source` is the name of an attribute, a path (`a.b`), or `*` for the whole object";
                    return Err(Error::new(source.span(), text));
                }
                self.source = Some(source);
            }
            "label" => self.label = Some(item.text()?),
            "help_text" => self.help_text = Some(item.text()?),
            "messages" => {
                let Said::Messages(messages) = item.said else {
                    return Err(Error::new(item.span, "`messages` are listed: `messages(required = \"Say it.\")`"));
                };
                self.messages = messages;
            }
            _ => self.validate = Some(item.path()?),
        }
        Ok(())
    }
}

/// Refuses attributes that do not go together, in DRF's sense.
fn check(items: &[Item], kind: &Type) -> Result<()> {
    let get = |name: &str| items.iter().find(|item| item.name == name);
    let yes = |name: &str| get(name).filter(|item| is_true(item));
    let refuse = |item: &Item, text: String| Err(Error::new(item.span, text));
    if yes("read_only").is_some() {
        for other in ["write_only", "required", "validate"] {
            if let Some(item) = yes(other).or_else(|| get(other).filter(|item| item.name == "validate")) {
                return refuse(item, format!("a field that is `read_only` cannot be `{other}`: no body has it"));
            }
        }
    }
    if let (Some(item), Some(_)) = (yes("required"), get("default")) {
        return refuse(item, "a field with a `default` is not `required`".to_owned());
    }
    let has_value = get("default").is_some() || is_option(kind) || yes("read_only").is_some();
    if let Some(item) = get("required").filter(|item| !is_true(item) && !has_value) {
        let text = "a field that is not required needs a value where it is absent: a `default`, or a type `Option<…>`";
        return refuse(item, text.to_owned());
    }
    if let Some(item) = yes("allow_null").filter(|_| !is_option(kind)) {
        return refuse(item, "null needs a place: make the type `Option<…>`, which allows it by itself".to_owned());
    }
    if let Some(item) = get("allow_null").filter(|item| !is_true(item) && is_option(kind)) {
        return refuse(
            item,
            "`Option<…>` allows null: take the `Option` away, and say `default` where it may be absent".to_owned(),
        );
    }
    for (word, what) in [("field", "the field"), ("choices", "the choices")] {
        let Some(_) = get(word) else { continue };
        let limits = [
            "max_length",
            "min_length",
            "max_value",
            "min_value",
            "max_digits",
            "decimal_places",
            "trim_whitespace",
            "choices",
        ];
        let blank = (word == "field").then_some("allow_blank");
        let empty = (word == "field").then_some("allow_empty");
        let others = limits.into_iter().chain(blank).chain(empty).filter(|other| *other != word);
        if let Some(item) = others.filter_map(get).next() {
            return refuse(
                item,
                format!("`{word}` says what is accepted: put `{}` into {what}, or leave one away", item.name),
            );
        }
    }
    Ok(())
}

fn is_true(item: &Item) -> bool {
    match &item.said {
        Said::Nothing => true,
        Said::Is(Expr::Lit(syn::ExprLit { lit: syn::Lit::Bool(yes), .. })) => yes.value,
        _ => false,
    }
}

/// Whether a type is written as an `Option`.
fn is_option(kind: &Type) -> bool {
    matches!(kind, Type::Path(path) if path.path.segments.last().is_some_and(|last| last.ident == "Option"))
}

/// Whether a struct is written inside a type.
fn holds(kind: &Type, owner: &Ident) -> bool {
    let Type::Path(path) = kind else { return false };
    path.path.segments.iter().any(|segment| match &segment.arguments {
        PathArguments::AngleBracketed(arguments) => arguments
            .args
            .iter()
            .any(|argument| matches!(argument, syn::GenericArgument::Type(inner) if holds(inner, owner))),
        _ => segment.ident == *owner || (segment.ident == "Self" && path.path.segments.len() == 1),
    })
}
