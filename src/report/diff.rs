//! Lines of a unified diff, in the colours that `git diff` gives them.

use super::style::Look;
use super::style::Tone;
use super::style::clean;

/// A line of a unified diff.
pub(super) fn line(line: &str, look: Look) -> String {
    let tone = match line {
        line if line.starts_with("---") || line.starts_with("+++") => Some(Tone::Strong),
        line if line.starts_with("@@") => Some(Tone::Live),
        line if line.starts_with('-') => Some(Tone::Bad),
        line if line.starts_with('+') => Some(Tone::Good),
        _ => None,
    };
    let line = clean(line);
    tone.map_or_else(|| line.clone(), |tone| look.paint(tone, &line))
}

#[cfg(test)]
mod tests {
    use super::line;
    use crate::report::style::Look;

    #[test]
    fn colours_repeat_what_the_first_letter_says() {
        let look = Look { colour: true, unicode: true };
        for text in ["--- live/a", "+++ planned/a", "@@ -1 +1 @@", "-a: 1", "+a: 2"] {
            assert!(line(text, look).contains('\x1b'), "{text}");
            assert_eq!(console::strip_ansi_codes(&line(text, look)), text);
            assert_eq!(line(text, Look::BARE), text);
        }
        assert_eq!(line("  a: 1", look), "  a: 1");
        assert_eq!(line("+a: \x1b[2J", Look::BARE), "+a: ");
    }
}
