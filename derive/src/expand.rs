//! The code of a serializer.

use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{LitStr, Path};

use super::shape::{Field, Shape};

/// The implementations for a struct.
pub(crate) fn expand(shape: &Shape) -> TokenStream {
    let Shape { name, bowline, validate, fields } = shape;
    let typed = quote!(#bowline::serializers::typed);
    let uses = fields.iter().map(|field| {
        let (function, kind) = (uses_of(field), &field.kind);
        let made = quote_spanned!(kind.span()=> #typed::uses::<#kind>());
        quote!(const fn #function() -> #typed::Uses<#kind> { #made })
    });
    let added = fields.iter().map(|field| added(field, bowline, &typed));
    let rule = validate.as_ref().map(|path| rule_of_the_whole(shape, path, &typed));
    let taken = fields.iter().map(|field| taken(field, bowline, &typed));
    let idents: Vec<_> = fields.iter().map(|field| &field.ident).collect();
    let locals: Vec<_> = fields.iter().map(local_of).collect();
    let put = fields.iter().map(|field| {
        let (ident, function, path) = (&field.ident, uses_of(field), path_of(field));
        quote!(#typed::put(&mut attributes, #path, (#function().into_value)(it.#ident));)
    });
    quote! {
        const _: () = {
            #(#uses)*

            #[automatically_derived]
            impl #bowline::serializers::Validate for #name {
                fn serializer() -> &'static #bowline::serializers::Serializer {
                    static SERIALIZER: ::std::sync::LazyLock<#bowline::serializers::Serializer> =
                        ::std::sync::LazyLock::new(|| {
                            let serializer = #bowline::serializers::Serializer::new();
                            #(#added)*
                            #rule
                            serializer
                        });
                    &SERIALIZER
                }

                fn from_value(
                    value: #bowline::value::Value,
                ) -> ::core::result::Result<Self, #bowline::error::ValidationError> {
                    #[allow(unused_mut)]
                    let mut attributes = #typed::Attributes::new(value);
                    #(#taken)*
                    match (#(#locals,)*) {
                        (#(::core::option::Option::Some(#locals),)*) => {
                            ::core::result::Result::Ok(#name { #(#idents: #locals,)* })
                        }
                        #[allow(unreachable_patterns)]
                        _ => ::core::result::Result::Err(attributes.into_errors()),
                    }
                }
            }

            #[automatically_derived]
            impl #typed::FieldValue for #name {
                fn field_type(_: &#typed::Limits) -> ::std::sync::Arc<dyn #bowline::fields::FieldType> {
                    #typed::one::<Self>()
                }

                fn list_type(limits: &#typed::Limits) -> ::std::sync::Arc<dyn #bowline::fields::FieldType> {
                    #typed::many::<Self>(limits)
                }

                fn from_value(
                    value: #bowline::value::Value,
                ) -> ::core::result::Result<Self, #bowline::error::ValidationError> {
                    <Self as #bowline::serializers::Validate>::from_value(value)
                }

                fn into_value(self) -> #bowline::value::Value {
                    ::core::convert::Into::into(self)
                }
            }

            #[automatically_derived]
            impl ::core::convert::From<#name> for #bowline::value::Value {
                #[allow(unused_variables, unused_mut)]
                fn from(it: #name) -> Self {
                    let mut attributes = #bowline::value::Map::new();
                    #(#put)*
                    #bowline::value::Value::Map(attributes)
                }
            }
        };
    }
}

fn strip(ident: &Ident) -> String {
    let name = ident.to_string();
    name.strip_prefix("r#").unwrap_or(&name).to_owned()
}

/// The variable that a field's value is in.
fn local_of(field: &Field) -> Ident {
    format_ident!("field_{}", strip(&field.ident))
}

/// The function that says what is done with values of a field's type.
fn uses_of(field: &Field) -> Ident {
    format_ident!("uses_of_{}", strip(&field.ident))
}

