//! The code of a serializer.

use proc_macro2::TokenStream;
use quote::{format_ident, quote, quote_spanned};
use syn::LitStr;
use syn::spanned::Spanned;

use super::shape::{Field, Shape};

/// The implementations for a struct.
pub(crate) fn expand(shape: &Shape) -> TokenStream {
    let Shape { name, bowline, validate, fields } = shape;
    let typed = quote!(#bowline::serializers::typed);
    let added = fields.iter().map(|field| added(field, bowline, &typed));
    let rule = validate.as_ref().map(|path| {
        let hidden = fields.iter().filter(|field| field.read_only).map(|field| {
            let path = path_of(field);
            quote!(#typed::forget(&mut attributes, #path);)
        });
        quote_spanned! {path.span()=>
            let rule: fn(#name) -> ::core::result::Result<#name, #bowline::error::ValidationError> = #path;
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
    });
    let taken = fields.iter().map(|field| taken(field, bowline, &typed));
    let idents: Vec<_> = fields.iter().map(|field| &field.ident).collect();
    let locals: Vec<_> = idents.iter().map(|ident| format_ident!("field_{}", strip(ident))).collect();
    let put = fields.iter().map(|field| {
        let (ident, path) = (&field.ident, path_of(field));
        quote_spanned! {field.kind.span()=>
            #typed::put(&mut attributes, #path, #typed::FieldValue::into_value(it.#ident));
        }
    });
    quote! {
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
        impl ::core::convert::From<#name> for #bowline::value::Value {
            #[allow(unused_variables, unused_mut)]
            fn from(it: #name) -> Self {
                let mut attributes = #bowline::value::Map::new();
                #(#put)*
                #bowline::value::Value::Map(attributes)
            }
        }
    }
}

fn strip(ident: &syn::Ident) -> String {
    let name = ident.to_string();
    name.strip_prefix("r#").unwrap_or(&name).to_owned()
}

/// The statement that adds a field to the serializer.
fn added(field: &Field, bowline: &TokenStream, typed: &TokenStream) -> TokenStream {
    let (kind, name) = (&field.kind, &field.name);
    let limits = field.limits.iter().map(|(limit, value)| {
        quote_spanned!(limit.span()=> limits.#limit::<#kind>(#value);)
    });
    let made = match (&field.own, &field.choices) {
        (Some(own), _) => quote_spanned!(own.span()=> #bowline::fields::Field::new(#name, #own)),
        (None, Some((span, choices))) => {
            let choices = choices.iter().map(|choice| {
                quote_spanned!(choice.span()=> #bowline::fields::Choice::from(#choice))
            });
            let made = quote_spanned!(*span=> limits.choices::<#kind>(::std::vec![#(#choices),*]));
            quote!(#bowline::fields::Field::shared(#name, #made))
        }
        (None, None) => quote_spanned! {kind.span()=>
            #bowline::fields::Field::shared(#name, <#kind as #typed::FieldValue>::field_type(&limits))
        },
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
        quote_spanned! {path.span()=>
            let rule: fn(#kind) -> ::core::result::Result<#kind, #bowline::error::ValidationError> = #path;
            let serializer = serializer.validate_field(#name, move |value, _| {
                let value = <#kind as #typed::FieldValue>::from_value(value)?;
                rule(value).map(#typed::FieldValue::into_value)
            });
        }
    });
    quote! {
        #[allow(unused_mut)]
        let mut limits = #typed::Limits::new();
        #(#limits)*
        let field = #made;
        let optional = <#kind as #typed::FieldValue>::OPTIONAL;
        let field = field.required(!optional).allow_null(optional);
        #options
        let serializer = serializer.field(field);
        #hook
    }
}

/// The statement that takes a field's value from the attributes.
fn taken(field: &Field, bowline: &TokenStream, typed: &TokenStream) -> TokenStream {
    let Field { ident, kind, name, .. } = field;
    let local = format_ident!("field_{}", strip(ident));
    let path = path_of(field);
    let value = if field.read_only {
        quote_spanned!(kind.span()=> ::core::option::Option::Some(<#kind as ::core::default::Default>::default()))
    } else if let Some(default) = &field.default {
        quote_spanned! {kind.span()=>
            attributes.take_or::<#kind>(#name, #path, || #bowline::value::Value::from(#default))
        }
    } else {
        quote_spanned!(kind.span()=> attributes.take::<#kind>(#name, #path))
    };
    let _ = typed;
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
