use bowline::Serializer;
use bowline::error::ValidationError;

fn of_numbers(n: i32) -> Result<i32, ValidationError> {
    Ok(n)
}

#[derive(Serializer)]
struct OtherType {
    #[serializer(validate = of_numbers)]
    text: String,
}

#[derive(Serializer)]
struct Missing {
    #[serializer(validate = "no::such::function")]
    text: String,
}

#[derive(Serializer)]
#[serializer(validate = of_numbers)]
struct OfTheWhole {
    text: String,
}

fn main() {}
