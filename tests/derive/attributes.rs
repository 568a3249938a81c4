use bowline::Serializer;

#[derive(Serializer)]
struct Misspelt {
    #[serializer(max_lenght = 3)]
    name: String,
}

#[derive(Serializer)]
struct Unknown {
    #[serializer(colour = "red")]
    name: String,
}

#[derive(Serializer)]
#[serializer(rename = "x")]
struct OfAStruct {
    name: String,
}

#[derive(Serializer)]
struct Twice {
    #[serializer(max_length = 3)]
    #[serializer(max_length = 4)]
    name: String,
}

#[derive(Serializer)]
struct WithoutValue {
    #[serializer(max_length)]
    name: String,
}

#[derive(Serializer)]
struct EmptyValue {
    #[serializer(max_length =)]
    name: String,
}

#[derive(Serializer)]
struct NoText {
    #[serializer(label = 5)]
    name: String,
}

#[derive(Serializer)]
struct NoTruth {
    #[serializer(read_only = "yes")]
    name: String,
}

#[derive(Serializer)]
struct NoName {
    #[serializer("max_length")]
    name: String,
}

#[derive(Serializer)]
struct NoChoices {
    #[serializer(choices())]
    name: String,
}

#[derive(Serializer)]
struct OneChoice {
    #[serializer(choices = "a")]
    name: String,
}

#[derive(Serializer)]
struct OddSource {
    #[serializer(source = "a..b")]
    name: String,
}

#[derive(Serializer)]
struct NoMessages {
    #[serializer(messages = "x")]
    name: String,
}

#[derive(Serializer)]
struct NoFunction {
    #[serializer(validate = 5)]
    name: String,
}

fn main() {}
