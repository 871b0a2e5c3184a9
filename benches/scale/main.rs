//! How what `todo` costs grows with what it deploys: objects, images, pods.
//!
//!     cargo bench --bench scale                   # all cases
//!     cargo bench --bench scale -- objects first  # some of them
//!
//! Whole processes are measured: the time until they end, the processor's time, the most memory. They speak over real
//! sockets to a rehearsed machine in this process, so what the engine and the API server cost is not counted, but for
//! the case `first`, which is `todo rehearse` itself. Seconds are not comparable between machines: a case is missed by
//! its exponent alone, the slope between its two largest sizes (1 is a straight line, 2 a square), or by the cost of
//! the whole compared with its parts. Small sizes are flat, because starting a process costs more than ten objects
//! do. The release program, on two cores alongside other work:
//!
//! | case | slope of time | of the processor's time | of memory |
//! |---|---|---|---|
//! | nothing changed, 300 to 1,000 objects | 0.9 | 1.0 | 0.4 |
//! | nothing changed, 20 to 50 images | 0.4 | 0.7 | 0.1 |
//! | first `up`, 200 to 400 objects | 1.15 | 1.15 | 0.8 |
//!
//! 200 objects, 50 images and 1,000 pods together cost 0.7 of what the objects and the images cost alone: pods of what has
//! not changed are hardly looked at.
//!
//! A miss is a non-zero exit code. `TODO_TEST_PROGRAM` names the program; without it, it is the one of this build.
#![expect(
    clippy::print_stdout,
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "a program of its own"
)]

mod cost;
mod machine;
mod sample;

use cost::Cost;
use machine::Machine;
use sample::Sample;
use std::process::ExitCode;

/// Sizes and what each cost.
type Series = [(u32, Cost)];

/// One line of the table: what, the figure, what it must not exceed.
struct Figure {
    what: String,
    found: f64,
    limit: f64,
}

type Case = (&'static str, fn() -> Vec<Figure>);

const CASES: [Case; 4] = [("objects", objects), ("images", images), ("whole", whole), ("first", first)];

/// A straight line, and what measuring adds to it.
const STRAIGHT: f64 = 1.15;

fn main() -> ExitCode {
    let desired: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    if let Some(unknown) = desired.iter().find(|word| CASES.iter().all(|(name, _)| name != word)) {
        println!("no case is called {unknown}: {}", CASES.map(|(name, _)| name).join(", "));
        return ExitCode::from(2);
    }
    let cases =
        CASES.iter().filter(|(name, _)| desired.is_empty() || desired.iter().any(|word| word == name));
    let figures: Vec<Figure> = cases.flat_map(|(_, case)| case()).collect();
    println!("{:58} {:>8} {:>8}", "", "found", "at most");
    let mut misses = 0;
    for Figure { what, found, limit } in figures {
        let verdict = if found <= limit { "ok" } else { "MISSED" };
        misses += i32::from(found > limit);
        println!("{what:58} {found:>8.2} {limit:>8.2} {verdict}");
    }
    if misses == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// An `up` that has nothing to do, in a growing project.
fn objects() -> Vec<Figure> {
    let cost = |objects| (objects, unchanged(&Sample { objects, ..Sample::default() }));
    growth("nothing changed, objects", &[12, 32, 100, 300, 1000].map(cost))
}

/// The same with images, each of which one Deployment runs.
fn images() -> Vec<Figure> {
    let cost = |images| (images, unchanged(&Sample { images, ..Sample::default() }));
    growth("nothing changed, images", &[1, 5, 20, 50].map(cost))
}

/// 200 objects, 50 images and 1,000 pods at once, compared with the objects and the images alone.
fn whole() -> Vec<Figure> {
    let sample = Sample { objects: 200, images: 50, replicas: 20 };
    let whole = unchanged(&sample);
    let parts = [Sample { images: 0, replicas: 0, ..sample }, Sample { objects: 0, replicas: 0, ..sample }];
    let [objects, images] = parts.map(|part| unchanged(&part));
    println!("nothing changed\n  200 objects, 50 images, 1,000 pods  {whole}");
    println!(
        "  200 objects                         {objects}\n  50 images                           {images}\n"
    );
    let figure = |what: &str, part: fn(&Cost) -> f64, limit| Figure {
        what: format!("200 objects, 50 images, 1,000 pods: {what}, of its parts'"),
        found: part(&whole) / (part(&objects) + part(&images)),
        limit,
    };
    vec![
        figure("time", |cost| cost.seconds, 1.2),
        figure("processor", |cost| cost.processor, 1.2),
        figure("memory", |cost| cost.mib, 1.2),
    ]
}

/// The first `up`, waiting for every pod, with the machine that it is rehearsed on.
fn first() -> Vec<Figure> {
    let cost = |objects| {
        let sample = Sample { objects, replicas: 1, ..Sample::default() };
        let folder = sample.written();
        (objects, cost::measure(5, || machine::rehearsal(folder.path())))
    };
    growth("rehearsed first up, objects", &[40, 100, 200, 400].map(cost))
}

fn unchanged(sample: &Sample) -> Cost {
    let folder = sample.written();
    let machine = Machine::with(folder.path());
    // What controllers have made of the objects is noted by the second run.
    cost::measure(1, || machine.up());
    cost::measure(9, || machine.up())
}

fn growth(what: &str, series: &Series) -> Vec<Figure> {
    println!("{what}");
    for (size, cost) in series {
        println!("  {size:>5}  {cost}");
    }
    println!();
    let [.., (small, before), (large, after)] = series else { return Vec::new() };
    let figure = |name: &str, part: fn(&Cost) -> f64| Figure {
        what: format!("{what} {small} to {large}: exponent of {name}"),
        found: (part(after) / part(before)).ln() / (f64::from(*large) / f64::from(*small)).ln(),
        limit: STRAIGHT,
    };
    vec![
        figure("time", |cost| cost.seconds),
        figure("processor", |cost| cost.processor),
        figure("memory", |cost| cost.mib),
    ]
}
