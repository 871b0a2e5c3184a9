//! `todo watch`: from a save to the new content that is served, on a real minikube.
//!
//!     KUBECONFIG=… TODO_PROFILE=… cargo bench --bench watch
//!
//! Medians of ten after one that does not count, with two seconds between them. The clock starts before the rename of the
//! saved file and stops with the first answer that has the new text; it is requested every 5 ms over one connection.
//!
//! `SKAFFOLD` names Skaffold's program: then its `dev` is measured with the same project on the same cluster, with its default
//! poll interval (a second, which is most of its time for a copied file) and with one of 50 ms. Without it the figures are
//! recorded ones of Skaffold 2.16 on two cores.
//!
//! A miss is a non-zero exit code. `TODO_TEST_PROGRAM` names the program; without it, it is the one of this build, so
//! `TODO_TEST_PROGRAM=$PWD/target/release/todo cargo bench --profile dev --bench watch` need not build it again. Only a part
//! is measured by `cargo bench --bench watch -- page`: `page`, `unused`, `checkout`, `rebuild` or `reloaded`.
#![expect(
    clippy::print_stdout,
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "a program of its own"
)]

mod page;
mod running;
mod skaffold;

use page::Page;
use running::Running;
use skaffold::Skaffold;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::process::exit;
use std::time::Duration;
use std::time::Instant;

const RUNS: usize = 10;

/// Seconds from save to served: file sync configured by hand, and a rebuild.
const SKAFFOLD_SYNC: f64 = 1.2;
const SKAFFOLD_BUILD: f64 = 6.1;

const BUILT: &str = "FROM nginx:alpine\nCOPY site /usr/share/nginx/html\nRUN true\n";
const COPIED: &str = "FROM nginx:alpine\nCOPY site /usr/share/nginx/html\n";
const FLASK: &str = "FROM python:3.12-slim\nWORKDIR /app\nRUN pip install --no-cache-dir flask\nCOPY site .\n\
                     CMD [\"flask\", \"--app\", \"main\", \"run\", \"--debug\", \"--host\", \"0.0.0.0\", \"--port\", \"80\"]\n";

