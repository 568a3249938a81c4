//! The view sets, as in `library/views.py`, and where they are.

use bowline::permissions::{AllowAny, IsAdminUser, IsAuthenticatedOrReadOnly};
use bowline::prelude::*;
use bowline::value;
use sea_orm::ActiveValue::Set;
use sea_orm::ExprTrait;

use crate::models::{author, book, book_tag, entry, event, review, shelf_item, tag, user};
use crate::serializers as s;
use crate::{actions, filters, memory, throttling};

/// `/`: the models of the issue that all of this began with.
pub fn seed() -> DefaultRouter {
    DefaultRouter::new()
        .register("collections", ModelViewSet::new().serializer(s::collections()))
        .register("documents", ModelViewSet::new().serializer(s::documents()).name("DocumentView"))
}

/// `/lib/`
pub fn lib() -> DefaultRouter {
    DefaultRouter::new()
        .register("authors", authors())
        .register("profiles", ModelViewSet::new().serializer(s::profiles()).name("ProfileViewSet"))
        .register("publishers", ModelViewSet::new().serializer(s::publishers()))
        .register("tags", tags())
        .register("books", books())
        .register("members", ModelViewSet::new().serializer(s::members()))
        .register("reviews", ModelViewSet::new().serializer(s::reviews()).permissions(IsAuthenticatedOrReadOnly))
        .register("loans", ModelViewSet::new().serializer(s::loans()))
        .register("attachments", ModelViewSet::new().serializer(s::attachments()))
        .register("shelves", ModelViewSet::new().serializer(s::shelves()))
        .register("samples", ModelViewSet::new().serializer(s::samples()))
        .register("stricts", ModelViewSet::new().serializer(s::stricts()))
        .register(
            "stricts-extra",
            ModelViewSet::new().serializer(s::stricts_extra()).basename("strict-extra").name("StrictExtraViewSet"),
        )
        .register("seats", ModelViewSet::new().serializer(s::seats()))
        .register("events", ModelViewSet::new().serializer(s::events()))
        .register(
            "events-custom",
            ModelViewSet::<event::Entity>::new()
                .serializer(s::events_custom())
                .basename("event-custom")
                .name("EventCustomViewSet"),
        )
        .register("accounts", ModelViewSet::new().serializer(s::accounts()))
        .register(
            "reviews-together",
            ModelViewSet::new()
                .serializer(s::reviews_together())
                .basename("review-together")
                .name("ReviewTogetherViewSet"),
        )
        .register(
            "reviews-readonly",
            ModelViewSet::new()
                .serializer(s::reviews_readonly())
                .hooks(ReviewedByAlice)
                .basename("review-readonly")
                .name("ReviewReadOnlyViewSet"),
        )
        .register(
            "users",
            ModelViewSet::new().serializer(s::users()).read_only().ordering(["id"]).permissions(IsAdminUser),
        )
}

fn tags() -> ModelViewSet<tag::Entity> {
    ModelViewSet::new().serializer(s::tags()).lookup_field("slug")
}

fn books() -> ModelViewSet<book::Entity> {
    let books = ModelViewSet::new()
        .serializer(s::books())
        .lookup_field("slug")
        .pagination(PageNumberPagination::new(5))
        .filter_backend(DjangoFilterBackend::new())
        .filter_backend(SearchFilter::new())
        .filter_backend(OrderingFilter::new())
        .filterset(filters::book_filter())
        .search_fields(["title", "author__last_name", "=isbn"])
        .ordering_fields(["title", "price", "pages", "published"])
        .description("Books, by *slug*.\n\nHas extra actions.");
    actions::all().into_iter().fold(books, ModelViewSet::action)
}

fn authors() -> ModelViewSet<author::Entity> {
    ModelViewSet::new().serializer(s::authors()).description("Authors of books.").get_queryset(|request| {
        let active = request.action() == Some("list") && request.query_param("active").as_deref() == Some("1");
        if active { Scope::Filter(Condition::eq(author::Column::IsActive, true)) } else { Scope::All }
    })
}

struct ReviewedByAlice;

