use std::sync::Mutex;

use bowline::prelude::*;

/// What the validator of DRF issue 5760 did: it kept the object of one request while it judged another's.
#[derive(Default)]
struct Remembers {
    instance: Mutex<Option<Object<'static>>>,
}

impl ObjectValidator for Remembers {
    fn validate(&self, object: &Object<'_>) -> bowline::Result<()> {
        if let Ok(mut instance) = self.instance.lock() {
            *instance = Some(*object);
        }
        Ok(())
    }
}

fn main() {}
