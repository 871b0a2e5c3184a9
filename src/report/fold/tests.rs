//! What a run amounts to, event by event.

use super::RunState;
use crate::event::Code;
use crate::event::Event;
use crate::event::EventKind;
use crate::event::Outcome;
use crate::event::Step;

fn after(kinds: impl IntoIterator<Item = EventKind>) -> RunState {
    let mut run_state = RunState::default();
    for (at_ms, kind) in (0..).step_by(100).zip(kinds) {
        run_state.apply(&Event { at_ms, kind });
    }
    run_state
}

fn finished(step: Step, item: &str, outcome: Outcome) -> EventKind {
    EventKind::ItemFinished { step, item: item.to_owned(), outcome, took_ms: 1, detail: None }
}

fn ended(step: Step, outcome: Outcome) -> EventKind {
    EventKind::StepFinished { step, took_ms: 1, outcome, detail: None }
}

#[test]
fn changes_are_counted_before_the_rest() {
    let run_state = after([
        EventKind::StepStarted { step: Step::Apply },
        finished(Step::Apply, "a", Outcome::Unchanged),
        finished(Step::Apply, "b", Outcome::Created),
        finished(Step::Apply, "c", Outcome::Unchanged),
    ]);
    assert_eq!(run_state.steps[0].counts(), [(Outcome::Created, 1), (Outcome::Unchanged, 2)]);
}

#[test]
fn a_warning_is_told_once_and_a_reason_only_when_it_changes() {
    let mut run_state = RunState::default();
    let warned = EventKind::Warned { finding: Code::ImageTagMutable.warning("the base image has no digest") };
    let waiting = |why: &str| EventKind::Waiting {
        step: Step::Rollout,
        item: "Deployment/web".to_owned(),
        why: why.to_owned(),
    };
    let news: Vec<bool> = [warned.clone(), warned, waiting("0 of 2"), waiting("0 of 2"), waiting("1 of 2")]
        .into_iter()
        .map(|kind| run_state.apply(&Event { at_ms: 5, kind }))
        .collect();
    assert_eq!(news, [true, false, true, false, true]);
    assert_eq!(run_state.warnings.len(), 1);
}

#[test]
fn a_run_is_unchanged_only_if_no_step_and_no_item_did_anything() {
    for (step, step_outcome, item_outcome, unchanged) in [
        (Step::Preflight, Outcome::Done, Outcome::Done, true),
        (Step::Minikube, Outcome::Unchanged, Outcome::Unchanged, true),
        (Step::Minikube, Outcome::Done, Outcome::Done, false),
        (Step::Image, Outcome::Unchanged, Outcome::Unchanged, true),
        (Step::Image, Outcome::Skipped, Outcome::Skipped, true),
        (Step::Image, Outcome::Done, Outcome::Built, false),
        (Step::Rollout, Outcome::Done, Outcome::Ready, true),
        (Step::Service, Outcome::Done, Outcome::Done, true),
        (Step::Check, Outcome::Done, Outcome::Failed, true),
        (Step::Remove, Outcome::Done, Outcome::Removed, false),
    ] {
        let run_state = after([
            EventKind::StepStarted { step },
            finished(step, "x", item_outcome),
            ended(step, step_outcome),
            EventKind::RunFinished { took_ms: 9, code: 0, url: None },
        ]);
        assert_eq!(run_state.summary().unchanged, unchanged, "{step:?} {step_outcome:?}");
    }
}

#[test]
fn a_round_begins_without_the_steps_of_the_one_before_and_ends_with_a_wait() {
    let started = |changed: &str| EventKind::RoundStarted { changed: vec![changed.to_owned()] };
    let ended = EventKind::RoundFinished { took_ms: 7, files: 3, url: None };
    let run_state = after([started("a"), finished(Step::Apply, "x", Outcome::Created), ended.clone()]);
    assert_eq!(run_state.idle.as_ref().map(|idle| (idle.files, idle.failed)), Some((3, false)));
    assert_eq!(run_state.steps.len(), 1);
    let run_state = after([started("a"), finished(Step::Apply, "x", Outcome::Created), ended, started("b")]);
    assert_eq!((run_state.steps.len(), run_state.idle, run_state.changed), (0, None, vec!["b".to_owned()]));
}

#[test]
fn a_step_that_begins_again_is_a_new_round() {
    let run_state = after([
        EventKind::StepStarted { step: Step::Apply },
        finished(Step::Apply, "a", Outcome::Created),
        ended(Step::Apply, Outcome::Done),
        EventKind::StepStarted { step: Step::Apply },
        finished(Step::Apply, "a", Outcome::Unchanged),
    ]);
    assert_eq!(run_state.newest(Step::Apply).unwrap().counts(), [(Outcome::Unchanged, 1)]);
}
