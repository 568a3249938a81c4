use bowline::doc::{author, booking};
use bowline::prelude::*;

struct Signed;

#[bowline::async_trait]
impl ViewSetHooks<author::Entity> for Signed {}

fn main() {
    let _ = ModelViewSet::<booking::Entity>::new().hooks(Signed);
}
