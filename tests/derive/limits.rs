use bowline::Serializer;

#[derive(Serializer)]
struct LengthOfANumber {
    #[serializer(max_length = 3)]
    number: i32,
}

#[derive(Serializer)]
struct ValueOfText {
    #[serializer(min_value = 1)]
    text: String,
}

#[derive(Serializer)]
struct DigitsOfAFloat {
    #[serializer(max_digits = 6)]
    number: f64,
}

#[derive(Serializer)]
struct BlankNumber {
    #[serializer(allow_blank)]
    number: Option<i64>,
}

#[derive(Serializer)]
struct EmptyText {
    #[serializer(allow_empty = false)]
    text: String,
}

#[derive(Serializer)]
struct ChosenObject {
    #[serializer(choices("a"))]
    day: chrono::NaiveDate,
}

#[derive(Serializer)]
struct WrongLimit {
    #[serializer(max_value = "ten")]
    number: i32,
}

fn main() {}
