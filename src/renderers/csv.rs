//! CSV, as djangorestframework-csv writes it.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};

use ::csv::{Terminator, WriterBuilder};

use super::lists::{ListContext, ListWriter};
use super::{RenderContext, Renderer, Unrenderable, results};
use crate::response::Data;
use crate::value::{Value, json};

/// What Excel wants to see before UTF-8.
const BOM: &str = "\u{feff}";

/// CSV (`text/csv`, `?format=csv`), as the `CSVRenderer` of djangorestframework-csv writes it: a line for each item of a list, or
/// one for an object. Values within values have columns like `author.name` and `tags.0`, in the order of their names unless
/// there is a [`header`](Self::header). Nothing at all is written for an empty list.
///
/// Errors are objects like others: a header `detail` and a line below it.
///
/// ```
/// use bowline::prelude::*;
/// # use bowline::doc::booking;
/// use bowline::renderers::{CSVRenderer, Renderers};
///
/// let csv = CSVRenderer::new().header(["id", "room_id", "start"]).labels([("start", "From")]).escape_formulas(true);
/// let bookings = ModelViewSet::<booking::Entity>::new().renderers(Renderers::json().and(csv));
/// ```
#[derive(Clone, Debug)]
pub struct CSVRenderer {
    header: Vec<Cow<'static, str>>,
    labels: HashMap<Cow<'static, str>, Cow<'static, str>>,
    separator: Cow<'static, str>,
    delimiter: u8,
    bom: bool,
    escape_formulas: bool,
    results_field: Option<Cow<'static, str>>,
}

impl CSVRenderer {
    /// All columns that there are, in the order of their names.
    pub fn new() -> Self {
        CSVRenderer {
            header: Vec::new(),
            labels: HashMap::new(),
            separator: Cow::Borrowed("."),
            delimiter: b',',
            bom: false,
            escape_formulas: false,
            results_field: None,
        }
    }

    /// The rows of a page, without its count and links: the package's `PaginatedCSVRenderer`. Anything that is no page is written as
    /// by [`new`](Self::new), where the package writes nothing.
    pub fn paginated() -> Self {
        CSVRenderer::new().results_field("results")
    }

    /// Where the rows of a page are, in an envelope of one's own: the package's `results_field`.
    pub fn results_field(mut self, name: impl Into<Cow<'static, str>>) -> Self {
        self.results_field = Some(name.into());
        self
    }

