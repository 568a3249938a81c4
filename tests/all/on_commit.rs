//! What waits for a commit is done once, after it, in order, and never after a rollback.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use crate::support;

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bowline::prelude::*;
use bowline::testing::Client;
use bowline::value;
use sea_orm::ConnectionTrait;

mod task {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "todo_task")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        #[sea_orm(unique)]
        pub name: String,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// What happened, in order; and what the database held when something was done after a commit.
#[derive(Clone)]
struct Seen {
    events: Arc<Mutex<Vec<String>>>,
    database: Arc<dyn Fn() -> Vec<String> + Send + Sync>,
}

impl Seen {
    fn note(&self, event: impl Into<String>) {
        self.events.lock().unwrap().push(event.into());
    }

    fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.events.lock().unwrap())
    }

    /// A hook that notes an event, with the rows that are committed by then.
    fn hook(
        &self,
        event: &str,
    ) -> impl FnOnce() -> futures_util::future::BoxFuture<'static, bowline::Result<()>> + use<> {
        let (seen, event) = (self.clone(), event.to_owned());
        move || {
            Box::pin(async move {
                let rows = (seen.database)();
                seen.note(format!("{event}: {}", rows.join(" ")));
                Ok(())
            })
        }
    }
}

struct Notes(Seen);

#[bowline::async_trait]
impl ViewSetHooks<task::Entity> for Notes {
    async fn perform_create(&self, save: &mut Save<'_, task::Entity>) -> bowline::Result<()> {
        let name: String = save.get(task::Column::Name)?;
        self.0.note(format!("try {name}"));
        save.on_commit(self.0.hook(&format!("first {name}")));
        save.save().await?;
        save.on_commit(self.0.hook(&format!("second {name}")));
        match name.as_str() {
            "refused" => return Err(ValidationError::field("name", "Not this one.").into()),
            "panics" => panic!("in the hook"),
            // another transaction has the name on the first try
            "replayed" if self.0.events.lock().unwrap().iter().filter(|e| *e == "try replayed").count() < 2 => {
                save.tx().execute_unprepared("INSERT INTO todo_task (name) VALUES ('replayed')").await?;
            }
            "fails later" => {
                save.on_commit(async || Err(Error::internal("no mail today")));
                save.on_commit(async || panic!("no mail at all"));
                save.on_commit(self.0.hook("third"));
            }
            "hangs" => save.on_commit(std::future::pending),
            _ => {}
        }
        Ok(())
    }

    async fn perform_update(&self, save: &mut Save<'_, task::Entity>) -> bowline::Result<()> {
        save.on_commit(self.0.hook("updated"));
        save.save().await
    }

    async fn perform_destroy(&self, instance: &mut Instance<'_, task::Entity>) -> bowline::Result<()> {
        instance.on_commit(self.0.hook("destroyed"));
        instance.delete().await
    }
}

/// A client of an API over a database, and what its hooks saw.
async fn client(database: &support::Database) -> (Client, Seen) {
    let (url, is_postgres) = (database.url(), database.name() == "PostgreSQL");
    let rows = move || {
        let database = match is_postgres {
            true => support::Database::Postgres(url.clone()),
            false => {
                let names = rusqlite::Connection::open(&url).unwrap();
                let mut names = names.prepare("SELECT name FROM todo_task ORDER BY id").unwrap();
                return names.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
            }
        };
        database.list("SELECT name FROM todo_task ORDER BY id")
    };
    let seen = Seen { events: Arc::default(), database: Arc::new(rows) };
    let noted = seen.clone();
    let copy = async move |action: ActionRequest| -> bowline::Result<Response> {
        let found = action.get_object::<task::Entity>().await?;
        action.on_commit(noted.hook("copied"))?;
        let copy = task::ActiveModel { name: ActiveValue::Set(format!("{} too", found.name)), ..Default::default() };
        copy.insert(action.connection()).await?;
        if found.name == "kept" { Ok(Response::empty()) } else { Err(Error::permission_denied()) }
    };
    let copy = move |action: ActionRequest| {
        let copied = copy.clone();
        async move { copied(action).await }
    };
    let early = async |action: ActionRequest| -> bowline::Result<Response> {
        action.on_commit(async || Ok(()))?;
        Ok(Response::empty())
    };
    let tasks = ModelViewSet::<task::Entity>::new()
        .create_many(Lists::Also)
        .destroy_many()
        .hooks(Notes(seen.clone()))
        .action(ExtraAction::detail("copy").post(copy).get(early));
    let api = DefaultRouter::new().register("tasks", tasks);
    (Client::over(&database.url(), api).await.unwrap(), seen)
}

