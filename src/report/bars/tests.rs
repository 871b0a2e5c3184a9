//! What a terminal shows of recorded runs.

use super::frame;
use crate::answer::usual::Usual;
use crate::event::Event;
use crate::report::fold::RunState;
use crate::report::style::TerminalCaps;
use crate::report::style::columns;

#[test]
fn no_live_line_ever_wraps_and_none_is_hidden_by_the_height() {
    for run in [
        include_str!("../../../tests/fixtures/runs/first-up.jsonl"),
        include_str!("../../../tests/fixtures/runs/failed-rollout.jsonl"),
        include_str!("../../../tests/fixtures/runs/down.jsonl"),
    ] {
        let mut run_state = RunState::default();
        for line in run.lines() {
            let event: Event = serde_json::from_str(line).unwrap();
            run_state.apply(&event);
            for (width, height) in [(11, 3), (20, 5), (40, 24), (60, 24), (79, 24), (80, 24), (200, 80)] {
                for caps in [TerminalCaps { colour: true, unicode: true }, TerminalCaps::BARE] {
                    let lines =
                        frame(&run_state, &Usual::default(), caps, event.at_ms + 2_000, width, height);
                    assert!(lines.len() <= height, "{lines:#?}");
                    for line in &lines {
                        assert!(columns(line) < width, "{width}: {line}");
                    }
                }
            }
            frame(&run_state, &Usual::default(), TerminalCaps::BARE, event.at_ms, 0, 0);
        }
    }
}
