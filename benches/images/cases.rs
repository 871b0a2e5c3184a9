//! The promises, one function each: which images are built, how often, and at which cost.

use crate::Figure;
use crate::contexts::Sources;
use crate::engine::Engine;
use crate::engine::median;
use crate::engine::output;
use crate::engine::processors_of_children;
use crate::engine::tag;
use crate::engine::timed;
use crate::ours;
#[cfg(unix)]
use crate::relay::Relay;
use std::thread;
use std::time::Duration;
use std::time::SystemTime;

/// Turns that each side takes.
const TURNS: usize = 11;

/// Until files are old enough to be remembered: the stat cache's rule, and a second.
const OLD: Duration = Duration::from_secs(5);

/// The medians of `todo` and `docker build`, and `todo`'s processor time for each turn.
struct Pair {
    ours: Duration,
    theirs: Duration,
    processors: Duration,
}

impl Pair {
    /// Both sides in turns; `before` comes before each of them, is not measured, and gets the number of the turn.
    fn compare(turns: usize, before: impl Fn(usize), ours: impl Fn(usize), theirs: impl Fn(usize)) -> Pair {
        let (mut mine, mut other, mut processors) = (Vec::new(), Vec::new(), Duration::ZERO);
        for turn in 0..turns {
            before(2 * turn);
            let spent = processors_of_children();
            mine.push(timed(|| ours(turn)));
            processors += processors_of_children().saturating_sub(spent);
            before(2 * turn + 1);
            other.push(timed(|| theirs(turn)));
        }
        let turns = u32::try_from(turns).unwrap();
        Pair { ours: median(mine), theirs: median(other), processors: processors / turns }
    }

    fn ratio(&self, what: &'static str, at_most: f64) -> Figure {
        let (ours, theirs) = (self.ours.as_secs_f64() * 1e3, self.theirs.as_secs_f64() * 1e3);
        let note = format!("{ours:.0} ms and {theirs:.0} ms");
        Figure { what, measured: ours / theirs, at_most, unit: "", note }
    }
}

fn unchanged(engine: &Engine, sources: &Sources) -> Pair {
    thread::sleep(OLD);
    ours::run(&mut ours::command(engine, sources));
    output(&mut engine.build(sources.folder.path(), "web"));
    let pair = Pair::compare(
        TURNS,
        |_| (),
        |_| {
            let result = ours::run(&mut ours::command(engine, sources));
            assert_eq!(result["outcomes"][0], "Unchanged");
        },
        |_| drop(output(&mut engine.build(sources.folder.path(), "web"))),
    );
    clean(engine, sources, &["web"]);
    pair
}

fn clean(engine: &Engine, sources: &Sources, contexts: &[&str]) {
    ours::clean(engine, sources);
    for context in contexts {
        output(&mut engine.docker(&["image", "rm", &tag(context)]));
    }
}

pub(crate) fn no_change(engine: &Engine) -> Vec<Figure> {
    let pair = unchanged(engine, &Sources::usual(&engine.base, 300, 500));
    vec![pair.ratio("no change, 300 files", 1.0 / 20.0)]
}

pub(crate) fn no_change_10k(engine: &Engine) -> Vec<Figure> {
    let pair = unchanged(engine, &Sources::usual(&engine.base, 10_000, 4500));
    let cpu = Figure {
        what: "no change, 10,000 files / 45 MB: our processor time",
        measured: pair.processors.as_secs_f64() * 1e3,
        at_most: 60.0,
        unit: " ms",
        note: format!("mean of {TURNS}"),
    };
    vec![pair.ratio("no change, 10,000 files / 45 MB", 1.0 / 15.0), cpu]
}

pub(crate) fn one_line(engine: &Engine) -> Vec<Figure> {
    let began = SystemTime::now();
    let sources = Sources::usual(&engine.base, 300, 500);
    ours::run(&mut ours::command(engine, &sources));
    output(&mut engine.build(sources.folder.path(), "web"));
    let pair = Pair::compare(
        TURNS,
        // A line that this engine has never seen: it remembers those of earlier runs.
        |turn| sources.write("web/src/0/0/0.js", format!("// edit {turn} of {began:?}\n")),
        |_| {
            let result = ours::run(&mut ours::command(engine, &sources));
            assert_eq!(result["outcomes"][0], "Built");
        },
        |_| drop(output(&mut engine.build(sources.folder.path(), "web"))),
    );
    clean(engine, &sources, &["web"]);
    vec![pair.ratio("one line changed, 300 files", 0.5)]
}