    /// These columns in this order, whether a row has them or not, and no others; they are written for an empty list too. Lists
    /// of any length are then written while they are read.
    pub fn header<N: Into<Cow<'static, str>>>(mut self, columns: impl IntoIterator<Item = N>) -> Self {
        self.header = columns.into_iter().map(Into::into).collect();
        self
    }

    /// Other words for columns in the first line.
    pub fn labels<N: Into<Cow<'static, str>>>(mut self, labels: impl IntoIterator<Item = (N, N)>) -> Self {
        self.labels = labels.into_iter().map(|(column, label)| (column.into(), label.into())).collect();
        self
    }

    /// What stands between the parts of a column's name; `.` by default, the package's `level_sep`.
    pub fn level_separator(mut self, separator: impl Into<Cow<'static, str>>) -> Self {
        self.separator = separator.into();
        self
    }

    /// What stands between cells; a comma by default.
    pub fn delimiter(mut self, delimiter: u8) -> Self {
        self.delimiter = delimiter;
        self
    }

    /// Whether a byte order mark comes first, by which Excel knows UTF-8.
    pub fn bom(mut self, yes: bool) -> Self {
        self.bom = yes;
        self
    }

    /// Whether text that a spreadsheet would run as a formula gets an apostrophe before it, which a spreadsheet does not show:
    /// text that begins with `=`, `+`, `-`, `@`, a tab or a line end, and is no number (OWASP, "CSV Injection").
    ///
    /// It is not the default, because it changes the data for programs that read it.
    pub fn escape_formulas(mut self, yes: bool) -> Self {
        self.escape_formulas = yes;
        self
    }

    /// The columns of an item, by their names.
    fn columns<'a>(&self, item: &'a Value) -> HashMap<String, &'a Value> {
        let mut columns = HashMap::new();
        self.flatten(item, &mut Vec::new(), &mut columns);
        columns
    }

    fn flatten<'a>(&self, item: &'a Value, path: &mut Vec<Cow<'a, str>>, columns: &mut HashMap<String, &'a Value>) {
        let mut below = |key: Cow<'a, str>, item: &'a Value| {
            path.push(key);
            self.flatten(item, path, columns);
            path.pop();
        };
        match item {
            Value::List(items) => items.iter().enumerate().for_each(|(n, item)| below(n.to_string().into(), item)),
            Value::Map(map) => map.iter().for_each(|(key, item)| below(key.into(), item)),
            Value::Form(form) => {
                form.lists().for_each(|(key, values)| below(key.into(), values.last().unwrap_or(&Value::Null)));
            }
            one => {
                // as in the package, empty keys are left out at the end of a name, and nowhere else
                let end = path.iter().rposition(|key| !key.is_empty()).map_or(0, |last| last + 1);
                let name = path.get(..end).unwrap_or_default().join(self.separator.as_ref());
                columns.insert(name, one);
            }
        }
    }

    fn write_header<'a>(&self, columns: impl Iterator<Item = &'a str>, out: &mut Vec<u8>) -> Result<(), Unrenderable> {
        if self.bom {
            out.extend_from_slice(BOM.as_bytes());
        }
        let shown = columns.map(|column| match self.labels.get(column) {
            Some(label) => Cow::Borrowed(label.as_ref()),
            // names may be a client's own, out of a JSON column
            None => self.safe(Cow::Borrowed(column)),
        });
        self.write_line(shown, out)
    }

    fn write_row<'a>(
        &self,
        row: &HashMap<String, &Value>,
        columns: impl Iterator<Item = &'a str>,
        out: &mut Vec<u8>,
    ) -> Result<(), Unrenderable> {
        let cells: Result<Vec<_>, _> = columns.map(|column| self.cell(row.get(column).copied())).collect();
        self.write_line(cells?.into_iter(), out)
    }

    fn write_line<'a>(&self, cells: impl Iterator<Item = Cow<'a, str>>, out: &mut Vec<u8>) -> Result<(), Unrenderable> {
        let mut cells = cells.peekable();
        if cells.peek().is_none() {
            // an empty line, not one with an empty cell
            out.extend_from_slice(b"\r\n");
            return Ok(());
        }
        let mut writer = WriterBuilder::new()
            .delimiter(self.delimiter)
            .terminator(Terminator::CRLF)
            .flexible(true)
            .buffer_capacity(256)
            .from_writer(out);
        for cell in cells {
            writer.write_field(cell.as_bytes()).map_err(|_| Unrenderable)?;
        }
        writer.write_record(None::<&[u8]>).map_err(|_| Unrenderable)?;
        writer.flush().map_err(|_| Unrenderable)
    }

    /// A value as Python's `csv` writes it.
    fn cell<'a>(&self, value: Option<&'a Value>) -> Result<Cow<'a, str>, Unrenderable> {
        match value {
            None | Some(Value::Null) => Ok(Cow::Borrowed("")),
            Some(Value::Surrogates(..)) => Err(Unrenderable),
            Some(value @ (Value::Int(_) | Value::BigInt(_) | Value::Float(_))) => Ok(value.to_python_str()),
            Some(value) => Ok(self.safe(value.to_python_str())),
        }
    }

    /// Text that a spreadsheet takes for text, where that is wanted.
    fn safe<'a>(&self, text: Cow<'a, str>) -> Cow<'a, str> {
        if self.escape_formulas && is_formula(&text) { Cow::Owned(format!("'{text}")) } else { text }
    }
}

/// Whether a spreadsheet would run a text.
fn is_formula(text: &str) -> bool {
    let begins = |c: char| matches!(c, '=' | '+' | '-' | '@' | '\t' | '\r' | '\n' | '＝' | '＋' | '－' | '＠');
    let number = |b: u8| b.is_ascii_digit() || matches!(b, b'+' | b'-' | b'.' | b'e' | b'E');
    text.starts_with(begins) && !(text.bytes().all(number) && text.parse::<f64>().is_ok())
}

