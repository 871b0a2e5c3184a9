//! The directories of `tests/failures`, reported in the rehearsal as on a real cluster.

use crate::failures::Case;
use crate::real::reports::compare;
use crate::rehearsed::harness::Harness;

#[tokio::test(start_paused = true)]
async fn every_failure_is_told_as_on_a_real_cluster() {
    let mut wrong = Vec::new();
    for case in Case::all() {
        let harness = Harness::new().await;
        harness.copy(&case.folder);
        let arguments: Vec<&str> =
            ["up"].into_iter().chain(case.terms.arguments.iter().map(String::as_str)).collect();
        let output = harness.todo(&arguments).await;
        let late = case.terms.within.is_some_and(|within| output.took.as_secs_f64() > within + 1.0);
        let difference = compare(&case, &output.report);
        if i32::from(output.code) != case.terms.code || difference.is_err() || late {
            wrong.push(format!(
                "== {}: {:?}, {:?}, {difference:?}\n{}",
                case.name, output.code, output.took, output.report
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