#[cfg(unix)]
pub(crate) fn traffic(engine: &Engine) -> Vec<Figure> {
    let Some(socket) = engine.socket() else { return Vec::new() };
    let relay = Relay::before(socket);
    let counted = engine.at(relay.address());
    let sources = Sources::usual(&engine.base, 300, 500);
    ours::run(&mut ours::command(&counted, &sources));
    relay.taken();
    ours::run(&mut ours::command(&counted, &sources));
    let (requests, _) = relay.taken();
    sources.write("web/src/0/0/0.js", "// another line\n");
    ours::run(&mut ours::command(&counted, &sources));
    let (_, bytes) = relay.taken();
    clean(&counted, &sources, &[]);
    let figure = |what, measured: u64, at_most, unit, note: &str| Figure {
        what,
        measured: f64::from(u32::try_from(measured).unwrap()),
        at_most,
        unit,
        note: note.to_owned(),
    };
    vec![
        figure("requests to the engine, no change", requests, 2.0, "", "one image, one base"),
        figure("bytes to the engine, one line changed", bytes, 65_536.0, " B", "with HTTP and names"),
    ]
}

/// Counting needs a Unix socket.
#[cfg(not(unix))]
pub(crate) fn traffic(_: &Engine) -> Vec<Figure> {
    Vec::new()
}

pub(crate) fn memory(engine: &Engine) -> Vec<Figure> {
    let sources = Sources::big(&engine.base, 5, 100);
    let messages = ours::run(&mut ours::command(engine, &sources));
    clean(engine, &sources, &[]);
    let kib = messages["peak_kib"].as_f64().unwrap();
    vec![Figure {
        what: "peak memory, 500 MB context sent",
        measured: kib / 1024.0,
        at_most: 60.0,
        unit: " MiB",
        note: "VmHWM".to_owned(),
    }]
}

pub(crate) fn chatbot(engine: &Engine) -> Vec<Figure> {
    let contexts = ["docker/backend", "docker/frontend"];
    // The bases are there, and the packages in the cache mounts, for both sides alike.
    let warm = Sources::chatbot("warm");
    ours::run(&mut ours::command(engine, &warm));
    let anew = |side: &str, turn: usize| Sources::chatbot(&format!("{side}-{turn}-{}", std::process::id()));
    let turns = 3;
    let (mine, other): (Vec<_>, Vec<_>) =
        (0..turns).map(|turn| (anew("ours", turn), anew("theirs", turn))).unzip();
    let pair = Pair::compare(
        turns,
        |_| (),
        |turn| drop(ours::run(&mut ours::command(engine, &mine[turn]))),
        |turn| {
            for context in contexts {
                output(&mut engine.build(other[turn].folder.path(), context));
            }
        },
    );
    clean(engine, &warm, &contexts);
    vec![pair.ratio("cold build of the Todo Chatbot's two images", 0.7)]
}

/// The same image into the node, which has all its layers but the last one: as after an edit.
pub(crate) fn containerd(engine: &Engine) -> Vec<Figure> {
    let Ok(profile) = std::env::var("TODO_TEST_NODE") else { return Vec::new() };
    let sources = Sources::usual(&engine.base, 300, 500);
    let ship = || {
        let mut command = ours::command(engine, &sources);
        command.env("TODO_BENCH_SHIP", &profile);
        ours::run(&mut command)["reference"].as_str().unwrap().to_owned()
    };
    ship();
    let load = |reference: &str| {
        let mut command = std::process::Command::new("minikube");
        output(command.args(["image", "load", "--profile", &profile, reference]));
    };
    let turns = 5;
    let pair = Pair::compare(
        turns,
        // Built beforehand: the transfer into the node is compared.
        |turn| {
            sources.write("web/src/0/0/0.js", format!("// edit {turn}\n"));
            ours::run(&mut ours::command(engine, &sources));
            output(&mut engine.build(sources.folder.path(), "web"));
        },
        |_| drop(ship()),
        |_| load(&tag("web")),
    );
    output(ours::command(engine, &sources).env("TODO_BENCH_SHIP", &profile).env("TODO_BENCH_CLEAN", "1"));
    output(&mut engine.docker(&["image", "rm", &tag("web")]));
    vec![pair.ratio("shipping to containerd, against `minikube image load`", 1.0)]
}
