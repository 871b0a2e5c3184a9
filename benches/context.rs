//! How long it takes to see that 10,000 files / 45 MB have not changed, against `git status` and `find` in the same run.
#![expect(
    clippy::print_stdout,
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "a program of its own"
)]

use dockerfile::ignore::Ignore;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::process::Stdio;
use std::thread;
use std::time::Duration;
use std::time::Instant;
use todo::image::context::Walked;
use todo::image::context::walk;
use todo::image::stat_cache::StatCache;

const RUNS: u32 = 15;

fn main() {
    let (root, cache) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    for folder in 0..1000 {
        let folder = root.path().join(format!("src/{}/{folder}", folder % 100));
        fs::create_dir_all(&folder).unwrap();
        for file in 0..10 {
            fs::write(folder.join(format!("{file}.js")), vec![b'x'; 4500]).unwrap();
        }
    }
    run("git", &["init", "-q"], root.path());
    run("git", &["add", "."], root.path());
    // Until files are old enough to be remembered.
    thread::sleep(Duration::from_secs(5));
    run("git", &["status", "--porcelain"], root.path());

    let ignore = Ignore::parse(b".git\nnode_modules\n**/*.log\n").unwrap();
    let read = |cache: Option<&Path>| -> Walked {
        let cache = StatCache::open(cache, root.path(), &ignore);
        walk(root.path(), &ignore, &cache, &|| false)
    };
    let walked = read(Some(cache.path()));
    assert_eq!(walked.context.entries.len(), 10_000 + 1000 + 100 + 1);
    measure("find -type f -newer", || run("find", &[".", "-type", "f", "-newer", "/"], root.path()));
    measure("git status", || run("git", &["status", "--porcelain"], root.path()));
    measure("todo, nothing known", || drop(read(None)));
    measure("todo, all known", || drop(read(Some(cache.path()))));
}

fn run(program: &str, arguments: &[&str], folder: &Path) {
    let status =
        Command::new(program).args(arguments).current_dir(folder).stdout(Stdio::null()).status().unwrap();
    assert!(status.success());
}

/// The median time, and the processor's time of this process and its children, per run.
fn measure(what: &str, work: impl Fn()) {
    let before = processor_ms();
    let mut times: Vec<Duration> = (0..RUNS)
        .map(|_| {
            let began = Instant::now();
            work();
            began.elapsed()
        })
        .collect();
    times.sort_unstable();
    let cpu = processor_ms().zip(before).map_or(String::new(), |(now, before)| {
        format!(", {:.0} ms of CPU", (now - before) / f64::from(RUNS))
    });
    println!("{what:22} {:6.1} ms{cpu}", times[times.len() / 2].as_secs_f64() * 1e3);
}

/// Linux only: user and system time of the process and of children it waited for, at 100 ticks a second.
fn processor_ms() -> Option<f64> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    let fields: Vec<&str> = stat.rsplit(')').next()?.split_whitespace().collect();
    let ticks = fields.get(11..15)?.iter().filter_map(|ticks| ticks.parse::<f64>().ok());
    Some(ticks.sum::<f64>() * 10.0)
}
