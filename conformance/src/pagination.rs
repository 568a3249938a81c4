//! `/page/`, as in `library/paginators.py`.

use bowline::pagination::Envelope;
use bowline::prelude::*;

use crate::filters;
use crate::models::entry;
use crate::serializers as s;

/// All of it.
pub fn urls() -> DefaultRouter {
    DefaultRouter::new()
        .generic("number/", pages("PageList").pagination(PageNumberPagination::new(5)))
        .generic(
            "sized/",
            pages("SizedPageList").pagination(
                PageNumberPagination::new(10)
                    .page_size_query_param("size")
                    .max_page_size(20)
                    .page_query_param("p")
                    .last_page_strings(["last", "end"]),
            ),
        )
        .generic(
            "link/",
            pages("LinkPageList")
                .pagination(PageNumberPagination::new(15).envelope(|page| Envelope::list().link_header(page))),
        )
        .generic(
            "envelope/",
            pages("EnvelopeList").pagination(PageNumberPagination::new(4).envelope(|page| {
                let totals = Envelope::object().with("total", page.count).with("pages", page.pages);
                totals.with("current", page.number).results("items")
            })),
        )
        .generic("limit/", pages("LimitList").pagination(LimitOffsetPagination::new(7).max_limit(12)))
        .generic(
            "limit-nodefault/",
            pages("LimitNoDefaultList")
                .pagination(LimitOffsetPagination::on_demand().limit_query_param("take").offset_query_param("skip")),
        )
        .generic("cursor/", pages("CursorList").pagination(cursor(8, &["-created"])))
        .generic(
            "cursor-rank/",
            pages("CursorRankList")
                .pagination(cursor(4, &["rank", "id"]).page_size_query_param("page_size").max_page_size(9)),
        )
        .generic("cursor-ties/", pages("CursorTiesList").pagination(cursor(3, &["-rank", "label"])))
        .generic(
            "cursor-ordered/",
            pages("CursorOrderedList")
                .filter_backend(OrderingFilter::new())
                .ordering_fields(["rank", "id", "label"])
                .pagination(cursor(6, &["id"])),
        )
        .generic("filtered/", filters::paged())
        .generic(
            "empty/",
            pages("EmptyPageList")
                .filter(Condition::lte(entry::Column::Id, 0))
                .pagination(PageNumberPagination::new(5)),
        )
}

fn pages(name: &str) -> ModelViewSet<entry::Entity> {
    ModelViewSet::new().serializer(s::entries_brief()).actions([Action::List]).ordering(["id"]).name(name)
}

/// The recorded cursors are compared to the letter.
fn cursor(size: u64, ordering: &[&'static str]) -> CursorPagination {
    CursorPagination::new(size, ordering.iter().copied()).drf_cursors()
}
