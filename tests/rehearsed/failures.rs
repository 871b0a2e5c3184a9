//! The folders of `tests/failures`, told in the rehearsal as on a real cluster.

use crate::failures::Case;
use crate::real::reports::compare;
use crate::rehearsed::stage::Stage;

#[tokio::test(start_paused = true)]
async fn every_failure_is_told_as_on_a_real_cluster() {
    let mut wrong = Vec::new();
    for case in Case::all() {
        let stage = Stage::new().await;
        stage.copy(&case.folder);
        let arguments: Vec<&str> =
            ["up"].into_iter().chain(case.terms.arguments.iter().map(String::as_str)).collect();
        let told = stage.todo(&arguments).await;
        let late = case.terms.within.is_some_and(|within| told.took.as_secs_f64() > within + 1.0);
        let difference = compare(&case, &told.report);
        if i32::from(told.code) != case.terms.code || difference.is_err() || late {
            wrong.push(format!(
                "== {}: {:?}, {:?}, {difference:?}\n{}",
                case.name, told.code, told.took, told.report
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
