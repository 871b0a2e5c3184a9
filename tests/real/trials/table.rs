//! Which trials run, one after the other, and the result of each.

use crate::real::trials::deployed::Shelf;
use std::panic::AssertUnwindSafe;
use std::panic::catch_unwind;
use std::time::Instant;

/// One trial: its name, as `TODO_TRIALS` has it, whether it is of the sample, and what it does.
pub(crate) struct Trial {
    name: String,
    sample: bool,
    play: Box<dyn Fn(&Shelf)>,
}

/// A trial that is made when all are chosen, or this one.
pub(crate) fn trial(name: impl Into<String>, play: impl Fn(&Shelf) + 'static) -> Trial {
    Trial { name: name.into(), sample: false, play: Box::new(play) }
}

/// One that is always made.
pub(crate) fn sample(name: impl Into<String>, play: impl Fn(&Shelf) + 'static) -> Trial {
    Trial { sample: true, ..trial(name, play) }
}

impl Trial {
    fn is_chosen(&self) -> bool {
        match std::env::var("TODO_TRIALS").as_deref() {
            Ok("all") => true,
            Ok(names) => names.split(',').any(|name| self.name.starts_with(name)),
            Err(_) => self.sample,
        }
    }
}

/// Plays those that are chosen on the deployed project, and fails at the end if any of them did.
pub(crate) fn play(trials: Vec<Trial>) {
    play_on(trials, Shelf::deployed);
}

/// The same on projects made for them.
pub(crate) fn play_on(trials: Vec<Trial>, shelf: impl FnOnce() -> Shelf) {
    let trials: Vec<Trial> = trials.into_iter().filter(Trial::is_chosen).collect();
    if trials.is_empty() {
        return;
    }
    let shelf = shelf();
    let mut failed = Vec::new();
    for trial in &trials {
        println!("== {}", trial.name);
        let began = Instant::now();
        let played = catch_unwind(AssertUnwindSafe(|| (trial.play)(&shelf)));
        let verdict = if played.is_ok() { "ok" } else { "FAILED" };
        println!("== {}: {verdict} in {:.1?}", trial.name, began.elapsed());
        if played.is_err() {
            failed.push(trial.name.as_str());
            shelf.tidy();
        }
    }
    println!("== {} trials, {} failed", trials.len(), failed.len());
    assert!(failed.is_empty(), "{failed:?}");
}
