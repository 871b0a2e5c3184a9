//! A list of things in columns, for the commands whose answer is one: the same data as text and as JSON.

use crate::answer::listing::Listing;
use crate::report::style::TerminalCaps;
use crate::report::style::TextStyle;
use crate::report::style::clean;
use crate::report::style::columns;
use crate::report::style::wrap;

/// Blanks between columns.
const GAP: usize = 2;

/// Cells that stay in one line where columns do not fit.
const HEAD: usize = 2;

/// The list as text, each column as wide as its widest cell. Where a terminal of `width` columns cannot show that, the last column is
/// wrapped if it has half of the width, and otherwise each cell beyond the second has a line of its own, behind the name of its column; a
/// file has no width.
#[must_use]
pub fn listing(listing: &Listing, caps: TerminalCaps, width: Option<usize>) -> String {
    if listing.rows.is_empty() {
        return wrap(listing.nothing, width).join("\n");
    }
    let widths = widths(listing);
    let fits =
        |width: usize| in_columns(listing, &widths, caps, None).iter().all(|line| columns(line) <= width);
    match width.filter(|width| !fits(*width)) {
        Some(width) if indent(&widths) > width / 2 => stacked(listing, caps, width),
        width => in_columns(listing, &widths, caps, width),
    }
    .join("\n")
}

fn widths(listing: &Listing) -> Vec<usize> {
    let count = listing.rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        let cells = listing.rows.iter().filter_map(|row| row.get(column)).map(|cell| columns(&clean(cell)));
        cells.chain(listing.header.get(column).map(|name| columns(name))).max().unwrap_or(0)
    };
    (0..count).map(width).collect()
}

/// Where the last column begins.
fn indent(widths: &[usize]) -> usize {
    widths[..widths.len().saturating_sub(1)].iter().map(|width| width + GAP).sum()
}

fn stacked(listing: &Listing, caps: TerminalCaps, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    for (index, row) in listing.rows.iter().enumerate() {
        let (head, rest) = row.split_at(row.len().min(HEAD));
        let head: Vec<String> = head.iter().map(|cell| clean(cell)).filter(|cell| !cell.is_empty()).collect();
        lines.extend(hanging(&head.join("  "), 0, Some(width)));
        for (column, cell) in rest.iter().enumerate().filter(|(_, cell)| !cell.is_empty()) {
            let name = listing.header.get(column + HEAD).map(|name| name.to_lowercase());
            let name =
                name.map(|name| format!("{} ", caps.paint(TextStyle::Quiet, &name))).unwrap_or_default();
            lines.extend(hanging(&format!("{name}{}", clean(cell)), GAP, Some(width)));
        }
        lines.extend(below(listing, index, caps, Some(width)));
    }
    lines
}

fn in_columns(listing: &Listing, widths: &[usize], caps: TerminalCaps, width: Option<usize>) -> Vec<String> {
    let line = |cells: &[String]| {
        let Some((last, before)) = cells.split_last() else { return Vec::new() };
        let before: String =
            before.iter().zip(widths).map(|(cell, width)| caps.pad(&clean(cell), width + GAP)).collect();
        let indent = columns(&before);
        let pieces = wrap(&clean(last), width.map(|width| width.saturating_sub(indent)));
        let lead = |index| if index == 0 { before.clone() } else { " ".repeat(indent) };
        let pieces = pieces.iter().enumerate();
        pieces.map(|(index, piece)| format!("{}{piece}", lead(index)).trim_end().to_owned()).collect()
    };
    let header: Vec<String> = listing.header.iter().map(ToString::to_string).collect();
    let header = line(&header).into_iter().map(|line| caps.paint(TextStyle::Quiet, &line));
    let mut lines: Vec<String> = header.collect();
    for (index, row) in listing.rows.iter().enumerate() {
        lines.extend(line(row));
        lines.extend(below(listing, index, caps, width));
    }
    lines
}

/// The lines below a row.
fn below(listing: &Listing, index: usize, caps: TerminalCaps, width: Option<usize>) -> Vec<String> {
    let texts = listing.below.get(index).into_iter().flatten();
    let lines = texts.flat_map(|text| hanging(&clean(text), GAP, width));
    lines.map(|line| caps.paint(TextStyle::Quiet, &line)).collect()
}

/// `text` in lines that begin at column `indent`.
fn hanging(text: &str, indent: usize, width: Option<usize>) -> Vec<String> {
    let pieces = wrap(text, width.map(|width| width.saturating_sub(indent)));
    pieces.iter().map(|piece| format!("{:indent$}{piece}", "")).collect()
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
        let narrow = "change  Deployment/web\n  why a long reason\ncreate  Service/a";
        assert_eq!(listing(&list, TerminalCaps::BARE, Some(36)), narrow);
        let cut = |width| listing(&list, TerminalCaps::BARE, Some(width));
        assert!((20..36).all(|width| cut(width).lines().all(|line| line.len() <= width.max(22))));
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

    #[test]
    fn a_long_last_column_is_wrapped_beside_the_others() {
        let list = Listing {
            header: Vec::new(),
            rows: vec![
                vec!["note".to_owned(), "Docker 28 runs".to_owned()],
                vec!["warning".to_owned(), "this machine has only 2 CPUs".to_owned()],
            ],
            below: Vec::new(),
            nothing: "nothing is missing",
            json: Value::Null,
        };
        assert_eq!(
            listing(&list, TerminalCaps::BARE, Some(28)),
            "note     Docker 28 runs\nwarning  this machine has\n         only 2 CPUs"
        );
    }
}
