//! Lists by filter backends, as in `library/filters.py` and the lists of `/filter/` in `library/views.py`.

use bowline::error::ValidationError;
use bowline::filters::{FilterBackend, Queryset};
use bowline::prelude::*;

use crate::models::entry;
use crate::serializers as s;

const KINDS: [(&str, &str); 3] = [("a", "Alpha"), ("b", "Beta"), ("c", "Gamma")];

/// `EntryFilter`
pub fn entry_filter() -> FilterSet {
    use FieldFilter as F;
    FilterSet::django()
        .filter("label", F::char())
        .filter("label_contains", F::char().field("label").lookup("icontains"))
        .filter("label_starts", F::char().field("label").lookup("startswith"))
        .filter("label_ends", F::char().field("label").lookup("iendswith"))
        .filter("label_in", F::char().field("label").lookup("in"))
        .filter("not_label", F::char().field("label").exclude())
        .filter("rank", F::number())
        .filter("rank_in", F::number().field("rank").lookup("in"))
        .filter("rank_between", F::number().field("rank").lookup("range"))
        .filter("score", F::range())
        .filter("price_gte", F::number().field("price").lookup("gte"))
        .filter("kind", F::choice(KINDS))
        .filter("kinds", F::multiple_choice(KINDS).field("kind"))
        .filter("flag", F::boolean())
        .filter("has_note", F::boolean().field("note").lookup("isnull").exclude())
        .filter("day", F::date())
        .filter("day_range", F::date_from_to_range().field("day"))
        .filter("created_after", F::iso_datetime().field("created").lookup("gt"))
        .filter("created_date", F::date().field("created").lookup("date"))
        .filter("year", F::number().field("day").lookup("year"))
        .filter("month", F::number().field("day").lookup("month"))
        .filter("key", F::uuid())
        .filter("parent", F::model_choice())
        .filter("tags", F::model_multiple_choice())
        .filter("tag", F::char().field("tags__slug").distinct())
        .filter(
            "low",
            F::boolean().method(|queryset, low| match low {
                Value::Bool(true) => queryset.filter(Condition::lt(entry::Column::Rank, 5)),
                _ => queryset.filter(Condition::gte(entry::Column::Rank, 5)),
            }),
        )
        .filter("o", F::ordering([("rank", "rank"), ("label", "name")]))
}

/// `BookFilter`
pub fn book_filter() -> FilterSet {
    FilterSet::django()
        .lookups("title", ["exact", "icontains"])
        .lookups("price", ["exact", "lt", "gt"])
        .lookups("pages", ["lte", "gte", "range", "in"])
        .lookups("author__last_name", ["exact", "iexact"])
        .lookups("publisher", ["exact", "isnull"])
        .lookups("published", ["exact", "year", "year__gt"])
        .lookups("language", ["exact", "in"])
        .lookups("in_print", ["exact"])
}

fn dict_filter() -> FilterSet {
    FilterSet::new()
        .lookups("rank", ["exact", "lt", "lte", "gt", "gte", "in", "range"])
        .lookups(
            "label",
            ["exact", "iexact", "contains", "icontains", "startswith", "istartswith", "endswith", "in", "regex"],
        )
        .lookups("note", ["isnull", "exact"])
        .lookups("day", ["exact", "year", "month__gt", "gte"])
        .lookups("created", ["date", "hour", "lt"])
        .lookups("price", ["gt", "lt", "exact"])
        .lookups("tags__name", ["exact", "icontains"])
        .lookups("parent__label", ["exact"])
}

fn list(name: &str) -> ModelViewSet<entry::Entity> {
    ModelViewSet::new().serializer(s::entries_brief()).actions([Action::List]).ordering(["id"]).name(name)
}

fn search(name: &str) -> ModelViewSet<entry::Entity> {
    list(name).filter_backend(SearchFilter::new())
}

fn ordered(name: &str) -> ModelViewSet<entry::Entity> {
    list(name).filter_backend(OrderingFilter::new())
}

/// `/filter/`
pub fn urls() -> DefaultRouter {
    let set = |name: &str| list(name).filter_backend(DjangoFilterBackend::new());
    let title_search = SearchFilter::new()
        .param("q")
        .fields_when(["body"], |cx| cx.query_param("body_only").is_some_and(|v| !v.is_empty()));
    DefaultRouter::new()
        .generic("set/", set("FilterSetList").filterset(entry_filter()))
        .generic(
            "fields/",
            set("FilterFieldsList").filterset_fields(["kind", "flag", "rank", "day", "note", "parent", "tags"]),
        )
        .generic("dict/", set("FilterDictList").filterset(dict_filter()))
        .generic("search/", search("SearchList").search_fields(["label", "body"]))
        .generic("search-starts/", search("SearchStartsList").search_fields(["^label"]))
        .generic("search-exact/", search("SearchExactList").search_fields(["=label", "=kind"]))
        .generic("search-regex/", search("SearchRegexList").search_fields(["$label"]))
        .generic("search-related/", search("SearchRelatedList").search_fields(["tags__name", "parent__label"]))
        .generic("search-lookup/", search("SearchLookupList").search_fields(["label__endswith", "rank__exact"]))
        .generic("search-custom/", list("SearchCustomList").filter_backend(title_search).search_fields(["label"]))
        .generic("ordering/", ordered("OrderingList").ordering_fields(["rank", "label", "day", "note", "parent__rank"]))
        .generic(
            "ordering-default/",
            ordered("OrderingDefaultList").ordering_fields(["rank", "label"]).ordering(["-rank", "label"]),
        )
        .generic("ordering-serializer/", ordered("OrderingSerializerList"))
        .generic("ordering-all/", ordered("OrderingAllList").order_by_any_field())
        .generic("custom/", list("CustomBackendList").filter_backend(SmallestFirst))
}

/// A filter backend of one's own.
#[derive(Debug)]
struct SmallestFirst;

#[bowline::async_trait]
impl FilterBackend for SmallestFirst {
    async fn filter_queryset(&self, request: &Context, queryset: &mut Queryset<'_>) -> bowline::Result<()> {
        let Some(limit) = request.query_param("max_rank") else { return Ok(()) };
        let wrong = || ValidationError::field("max_rank", ErrorDetail::from("Not a number."));
        let limit: i64 = limit.parse().ok().filter(|n| *n >= 0).ok_or_else(wrong)?;
        queryset.filter(Condition::lte(entry::Column::Rank, limit))?;
        queryset.order_by(["rank", "id"])
    }
}

/// `/page/filtered/`
pub fn paged() -> ModelViewSet<entry::Entity> {
    list("PageFilterList")
        .pagination(PageNumberPagination::new(5))
        .filter_backend(DjangoFilterBackend::new())
        .filter_backend(SearchFilter::new())
        .filter_backend(OrderingFilter::new())
        .filterset(entry_filter())
        .search_fields(["label"])
        .ordering_fields(["rank", "label"])
}