impl Default for CSVRenderer {
    fn default() -> Self {
        CSVRenderer::new()
    }
}

impl Renderer for CSVRenderer {
    fn media_type(&self) -> &str {
        "text/csv"
    }

    fn format(&self) -> &str {
        "csv"
    }

    fn render(&self, data: &Data, _: &RenderContext<'_>, out: &mut Vec<u8>) -> Result<(), Unrenderable> {
        let data = data.to_value()?;
        let items = match results(&data, self.results_field.as_deref()) {
            Value::Null => return Ok(()),
            Value::List(items) => items.as_slice(),
            other => std::slice::from_ref(other),
        };
        if !self.header.is_empty() {
            let columns = || self.header.iter().map(AsRef::as_ref);
            self.write_header(columns(), out)?;
            return items.iter().try_for_each(|item| self.write_row(&self.columns(item), columns(), out));
        }
        if items.is_empty() {
            return Ok(());
        }
        let rows: Vec<HashMap<String, &Value>> = items.iter().map(|item| self.columns(item)).collect();
        let columns: BTreeSet<&str> = rows.iter().flat_map(HashMap::keys).map(String::as_str).collect();
        self.write_header(columns.iter().copied(), out)?;
        rows.iter().try_for_each(|row| self.write_row(row, columns.iter().copied(), out))
    }

    fn list_writer(&self, cx: &ListContext<'_>) -> Option<Box<dyn ListWriter>> {
        if !self.header.is_empty() {
            let columns = self.header.iter().map(|column| column.clone().into_owned()).collect();
            return Some(Box::new(CsvList { renderer: self.clone(), columns, all: false }));
        }
        // all rows have the same columns, or the last one may bring another
        let mut columns = cx.fields?.to_vec();
        columns.sort();
        Some(Box::new(CsvList { renderer: self.clone(), columns, all: true }))
    }
}

/// A table under way.
#[derive(Debug)]
struct CsvList {
    renderer: CSVRenderer,
    columns: Vec<String>,
    /// Whether there are no others.
    all: bool,
}

impl ListWriter for CsvList {
    fn open(&mut self, out: &mut Vec<u8>) -> Result<(), Unrenderable> {
        self.renderer.write_header(self.columns.iter().map(String::as_str), out)
    }

