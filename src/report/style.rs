//! How text may look: colours, signs beyond ASCII, widths.
//!
//! Colour only ever repeats what the words say. The order of those who decide about it: `--color`, then `NO_COLOR`
//! (no-color.org), then `CLICOLOR_FORCE` and `CLICOLOR` (bixense.com/clicolors), then whether it is a terminal.

use crate::redact::is_deceptive;
use crate::world::Os;
use crate::world::World;
use console::AnsiCodeIterator;
use console::Style;

/// `--color`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum ColorFlag {
    /// In terminals, unless the environment objects.
    #[default]
    Auto,
    /// Even in a pipe.
    Always,
    /// Nowhere.
    Never,
}

/// What one stream can show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Look {
    /// Whether escape sequences for colours are wanted.
    pub colour: bool,
    /// Whether signs beyond ASCII arrive as such.
    pub unicode: bool,
}

/// What a piece of text means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    /// It went well.
    Good,
    /// It went wrong.
    Bad,
    /// It may be wrong.
    Doubtful,
    /// Who or what it is about.
    Strong,
    /// Less important than the rest.
    Quiet,
    /// It moves.
    Live,
}

/// The signs in front of lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sign {
    /// It went well.
    Good,
    /// It went wrong.
    Bad,
    /// It moves; the number of the frame.
    Live(u64),
}

impl Look {
    /// Text alone.
    pub const BARE: Look = Look { colour: false, unicode: false };

    /// What a stream can show that is, or is not, a terminal.
    #[must_use]
    pub fn pick(world: &World, flag: ColorFlag, terminal: bool) -> Look {
        let dumb = world.var("TERM") == Some("dumb");
        let colour = match flag {
            ColorFlag::Always => true,
            ColorFlag::Never => false,
            ColorFlag::Auto if world.var_os("NO_COLOR").is_some() => false,
            ColorFlag::Auto if world.var("CLICOLOR_FORCE").is_some_and(|value| value != "0") => true,
            ColorFlag::Auto => terminal && !dumb && world.var("CLICOLOR") != Some("0"),
        };
        Look { colour: colour && (!terminal || understood()), unicode: speaks_unicode(world) && !dumb }
    }

    /// `text` in its tone.
    #[must_use]
    pub fn paint(self, tone: Tone, text: &str) -> String {
        if !self.colour || text.is_empty() {
            return text.to_owned();
        }
        let style = match tone {
            Tone::Good => Style::new().green(),
            Tone::Bad => Style::new().red().bold(),
            Tone::Doubtful => Style::new().yellow().bold(),
            Tone::Strong => Style::new().bold(),
            Tone::Quiet => Style::new().dim(),
            Tone::Live => Style::new().cyan(),
        };
        style.force_styling(true).apply_to(text).to_string()
    }

    /// A sign in its tone, one column wide.
    #[must_use]
    pub fn sign(self, sign: Sign) -> String {
        let (tone, text) = match (sign, self.unicode) {
            (Sign::Good, true) => (Tone::Good, "✓"),
            (Sign::Good, false) => (Tone::Good, "+"),
            (Sign::Bad, true) => (Tone::Bad, "✗"),
            (Sign::Bad, false) => (Tone::Bad, "x"),
            (Sign::Live(frame), true) => {
                const FRAMES: [&str; 10] = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"];
                (Tone::Live, FRAMES[usize::try_from(frame % 10).unwrap_or_default()])
            }
            (Sign::Live(frame), false) => {
                const FRAMES: [&str; 4] = ["-", "\\", "|", "/"];
                (Tone::Live, FRAMES[usize::try_from(frame % 4).unwrap_or_default()])
            }
        };
        self.paint(tone, text)
    }

    /// `text`, cut to `width` columns with a sign that it goes on; colours stay whole.
    #[must_use]
    pub fn fit(self, text: &str, width: usize) -> String {
        let tail = if self.unicode { "…" } else { "..." };
        let tail = if width >= tail.len() { tail } else { "" };
        console::truncate_str(text, width, tail).into_owned()
    }

    /// `text`, filled with blanks to `width` columns.
    #[must_use]
    pub fn pad(self, text: &str, width: usize) -> String {
        let blanks = width.saturating_sub(columns(text));
        format!("{text}{:blanks$}", "")
    }
}

