//! `#[derive(Serializer)]`: the macro that `bowline` exports under its own name.
//!
//! What it makes, and every attribute, is described in the chapter `bowline::serializers::typed`.

use proc_macro::TokenStream;
use syn::{DeriveInput, parse_macro_input};

mod attributes;
mod expand;
mod shape;

/// Makes the serializer of a struct from the types of its fields.
#[proc_macro_derive(Serializer, attributes(serializer))]
pub fn derive_serializer(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    shape::Shape::read(&input).map_or_else(syn::Error::into_compile_error, |shape| expand::expand(&shape)).into()
}