    fn row(&mut self, json: &[u8], out: &mut Vec<u8>) -> Result<(), Unrenderable> {
        let item = json::parse(json).map_err(|_| Unrenderable)?;
        let row = self.renderer.columns(&item);
        if self.all && !row.keys().all(|column| self.columns.binary_search(column).is_ok()) {
            return Err(Unrenderable);
        }
        self.renderer.write_row(&row, self.columns.iter().map(String::as_str), out)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::super::tests::rendered;
    use super::*;
    use crate::value;

    #[test]
    fn columns_are_in_the_order_of_their_names() {
        let csv = CSVRenderer::new();
        let rows = value!([
            {"id": 1, "author": {"name": "Ann", "age": null}, "tags": ["a", "b"], "none": [], "no": {}},
            {"id": 2, "Zoo": true, "tags": [{"x": 1.0}]},
        ]);
        assert_eq!(
            rendered(&csv, rows),
            "Zoo,author.age,author.name,id,tags.0,tags.0.x,tags.1\r\n,,Ann,1,a,,b\r\nTrue,,,2,,1.0,\r\n"
        );
        assert_eq!(rendered(&csv, value!({"b": 1, "a": [[1], 2]})), "a.0.0,a.1,b\r\n1,2,1\r\n");
        assert_eq!(rendered(&csv, value!([1, null, "x"])), "\"\"\r\n1\r\n\"\"\r\nx\r\n");
        assert_eq!(rendered(&csv, value!("text")), "\"\"\r\ntext\r\n");
    }

    #[test]
    fn nothing() {
        assert_eq!(rendered(&CSVRenderer::new(), value!([])), "");
        assert_eq!(rendered(&CSVRenderer::new(), Value::Null), "");
        assert_eq!(rendered(&CSVRenderer::new().header(["a", "b"]), value!([])), "a,b\r\n");
    }

    #[test]
    fn cells_are_quoted_where_they_must_be() {
        let row = value!([{"a": "x,y", "b": "say \"hi\"", "c": "1\n2", "d": " é ", "e": "1\r2", "f;": ""}]);
        assert_eq!(
            rendered(&CSVRenderer::new(), row.clone()),
            "a,b,c,d,e,f;\r\n\"x,y\",\"say \"\"hi\"\"\",\"1\n2\", é ,\"1\r2\",\r\n"
        );
        assert_eq!(
            rendered(&CSVRenderer::new().delimiter(b';').bom(true).header(["f;", "a"]), row),
            "\u{feff}\"f;\";a\r\n;x,y\r\n"
        );
    }

    #[test]
    fn headers_and_labels() {
        let csv = CSVRenderer::new().header(["b", "a.x", "z"]).labels([("a.x", "The X")]);
        assert_eq!(rendered(&csv, value!([{"a": {"x": 1, "y": 2}, "b": 3}])), "b,The X,z\r\n3,1,\r\n");
        let csv = CSVRenderer::new().level_separator("_");
        assert_eq!(rendered(&csv, value!({"a": {"x": 1}})), "a_x\r\n1\r\n");
    }

    #[test]
    fn pages_and_errors() {
        let page = || value!({"count": 1, "next": null, "previous": null, "results": [{"id": 1}]});
        let all = "count,next,previous,results.0.id\r\n1,,,1\r\n";
        assert_eq!(rendered(&CSVRenderer::new(), page()), all);
        assert_eq!(rendered(&CSVRenderer::paginated(), page()), "id\r\n1\r\n");
        assert_eq!(rendered(&CSVRenderer::paginated(), value!({"results": []})), "");
        assert_eq!(
            rendered(&CSVRenderer::paginated(), value!({"uid": ["Required."], "detail": "No."})),
            "detail,uid.0\r\nNo.,Required.\r\n"
        );
    }

    #[test]
    fn formulas() {
        let row = || {
            value!([{"a": "=1+1", "b": "+49 123", "c": "-5.00", "d": "@SUM(A1)", "e": -5, "f": "\t=1", "=g": "＝1",
                "h": "-inf", "i": "a=1", "j": "'=1"}])
        };
        assert_eq!(
            rendered(&CSVRenderer::new().escape_formulas(true), row()),
            "'=g,a,b,c,d,e,f,h,i,j\r\n'＝1,'=1+1,'+49 123,-5.00,'@SUM(A1),-5,'\t=1,'-inf,a=1,'=1\r\n"
        );
        assert!(rendered(&CSVRenderer::new(), row()).contains(",=1+1,"));
    }

    #[test]
    fn a_list_row_by_row_is_the_list_at_once() {
        let rows = value!([{"b": "x,y", "a": null}, {"b": true, "a": 1.5}]);
        let fields = ["b".to_owned(), "a".to_owned()];
        let cx = ListContext { accepted: "text/csv", fields: Some(&fields) };
        for csv in [CSVRenderer::new(), CSVRenderer::new().header(["b"]), CSVRenderer::new().header(["a", "c"])] {
            let mut writer = csv.list_writer(&cx).unwrap();
            let mut out = Vec::new();
            writer.open(&mut out).unwrap();
            for json in [r#"{"b":"x,y","a":null}"#, r#"{"b":true,"a":1.5}"#] {
                writer.row(json.as_bytes(), &mut out).unwrap();
            }
            writer.close(&mut out);
            assert_eq!(String::from_utf8(out).unwrap(), rendered(&csv, rows.clone()));
        }
        // a column that nobody knew of would be lost
        let mut writer = CSVRenderer::new().list_writer(&cx).unwrap();
        assert!(writer.row(br#"{"b":{"c":1}}"#, &mut Vec::new()).is_err());
        assert!(CSVRenderer::new().list_writer(&ListContext { fields: None, ..cx }).is_none());
    }
}
