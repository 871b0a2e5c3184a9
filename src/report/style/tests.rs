//! Colours, signs and widths.

use super::ColorFlag;
use super::TerminalCaps;
use super::TextStyle;
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
        let picked = TerminalCaps::pick(&world, flag, terminal).colour;
        assert_eq!(picked, colour && (!terminal || super::understood()), "{variables:?} {flag:?} {terminal}");
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
        assert_eq!(TerminalCaps::pick(&world, ColorFlag::Auto, true).unicode, unicode, "{variables:?}");
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
    let obeyed = |c: char| c.is_control() || "\u{202c}\u{202e}\u{2066}\u{2069}\u{200f}\u{61c}".contains(c);
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
fn signs_are_ascii_where_the_stream_has_no_others_and_letters_stay() {
    let text = "é: `chart = …` → 1 · 2";
    assert_eq!(TerminalCaps { colour: false, unicode: true }.typed(text), text);
    assert_eq!(TerminalCaps::BARE.typed(text), "é: `chart = ...` -> 1 * 2");
}

#[test]
fn text_is_cut_by_the_columns_it_takes() {
    let caps = TerminalCaps { colour: false, unicode: true };
    assert_eq!(caps.fit("部署部署", 5), "部署…");
    assert_eq!(TerminalCaps::BARE.fit("abcdefgh", 6), "abc...");
    assert_eq!(caps.fit("short", 5), "short");
}

#[test]
fn prose_breaks_between_words_and_commands_stay_whole() {
    assert_eq!(wrap("run `todo logs web` and look", Some(14)), ["run", "`todo logs web`", "and look"]);
    assert_eq!(wrap("one two", None), ["one two"]);
    assert_eq!(wrap("an `unfinished one", Some(5)), ["an `unfinished one"]);
}

#[test]
fn without_colour_no_escape_is_written() {
    assert_eq!(TerminalCaps::BARE.paint(TextStyle::Bad, "x"), "x");
    assert!(TerminalCaps { colour: true, unicode: false }.paint(TextStyle::Bad, "x").contains('\x1b'));
}
