//! What hooks and scopes may say: this compiles, so that what does not compile beside it fails for its own reason.

use bowline::doc::booking;
use bowline::prelude::*;

struct Noted;

#[bowline::async_trait]
impl ViewSetHooks<booking::Entity> for Noted {
    async fn perform_create(&self, save: &mut Save<'_, booking::Entity>) -> bowline::Result<()> {
        let room: i64 = save.get(booking::Column::RoomId)?;
        save.set(booking::COLUMN.note, format!("room {room}")).set(booking::COLUMN.start, 9_i64);
        save.set(booking::Column::End, 10_i64);
        save.save().await
    }
}

/// A hook of any entity.
struct Logged;

#[bowline::async_trait]
impl<E: EntityTrait> ViewSetHooks<E> for Logged {}

fn main() {
    let bookings = ModelViewSet::<booking::Entity>::new;
    let _ = bookings().hooks(Noted).get_queryset(|_: &Context| Scope::All);
    let _ = bookings().hooks(Logged).get_queryset(|request: &Context| {
        request.user()?;
        Some(Condition::eq(booking::Column::RoomId, 1))
    });
}
