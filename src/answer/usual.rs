//! How long steps and items take mostly: the medians of earlier runs, shown next to the running ones.

use super::record::RunRecord;
use super::record::Time;
use crate::event::Outcome;
use crate::event::Step;
use std::collections::BTreeMap;

/// The minimum of runs for a meaningful median.
const ENOUGH: usize = 2;

/// The medians of one command of one project.
#[derive(Debug, Clone, Default)]
pub struct Usual(BTreeMap<(Step, Option<String>), u64>);

impl Usual {
    /// Those of `records`, of which only runs count that ended well, and steps in which something was done.
    #[must_use]
    pub fn from_records<'r>(records: impl IntoIterator<Item = &'r RunRecord>) -> Usual {
        let mut times: BTreeMap<(Step, Option<String>), Vec<u64>> = BTreeMap::new();
        for record in records.into_iter().filter(|record| record.code == 0) {
            for step in &record.steps {
                let items = step.items.iter().map(|item| (Some(item.item.clone()), item.time));
                for (name, time) in items.chain([(None, step.time)]) {
                    times.entry((step.step, name)).or_default().extend(worked(time));
                }
            }
        }
        let known = times.into_iter().filter(|(_, times)| times.len() >= ENOUGH);
        Usual(known.map(|(key, times)| (key, median(times))).collect())
    }

    /// How long the step takes mostly, or the item of it.
    #[must_use]
    pub fn took(&self, step: Step, item: Option<&str>) -> Option<u64> {
        self.0.get(&(step, item.map(str::to_owned))).copied()
    }
}

/// How long it took to do something.
fn worked(time: Time) -> Option<u64> {
    let idle = matches!(
        time.outcome,
        None | Some(
            Outcome::Unchanged | Outcome::Skipped | Outcome::Kept | Outcome::Failed | Outcome::Stopped
        )
    );
    time.took_ms.filter(|_| !idle)
}

/// The middle one; of an even number the mean of both.
fn median(mut times: Vec<u64>) -> u64 {
    times.sort_unstable();
    let middle = times.len() / 2;
    if times.len() % 2 == 1 { times[middle] } else { times[middle - 1].midpoint(times[middle]) }
}

#[cfg(test)]
mod tests {
    use super::Usual;
    use crate::answer::record::ItemRecord;
    use crate::answer::record::RunRecord;
    use crate::answer::record::StepRecord;
    use crate::answer::record::Time;
    use crate::event::Outcome;
    use crate::event::Step;

    fn record(code: u8, took_ms: u64, outcome: Outcome) -> RunRecord {
        let time = Time { began_ms: 0, took_ms: Some(took_ms), outcome: Some(outcome) };
        RunRecord {
            command: "up".to_owned(),
            project: "shop".to_owned(),
            namespace: "shop".to_owned(),
            profile: "minikube".to_owned(),
            code,
            took_ms,
            steps: vec![StepRecord {
                step: Step::Image,
                time: Time { took_ms: Some(took_ms + 500), ..time },
                items: vec![ItemRecord { item: "web".to_owned(), time }],
            }],
        }
    }

    #[test]
    fn only_times_of_work_that_succeeded_count_and_one_alone_says_nothing() {
        let built = |took| record(0, took, Outcome::Built);
        let others = [
            record(0, 5, Outcome::Unchanged),
            record(30, 90_000, Outcome::Built),
            record(0, 80_000, Outcome::Failed),
        ];
        let usual = |runs: &[RunRecord]| Usual::from_records(runs.iter().chain(&others));
        assert_eq!(usual(&[built(14_000)]).took(Step::Image, Some("web")), None);
        let two = usual(&[built(14_000), built(16_000)]);
        assert_eq!(two.took(Step::Image, Some("web")), Some(15_000));
        assert_eq!(two.took(Step::Image, None), Some(15_500));
        assert_eq!((two.took(Step::Image, Some("api")), two.took(Step::Apply, None)), (None, None));
        let three = usual(&[built(60_000), built(14_000), built(15_000)]);
        assert_eq!(three.took(Step::Image, Some("web")), Some(15_000));
    }
}
