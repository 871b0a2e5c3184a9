//! `.env` as compose reads it for `${NAME}`: values without single quotes are expanded with the variables above them.

use super::template::Template;
use crate::project::dotenv;
use crate::project::dotenv::DotenvEntry;
use std::collections::BTreeMap;

/// The values of a `.env` file; `outer` are known before it, and win.
pub(in crate::discover) fn values(text: &str, outer: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let pair = |entry: &DotenvEntry| {
        (entry.key.to_string(), String::from_utf8_lossy(entry.value.expose()).into_owned())
    };
    let expand = |above: &[DotenvEntry], raw: &str| {
        if !raw.contains('$') {
            return raw.to_owned();
        }
        let mut known: BTreeMap<String, String> = above.iter().map(pair).collect();
        known.extend(outer.iter().map(|(key, value)| (key.clone(), value.clone())));
        Template::parse(raw, &known).map_or_else(|_| raw.to_owned(), |template| template.text())
    };
    let mut values: BTreeMap<String, String> =
        dotenv::entries(text, Some(&expand)).iter().map(pair).collect();
    values.extend(outer.iter().map(|(key, value)| (key.clone(), value.clone())));
    values
}

#[cfg(test)]
mod tests {
    use super::values;
    use std::collections::BTreeMap;

    #[test]
    fn lines_are_read_as_compose_reads_them() {
        let text = "\u{feff}A=b # c\r\nB=b#c\nC='x$A'\nD=\"y$A\\n\"\nE=\"two\nlines\"\nexport F = 1\nG: 2\nH=1\nH=2\nI=a\\nb\nJ=${A}!\n# K=1\nL=\nM=outer\n";
        let outer = BTreeMap::from([("M".to_owned(), "wins".to_owned())]);
        let read = values(text, &outer);
        for (key, value) in [
            ("A", "b"),
            ("B", "b#c"),
            ("C", "x$A"),
            ("D", "yb\n"),
            ("E", "two\nlines"),
            ("F", "1"),
            ("G", "2"),
            ("H", "2"),
            ("I", "a\\nb"),
            ("J", "b!"),
            ("L", ""),
            ("M", "wins"),
        ] {
            assert_eq!(read.get(key).map(String::as_str), Some(value), "{key}");
        }
        assert!(!read.contains_key("K"));
    }
}
