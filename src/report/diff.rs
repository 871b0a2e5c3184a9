//! Lines of a unified diff, in the colours that `git diff` gives them.

use super::style::TerminalCaps;
use super::style::TextStyle;
use super::style::clean;

/// A line of a unified diff.
pub(super) fn line(line: &str, caps: TerminalCaps) -> String {
    let style = match line {
        line if line.starts_with("---") || line.starts_with("+++") => Some(TextStyle::Strong),
        line if line.starts_with("@@") => Some(TextStyle::Live),
        line if line.starts_with('-') => Some(TextStyle::Bad),
        line if line.starts_with('+') => Some(TextStyle::Good),
        _ => None,
    };
    let line = clean(line);
    style.map_or_else(|| line.clone(), |style| caps.paint(style, &line))
}

#[cfg(test)]
mod tests {
    use super::line;
    use crate::report::style::TerminalCaps;

    #[test]
    fn colours_repeat_what_the_first_letter_says() {
        let caps = TerminalCaps { colour: true, unicode: true };
        for text in ["--- live/a", "+++ planned/a", "@@ -1 +1 @@", "-a: 1", "+a: 2"] {
            assert!(line(text, caps).contains('\x1b'), "{text}");
            assert_eq!(console::strip_ansi_codes(&line(text, caps)), text);
            assert_eq!(line(text, TerminalCaps::BARE), text);
        }
        assert_eq!(line("  a: 1", caps), "  a: 1");
        assert_eq!(line("+a: \x1b[2J", TerminalCaps::BARE), "+a: ");
    }
}