/// `text` in lines of at most `width` columns, broken between words and never inside backticks: those are copied. What
/// cannot be broken stays whole and is the terminal's to wrap.
#[must_use]
pub fn wrap(text: &str, width: Option<usize>) -> Vec<String> {
    let Some(width) = width else { return vec![text.to_owned()] };
    let mut lines = vec![String::new()];
    let mut code = false;
    let mut word = String::new();
    for part in text.split_inclusive(' ') {
        word.push_str(part);
        code ^= part.matches('`').count() % 2 == 1;
        if code {
            continue;
        }
        let line = lines.last().map_or(0, |line| columns(line));
        if line > 0 && line + columns(word.trim_end()) > width {
            lines.push(String::new());
        }
        if let Some(line) = lines.last_mut() {
            line.push_str(&std::mem::take(&mut word));
        }
    }
    if let Some(line) = lines.last_mut() {
        line.push_str(&word);
    }
    lines.iter().map(|line| line.trim_end().to_owned()).collect()
}

/// How many columns a terminal needs for `text`; colours take none.
#[must_use]
pub fn columns(text: &str) -> usize {
    console::measure_text_width(text)
}

/// `text` as one line that cannot move the cursor: what others print may hold escape sequences, tabs and line ends.
#[must_use]
pub fn clean(text: &str) -> String {
    if !text.contains(is_deceptive) {
        return text.to_owned();
    }
    let mut cleaned = String::with_capacity(text.len());
    for c in console::strip_ansi_codes(text.trim_end()).chars() {
        match c {
            '\t' => cleaned.push_str("    "),
            '\n' | '\r' | '\u{b}' | '\u{c}' | '\u{85}' | '\u{2028}' | '\u{2029}' => cleaned.push(' '),
            c if is_deceptive(c) => {}
            c => cleaned.push(c),
        }
    }
    cleaned
}

/// A name of others, such as a file's, as one line: what a terminal would obey is written as Rust writes it (`\n`).
#[must_use]
pub fn name(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut name, letter| {
        if is_deceptive(letter) {
            name.extend(letter.escape_default());
        } else {
            name.push(letter);
        }
        name
    })
}

/// `text` with its colours and nothing else that a terminal obeys, the last of them ended: what an application prints is
/// shown as it meant it, and can neither write elsewhere nor paint what follows.
#[must_use]
pub fn coloured(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut painted = false;
    for (piece, is_sequence) in AnsiCodeIterator::new(text) {
        if !is_sequence {
            shown.extend(piece.chars().filter(|c| *c == '\t' || !is_deceptive(*c)));
        } else if is_colour(piece) {
            shown.push_str(piece);
            painted = true;
        }
    }
    if painted {
        shown.push_str("\x1b[0m");
    }
    shown
}

/// ECMA-48, 8.3.117: SGR.
fn is_colour(sequence: &str) -> bool {
    let parameters = sequence.strip_prefix("\x1b[").and_then(|rest| rest.strip_suffix('m'));
    parameters.is_some_and(|text| text.bytes().all(|byte| byte.is_ascii_digit() || b";:".contains(&byte)))
}

/// POSIX: the first of these that is set names the character set, and none at all means ASCII. Not so on macOS, where
/// the terminal is UTF-8 whatever ssh passed on, nor on Windows, where only the newer terminals say who they are.
fn speaks_unicode(world: &World) -> bool {
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(|name| world.var(name));
    match (world.os, locale) {
        (Os::Windows, _) => ["WT_SESSION", "TERM_PROGRAM"].iter().any(|name| world.var_os(name).is_some()),
        (Os::MacOs, None) => true,
        (_, None) => false,
        (_, Some(locale)) => {
            let locale = locale.to_ascii_lowercase();
            // The kernel's own console has neither the tick nor braille in its font.
            (locale.contains("utf-8") || locale.contains("utf8")) && world.var("TERM") != Some("linux")
        }
    }
}

/// Whether escape sequences are understood, which older Windows consoles must be told first.
fn understood() -> bool {
    !cfg!(windows) || console::Term::stderr().features().colors_supported()
}

#[cfg(test)]
mod tests {
    use super::ColorFlag;
    use super::Look;
    use super::Tone;
    use super::clean;
    use super::coloured;
    use super::wrap;
    use crate::world::World;

