//! "Did you mean …?": what a name that nobody knows may have been meant to be.

/// The end of a sentence about an unknown name: the one that it may have been meant to be, and all that there are.
///
/// It begins with a space; where there is nothing to choose from, it says so.
pub(crate) fn candidates<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    const MOST: usize = 40;
    let mut known: Vec<&str> = known.into_iter().collect();
    let mut seen = Vec::new();
    known.retain(|one| {
        let is_new = !seen.contains(one);
        seen.push(*one);
        is_new
    });
    if known.is_empty() {
        return " There are none.".into();
    }
    let nearest = known.iter().map(|one| (distance(name, one), one)).min_by_key(|(distance, _)| *distance);
    let near = nearest.filter(|(distance, one)| *distance <= 1 + name.chars().count().max(one.chars().count()) / 4);
    let meant = near.map(|(_, one)| format!(" Did you mean \"{one}\"?")).unwrap_or_default();
    let more = if known.len() > MOST { ", …" } else { "" };
    known.truncate(MOST);
    format!("{meant} There are {}{more}.", known.join(", "))
}

/// Whether a name may be meant by another one.
pub(crate) fn is_near(name: &str, one: &str) -> bool {
    distance(name, one) <= 1 + name.chars().count().max(one.chars().count()) / 4
}

/// The names that are there more than once, each once.
pub(crate) fn repeated(names: &[String]) -> impl Iterator<Item = &String> {
    let is_second = |n: usize| names[..n].iter().filter(|name| **name == names[n]).count() == 1;
    names.iter().enumerate().filter(move |(n, _)| is_second(*n)).map(|(_, name)| name)
}

/// How many letters have to be put in, taken out, replaced or swapped to make one word of another, whatever their case.
fn distance(a: &str, b: &str) -> usize {
    let letters = |text: &str| text.to_lowercase().chars().filter(|c| *c != '_' && *c != '-').collect::<Vec<_>>();
    let (a, b) = (letters(a), letters(b));
    let mut rows: Vec<Vec<usize>> = vec![(0..=b.len()).collect()];
    for (i, x) in a.iter().enumerate() {
        let above = &rows[i];
        let mut row = vec![i + 1];
        for (j, y) in b.iter().enumerate() {
            let mut least = (above[j] + usize::from(x != y)).min(above[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && *x == b[j - 1] && a[i - 1] == *y {
                least = least.min(rows[i - 1][j - 1] + 1);
            }
            row.push(least);
        }
        rows.push(row);
    }
    rows.last().and_then(|row| row.last()).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_have_been_meant() {
        let known = ["id", "title", "author", "created_at", "title"];
        let all = "There are id, title, author, created_at.";
        for (name, meant) in
            [("titel", Some("title")), ("Author", Some("author")), ("createdat", Some("created_at")), ("price", None)]
        {
            let meant = meant.map(|meant| format!(" Did you mean \"{meant}\"?")).unwrap_or_default();
            assert_eq!(candidates(name, known), format!("{meant} {all}"));
        }
        assert_eq!(candidates("x", []), " There are none.");
    }
}
