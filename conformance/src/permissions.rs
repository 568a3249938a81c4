//! Permissions (`/perm/`).

use bowline::permissions::{
    AllowAny, DjangoModelPermissions, DjangoModelPermissionsOrAnonReadOnly, IntoRules, IsAdminUser, IsAuthenticated,
    IsAuthenticatedOrReadOnly, Permission, Rule, is_safe,
};
use bowline::prelude::*;
use bowline::value;

use crate::models::job;
use crate::serializers as s;

/// The key of the user who sent a request.
fn user(request: &Context) -> Option<i32> {
    match request.user()?.pk {
        Value::Int(pk) => i32::try_from(pk).ok(),
        _ => None,
    }
}

#[derive(Debug)]
struct IsOwner;

impl Permission for IsOwner {
    fn has_object_permission(&self, request: &Context, _: &ViewInfo, job: &Object<'_>) -> bowline::Result<bool> {
        let owner: Option<i32> = job.get(job::Column::OwnerId)?;
        Ok(owner.is_some() && owner == user(request))
    }

    fn message(&self) -> Option<Value> {
        Some("You do not own this.".into())
    }

    fn code(&self) -> Option<&'static str> {
        Some("not_owner")
    }
}

#[derive(Debug)]
struct IsPublic;

impl Permission for IsPublic {
    fn has_object_permission(&self, _: &Context, _: &ViewInfo, job: &Object<'_>) -> bowline::Result<bool> {
        job.get(job::Column::Public)
    }
}

#[derive(Debug)]
struct IsDone;

impl Permission for IsDone {
    fn has_object_permission(&self, _: &Context, _: &ViewInfo, job: &Object<'_>) -> bowline::Result<bool> {
        job.get(job::Column::Done)
    }

    fn message(&self) -> Option<Value> {
        Some(value!({"reason": "Not done yet."}))
    }
}

#[derive(Debug)]
struct ReadOnly;

#[bowline::async_trait]
impl Permission for ReadOnly {
    async fn has_permission(&self, request: &Context, _: &ViewInfo, _: &Database) -> bowline::Result<bool> {
        Ok(is_safe(request.method()))
    }

    fn has_object_permission(&self, request: &Context, _: &ViewInfo, _: &Object<'_>) -> bowline::Result<bool> {
        Ok(is_safe(request.method()))
    }
}

#[derive(Debug)]
struct Blocked;

#[bowline::async_trait]
impl Permission for Blocked {
    async fn has_permission(&self, _: &Context, _: &ViewInfo, _: &Database) -> bowline::Result<bool> {
        Ok(false)
    }

    fn message(&self) -> Option<Value> {
        Some("Closed for everybody.".into())
    }
}

/// A new job is its maker's, or the first user's where nobody is logged in.
struct OwnedByMaker;

#[bowline::async_trait]
impl ViewSetHooks<job::Entity> for OwnedByMaker {
    async fn perform_create(&self, save: &mut Save<'_, job::Entity>) -> bowline::Result<()> {
        let owner = user(save.request()).unwrap_or(1);
        save.set(job::Column::OwnerId, owner);
        save.save().await
    }
}

async fn finish(action: ActionRequest) -> bowline::Result<Response> {
    let mut job: job::ActiveModel = action.get_object::<job::Entity>().await?.into();
    job.done = ActiveValue::Set(true);
    job.update(action.connection()).await?;
    action.representation().await
}

fn jobs(name: &str) -> ModelViewSet<job::Entity> {
    ModelViewSet::new().serializer(s::jobs()).hooks(OwnedByMaker).name("JobViewSet").basename(format!("perm-{name}"))
}

pub fn urls() -> DefaultRouter {
    let mut router = DefaultRouter::simple();
    let mut jobs_with = |name: &str, rules: Vec<Rule>| {
        let view_set = jobs(name).permissions(rules).action(ExtraAction::detail("finish").post(finish));
        router = std::mem::take(&mut router).register(name, view_set);
    };
    let owner = || Rule::new(IsOwner);
    jobs_with("any", AllowAny.into_rules());
    jobs_with("authenticated", IsAuthenticated.into_rules());
    jobs_with("admin", IsAdminUser.into_rules());
    jobs_with("read-or-authenticated", IsAuthenticatedOrReadOnly.into_rules());
    jobs_with("model", DjangoModelPermissions::new().into_rules());
    jobs_with("model-or-anon-read", DjangoModelPermissionsOrAnonReadOnly::new().into_rules());
    jobs_with("owner", (IsAuthenticated, IsOwner).into_rules());
    jobs_with("owner-or-public", (IsAuthenticated & (owner() | IsPublic)).into_rules());
    jobs_with("owner-or-read", (owner() | ReadOnly).into_rules());
    jobs_with("admin-or-owner", (IsAdminUser | (IsAuthenticated & IsOwner)).into_rules());
    jobs_with("not-admin", (IsAuthenticated & !IsAdminUser).into_rules());
    jobs_with("not-public", (!Rule::new(IsPublic)).into_rules());
    jobs_with("done", IsDone.into_rules());
    jobs_with("blocked", Blocked.into_rules());
    jobs_with("owner-and-done", (IsAuthenticated, owner() & IsDone).into_rules());
    let own = jobs("queryset")
        .permissions(IsAuthenticated)
        .get_queryset(|request| Some(Condition::eq(job::Column::OwnerId, user(request)?)))
        .name("QuerysetJobs")
        .description("Rows of others are hidden by the queryset, so they answer 404.");
    router.register("queryset", own)
}