fn each(test: impl AsyncFn(&support::Database)) {
    support::Database::each(|database| {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        runtime.block_on(test(database));
    });
}

#[test]
fn after_the_commit_and_in_order() {
    each(async |database| {
        let (client, seen) = client(database).await;
        assert_eq!(client.post("/tasks/", value!({"name": "a"})).await.unwrap().status, 201);
        assert_eq!(seen.take(), ["try a", "first a: a", "second a: a"]);
        assert_eq!(client.patch("/tasks/1/", value!({"name": "b"})).await.unwrap().status, 200);
        assert_eq!(seen.take(), ["updated: b"]);
        assert_eq!(client.delete("/tasks/1/").await.unwrap().status, 204);
        assert_eq!(seen.take(), ["destroyed: "]);

        let list = value!([{"name": "x"}, {"name": "y"}]);
        assert_eq!(client.post("/tasks/", list).await.unwrap().status, 201);
        let both = ["try x", "try y", "first x: x y", "second x: x y", "first y: x y", "second y: x y"];
        assert_eq!(seen.take(), both);
        assert_eq!(client.send(http::Method::DELETE, "/tasks/", Some(value!([2, 3]))).await.unwrap().status, 204);
        assert_eq!(seen.take(), ["destroyed: ", "destroyed: "]);
    });
}

#[test]
fn never_after_a_rollback() {
    each(async |database| {
        let (client, seen) = client(database).await;
        for (name, status) in [("refused", 400), ("panics", 500)] {
            assert_eq!(client.post("/tasks/", value!({"name": name})).await.unwrap().status, status);
            assert_eq!(seen.take(), [format!("try {name}")]);
        }
        let list = value!([{"name": "x"}, {"name": "refused"}]);
        assert_eq!(client.post("/tasks/", list).await.unwrap().status, 400);
        assert_eq!(seen.take(), ["try x", "try refused"]);
    });
}

#[test]
fn once_for_the_try_that_was_committed() {
    each(async |database| {
        let (client, seen) = client(database).await;
        assert_eq!(client.post("/tasks/", value!({"name": "replayed"})).await.unwrap().status, 201);
        let expected = ["try replayed", "try replayed", "first replayed: replayed", "second replayed: replayed"];
        assert_eq!(seen.take(), expected);
    });
}

#[test]
fn what_fails_then_fails_nothing_else() {
    each(async |database| {
        let (client, seen) = client(database).await;
        assert_eq!(client.post("/tasks/", value!({"name": "fails later"})).await.unwrap().status, 201);
        let name = "fails later";
        let done = ["first", "second"].map(|event| format!("{event} {name}: {name}"));
        assert_eq!(seen.take(), [format!("try {name}"), done[0].clone(), done[1].clone(), format!("third: {name}")]);

        let start = Instant::now();
        assert_eq!(client.post("/tasks/", value!({"name": "hangs"})).await.unwrap().status, 201);
        assert!(
            start.elapsed() < Duration::from_secs(20),
            "a hook that hangs held its request for {:?}",
            start.elapsed()
        );
    });
}

#[test]
fn in_actions() {
    each(async |database| {
        let (client, seen) = client(database).await;
        for name in ["kept", "other"] {
            assert_eq!(client.post("/tasks/", value!({"name": name})).await.unwrap().status, 201);
        }
        seen.take();
        assert_eq!(client.post("/tasks/1/copy/", value!({})).await.unwrap().status, 200);
        assert_eq!(seen.take(), ["copied: kept other kept too"]);
        assert_eq!(client.post("/tasks/2/copy/", value!({})).await.unwrap().status, 403);
        assert!(seen.take().is_empty());
        assert_eq!(client.get("/tasks/1/copy/").await.unwrap().status, 500, "what only reads commits nothing");
    });
}
