//! Paths that are polled, because no event reports their changes.

use crate::event::Code;
use crate::event::Finding;
use crate::file;
use crate::watch::file_system::without_events;
use crate::watch::root::Root;
use crate::watch::watcher::Limit;
use crate::watch::watcher::Watcher;
use std::collections::BTreeSet;
use std::path::Path;
use std::path::PathBuf;
use std::time::Duration;

/// The shortest time between two looks.
const SHORTEST: Duration = Duration::from_secs(1);

/// A look takes no more than one part in so many of the time.
const SHARE: u32 = 20;

/// The number of watches that the help asks for; 1 KiB of kernel memory each.
const WATCHES: u32 = 524_288;

/// The number of inotify instances that the help asks for.
const INSTANCES: u32 = 512;

/// The roots that are looked at, and how long that takes.
#[derive(Debug, Default)]
pub(super) struct Polled {
    paths: BTreeSet<PathBuf>,
    took: Duration,
}

impl Polled {
    /// Finds out which roots have no events. Returns why.
    pub(super) fn replace(&mut self, roots: &[Root], watcher: &Watcher, took: Duration) -> Vec<Finding> {
        let mut findings: Vec<Finding> = Vec::new();
        self.took = took;
        self.paths.clear();
        for root in roots {
            let finding = match (without_events(&root.path), watcher.limit(root)) {
                (Some(system), _) => on(system, &root.path),
                (None, Some(limit)) => at(limit, watcher.wanted()),
                (None, None) => continue,
            };
            self.paths.insert(root.path.clone());
            if !findings.iter().any(|known| known.message == finding.message) {
                findings.push(finding);
            }
        }
        findings
    }

    /// How long until the next look; `None` if nothing is polled.
    pub(super) fn interval(&self) -> Option<Duration> {
        (!self.paths.is_empty()).then(|| SHORTEST.max(self.took * SHARE))
    }

    pub(super) fn paths(&self) -> BTreeSet<PathBuf> {
        self.paths.clone()
    }

    /// How long the last look took.
    pub(super) fn took(&mut self, took: Duration) {
        self.took = took;
    }
}

fn on(system: &str, path: &Path) -> Finding {
    Code::FilesPolled
        .note(format!(
            "`{}` is on {system}, which does not report changes: its files are compared about once a second",
            path.display()
        ))
        .help("keep the project on a local file system to have changes noticed at once")
}

fn at(limit: Limit, directories: usize) -> Finding {
    let setting = |name: &str| {
        let text = file::read_text(&Path::new("/proc/sys/fs/inotify").join(name), file::TEXT);
        text.map_or_else(|_| "unknown".to_owned(), |text| text.trim().to_owned())
    };
    let polled = "files are compared about once a second instead";
    match limit {
        Limit::Watches => Code::FileWatchLimit
            .warning(format!(
                "the limit of file watches is reached ({directories} directories are to be watched, \
                 fs.inotify.max_user_watches is {}): {polled}",
                setting("max_user_watches")
            ))
            .help(format!("increase it: `sudo sysctl fs.inotify.max_user_watches={WATCHES}`")),
        Limit::Instances => Code::FileWatchLimit
            .warning(format!(
                "the limit of inotify instances is reached (fs.inotify.max_user_instances is {}): {polled}",
                setting("max_user_instances")
            ))
            .help(format!("increase it: `sudo sysctl fs.inotify.max_user_instances={INSTANCES}`")),
        Limit::Other => Code::FileWatchLimit
            .warning(format!("the operating system does not watch some of the files: {polled}"))
            .help("check that the directories can be read"),
    }
}

#[cfg(test)]
mod tests {
    use super::Polled;
    use super::at;
    use crate::event::Code;
    use crate::watch::watcher::Limit;
    use std::time::Duration;

    #[test]
    fn nothing_is_polled_without_a_reason_and_a_long_look_is_rare() {
        let mut polled = Polled::default();
        assert_eq!(polled.interval(), None);
        polled.paths.insert("/a".into());
        assert_eq!(polled.interval(), Some(Duration::from_secs(1)));
        polled.took(Duration::from_millis(200));
        assert_eq!(polled.interval(), Some(Duration::from_secs(4)));
    }

    #[test]
    fn each_limit_has_the_setting_that_raises_it() {
        for (limit, setting) in
            [(Limit::Watches, "max_user_watches="), (Limit::Instances, "max_user_instances=")]
        {
            let finding = at(limit, 9);
            assert_eq!(finding.code, Code::FileWatchLimit);
            assert!(finding.help.is_some_and(|help| help.contains(setting)));
        }
    }
}