    #[test]
    fn the_flag_then_the_environment_then_the_terminal_decide_about_colour() {
        let plain: &[(&str, &str)] = &[("TERM", "xterm")];
        let refused: &[(&str, &str)] = &[("NO_COLOR", "1"), ("CLICOLOR_FORCE", "1")];
        let forced: &[(&str, &str)] = &[("CLICOLOR_FORCE", "1")];
        let dumb: &[(&str, &str)] = &[("TERM", "dumb")];
        for (variables, flag, terminal, colour) in [
            (plain, ColorFlag::Auto, true, true),
            (plain, ColorFlag::Auto, false, false),
            (plain, ColorFlag::Never, true, false),
            (plain, ColorFlag::Always, false, true),
            (refused, ColorFlag::Auto, true, false),
            (refused, ColorFlag::Always, false, true),
            (forced, ColorFlag::Auto, false, true),
            (dumb, ColorFlag::Auto, true, false),
            (&[("CLICOLOR", "0")], ColorFlag::Auto, true, false),
            (&[("NO_COLOR", "")], ColorFlag::Auto, true, true),
        ] {
            let world = World::fake("/", variables.iter().copied());
            let picked = Look::pick(&world, flag, terminal).colour;
            assert_eq!(
                picked,
                colour && (!terminal || super::understood()),
                "{variables:?} {flag:?} {terminal}"
            );
        }
    }

    #[test]
    fn signs_beyond_ascii_need_a_locale_and_a_terminal_that_have_them() {
        for (variables, unicode) in [
            (&[("LANG", "en_GB.UTF-8")][..], true),
            (&[("LANG", "C.utf8")], true),
            (&[("LANG", "en_GB.UTF-8"), ("LC_ALL", "C")], false),
            (&[("LANG", "en_GB.UTF-8"), ("TERM", "linux")], false),
            (&[("LANG", "de_DE.ISO-8859-1")], false),
            (&[], false),
        ] {
            let world = World::fake("/", variables.iter().copied());
            assert_eq!(Look::pick(&world, ColorFlag::Auto, true).unicode, unicode, "{variables:?}");
        }
    }

    #[test]
    fn what_others_print_cannot_move_the_cursor() {
        assert_eq!(clean("a\x1b[2J\x1b[31mb\tc\r\n"), "ab    c");
        assert_eq!(clean("two\nlines\u{7}"), "two lines");
    }

    /// What a terminal does instead of showing it: clears, answers, writes the clipboard, names its window, links elsewhere,
    /// writes over the line; as C0 and C1 controls, whole and cut off; and what turns text round.
    const OBEYED: [&str; 14] = [
        "\x1b[2J",
        "\x1b[6n",
        "\x1b]52;c;cm0gLXJmIC8=\x07",
        "\x1b]0;prompt\x1b\\",
        "\x1b]8;;http://elsewhere.example\x1b\\here\x1b]8;;\x1b\\",
        "\x1bP1$r\x1b\\",
        "\x1bc",
        "\x1b[",
        "\x1b",
        "\u{9b}2J",
        "\u{9d}52;c;eA==\u{9c}",
        "\rerror: none\x08\x7f",
        "\u{202e}gnp.exe\u{202c}",
        "\u{2066}\u{2069}\u{200f}\u{61c}",
    ];

    #[test]
    fn nothing_that_others_print_is_obeyed_by_a_terminal() {
        let obeyed =
            |c: char| c.is_control() || "\u{202c}\u{202e}\u{2066}\u{2069}\u{200f}\u{61c}".contains(c);
        for sequence in OBEYED {
            let text = format!("before {sequence} after");
            for shown in [clean(&text), coloured(&text)] {
                assert!(!shown.contains(obeyed), "{text:?} is shown as {shown:?}");
                assert!(shown.starts_with("before "), "{shown:?}");
            }
        }
        assert!(clean("kept: é 部 😀 ع").ends_with("é 部 😀 ع"));
    }

    #[test]
    fn an_applications_own_colours_stay_and_end_with_its_line() {
        assert_eq!(coloured("\x1b[1;31mbad\x1b[K\tx"), "\x1b[1;31mbad\tx\x1b[0m");
        assert_eq!(coloured("plain\tx"), "plain\tx");
    }

    #[test]
    fn text_is_cut_by_the_columns_it_takes() {
        let look = Look { colour: false, unicode: true };
        assert_eq!(look.fit("部署部署", 5), "部署…");
        assert_eq!(Look::BARE.fit("abcdefgh", 6), "abc...");
        assert_eq!(look.fit("short", 5), "short");
    }

    #[test]
    fn prose_breaks_between_words_and_commands_stay_whole() {
        assert_eq!(wrap("run `todo logs web` and look", Some(14)), ["run", "`todo logs web`", "and look"]);
        assert_eq!(wrap("one two", None), ["one two"]);
        assert_eq!(wrap("an `unfinished one", Some(5)), ["an `unfinished one"]);
    }

    #[test]
    fn without_colour_no_escape_is_written() {
        assert_eq!(Look::BARE.paint(Tone::Bad, "x"), "x");
        assert!(Look { colour: true, unicode: false }.paint(Tone::Bad, "x").contains('\x1b'));
    }
}
