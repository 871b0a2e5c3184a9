//! Every renderer on every recorded run.

use super::Mode;
use super::OutputFlag;
use super::Renderer;
use super::bars::Bars;
use super::ci::Ci;
use super::pick;
use super::plain::Plain;
use super::style::TerminalCaps;
use super::style::columns;
use crate::event::Event;
use crate::world::World;
use indicatif::InMemoryTerm;

const RUNS: [(&str, &str); 5] = [
    ("first-up", include_str!("../../tests/fixtures/runs/first-up.jsonl")),
    ("unchanged-up", include_str!("../../tests/fixtures/runs/unchanged-up.jsonl")),
    ("failed-rollout", include_str!("../../tests/fixtures/runs/failed-rollout.jsonl")),
    ("interrupted-build", include_str!("../../tests/fixtures/runs/interrupted-build.jsonl")),
    ("down", include_str!("../../tests/fixtures/runs/down.jsonl")),
];

const FULL: TerminalCaps = TerminalCaps { colour: false, unicode: true };

fn events(run: &str) -> Vec<Event> {
    run.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Plays a run on its own clock, ten ticks a second, and looks at the renderer at `looks`.
fn play<R: Renderer>(renderer: &mut R, run: &str, looks: &[u64], mut caps: impl FnMut(u64, &mut R)) {
    let mut events = events(run).into_iter().peekable();
    let mut now = 0;
    while events.peek().is_some() {
        while let Some(event) = events.next_if(|event| event.at_ms <= now) {
            renderer.event(&event);
        }
        renderer.tick(now);
        if looks.contains(&now) {
            caps(now, renderer);
        }
        now += 100;
    }
    renderer.close();
}

fn plain(run: &str, verbose: bool) -> String {
    let mut out = Vec::new();
    play(&mut Plain::new(TerminalCaps::BARE, verbose, &mut out), run, &[], |_, _| {});
    String::from_utf8(out).unwrap()
}

#[test]
fn in_a_log_a_run_is_one_line_a_fact() {
    for (name, run) in RUNS {
        let text = plain(run, false);
        assert!(!text.contains(|c: char| c.is_control() && c != '\n'), "{name}");
        insta::assert_snapshot!(format!("plain-{name}"), text);
    }
}

#[test]
fn a_ci_system_folds_the_work_of_a_step_and_not_how_it_ended() {
    let world = World::fake("/repo", [("GITHUB_ACTIONS", "true"), ("GITHUB_WORKSPACE", "/repo")]);
    for (name, run) in RUNS {
        let mut out = Vec::new();
        let ci = Ci::detect(&world, Some(std::path::Path::new("/repo/shop")));
        play(&mut Plain::new(TerminalCaps::BARE, false, &mut out).within(ci), run, &[], |_, _| {});
        let text = String::from_utf8(out).unwrap();
        let mut is_open = false;
        for line in text.lines() {
            match line {
                "::endgroup::" => assert!(std::mem::take(&mut is_open), "{name}: {text}"),
                _ if line.starts_with("::group::") => {
                    assert!(!std::mem::replace(&mut is_open, true), "{name}: {text}");
                }
                _ if line.starts_with("error[") => assert!(!is_open, "{name}: {text}"),
                _ => {}
            }
        }
        assert!(!is_open, "{name}: {text}");
        let is_command = |line: &&str| line.starts_with("::error ");
        let (annotated, failed) = (text.lines().filter(is_command).count(), text.contains("\nerror["));
        assert_eq!(annotated > 0, failed, "{name}: {text}");
        let others = text.lines().filter(|line| !line.starts_with("::")).collect::<Vec<_>>().join("\n");
        assert_eq!(others.trim_end(), plain(run, false).trim_end(), "{name}: the rest is as elsewhere");
    }
}

#[test]
fn verbose_tells_what_builds_print_too() {
    let text = plain(RUNS[3].1, true);
    assert!(text.contains("images: todo-backend | WARNING: Running pip"), "{text}");
    insta::assert_snapshot!("plain-verbose-interrupted-build", text);
}

#[test]
fn in_a_terminal_a_run_leaves_its_steps_and_nothing_that_moves() {
    for (name, run) in RUNS {
        for width in [60, 120] {
            let terminal = InMemoryTerm::new(60, width);
            play(&mut Bars::on(FULL, &terminal), run, &[], |_, _| {});
            insta::assert_snapshot!(format!("bars-{name}-{width}"), terminal.contents());
        }
    }
}

#[test]
fn what_a_terminal_echoes_while_it_runs_leaves_no_line_of_the_run() {
    for (name, run) in RUNS {
        let (quiet, echoing) = (InMemoryTerm::new(60, 120), InMemoryTerm::new(60, 120));
        play(&mut Bars::on(FULL, &quiet), run, &[], |_, _| {});
        let echo = |_: u64, _: &mut Bars| indicatif::TermLike::write_str(&echoing, "^C").unwrap();
        play(&mut Bars::on(FULL, &echoing), run, &[2_000, 3_000], echo);
        let lines = |terminal: &InMemoryTerm| {
            terminal
                .contents()
                .lines()
                .map(|line| line.replace("^C", "").trim_end().to_owned())
                .collect::<Vec<_>>()
        };
        assert_eq!(lines(&echoing), lines(&quiet), "{name}");
    }
}

#[test]
fn while_it_runs_each_thing_has_a_line_that_fits() {
    let moments: [(&str, &str, &[u64]); 4] = [
        ("first-up", RUNS[0].1, &[200, 3_000, 6_500, 53_000, 82_000]),
        ("failed-rollout", RUNS[2].1, &[5_000]),
        ("interrupted-build", RUNS[3].1, &[12_000]),
        ("down", RUNS[4].1, &[1_000]),
    ];
    for (name, run, looks) in moments {
        for width in [60, 120] {
            let terminal = InMemoryTerm::new(40, width);
            let mut seen = Vec::new();
            play(&mut Bars::on(FULL, &terminal), run, looks, |now, _| {
                seen.push(format!("--- {now} ms\n{}", terminal.contents()));
            });
            insta::assert_snapshot!(format!("live-{name}-{width}"), seen.join("\n"));
        }
    }
}

#[test]
fn a_run_with_nothing_to_do_is_a_handful_of_short_lines() {
    let terminal = InMemoryTerm::new(40, 60);
    play(&mut Bars::on(FULL, &terminal), RUNS[1].1, &[], |_, _| {});
    let shown = terminal.contents();
    assert!(shown.lines().count() <= 3 && shown.lines().all(|line| columns(line) < 60), "{shown}");
    assert!(plain(RUNS[1].1, false).lines().count() <= 8);
}

#[test]
fn faults_read_the_same_in_a_terminal_and_in_a_log() {
    let terminal = InMemoryTerm::new(60, 200);
    play(&mut Bars::on(FULL, &terminal), RUNS[2].1, &[], |_, _| {});
    let log = plain(RUNS[2].1, false);
    let fault = &log[log.find("error[").unwrap()..];
    assert!(terminal.contents().ends_with(fault.trim_end()), "{}", terminal.contents());
}

#[test]
fn colours_change_nothing_but_the_colour() {
    let shown = |caps: TerminalCaps| {
        let terminal = InMemoryTerm::new(60, 100);
        let mut seen = String::new();
        play(&mut Bars::on(caps, &terminal), RUNS[0].1, &[6_500, 53_000, 82_000], |_, _| {
            seen.push_str(&terminal.contents());
        });
        (seen, String::from_utf8(terminal.contents_formatted()).unwrap())
    };
    let (plain, bare) = shown(FULL);
    let (coloured, formatted) = shown(TerminalCaps { colour: true, ..FULL });
    assert_eq!(plain, coloured);
    assert!(formatted.contains("\x1b[32m") && !bare.contains("\x1b[32m"));
}

#[test]
fn a_run_that_is_drawn_from_its_channel_amounts_to_its_summary() {
    let (tell, channel) = tokio::sync::mpsc::unbounded_channel();
    for event in events(RUNS[0].1) {
        tell.send(event).unwrap();
    }
    drop(tell);
    let renderer = Box::new(Plain::new(TerminalCaps::BARE, false, std::io::sink()));
    let super::Finished { summary, .. } = super::draw(renderer, channel);
    assert_eq!((summary.code, summary.took_ms, summary.unchanged), (Some(0), 95_156, false));
    assert_eq!(summary.url.as_deref(), Some("http://192.168.49.2:30080/"));
    assert_eq!(summary.warnings.len(), 2);
    assert!(summary.counts.contains(&(crate::event::Step::Image, crate::event::Outcome::Built, 2)));
}

#[test]
fn a_hundred_things_at_once_leave_room_and_say_so() {
    let terminal = InMemoryTerm::new(10, 60);
    let mut bars = Bars::on(TerminalCaps::BARE, &terminal);
    let lines = (0..100).map(|n| {
        format!(r#"{{"at_ms":1,"event":"waiting","step":"rollout","item":"Deployment/web-{n}","why":"0 of 1 replicas ready"}}"#)
    });
    for line in lines {
        bars.event(&serde_json::from_str(&line).unwrap());
    }
    bars.tick(2_000);
    let shown = terminal.contents();
    assert!(shown.lines().count() <= 8 && shown.contains("and 94 more"), "{shown}");
}

#[test]
fn the_way_of_showing_follows_the_flag_then_the_terminal() {
    let none: &[(&str, &str)] = &[];
    let dumb: &[(&str, &str)] = &[("TERM", "dumb")];
    let ci: &[(&str, &str)] = &[("CI", "true")];
    for (asked, variables, terminal, verbose, mode) in [
        (None, none, true, false, Mode::Bars),
        (None, none, false, false, Mode::Plain),
        (None, none, true, true, Mode::Plain),
        (None, dumb, true, false, Mode::Plain),
        (None, ci, true, false, Mode::Plain),
        (Some(OutputFlag::Bars), ci, true, true, Mode::Bars),
        (Some(OutputFlag::Bars), none, false, false, Mode::Plain),
        (Some(OutputFlag::Plain), none, true, false, Mode::Plain),
        (Some(OutputFlag::Json), none, true, true, Mode::Json),
    ] {
        let mut world = World::fake("/", variables.iter().copied());
        world.stderr_is_terminal = terminal;
        assert_eq!(pick(&world, asked, verbose), mode, "{asked:?} {variables:?} {terminal} {verbose}");
    }
}

#[test]
fn a_reader_who_has_left_is_no_error() {
    struct Gone;
    impl std::io::Write for Gone {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            Err(std::io::ErrorKind::BrokenPipe.into())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Err(std::io::ErrorKind::BrokenPipe.into())
        }
    }
    for (_, run) in RUNS {
        play(&mut Plain::new(TerminalCaps::BARE, true, Gone), run, &[], |_, _| {});
        play(&mut super::json::Json::new(Gone), run, &[], |_, _| {});
    }
}

#[test]
fn json_is_the_events_as_they_came() {
    for (name, run) in RUNS {
        let mut out = Vec::new();
        play(&mut super::json::Json::new(&mut out), run, &[], |_, _| {});
        let reported: Vec<Event> = events(std::str::from_utf8(&out).unwrap());
        assert_eq!(reported, events(run), "{name}");
    }
}
