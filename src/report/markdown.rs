//! The pages of `todo help` in a terminal: Markdown in lines that fit, of which no word is broken.
//!
//! Only what docs/findings.md and the README use: headings, paragraphs, lists, tables, fenced code, bold text and links.

use super::style::TerminalCaps;
use super::style::TextStyle;
use super::style::columns;
use super::style::wrap;
use std::mem::take;

/// Lines of prose are not longer, however wide the terminal is: they would be hard to read.
const WIDEST: usize = 100;

/// `text` in lines of at most `width` columns. Code is left as it is, because it is copied: the terminal wraps it.
#[must_use]
pub fn markdown(text: &str, caps: TerminalCaps, width: usize) -> String {
    let mut page = Page { caps, width: width.min(WIDEST), lines: Vec::new(), block: Vec::new() };
    let mut is_code = false;
    for line in text.lines() {
        if line.starts_with("```") {
            page.end_block();
            is_code = !is_code;
        } else if is_code {
            page.lines.push(format!("    {line}").trim_end().to_owned());
        } else if let Some(heading) = heading(line) {
            page.end_block();
            page.lines.push(caps.paint(TextStyle::Strong, heading));
        } else if line.is_empty() {
            page.end_block();
            page.lines.push(String::new());
        } else {
            if line.starts_with("- ") {
                page.end_block();
            }
            page.block.push(line);
        }
    }
    page.end_block();
    page.lines.join("\n")
}

fn heading(line: &str) -> Option<&str> {
    line.strip_prefix('#').map(|rest| rest.trim_start_matches('#').trim_start())
}

struct Page<'a> {
    caps: TerminalCaps,
    width: usize,
    lines: Vec<String>,
    /// The lines of a paragraph, an item or a table that has not ended.
    block: Vec<&'a str>,
}

impl Page<'_> {
    fn end_block(&mut self) {
        let block = take(&mut self.block);
        match block.first() {
            None => {}
            Some(first) if first.starts_with('|') => self.table(&block),
            Some(first) if first.starts_with("- ") => {
                let text = block.join(" ");
                self.paragraph(&text[2..], "- ");
            }
            Some(_) => self.paragraph(&block.join(" "), ""),
        }
    }

    /// `text` behind `lead`, its other lines below its first word.
    fn paragraph(&mut self, text: &str, lead: &str) {
        let words: Vec<&str> = text.split_whitespace().collect();
        let text = inline(&words.join(" "), self.caps);
        let indent = " ".repeat(lead.len());
        for (index, line) in wrap(&text, Some(self.width.saturating_sub(lead.len()))).iter().enumerate() {
            self.lines.push(format!("{}{line}", if index == 0 { lead } else { &indent }));
        }
    }

    /// Two columns where the first is narrow, and otherwise the rest of each row below its first cell. The header adds
    /// nothing to the cells, and is left out.
    fn table(&mut self, rows: &[&str]) {
        const GAP: usize = 2;
        let rows: Vec<Vec<String>> = rows.iter().skip(2).map(|row| cells(row, self.caps)).collect();
        let first =
            rows.iter().filter_map(|row| row.first()).map(|cell| columns(cell)).max().unwrap_or_default();
        let is_beside = first + GAP <= self.width / 3;
        let indent = if is_beside { first + GAP } else { 4 };
        for row in &rows {
            let Some((head, rest)) = row.split_first() else { continue };
            let texts = wrap(&rest.join(": "), Some(self.width.saturating_sub(indent)));
            let mut texts = texts.iter().map(String::as_str);
            if is_beside {
                let text = texts.next().unwrap_or_default();
                self.lines.push(format!("{}{text}", self.caps.pad(head, indent)).trim_end().to_owned());
            } else {
                self.lines.extend(wrap(head, Some(self.width)));
            }
            self.lines.extend(texts.map(|text| format!("{:indent$}{text}", "")));
        }
    }
}

/// The cells of a row; `\|` is a bar within one of them.
fn cells(row: &str, caps: TerminalCaps) -> Vec<String> {
    let row = row.trim().trim_start_matches('|').trim_end_matches('|').replace("\\|", "\0");
    row.split('|').map(|cell| inline(&cell.trim().replace('\0', "|"), caps)).collect()
}

/// Bold text in its style, links as their text; an address of the web is kept, one within the repository has no target
/// here.
fn inline(text: &str, caps: TerminalCaps) -> String {
    let mut shown = String::new();
    let mut is_bold = false;
    let mut push = |piece: &str, is_bold: bool| {
        if is_bold {
            shown.push_str(&caps.paint(TextStyle::Strong, piece));
        } else {
            shown.push_str(piece);
        }
    };
    for (index, piece) in links(text).split('`').enumerate() {
        // The odd pieces are code, in which asterisks have no meaning.
        if index % 2 == 1 {
            push(&format!("`{piece}`"), is_bold);
            continue;
        }
        for (part, text) in piece.split("**").enumerate() {
            is_bold ^= part > 0;
            push(text, is_bold);
        }
    }
    shown
}

fn links(text: &str) -> String {
    let mut shown = String::new();
    let mut rest = text;
    while let Some((before, label, target, after)) = link(rest) {
        shown.push_str(before);
        shown.push_str(label);
        if target.contains("://") {
            shown.extend([" (", target, ")"]);
        }
        rest = after;
    }
    shown + rest
}

/// The text before the first link, its text, its target, and what follows.
fn link(text: &str) -> Option<(&str, &str, &str, &str)> {
    let middle = text.find("](")?;
    let start = text[..middle].rfind('[')?;
    let (target, after) = text[middle + 2..].split_once(')')?;
    Some((&text[..start], &text[start + 1..middle], target, after))
}

#[cfg(test)]
mod tests {
    use super::markdown;
    use crate::report::style::TerminalCaps;

    fn bare(text: &str, width: usize) -> String {
        markdown(text, TerminalCaps::BARE, width)
    }

    #[test]
    fn prose_fits_and_code_stays_as_it_is() {
        let text = "## A heading\n\nOne two three\nfour `a b c d e f` five.\n\n```sh\ncd a   &&  make  all the things there are\n```\n";
        assert_eq!(
            bare(text, 20),
            "A heading\n\nOne two three four\n`a b c d e f` five.\n\n    cd a   &&  make  all the things there are"
        );
    }

    #[test]
    fn items_tables_bold_text_and_links_read_as_text() {
        let text =
            "- **Hooks** run when\n  something changes\n- see [docs](docs/a.md) or [here](https://a.b/c)";
        assert_eq!(
            bare(text, 30),
            "- Hooks run when something\n  changes\n- see docs or here\n  (https://a.b/c)"
        );
        let table = "| code | meaning |\n|---|---|\n| 0 | `a \\| b` is done, and more |\n| 10 | it is not |";
        assert_eq!(bare(table, 24), "0   `a | b` is done, and\n    more\n10  it is not");
        let wide = "| key | meaning |\n|---|---|\n| `a-long-annotation` | a sentence |";
        assert_eq!(bare(wide, 24), "`a-long-annotation`\n    a sentence");
        assert_eq!(bare("`src/**` and `b/**`", 40), "`src/**` and `b/**`");
        let coloured = markdown("**a** b", TerminalCaps { colour: true, unicode: true }, 40);
        assert!(coloured.contains('\x1b') && console::strip_ansi_codes(&coloured) == "a b");
    }
}