/// The statement that adds the rule of the whole struct.
fn rule_of_the_whole(shape: &Shape, path: &Path, typed: &TokenStream) -> TokenStream {
    let Shape { name, bowline, fields, .. } = shape;
    let hidden = fields.iter().filter(|field| field.read_only).map(|field| {
        let path = path_of(field);
        quote!(#typed::forget(&mut attributes, #path);)
    });
    let rule = quote_spanned!(path.span()=> #path);
    quote! {
        let rule: fn(#name) -> ::core::result::Result<#name, #bowline::error::ValidationError> = #rule;
        let serializer = serializer.validate(move |attributes, cx| {
            if cx.partial {
                return ::core::result::Result::Ok(attributes);
            }
            let whole = #bowline::value::Value::Map(attributes);
            let it = rule(<#name as #bowline::serializers::Validate>::from_value(whole)?)?;
            #[allow(unused_mut)]
            let mut attributes = #typed::attributes(it);
            #(#hidden)*
            ::core::result::Result::Ok(attributes)
        });
    }
}

/// The statements that add a field to the serializer.
fn added(field: &Field, bowline: &TokenStream, typed: &TokenStream) -> TokenStream {
    let (kind, name, uses) = (&field.kind, &field.name, uses_of(field));
    let limits = field.limits.iter().map(|(limit, value)| {
        let turbofish = quote_spanned!(limit.span()=> ::<#kind>);
        quote!(limits.#limit #turbofish (#value);)
    });
    let made = match (&field.own, &field.choices) {
        (Some(own), _) => quote_spanned!(own.span()=> #bowline::fields::Field::new(#name, #own)),
        (None, Some((span, choices))) => {
            let choices =
                choices.iter().map(|choice| quote_spanned!(choice.span()=> #bowline::fields::Choice::from(#choice)));
            let made = quote_spanned!(*span=> limits.choices::<#kind>(::std::vec![#(#choices),*]));
            quote!(#bowline::fields::Field::shared(#name, #made))
        }
        (None, None) => quote!(#bowline::fields::Field::shared(#name, (#uses().field_type)(&limits))),
    };
    let mut options = TokenStream::new();
    let mut say = |option: TokenStream| options.extend(quote!(let field = field #option;));
    if let Some(source) = &field.source {
        say(quote!(.source(#source)));
    }
    if let Some(required) = &field.required {
        say(quote!(.required(#required)));
    }
    if let Some(default) = &field.default {
        say(quote_spanned!(default.span()=> .default(#bowline::value::Value::from(#default))));
    }
    if let Some(initial) = &field.initial {
        say(quote_spanned!(initial.span()=> .initial(#bowline::value::Value::from(#initial))));
    }
    if field.read_only {
        say(quote!(.read_only()));
    }
    if field.write_only {
        say(quote!(.write_only()));
    }
    if let Some(label) = &field.label {
        say(quote!(.label(#label)));
    }
    if let Some(text) = &field.help_text {
        say(quote!(.help_text(#text)));
    }
    for (code, message) in &field.messages {
        let code = LitStr::new(&strip(code), code.span());
        say(quote!(.error_message(#code, #message)));
    }
    let hook = field.validate.as_ref().map(|path| {
        let rule = quote_spanned!(path.span()=> #path);
        quote! {
            let rule: fn(#kind) -> ::core::result::Result<#kind, #bowline::error::ValidationError> = #rule;
            let serializer = serializer.validate_field(#name, move |value, _| {
                let uses = #uses();
                rule((uses.from_value)(value)?).map(uses.into_value)
            });
        }
    });
    quote! {
        #[allow(unused_mut)]
        let mut limits = #typed::Limits::new();
        #(#limits)*
        let field = #made;
        let optional = #uses().optional;
        let field = field.required(!optional).allow_null(optional);
        #options
        let serializer = serializer.field(field);
        #hook
    }
}

/// The statement that takes a field's value from the attributes.
fn taken(field: &Field, bowline: &TokenStream, typed: &TokenStream) -> TokenStream {
    let (local, uses, name, path) = (local_of(field), uses_of(field), &field.name, path_of(field));
    let value = if field.read_only {
        let kind = &field.kind;
        let value = quote_spanned!(kind.span()=> #typed::unread::<#kind>());
        quote!(::core::option::Option::Some(#value))
    } else {
        let default = match &field.default {
            Some(default) => quote!(::core::option::Option::Some(|| #bowline::value::Value::from(#default))),
            None => quote!(::core::option::Option::None),
        };
        quote!((#uses().take)(&mut attributes, #name, #path, #default))
    };
    quote!(let #local = #value;)
}

/// Where a field's value is among the attributes.
fn path_of(field: &Field) -> TokenStream {
    let source = field.source.as_ref().unwrap_or(&field.name).value();
    let parts: Vec<&str> = match (&field.source, source.as_str()) {
        (Some(_), "*") => Vec::new(),
        (Some(_), path) => path.split('.').collect(),
        (None, name) => vec![name],
    };
    quote!(&[#(#parts),*])
}
