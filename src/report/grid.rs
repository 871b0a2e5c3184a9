//! Aligned columns that fit a terminal; where they do not, a line for each cell.

use super::style::TerminalCaps;
use super::style::TextStyle;
use super::style::columns;
use super::style::wrap;

/// Aligned columns. Columns that are empty everywhere are left out; if it is still too wide, reasons move below their
/// rows, then the columns of `spare` go, in that order; if it is still too wide, each cell gets a line of its own.
pub(super) fn grid(
    header: &[&str],
    spare: &[usize],
    rows: &[Vec<String>],
    caps: TerminalCaps,
    width: Option<usize>,
) -> Vec<String> {
    const GAP: usize = 2;
    let reason = header.iter().position(|name| *name == "REASON");
    let mut shown: Vec<usize> =
        (0..header.len()).filter(|&column| rows.iter().any(|row| !row[column].is_empty())).collect();
    let wide = |column: usize| {
        rows.iter().map(|row| columns(&row[column])).max().unwrap_or_default().max(header[column].len())
    };
    let total = |shown: &[usize]| {
        shown.iter().map(|&column| wide(column)).sum::<usize>() + GAP * shown.len().saturating_sub(1)
    };
    let mut below = None;
    if let Some(width) = width {
        if total(&shown) > width {
            below = reason.filter(|reason| shown.contains(reason));
            shown.retain(|column| Some(*column) != below);
        }
        for column in spare {
            if total(&shown) > width {
                shown.retain(|kept| kept != column);
            }
        }
    }
    if let Some(width) = width.filter(|width| total(&shown) > *width) {
        shown.extend(below);
        return stacked(header, &shown, rows, caps, width);
    }
    let line = |cells: Vec<String>| {
        let line: Vec<String> =
            cells.iter().zip(&shown).map(|(cell, &column)| caps.pad(cell, wide(column))).collect();
        let line = line.join(&" ".repeat(GAP));
        width.map_or_else(|| line.clone(), |width| caps.fit(line.trim_end(), width))
    };
    let head = shown.iter().map(|&column| caps.paint(TextStyle::Quiet, header[column])).collect();
    let mut lines = vec![line(head)];
    for row in rows {
        lines.push(line(shown.iter().map(|&column| row[column].clone()).collect()));
        let reason = below.map(|below| row[below].as_str()).filter(|reason| !reason.is_empty());
        let pieces = reason.map(|reason| wrap(reason, width.map(|width| width.saturating_sub(2))));
        lines.extend(pieces.into_iter().flatten().map(|piece| format!("  {piece}")));
    }
    lines
}

/// The first cell of each row, and below it the others behind the names of their columns: none of them is cut.
fn stacked(
    header: &[&str],
    shown: &[usize],
    rows: &[Vec<String>],
    caps: TerminalCaps,
    width: usize,
) -> Vec<String> {
    let Some((first, others)) = shown.split_first() else { return Vec::new() };
    let mut lines = vec![caps.paint(TextStyle::Quiet, header[*first])];
    for row in rows {
        lines.push(row[*first].clone());
        for &column in others.iter().filter(|column| !row[**column].is_empty()) {
            let name = caps.paint(TextStyle::Quiet, &header[column].to_lowercase());
            let pieces = wrap(&format!("{name} {}", row[column]), Some(width.saturating_sub(2)));
            lines.extend(pieces.iter().map(|piece| format!("  {piece}")));
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::grid;
    use crate::report::style::TerminalCaps;
    use crate::report::style::columns;

    #[test]
    fn where_columns_do_not_fit_no_cell_is_cut() {
        let row = |cells: [&str; 4]| cells.map(str::to_owned).to_vec();
        let url = "http://192.168.49.2:30080/a/path";
        let rows = [
            row(["Service/with-a-long-name", "none", url, "it does not answer on its port"]),
            row(["Service/short", "200", url, ""]),
        ];
        let of = |width| {
            grid(&["SERVICE", "ANSWER", "URL", "REASON"], &[1], &rows, TerminalCaps::BARE, Some(width))
        };
        let narrow = of(40).join("\n");
        assert_eq!(narrow.matches(url).count(), 2, "{narrow}");
        assert!(narrow.contains("  reason it does not answer on its port"), "{narrow}");
        assert!(narrow.lines().all(|line| columns(line) <= 40), "{narrow}");
        // An address is copied, and so it is not broken.
        let narrower = of(20).join("\n");
        assert_eq!(narrower.matches(url).count(), 2, "{narrower}");
        assert!(of(200)[1].contains("it does not answer"), "one line a row where there is room");
    }
}
