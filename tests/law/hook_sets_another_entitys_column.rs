use bowline::doc::{author, booking};
use bowline::prelude::*;

struct Noted;

#[bowline::async_trait]
impl ViewSetHooks<booking::Entity> for Noted {
    async fn perform_create(&self, save: &mut Save<'_, booking::Entity>) -> bowline::Result<()> {
        let name: String = save.get(author::Column::LastName)?;
        save.set(author::Column::FirstName, name);
        save.save().await
    }
}

fn main() {}
