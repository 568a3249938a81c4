use bowline::Serializer;

#[derive(Serializer)]
enum Colour {
    Red,
}

#[derive(Serializer)]
struct Pair(String, String);

#[derive(Serializer)]
struct Unit;

#[derive(Serializer)]
struct Generic<T> {
    value: T,
}

#[derive(Serializer)]
struct Borrowed<'a> {
    name: &'a str,
}

#[derive(Serializer)]
struct Node {
    children: Vec<Node>,
}

#[derive(Serializer)]
struct Same {
    name: String,
    #[serializer(rename = "name")]
    other: String,
}

fn main() {}
