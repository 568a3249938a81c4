//! What is timed: each operation's data, environment, requests and expected answer.

/// Documents in the large data set.
pub(crate) const DOCUMENTS: u32 = 100_000;
/// Documents in the small data set, and on a page.
pub(crate) const PAGE: u32 = 20;
/// Collections in both.
pub(crate) const COLLECTIONS: u32 = 8;

/// What is in the database when an operation starts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Data {
    Large,
    Small,
}

impl Data {
    pub(crate) const ALL: [Data; 2] = [Data::Large, Data::Small];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Data::Large => "large",
            Data::Small => "small",
        }
    }

    pub(crate) fn documents(self) -> u32 {
        match self {
            Data::Large => DOCUMENTS,
            Data::Small => PAGE,
        }
    }
}

/// One line of the report.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Operation<'a> {
    /// For `--only`.
    pub(crate) name: &'static str,
    pub(crate) title: &'static str,
    pub(crate) data: Data,
    /// The example that is measured.
    pub(crate) example: &'static str,
    /// Set for both servers.
    pub(crate) environment: &'static [(&'static str, &'static str)],
    pub(crate) writes: bool,
    pub(crate) status: u16,
    /// The body of wrk's `request()`. `n` counts requests, `run` tells runs apart, `documents` and `collections` are the
    /// sizes of the tables.
    pub(crate) request: &'a str,
}

const PAGED: &[(&str, &str)] = &[("PAGE_SIZE", "20")];
const UNCOUNTED: &[(&str, &str)] = &[("PAGE_SIZE", "20"), ("PAGE_COUNT", "off")];

/// Not an example but this program in another mode: bowline with its layers.
pub(crate) const LAYERS: &str = "layers";

/// The examples that are measured.
pub(crate) const EXAMPLES: [&str; 2] = ["documents", "books"];

pub(crate) const OPERATIONS: [Operation<'static>; 10] = [
    Operation {
        name: "retrieve",
        title: "retrieve by id",
        data: Data::Large,
        example: "documents",
        environment: PAGED,
        writes: false,
        status: 200,
        request: r#"return wrk.format("GET", "/documents/" .. math.random(documents) .. "/")"#,
    },
    Operation {
        name: "page",
        title: "page of 20 with count",
        data: Data::Large,
        example: "documents",
        environment: PAGED,
        writes: false,
        status: 200,
        request: r#"return wrk.format("GET", "/documents/?page=" .. math.random(50))"#,
    },
    Operation {
        name: "page-uncounted",
        title: "page of 20 without count",
        data: Data::Large,
        example: "documents",
        environment: UNCOUNTED,
        writes: false,
        status: 200,
        request: r#"return wrk.format("GET", "/documents/?page=" .. math.random(50))"#,
    },
    Operation {
        name: "list",
        title: "bare list of a table of 20",
        data: Data::Small,
        example: "documents",
        environment: &[],
        writes: false,
        status: 200,
        request: r#"return wrk.format("GET", "/documents/")"#,
    },
    Operation {
        name: "relations",
        title: "bare list of 20 books with author and reviews",
        data: Data::Small,
        example: "books",
        environment: &[],
        writes: false,
        status: 200,
        request: r#"return wrk.format("GET", "/books/")"#,
    },
    Operation {
        name: "filtered",
        title: "list filtered by two fields",
        data: Data::Large,
        example: LAYERS,
        environment: &[],
        writes: false,
        status: 200,
        request: r#"local id = math.random(documents)
  return wrk.format("GET", "/filtered/?collection=" .. 1 + id % collections .. "&uid=document-" .. id)"#,
    },
    Operation {
        name: "searched",
        title: "list of a table of 20, searched",
        data: Data::Small,
        example: LAYERS,
        environment: &[],
        writes: false,
        status: 200,
        request: r#"return wrk.format("GET", "/searched/?search=" .. (n % 2 == 0 and "DOCUMENT-1" or "ment-2"))"#,
    },
    Operation {
        name: "patch",
        title: "PATCH blob",
        data: Data::Large,
        example: "documents",
        environment: PAGED,
        writes: true,
        status: 200,
        request: r#"return wrk.format("PATCH", "/documents/" .. math.random(documents) .. "/", nil,
    '{"blob":{"title":"Changed","size":' .. n .. ',"tags":["a","b"],"done":false}}')"#,
    },
    Operation {
        name: "post",
        title: "POST",
        data: Data::Large,
        example: "documents",
        environment: PAGED,
        writes: true,
        status: 201,
        request: r#"return wrk.format("POST", "/documents/", nil, '{"collection":' .. 1 + n % collections ..
    ',"uid":"new-' .. run .. "-" .. n .. '","blob":{"title":"New","size":' .. n .. ',"tags":["a","b"],"done":false}}')"#,
    },
    Operation {
        name: "conflict",
        title: "POST of a uid that is taken",
        data: Data::Large,
        example: "documents",
        environment: PAGED,
        writes: true,
        status: 400,
        // Document `id` is in collection `1 + id % collections`.
        request: r#"local id = math.random(documents)
  return wrk.format("POST", "/documents/", nil, '{"collection":' .. 1 + id % collections ..
    ',"uid":"document-' .. id .. '","blob":{"title":"New","size":1,"tags":["a","b"],"done":false}}')"#,
    },
];
