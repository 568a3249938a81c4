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

struct NoDefault;

#[derive(Serializer)]
struct ReadOnly {
    #[serializer(read_only)]
    at: chrono::DateTime<chrono::FixedOffset>,
}

fn main() {}
