//! What stands in `#[serializer(…)]`.

use proc_macro2::{Span, TokenStream};
use syn::parse::{Parse, ParseStream};
use syn::punctuated::Punctuated;
use syn::spanned::Spanned;
use syn::{Attribute, Error, Expr, ExprLit, Ident, Lit, LitBool, LitStr, Path, Result, Token, parenthesized};

/// The names of a field's attributes, in the order of the chapter.
const OF_FIELDS: [&str; 23] = [
    "max_length",
    "min_length",
    "max_value",
    "min_value",
    "max_digits",
    "decimal_places",
    "allow_blank",
    "allow_null",
    "trim_whitespace",
    "allow_empty",
    "choices",
    "field",
    "required",
    "default",
    "read_only",
    "write_only",
    "rename",
    "source",
    "label",
    "help_text",
    "messages",
    "validate",
    "initial",
];

/// The names of a struct's attributes.
const OF_STRUCTS: [&str; 2] = ["validate", "crate"];

/// One attribute: its name and what is said by it.
pub(crate) struct Item {
    pub(crate) name: String,
    pub(crate) span: Span,
    pub(crate) said: Said,
}

/// What an attribute says.
pub(crate) enum Said {
    /// Only its name.
    Nothing,
    /// `name = expression`.
    Is(Expr),
    /// `name(expression, …)`.
    Lists(Vec<Expr>),
    /// `messages(code = "text", …)`.
    Messages(Vec<(Ident, LitStr)>),
}

impl Parse for Item {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let (name, span) = if input.peek(Token![crate]) {
            ("crate".to_owned(), input.parse::<Token![crate]>()?.span())
        } else {
            let ident: Ident = input.parse().map_err(|error| {
                Error::new(
                    error.span(),
                    "an attribute is a name: `max_length = 10`, `read_only`, `choices(\"a\", \"b\")`",
                )
            })?;
            (ident.to_string(), ident.span())
        };
        let said = if input.peek(Token![=]) {
            input.parse::<Token![=]>()?;
            if input.is_empty() || input.peek(Token![,]) {
                return Err(Error::new(span, format!("`{name}` needs a value after the `=`")));
            }
            Said::Is(input.parse()?)
        } else if input.peek(syn::token::Paren) {
            let content;
            parenthesized!(content in input);
            if name == "messages" {
                Said::Messages(messages(&content)?)
            } else {
                Said::Lists(Punctuated::<Expr, Token![,]>::parse_terminated(&content)?.into_iter().collect())
            }
        } else {
            Said::Nothing
        };
        Ok(Item { name, span, said })
    }
}

fn messages(content: ParseStream<'_>) -> Result<Vec<(Ident, LitStr)>> {
    let mut found = Vec::new();
    while !content.is_empty() {
        let code: Ident = content.parse()?;
        content.parse::<Token![=]>().map_err(|error| Error::new(error.span(), "a message is `code = \"text\"`"))?;
        let text = content.parse().map_err(|error| Error::new(error.span(), "a message is text: `code = \"text\"`"))?;
        found.push((code, text));
        if !content.is_empty() {
            content.parse::<Token![,]>()?;
        }
    }
    Ok(found)
}

/// All items of all `#[serializer(…)]` among some attributes, each name once.
pub(crate) fn items(attributes: &[Attribute], is_struct: bool) -> Result<Vec<Item>> {
    let mut found: Vec<Item> = Vec::new();
    let known: &[&str] = if is_struct { &OF_STRUCTS } else { &OF_FIELDS };
    for attribute in attributes.iter().filter(|a| a.path().is_ident("serializer")) {
        let items = attribute.parse_args_with(Punctuated::<Item, Token![,]>::parse_terminated)?;
        for item in items {
            if !known.contains(&item.name.as_str()) {
                return Err(unknown(&item, known, is_struct));
            }
            if found.iter().any(|other| other.name == item.name) {
                return Err(Error::new(item.span, format!("`{}` is said twice", item.name)));
            }
            found.push(item);
        }
    }
    Ok(found)
}

fn unknown(item: &Item, known: &[&str], is_struct: bool) -> Error {
    let name = &item.name;
    let nearest = known.iter().map(|known| (distance(name, known), *known)).min();
    let place = if is_struct { "a struct" } else { "a field" };
    let text = match nearest {
        Some((distance, nearest)) if distance <= 2 || (distance <= 3 && name.len() > 6) => {
            format!("{place} has no attribute `{name}`; did you mean `{nearest}`?")
        }
        _ => format!("{place} has no attribute `{name}`; it has {}", known.join(", ")),
    };
    Error::new(item.span, text)
}

/// The edits between two words.
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (n, a) in one.chars().enumerate() {
        let mut before = n;
        let mut left = n + 1;
        for (place, b) in row.iter_mut().skip(1).zip(&other) {
            let next = (before + usize::from(a != *b)).min(*place + 1).min(left + 1);
            before = std::mem::replace(place, next);
            left = next;
        }
        if let Some(first) = row.first_mut() {
            *first = n + 1;
        }
    }
    row.last().copied().unwrap_or_default()
}

impl Item {
    /// What stands after the `=`.
    pub(crate) fn expression(self) -> Result<Expr> {
        match self.said {
            Said::Is(expression) => Ok(expression),
            _ => Err(Error::new(self.span, format!("`{0}` needs a value: `{0} = …`", self.name))),
        }
    }

    /// `true` where only the name is said.
    pub(crate) fn boolean(self) -> Result<LitBool> {
        match self.said {
            Said::Nothing => Ok(LitBool::new(true, self.span)),
            Said::Is(Expr::Lit(ExprLit { lit: Lit::Bool(yes), .. })) => Ok(yes),
            Said::Is(other) => Err(Error::new(other.span(), format!("`{}` is `true` or `false`", self.name))),
            _ => Err(Error::new(self.span, format!("`{0}` stands alone, or `{0} = false`", self.name))),
        }
    }

    /// Text.
    pub(crate) fn text(self) -> Result<LitStr> {
        let (name, span) = (self.name.clone(), self.span);
        match self.said {
            Said::Is(Expr::Lit(ExprLit { lit: Lit::Str(text), .. })) => Ok(text),
            Said::Is(other) => Err(Error::new(other.span(), format!("`{name}` is text: `{name} = \"…\"`"))),
            _ => Err(Error::new(span, format!("`{name}` needs text: `{name} = \"…\"`"))),
        }
    }

    /// An expression, or the text of one.
    pub(crate) fn code(self) -> Result<TokenStream> {
        match self.expression()? {
            Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => {
                let code: Expr = text.parse()?;
                Ok(quote::quote!(#code))
            }
            other => Ok(quote::quote!(#other)),
        }
    }

    /// The path of a function, or the text of one.
    pub(crate) fn path(self) -> Result<Path> {
        let name = self.name.clone();
        match self.expression()? {
            Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => text.parse(),
            Expr::Path(path) => Ok(path.path),
            other => Err(Error::new(other.span(), format!("`{name}` names a function: `{name} = path::to::function`"))),
        }
    }
}
