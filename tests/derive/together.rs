use bowline::Serializer;
use bowline::fields::CharField;

#[derive(Serializer)]
struct ReadAndWrite {
    #[serializer(read_only, write_only)]
    name: String,
}

#[derive(Serializer)]
struct ReadAndRequired {
    #[serializer(read_only, required)]
    name: String,
}

#[derive(Serializer)]
struct ReadAndValidate {
    #[serializer(read_only, validate = check)]
    name: String,
}

#[derive(Serializer)]
struct RequiredAndDefault {
    #[serializer(required, default = "x")]
    name: String,
}

#[derive(Serializer)]
struct AbsentWithoutValue {
    #[serializer(required = false)]
    name: String,
}

#[derive(Serializer)]
struct NullWithoutPlace {
    #[serializer(allow_null)]
    name: String,
}

#[derive(Serializer)]
struct OptionWithoutNull {
    #[serializer(allow_null = false)]
    name: Option<String>,
}

#[derive(Serializer)]
struct FieldAndLimit {
    #[serializer(field = CharField::new(), max_length = 3)]
    name: String,
}

#[derive(Serializer)]
struct ChoicesAndLimit {
    #[serializer(choices("a", "b"), max_length = 3)]
    name: String,
}

fn main() {}
