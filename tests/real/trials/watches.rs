//! A machine that allows few inotify instances or watches: minikube's node does not start, or its components.
//!
//! The limits are the whole machine's, so these are made only where they are named: `TODO_TRIALS=watches`.

use crate::real::harness::Harness;
use crate::real::trials::deployed::FOLDER;
use std::path::Path;
use std::path::PathBuf;

/// A limit of the kernel that is given back at the end.
struct Limit {
    file: PathBuf,
    before: String,
}

impl Limit {
    fn set(name: &str, value: u32) -> Limit {
        let file = Path::new("/proc/sys/fs/inotify").join(name);
        let before = std::fs::read_to_string(&file).unwrap();
        std::fs::write(&file, value.to_string()).unwrap();
        Limit { file, before }
    }
}

impl Drop for Limit {
    fn drop(&mut self) {
        std::fs::write(&self.file, &self.before).unwrap();
    }
}

#[test]
#[ignore = "needs minikube, and changes limits of the machine"]
fn few_inotify_instances_and_watches_are_named() {
    let chosen = std::env::var("TODO_TRIALS").unwrap_or_default();
    for (name, value) in [("max_user_instances", 2), ("max_user_watches", 20)] {
        if !chosen.split(',').any(|item| item == "watches" || item == format!("watches/{name}")) {
            continue;
        }
        println!("== watches/{name}");
        let harness = Harness::in_cluster("todo-watches", FOLDER, false);
        let limit = Limit::set(name, value);
        let output = harness.todo(&["up"]);
        drop(limit);
        output.failed_with(10, &["inotify", name]);
        harness.up();
    }
}
