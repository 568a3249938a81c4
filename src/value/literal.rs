//! Values written as JSON in Rust.

/// A [`Value`](crate::value::Value) written as JSON, with Rust expressions in the places of values.
///
/// ```
/// use bowline::value;
/// use bowline::value::Value;
///
/// let name = "Ann";
/// let answer = value!({"hello": name, "tags": ["a", null], "n": 1 + 1});
/// assert_eq!(answer.get("n"), Some(&Value::Int(2)));
/// assert_eq!(value!([]), Value::List(vec![]));
/// ```
#[macro_export]
macro_rules! value {
    (null) => { $crate::value::Value::Null };
    ([ $($items:tt)* ]) => {{
        #[allow(unused_mut)]
        let mut list = ::std::vec::Vec::from([]);
        $crate::value!(@list list $($items)*);
        $crate::value::Value::List(list)
    }};
    ({ $($entries:tt)* }) => {{
        #[allow(unused_mut)]
        let mut map = $crate::value::Map::new();
        $crate::value!(@map map $($entries)*);
        $crate::value::Value::Map(map)
    }};
    ($value:expr) => { $crate::value::Value::from($value) };

    (@list $list:ident) => {};
    (@list $list:ident null $(, $($rest:tt)*)?) => {
        $list.push($crate::value::Value::Null);
        $crate::value!(@list $list $($($rest)*)?);
    };
    (@list $list:ident [ $($items:tt)* ] $(, $($rest:tt)*)?) => {
        $list.push($crate::value!([ $($items)* ]));
        $crate::value!(@list $list $($($rest)*)?);
    };
    (@list $list:ident { $($entries:tt)* } $(, $($rest:tt)*)?) => {
        $list.push($crate::value!({ $($entries)* }));
        $crate::value!(@list $list $($($rest)*)?);
    };
    (@list $list:ident $value:expr $(, $($rest:tt)*)?) => {
        $list.push($crate::value::Value::from($value));
        $crate::value!(@list $list $($($rest)*)?);
    };

    (@map $map:ident) => {};
    (@map $map:ident $key:tt : null $(, $($rest:tt)*)?) => {
        $map.insert(::std::string::String::from($key), $crate::value::Value::Null);
        $crate::value!(@map $map $($($rest)*)?);
    };
    (@map $map:ident $key:tt : [ $($items:tt)* ] $(, $($rest:tt)*)?) => {
        $map.insert(::std::string::String::from($key), $crate::value!([ $($items)* ]));
        $crate::value!(@map $map $($($rest)*)?);
    };
    (@map $map:ident $key:tt : { $($entries:tt)* } $(, $($rest:tt)*)?) => {
        $map.insert(::std::string::String::from($key), $crate::value!({ $($entries)* }));
        $crate::value!(@map $map $($($rest)*)?);
    };
    (@map $map:ident $key:tt : $value:expr $(, $($rest:tt)*)?) => {
        $map.insert(::std::string::String::from($key), $crate::value::Value::from($value));
        $crate::value!(@map $map $($($rest)*)?);
    };
}

#[cfg(test)]
mod tests {
    use crate::value::convert::json_text;

    #[test]
    fn literals() {
        let key = "k";
        let list = [1, 2];
        let value = value!({
            "a": [1, null, [true], {"b": null,},],
            key: "x",
            "calls": list.len(),
            "first": list[0],
            "negative": -1.5,
            "maybe": None::<i64>,
        });
        assert_eq!(
            json_text(&value),
            r#"{"a":[1,null,[true],{"b":null}],"k":"x","calls":2,"first":1,"negative":-1.5,"maybe":null}"#
        );
        assert_eq!(json_text(&value!("alone")), r#""alone""#);
        assert_eq!(json_text(&value!({})), "{}");
    }
}
