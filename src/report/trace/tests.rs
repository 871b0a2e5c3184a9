//! What `TODO_LOG` lets through, and how it is written.

use super::Lines;
use super::Screen;
use super::start;
use super::wanted;
use crate::event::Sink;
use crate::fault::FaultKind;
use crate::report::ci::Ci;
use crate::report::style::TerminalCaps;
use crate::world::World;
use indicatif::InMemoryTerm;
use indicatif::MultiProgress;
use indicatif::ProgressDrawTarget;
use tracing::debug;
use tracing::info;

/// The output for the log events of `act`.
fn written(filter: &str, sink: &Sink, act: impl FnOnce()) -> String {
    let terminal = InMemoryTerm::new(40, 200);
    let target = ProgressDrawTarget::term_like_with_hz(Box::new(terminal.clone()), 15);
    let screen = Screen::default();
    screen.set(Some(MultiProgress::with_draw_target(target)));
    let lines = Lines {
        wanted: wanted(filter).unwrap(),
        sink: sink.clone(),
        caps: TerminalCaps::BARE,
        ci: Ci::default(),
        screen,
    };
    tracing::subscriber::with_default(lines, act);
    terminal.contents()
}

#[test]
fn a_line_has_its_level_module_message_and_fields() {
    let text = written("debug", &Sink::new().0, || info!(count = 2, name = "a b", "it → was\nsaid"));
    assert!(text.starts_with("INFO ") && text.contains("todo::report::trace::tests: "), "{text}");
    assert!(text.ends_with("it -> was said count=2 name=a b"), "{text}");
}

#[test]
fn only_modules_of_this_program_at_their_levels_are_written() {
    let logged = |filter| {
        written(filter, &Sink::new().0, || {
            debug!("one");
            debug!(target: "todo::docker", "two");
            debug!(target: "kube_client", "three");
            info!(target: "todo::docker", "four");
        })
    };
    for (filter, words) in [
        ("debug", ["one", "two", "four"].as_slice()),
        ("info", &["four"]),
        ("info,todo::docker=debug", &["two", "four"]),
        ("todo::docker=off,debug", &["one"]),
        ("off", &[]),
    ] {
        let text = logged(filter);
        let is_there = |word: &&str| text.split_whitespace().any(|found| found == *word);
        let found: Vec<&str> = ["one", "two", "three", "four"].into_iter().filter(is_there).collect();
        assert_eq!(found, words, "{filter}: {text}");
    }
}

#[test]
fn secrets_are_not_in_it() {
    let (sink, _events) = Sink::new();
    sink.hide(b"hunter2hunter2");
    let text = written("trace", &sink, || debug!(url = "http://me:pw123456@h/", "key=hunter2hunter2"));
    assert!(text.contains("key=***") && !text.contains("hunter2") && !text.contains("pw123456"), "{text}");
}

#[test]
fn what_is_no_filter_is_a_mistake_and_an_empty_one_is_none() {
    let ended = |value: &str| {
        let world = World::fake("/", [("TODO_LOG", value)]);
        start(&world, &Sink::new().0, TerminalCaps::BARE, &Screen::default())
    };
    for value in ["verbose", "kube=debug", "todo=loud", "debug,=,", "todology=debug"] {
        let fault = ended(value).unwrap_err();
        assert!(fault.kind == FaultKind::Usage && !fault.hints.is_empty(), "{value}");
    }
    assert!(ended("").is_ok());
    for value in ["off", "DEBUG", "trace,todo::docker=info"] {
        assert!(wanted(value).is_ok(), "{value}");
    }
}