#[bowline::async_trait]
impl ViewSetHooks<review::Entity> for ReviewedByAlice {
    async fn perform_create(&self, save: &mut Save<'_, review::Entity>) -> bowline::Result<()> {
        save.set(review::Column::ReviewerId, 3_i64);
        save.save().await
    }
}

/// The reference application takes new books through serializers that lack what a book needs: as there, the database refuses
/// them, and no fill-in is made up.
struct AsTheyAre;

#[bowline::async_trait]
impl ViewSetHooks<book::Entity> for AsTheyAre {
    async fn perform_create(&self, save: &mut Save<'_, book::Entity>) -> bowline::Result<()> {
        save.save().await
    }
}

/// `/rel/`
pub fn rel() -> DefaultRouter {
    let books = |serializer, name: &str, basename: &str| {
        ModelViewSet::<book::Entity>::new().serializer(serializer).name(name).basename(basename)
    };
    DefaultRouter::simple()
        .register("books-pk", books(s::books_pk(), "BookPkViewSet", "rel-book-pk"))
        .register("books-slug", books(s::books_slug(), "BookSlugViewSet", "rel-book-slug"))
        .register("books-string", books(s::books_string(), "BookStringViewSet", "rel-book-string").hooks(AsTheyAre))
        .register("books-hyper", books(s::books_hyper(), "BookHyperViewSet", "rel-book-hyper"))
        .register("books-nested", books(s::books_nested(), "BookNestedViewSet", "rel-book-nested"))
        .register("books-depth1", books(s::books_depth1(), "BookDepth1ViewSet", "rel-book-depth1").hooks(AsTheyAre))
        .register("books-depth2", books(s::books_depth2(), "BookDepth2ViewSet", "rel-book-depth2").hooks(AsTheyAre))
        .register(
            "authors-reverse",
            ModelViewSet::new()
                .serializer(s::authors_reverse())
                .name("AuthorReverseViewSet")
                .basename("rel-author-reverse"),
        )
}

/// `/sets/`
pub fn sets() -> DefaultRouter {
    let tags = || ModelViewSet::new().serializer(s::tags());
    DefaultRouter::simple()
        .register("tags-readonly", tags().read_only().name("ReadOnlyTagViewSet").basename("set-tag-readonly"))
        .register("entries", entries_by_key())
        .register(
            "create-list",
            tags().actions([Action::Create, Action::List]).name("CreateListViewSet").basename("set-create-list"),
        )
        .register(
            "no-delete",
            tags()
                .actions([Action::List, Action::Create, Action::Retrieve, Action::Update])
                .name("NoDeleteViewSet")
                .basename("set-no-delete"),
        )
        .register("per-action", per_action())
        .view_set("memory", memory::view_set())
        .view_set("throttled", throttling::view_set())
}

fn entries_by_key() -> ModelViewSet<entry::Entity> {
    ModelViewSet::new()
        .serializer(s::entries_brief())
        .read_only()
        .filter(Condition::lte(entry::Column::Id, 6))
        .lookup_field("key")
        .lookup_url_kwarg("entry_key")
        .lookup_value_regex("[0-9a-f-]{36}")
        .name("EntryByKeyViewSet")
        .basename("set-entry")
}

/// The list has a short serializer, other actions a full one.
fn per_action() -> ModelViewSet<author::Entity> {
    ModelViewSet::new()
        .serializer(s::authors())
        .serializer_for(Action::List, ModelSerializer::new().fields(["id", "last_name"]))
        .permissions(AllowAny)
        .permissions_for(Action::Destroy, IsAdminUser)
        .hooks(PerAction)
        .description("The list has a short serializer, other actions a full one.")
        .name("PerActionViewSet")
        .basename("set-per-action")
}

struct PerAction;

#[bowline::async_trait]
impl ViewSetHooks<author::Entity> for PerAction {
    async fn perform_create(&self, save: &mut Save<'_, author::Entity>) -> bowline::Result<()> {
        save.set(author::Column::Bio, "Added by the view.");
        save.save().await
    }

    async fn perform_update(&self, save: &mut Save<'_, author::Entity>) -> bowline::Result<()> {
        save.set(author::Column::Bio, "Changed by the view.");
        save.save().await
    }

