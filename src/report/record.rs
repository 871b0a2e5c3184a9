//! The record of a run, taken from its events.

use super::fold::RunState;
use super::steps::Ended;
use crate::answer::record::ItemRecord;
use crate::answer::record::RunRecord;
use crate::answer::record::StepRecord;
use crate::answer::record::Time;

/// The stored record of a run; `None` of one that has not ended, that was simulated, or that had no steps.
#[must_use]
pub fn record(run_state: &RunState) -> Option<RunRecord> {
    let (opening, end) = (run_state.opening.as_ref()?, run_state.end.as_ref()?);
    if opening.rehearsal || run_state.steps.is_empty() {
        return None;
    }
    let steps = run_state.steps.iter().map(|state| StepRecord {
        step: state.step,
        time: time(state.began_ms, state.end.as_ref()),
        items: state
            .items
            .iter()
            .map(|item| ItemRecord { item: item.name.clone(), time: time(item.began_ms, item.end.as_ref()) })
            .collect(),
    });
    Some(RunRecord {
        command: opening.command.clone(),
        project: opening.project.clone(),
        namespace: opening.namespace.clone(),
        profile: opening.profile.clone(),
        code: end.code,
        took_ms: end.took_ms,
        steps: steps.collect(),
    })
}

fn time(began_ms: u64, end: Option<&Ended>) -> Time {
    Time { began_ms, took_ms: end.map(|end| end.took_ms), outcome: end.map(|end| end.outcome) }
}
