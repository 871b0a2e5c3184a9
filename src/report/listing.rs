//! A list of things in columns, for the commands whose answer is one: the same data as text and as JSON.

use crate::answer::listing::Listing;
use crate::report::style::TerminalCaps;
use crate::report::style::TextStyle;
use crate::report::style::clean;
use crate::report::style::columns;

/// The list as text, each column as wide as its widest cell. Where a terminal of `width` columns cannot show that, each cell
/// beyond the second has a line of its own; a file has no width.
#[must_use]
pub fn listing(listing: &Listing, caps: TerminalCaps, width: Option<usize>) -> String {
    if listing.rows.is_empty() {
        return listing.nothing.to_owned();
    }
    let table = in_columns(listing, caps);
    let is_too_wide = |width: usize| table.lines().any(|line| columns(line) > width);
    if width.is_some_and(is_too_wide) && listing.rows.iter().any(|row| row.len() > 2) {
        return stacked(listing, caps);
    }
    table
}

fn stacked(listing: &Listing, caps: TerminalCaps) -> String {
    let mut lines = Vec::new();
    for (index, row) in listing.rows.iter().enumerate() {
        let cells: Vec<String> = row.iter().map(|cell| clean(cell)).filter(|cell| !cell.is_empty()).collect();
        let (head, rest) = cells.split_at(cells.len().min(2));
        lines.push(head.join("  "));
        lines.extend(rest.iter().map(|cell| format!("  {cell}")));
        let below = listing.below.get(index).into_iter().flatten();
        lines.extend(below.map(|text| caps.paint(TextStyle::Quiet, &format!("  {}", clean(text)))));
    }
    lines.join("\n")
}

fn in_columns(listing: &Listing, caps: TerminalCaps) -> String {
    let count = listing.rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        let cells = listing.rows.iter().filter_map(|row| row.get(column)).map(|cell| columns(&clean(cell)));
        cells.chain(listing.header.get(column).map(|name| columns(name))).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..count).map(width).collect();
    let line = |cells: &[String]| {
        let padded = cells.iter().map(|cell| clean(cell)).enumerate().map(|(column, cell)| {
            if column + 1 == cells.len() { cell } else { caps.pad(&cell, widths[column]) }
        });
        padded.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    let header: Vec<String> = listing.header.iter().map(ToString::to_string).collect();
    let header = (!header.is_empty()).then(|| caps.paint(TextStyle::Quiet, &line(&header)));
    let mut lines: Vec<String> = header.into_iter().collect();
    for (index, row) in listing.rows.iter().enumerate() {
        lines.push(line(row));
        let below = listing.below.get(index).into_iter().flatten();
        lines.extend(below.map(|text| caps.paint(TextStyle::Quiet, &format!("  {}", clean(text)))));
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::listing;
    use crate::answer::listing::Listing;
    use crate::report::style::TerminalCaps;
    use serde_json::Value;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell_and_the_last_is_free() {
        let row = |cells: [&str; 3]| cells.map(str::to_owned).to_vec();
        let mut list = Listing {
            header: vec!["WHAT", "OBJECT", "WHY"],
            rows: vec![row(["change", "Deployment/web", "a long reason"]), row(["create", "Service/a", ""])],
            below: Vec::new(),
            nothing: "nothing to do",
            json: Value::Null,
        };
        let text = "WHAT    OBJECT          WHY\nchange  Deployment/web  a long reason\ncreate  Service/a";
        assert_eq!(listing(&list, TerminalCaps::BARE, None), text);
        assert_eq!(listing(&list, TerminalCaps::BARE, Some(37)), text);
        let narrow = "change  Deployment/web\n  a long reason\ncreate  Service/a";
        assert_eq!(listing(&list, TerminalCaps::BARE, Some(36)), narrow);
        list.rows = vec![row(["change", "Deployment/\x1b[2Jweb", "\u{202e}gpj\r"])];
        let text = "WHAT    OBJECT          WHY\nchange  Deployment/web  gpj";
        assert_eq!(listing(&list, TerminalCaps::BARE, None), text, "names and reasons are others'");
        list.below = vec![vec!["help: look\x1b[2J".to_owned()]];
        assert!(
            listing(&list, TerminalCaps::BARE, None).ends_with("gpj\n  help: look"),
            "others' words, too"
        );
        list.rows.clear();
        assert_eq!(listing(&list, TerminalCaps::BARE, None), "nothing to do");
    }
}
