//! `todo` killed and interrupted during the first `up` of a new cluster, and during `down --purge`.

use crate::real::harness::Harness;
use crate::real::trials::deployed::FOLDER;
use crate::real::trials::deployed::Shelf;
use crate::real::trials::disturbed::When;
use crate::real::trials::disturbed::disturbed;
use crate::real::trials::disturbed::signal;
use crate::real::trials::table::Trial;
use crate::real::trials::table::play;
use crate::real::trials::table::play_on;
use crate::real::trials::table::trial;
use serde_json::Value;
use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

/// Moments of the first `up`: half of them by its events, half by its time, most of which is one step of minikube.
const OF_UP: usize = 12;

/// Moments of `down --purge`.
const OF_PURGE: usize = 10;

#[test]
#[ignore = "needs minikube"]
fn a_first_up_that_is_killed_is_finished_by_the_next() {
    let undisturbed = Rc::new(RefCell::new(Vec::new()));
    let trials = (0..OF_UP).map(|number| {
        let undisturbed = undisturbed.clone();
        trial(format!("first/{number:02}"), move |shelf| {
            shelf.is_forgotten();
            let when = moment(&undisturbed.borrow(), number, OF_UP);
            stopped(shelf, &["up"], &when, number);
            shelf.recovers();
        })
    });
    play_on(trials.collect(), || {
        let shelf = Shelf::on(Harness::in_cluster("todo-first", FOLDER, false));
        let ended = shelf.ended(&["up"]);
        assert_eq!(ended.code, Some(0));
        shelf.learns();
        *undisturbed.borrow_mut() = ended.events;
        shelf
    });
}

/// Kills a run; every third one is interrupted, and ends at once.
fn stopped(shelf: &Shelf, arguments: &[&str], when: &When, number: usize) {
    let how = if number % 3 == 2 { "-INT" } else { "-KILL" };
    println!("   {how} at {when:?}");
    let ended = disturbed(&shelf.harness, arguments, when, |process| signal(how, process));
    // One that was at its end anyway may have come to it.
    if how == "-INT" && ended.code != Some(0) {
        ended.was_interrupted();
    }
}

#[test]
#[ignore = "needs minikube"]
fn a_purge_that_is_killed_is_finished_by_the_next() {
    play((0..OF_PURGE).map(purge).collect());
}

fn purge(number: usize) -> Trial {
    trial(format!("purge/{number:02}"), move |shelf| {
        let peace = shelf.ended(&["down", "--purge"]);
        assert_eq!(peace.code, Some(0));
        shelf.recovers();
        let when = moment(&peace.events, number, OF_PURGE);
        stopped(shelf, &["down", "--purge"], &when, number);
        // Either may come next: the purge again, or the application.
        if number.is_multiple_of(2) {
            shelf.goes(&["down", "--purge"]);
        }
        shelf.recovers();
    })
}

/// The `number`-th of `count` moments of a run with these events: by their number, or by the time between them.
fn moment(events: &[Value], number: usize, count: usize) -> When {
    let at = |event: &Value| event["at_ms"].as_u64().unwrap();
    if number.is_multiple_of(2) {
        return When::Event(events.len() * number / count, Duration::ZERO);
    }
    let time = at(events.last().unwrap()) * number as u64 / count as u64;
    let last = events.iter().rposition(|event| at(event) <= time).unwrap();
    When::Event(last, Duration::from_millis(time - at(&events[last])))
}