    async fn perform_destroy(&self, instance: &mut Instance<'_, author::Entity>) -> bowline::Result<()> {
        let id = instance.get(author::Column::Id)?;
        let author = author::ActiveModel { id: Set(id), is_active: Set(false), ..Default::default() };
        author.update(instance.tx()).await?;
        Ok(())
    }
}

/// `/bare/`, without final slashes.
pub fn bare() -> DefaultRouter {
    DefaultRouter::simple()
        .trailing_slash(false)
        .register("tags", tags().basename("bare-tag"))
        .view_set("memory", memory::view_set())
}

/// `/generic/`
pub fn generic() -> DefaultRouter {
    let tags = |name: &str, actions: &[Action]| {
        ModelViewSet::<tag::Entity>::new().serializer(s::tags()).name(name).actions(actions.iter().copied())
    };
    let changes = [Action::Update, Action::PartialUpdate];
    DefaultRouter::new()
        .generic("tags/", tags("TagList", &[Action::List, Action::Create]))
        .generic(
            "tags/<int:pk>/",
            tags("TagDetail", &[Action::Retrieve, Action::Update, Action::PartialUpdate, Action::Destroy]),
        )
        .generic("tags/create/", tags("TagCreate", &[Action::Create]))
        .generic("tags/retrieve/<str:pk>/", tags("TagRetrieve", &[Action::Retrieve]))
        .generic("tags/update/<str:name>/", tags("TagUpdate", &changes).lookup_field("name"))
        .generic("tags/destroy/<int:pk>/", tags("TagDestroy", &[Action::Destroy]))
        .path("books/<slug:slug>/tags/", ApiView::new("TagsOfBook").get(tags_of_book))
        .path("reviews/<int:book>/<str:user>/", ApiView::new("TwoKeyDetail").get(review_by_two_keys))
}

async fn tags_of_book(request: Request) -> bowline::Result<Value> {
    let database = request.database()?;
    let slug: String = request.path_value("slug")?;
    let book = book::Entity::find().filter(book::Column::Slug.eq(slug)).one(database).await?;
    let book = book.ok_or_else(|| Error::Http404("No Book matches the given query.".into()))?;
    let links = book_tag::Entity::find().filter(book_tag::Column::BookId.eq(book.id)).all(database).await?;
    let ids = links.into_iter().map(|link| link.tag_id);
    let tags = tag::Entity::find().filter(tag::Column::Id.is_in(ids)).order_by_asc(tag::Column::Name);
    let tags = tags.all(database).await?.into_iter();
    let shown = tags.map(|t| value!({"id": t.id, "name": t.name, "slug": t.slug, "colour": t.colour}));
    Ok(Value::List(shown.collect()))
}

/// An object by two values of the path.
async fn review_by_two_keys(request: Request) -> bowline::Result<Value> {
    let database = request.database()?;
    let none = || Error::Http404("No Review matches the given query.".into());
    let (book, name): (i64, String) = (request.path_value("book")?, request.path_value("user")?);
    let user = user::Entity::find().filter(user::Column::Username.eq(name)).one(database).await?.ok_or_else(none)?;
    let wanted = review::Column::BookId.eq(book).and(review::Column::ReviewerId.eq(user.id));
    let found = review::Entity::find().filter(wanted).one(database).await?.ok_or_else(none)?;
    Ok(value!({"id": found.id, "book": found.book_id, "reviewer": found.reviewer_id, "stars": found.stars}))
}

/// `/bulk/`
pub fn bulk() -> DefaultRouter {
    let items = |name: &str| {
        ModelViewSet::<shelf_item::Entity>::new()
            .serializer(s::bulk_items())
            .actions([Action::Create])
            .create_many(Lists::Always)
            .update_many([Action::Update])
            .name(name)
    };
    DefaultRouter::new()
        .generic(
            "tags/",
            ModelViewSet::new()
                .serializer(s::bulk_tags())
                .actions([Action::List, Action::Create])
                .create_many(Lists::Also)
                .name("BulkTags"),
        )
        .generic("items/", items("BulkItems").description("Always many=True, at least one and at most four."))
        .generic("shaped/", items("BulkShaped").exception_handler(crate::raise::shaped()))
}
