use bowline::Serializer;

struct Plain;

#[derive(Serializer)]
struct NotASerializer {
    part: Plain,
}

#[derive(Serializer)]
struct ListOfThem {
    parts: Vec<Plain>,
}

#[derive(Serializer)]
struct Reference {
    name: &'static str,
}

#[derive(Serializer)]
struct ReadOnly {
    #[serializer(read_only)]
    file: std::sync::Arc<bowline::value::Upload>,
}

fn main() {}
