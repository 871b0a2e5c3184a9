//! Aligned columns that fit a terminal.

use super::style::Look;
use super::style::Tone;
use super::style::columns;
use super::style::wrap;

/// Aligned columns. Columns that are empty everywhere are left out; if it is still too wide, reasons move below their
/// rows, then the columns of `spare` go, in that order, and then lines are cut.
pub(super) fn grid(
    header: &[&str],
    spare: &[usize],
    rows: &[Vec<String>],
    look: Look,
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
    let line = |cells: Vec<String>| {
        let line: Vec<String> =
            cells.iter().zip(&shown).map(|(cell, &column)| look.pad(cell, wide(column))).collect();
        let line = line.join(&" ".repeat(GAP));
        width.map_or_else(|| line.clone(), |width| look.fit(line.trim_end(), width))
    };
    let head = shown.iter().map(|&column| look.paint(Tone::Quiet, header[column])).collect();
    let mut lines = vec![line(head)];
    for row in rows {
        lines.push(line(shown.iter().map(|&column| row[column].clone()).collect()));
        let reason = below.map(|below| row[below].as_str()).filter(|reason| !reason.is_empty());
        let pieces = reason.map(|reason| wrap(reason, width.map(|width| width.saturating_sub(2))));
        lines.extend(pieces.into_iter().flatten().map(|piece| format!("  {piece}")));
    }
    lines
}