/// The cases, and how each is measured.
type Part = (&'static str, fn() -> Vec<Figure>);

/// One line of the table: what, the figure, what it must not exceed.
struct Figure {
    what: &'static str,
    found: f64,
    limit: f64,
}

fn main() {
    if std::env::var_os("TODO_PROFILE").is_none() || std::env::var_os("KUBECONFIG").is_none() {
        println!("not measured: KUBECONFIG and TODO_PROFILE name no minikube");
        return;
    }
    let parts: [Part; 5] = [
        ("page", page),
        ("unused", unused),
        ("checkout", checkout),
        ("rebuild", rebuild),
        ("reloaded", reloaded),
    ];
    let asked: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    let desired = |name: &str| asked.is_empty() || asked.iter().any(|word| word == name);
    println!("{:62} {:>9} {:>9}", "", "found", "at most");
    let mut misses = 0;
    for (_, measure) in parts.iter().filter(|(name, _)| desired(name)) {
        for Figure { what, found, limit } in measure() {
            let verdict = if found <= limit { "ok" } else { "MISSED" };
            misses += i32::from(found > limit);
            println!("{what:62} {found:>9.3} {limit:>9.3} {verdict}");
        }
    }
    exit(i32::from(misses > 0));
}

/// A page that nginx serves, copied.
fn page() -> Vec<Figure> {
    let project = project(COPIED);
    let running = Running::start(project.path());
    let served = median(|mark| running.served(&project.path().join("site/index.html"), mark).0);
    let url = running.url.clone();
    drop(running);
    let rival = rival(project.path(), &url, true).unwrap_or(SKAFFOLD_SYNC);
    vec![
        Figure { what: "static file, save to served, s", found: served, limit: 0.10 },
        Figure { what: "the same, of Skaffold's manual sync", found: served / rival, limit: 0.15 },
    ]
}

/// Skaffold's time from save to served, if there is a program; that with a short poll interval is printed.
fn rival(project: &Path, url: &str, copies: bool) -> Option<f64> {
    let program = std::env::var_os("SKAFFOLD")?;
    let what = if copies { "copies the file" } else { "builds" };
    let [_, own] = [Some(50), None].map(|interval| {
        let skaffold = Skaffold::start(&program, project, url, copies, interval);
        let served = median(|mark| skaffold.served(&project.join("site/index.html"), mark));
        let interval = interval.map_or_else(
            || "its own poll interval".to_owned(),
            |interval| format!("polls every {interval} ms"),
        );
        println!("Skaffold {what}, {interval}: {served:.3} s");
        served
    });
    Some(own)
}

/// A file of the context that the image does not use.
fn unused() -> Vec<Figure> {
    let project = project(COPIED);
    let running = Running::start(project.path());
    let took = median(|mark| {
        running.forget();
        save(&project.path().join("notes.txt"), mark);
        let ended = running.round();
        assert!(ended["changed_objects"].is_null());
        ended["took_ms"].as_f64().unwrap() / 1e3
    });
    vec![Figure { what: "a file that no image uses, work of the run, s", found: took, limit: 0.2 }]
}

/// A thousand files by git.
fn checkout() -> Vec<Figure> {
    let project = project(COPIED);
    let git = |arguments: &[&str]| {
        let identity = ["-c", "user.name=x", "-c", "user.email=x@example.org"];
        let mut git = Command::new("git");
        assert!(
            git.args(identity).args(arguments).current_dir(project.path()).output().unwrap().status.success()
        );
    };
    let fill = |text: &str| {
        for file in 0..1_000 {
            fs::write(project.path().join(format!("site/file{file}.html")), format!("{text} {file}\n"))
                .unwrap();
        }
    };
    fill("one");
    git(&["init", "-q", "-b", "one"]);
    git(&["add", "."]);
    git(&["commit", "-q", "-m", "one"]);
    git(&["checkout", "-q", "-b", "other"]);
    fill("other");
    git(&["commit", "-q", "-a", "-m", "other"]);
    let running = Running::start(project.path());
    let mut most = 0;
    let mut page = Page::new(&running.url);
    let served = (0..RUNS).map(|run| {
        let branch = ["one", "other"][run % 2];
        running.forget();
        let began = Instant::now();
        git(&["checkout", "-q", branch]);
        let served = page.until("/file999.html", &format!("{branch} 999"), began);
        std::thread::sleep(Duration::from_secs(2));
        most = most.max(running.rounds());
        served
    });
    let served = middle(served.collect());
    println!("1,000 files by git checkout are served after {served:.3} s");
    vec![Figure { what: "1,000 files by git checkout, runs at the most", found: f64::from(most), limit: 1.0 }]
}

/// A page whose image has to be built, because a `RUN` may have read it.
fn rebuild() -> Vec<Figure> {
    let project = project(BUILT);
    let running = Running::start(project.path());
    let served = median(|mark| running.served(&project.path().join("site/index.html"), mark).0);
    let url = running.url.clone();
    drop(running);
    let rival = rival(project.path(), &url, false).unwrap_or(SKAFFOLD_BUILD);
    println!("rebuild: {served:.3} s");
    vec![Figure { what: "rebuild, save to served, of Skaffold's", found: served / rival, limit: 0.4 }]
}

/// A program that reloads itself: flask, which looks at its files each second.
fn reloaded() -> Vec<Figure> {
    let project = project(FLASK);
    let running = Running::start(project.path());
    let mut own = Vec::new();
    let copied = median(|mark| {
        let (served, copied) = running.served(&project.path().join("site/main.py"), mark);
        own.push(served - copied);
        copied
    });
    println!("flask: {:.3} s of its own after the copy", middle(own));
    vec![Figure { what: "Python file, save to copied, s", found: copied, limit: 0.15 }]
}

fn median(mut one: impl FnMut(&str) -> f64) -> f64 {
    let figures = (0..=RUNS).map(|run| {
        std::thread::sleep(Duration::from_secs(2));
        one(&format!("mark {}-{run}", std::process::id()))
    });
    middle(figures.skip(1).collect())
}

fn middle(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    let at = figures.len() / 2;
    f64::midpoint(figures[at], figures[(figures.len() - 1) / 2])
}

/// Saves as editors do: writes a new file next to it, then renames it.
fn save(path: &Path, mark: &str) {
    let python = path.extension().is_some_and(|end| end == "py");
    let text = if python { SERVER.replace("MARK", mark) } else { format!("<p>{mark}</p>\n") };
    let new = path.with_extension("new~");
    fs::write(&new, text).unwrap();
    fs::rename(&new, path).unwrap();
}

const SERVER: &str = "from flask import Flask\n\napp = Flask(__name__)\n\n\n@app.get(\"/\")\ndef page():\n    return \"MARK\"\n";

fn project(dockerfile: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/watch");
    fs::create_dir_all(folder.path().join("k8s")).unwrap();
    fs::create_dir_all(folder.path().join("site")).unwrap();
    for file in ["deploy.toml", "k8s/page.yaml"] {
        let text = fs::read_to_string(fixture.join(file)).unwrap();
        fs::write(
            folder.path().join(file),
            text.replace("todo-watch-page", "bench-watch").replace("64Mi", "256Mi"),
        )
        .unwrap();
    }
    fs::write(folder.path().join("Dockerfile"), dockerfile).unwrap();
    fs::write(folder.path().join(".dockerignore"), ".git\nskaffold.yaml\n**/*.new~\n").unwrap();
    fs::write(folder.path().join("site/index.html"), "<p>first</p>\n").unwrap();
    fs::write(folder.path().join("site/main.py"), SERVER).unwrap();
    folder
}
