//! How text may look: colours, signs beyond ASCII, widths.
//!
//! Colour never adds meaning to the words. The order of those who decide about it: `--color`, then `NO_COLOR`
//! (no-color.org), then `CLICOLOR_FORCE` and `CLICOLOR` (bixense.com/clicolors), then whether it is a terminal.

use crate::redact::is_deceptive;
use crate::world::Os;
use crate::world::World;
use console::AnsiCodeIterator;
use console::Color;
use console::Style;
use std::borrow::Cow;

/// `--color`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum ColorFlag {
    /// In terminals, unless `NO_COLOR`, `CLICOLOR=0` or `TERM=dumb` is set.
    #[default]
    Auto,
    /// Even in a pipe.
    Always,
    /// Nowhere.
    Never,
}

/// What one stream can show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TerminalCaps {
    /// Whether escape sequences for colours are wanted.
    pub colour: bool,
    /// Whether signs beyond ASCII arrive as such.
    pub unicode: bool,
}

/// What a piece of text means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TextStyle {
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
pub enum Symbol {
    /// It went well.
    Good,
    /// It went wrong.
    Bad,
    /// It moves; the number of the frame.
    Live(u64),
}

impl TerminalCaps {
    /// Text alone.
    pub const BARE: TerminalCaps = TerminalCaps { colour: false, unicode: false };

    /// What a stream can show that is, or is not, a terminal.
    #[must_use]
    pub fn pick(world: &World, flag: ColorFlag, terminal: bool) -> TerminalCaps {
        let dumb = world.var("TERM") == Some("dumb");
        let colour = match flag {
            ColorFlag::Always => true,
            ColorFlag::Never => false,
            ColorFlag::Auto if world.var_os("NO_COLOR").is_some() => false,
            ColorFlag::Auto if world.var("CLICOLOR_FORCE").is_some_and(|value| value != "0") => true,
            ColorFlag::Auto => terminal && !dumb && world.var("CLICOLOR") != Some("0"),
        };
        TerminalCaps {
            colour: colour && (!terminal || understood()),
            unicode: speaks_unicode(world) && !dumb,
        }
    }

    /// `text` in its tone.
    #[must_use]
    pub fn paint(self, style: TextStyle, text: &str) -> String {
        if !self.colour || text.is_empty() {
            return text.to_owned();
        }
        let style = match style {
            TextStyle::Good => Style::new().green(),
            TextStyle::Bad => Style::new().red().bold(),
            TextStyle::Doubtful => Style::new().yellow().bold(),
            TextStyle::Strong => Style::new().bold(),
            TextStyle::Quiet => Style::new().dim(),
            TextStyle::Live => Style::new().cyan(),
        };
        style.force_styling(true).apply_to(text).to_string()
    }

    /// `text` in the colour of `name`, always the same: of several things each has mostly one of its own.
    #[must_use]
    pub fn paint_as(self, name: &str, text: &str) -> String {
        // No red, which means that something is wrong; none is black or white, which a background may be.
        const COLOURS: [Color; 5] = [Color::Green, Color::Yellow, Color::Blue, Color::Magenta, Color::Cyan];
        if !self.colour {
            return text.to_owned();
        }
        // FNV-1a: neighbours such as `web-0` and `web-1` differ.
        let hash = name
            .bytes()
            .fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
        let at = usize::try_from(hash).unwrap_or_default() % (2 * COLOURS.len());
        let style = Style::new().fg(COLOURS[at % COLOURS.len()]);
        let style = if at < COLOURS.len() { style } else { style.bright() };
        style.force_styling(true).apply_to(text).to_string()
    }

    /// `text` of todo as the stream can show it: typographic signs as ASCII where those beyond it do not arrive. Other
    /// letters stay as they are.
    #[must_use]
    pub fn typed(self, text: &str) -> Cow<'_, str> {
        const SIGNS: [(char, &str); 7] =
            [('…', "..."), ('→', "->"), ('·', "*"), ('–', "-"), ('—', "-"), ('‘', "'"), ('’', "'")];
        let written = |letter: char| SIGNS.iter().find(|(sign, _)| *sign == letter).map(|(_, ascii)| *ascii);
        if self.unicode || !text.contains(|letter| written(letter).is_some()) {
            return Cow::Borrowed(text);
        }
        let mut typed = String::with_capacity(text.len());
        for letter in text.chars() {
            match written(letter) {
                Some(ascii) => typed.push_str(ascii),
                None => typed.push(letter),
            }
        }
        Cow::Owned(typed)
    }

    /// A sign in its tone, one column wide.
    #[must_use]
    pub fn sign(self, sign: Symbol) -> String {
        let (style, text) = match (sign, self.unicode) {
            (Symbol::Good, true) => (TextStyle::Good, "✓"),
            (Symbol::Good, false) => (TextStyle::Good, "+"),
            (Symbol::Bad, true) => (TextStyle::Bad, "✗"),
            (Symbol::Bad, false) => (TextStyle::Bad, "x"),
            (Symbol::Live(frame), true) => {
                const FRAMES: [&str; 10] = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"];
                (TextStyle::Live, FRAMES[usize::try_from(frame % 10).unwrap_or_default()])
            }
            (Symbol::Live(frame), false) => {
                const FRAMES: [&str; 4] = ["-", "\\", "|", "/"];
                (TextStyle::Live, FRAMES[usize::try_from(frame % 4).unwrap_or_default()])
            }
        };
        self.paint(style, text)
    }

    /// `text`, cut to `width` columns with an ellipsis; colours stay whole.
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
/// the terminal is UTF-8 whatever ssh passed on, nor on Windows, where only the newer terminals identify themselves.
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

/// Whether escape sequences are understood, which must be enabled first on older Windows consoles.
fn understood() -> bool {
    !cfg!(windows) || console::Term::stderr().features().colors_supported()
}

#[cfg(test)]
mod tests;
