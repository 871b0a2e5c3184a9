//! What the process was given: environment, directory, terminal, platform.
//!
//! Not a place for settings (those are the project's) nor for anything that changes. Nothing else reads the
//! environment, so a test can hand any part of the program any world it likes.

pub mod programs;

use crate::clock::Clock;
use programs::Programs;
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::ffi::OsString;
use std::io::IsTerminal;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;

/// The operating system that `todo` runs on, where it makes a difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Os {
    /// Linux, natively or in WSL.
    Linux,
    /// macOS.
    MacOs,
    /// Windows.
    Windows,
}

/// What the process was given.
#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "each stream is a terminal or is not")]
pub struct World {
    environment: BTreeMap<OsString, OsString>,
    /// The directory it was started in.
    pub folder: PathBuf,
    /// Whether standard input is a terminal.
    pub stdin_is_terminal: bool,
    /// Whether standard output is a terminal.
    pub stdout_is_terminal: bool,
    /// Whether standard error is a terminal.
    pub stderr_is_terminal: bool,
    /// Whether the user may be asked, if there is a terminal (`--no-input`).
    pub may_ask: bool,
    /// The platform.
    pub os: Os,
    /// The program that runs, where the system can report it.
    pub program: Option<PathBuf>,
    /// What this machine is called in its network, up to the first dot.
    pub machine: String,
    /// What time it is.
    pub clock: Clock,
    /// Who plays programs instead of starting them; `None` outside rehearsals.
    pub programs: Option<Arc<dyn Programs>>,
}

/// A name as a router appends its domain to it (`box.fritz.box`) is the same without.
fn first_label(name: &str) -> String {
    let label = name.trim().split('.').next().unwrap_or_default().to_lowercase();
    if label.is_empty() { "unnamed".to_owned() } else { label }
}

/// `gethostname(2)`, as the kernel shows it.
#[cfg(not(any(windows, target_os = "macos")))]
fn machine() -> String {
    let name = crate::file::read_text(Path::new("/proc/sys/kernel/hostname"), crate::file::TEXT);
    first_label(&name.unwrap_or_default())
}

#[cfg(target_os = "macos")]
fn machine() -> String {
    first_label(&rustix::system::uname().nodename().to_string_lossy())
}

#[cfg(windows)]
#[expect(clippy::disallowed_methods, reason = "this is the one place that asks")]
fn machine() -> String {
    first_label(&std::env::var("COMPUTERNAME").unwrap_or_default())
}

/// A variable of this process, also where its current directory is gone and there is no [`World`].
#[expect(clippy::disallowed_methods, reason = "this module reads the environment")]
pub fn variable(name: &str) -> Option<OsString> {
    std::env::var_os(name)
}

impl World {
    /// The world of this process.
    ///
    /// # Errors
    /// When the current directory was removed or may not be read.
    #[expect(clippy::disallowed_methods, reason = "this is the one place that asks")]
    pub fn of_this_process() -> std::io::Result<World> {
        Ok(World {
            environment: std::env::vars_os().collect(),
            folder: std::env::current_dir()?,
            program: std::env::current_exe().ok(),
            machine: machine(),
            stdin_is_terminal: std::io::stdin().is_terminal(),
            stdout_is_terminal: std::io::stdout().is_terminal(),
            stderr_is_terminal: std::io::stderr().is_terminal(),
            may_ask: true,
            os: if cfg!(windows) {
                Os::Windows
            } else if cfg!(target_os = "macos") {
                Os::MacOs
            } else {
                Os::Linux
            },
            clock: Clock::system(),
            programs: None,
        })
    }

    /// A world for tests: Linux, no terminal, `folder`, and just these variables.
    pub fn fake<K: Into<OsString>, V: Into<OsString>>(
        folder: impl Into<PathBuf>,
        variables: impl IntoIterator<Item = (K, V)>,
    ) -> World {
        World {
            environment: variables.into_iter().map(|(name, value)| (name.into(), value.into())).collect(),
            folder: folder.into(),
            stdin_is_terminal: false,
            stdout_is_terminal: false,
            stderr_is_terminal: false,
            may_ask: true,
            os: Os::Linux,
            program: None,
            machine: "box".to_owned(),
            clock: Clock::system(),
            programs: None,
        }
    }

    /// Whether a user at a terminal can be prompted.
    #[must_use]
    pub fn can_ask(&self) -> bool {
        self.may_ask && self.stdin_is_terminal && self.stderr_is_terminal
    }

    /// The value of a variable; an empty one counts as absent, as shells' `${NAME:-…}` has it.
    #[must_use]
    pub fn var_os(&self, name: &str) -> Option<&OsStr> {
        let found = if self.os == Os::Windows {
            self.environment.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
        } else {
            self.environment.get(OsStr::new(name))
        };
        found.map(OsString::as_os_str).filter(|value| !value.is_empty())
    }

    /// The value of a variable where it is set, not empty and UTF-8.
    #[must_use]
    pub fn var(&self, name: &str) -> Option<&str> {
        self.var_os(name).and_then(OsStr::to_str)
    }

    /// This world with other variables: `None` takes one away.
    #[must_use]
    pub fn with<V: Into<OsString>>(&self, changed: impl IntoIterator<Item = (OsString, Option<V>)>) -> World {
        let mut world = self.clone();
        for (name, value) in changed {
            match value {
                Some(value) => world.environment.insert(name, value.into()),
                None => world.environment.remove(&name),
            };
        }
        world
    }

    /// Every variable, for the processes that are started.
    pub fn variables(&self) -> impl Iterator<Item = (&OsStr, &OsStr)> {
        self.environment.iter().map(|(name, value)| (name.as_os_str(), value.as_os_str()))
    }

    /// The user's home directory.
    #[must_use]
    pub fn home(&self) -> Option<PathBuf> {
        let name = if self.os == Os::Windows { "USERPROFILE" } else { "HOME" };
        self.var_os(name).map(PathBuf::from)
    }

    /// The directory for what can be computed again: `$XDG_CACHE_HOME/todo`, `~/Library/Caches/todo`, `%LOCALAPPDATA%\todo`.
    #[must_use]
    pub fn cache_folder(&self) -> Option<PathBuf> {
        let base = match self.os {
            Os::Linux => self
                .var_os("XDG_CACHE_HOME")
                .map(PathBuf::from)
                .or_else(|| self.home().map(|home| home.join(".cache"))),
            Os::MacOs => self.home().map(|home| home.join("Library").join("Caches")),
            Os::Windows => self.var_os("LOCALAPPDATA").map(PathBuf::from),
        };
        base.map(|base| base.join("todo"))
    }

    /// The directory for what has to outlast a run on this machine: `$XDG_STATE_HOME/todo` or `~/.local/state/todo` (XDG Base
    /// Directory Specification), `~/Library/Application Support/todo`, `%LOCALAPPDATA%\todo\state`.
    #[must_use]
    pub fn state_folder(&self) -> Option<PathBuf> {
        match self.os {
            Os::Linux => self
                .var_os("XDG_STATE_HOME")
                .map(PathBuf::from)
                .or_else(|| self.home().map(|home| home.join(".local").join("state")))
                .map(|base| base.join("todo")),
            Os::MacOs => {
                self.home().map(|home| home.join("Library").join("Application Support").join("todo"))
            }
            Os::Windows => {
                self.var_os("LOCALAPPDATA").map(|base| PathBuf::from(base).join("todo").join("state"))
            }
        }
    }

    /// minikube's own directory: `$MINIKUBE_HOME` where that ends in `.minikube`, else `.minikube` in it or in the home
    /// folder (`minikube: pkg/minikube/localpath/localpath.go`: `MiniPath`).
    #[must_use]
    pub fn minikube_folder(&self) -> Option<PathBuf> {
        match self.var_os("MINIKUBE_HOME").map(PathBuf::from) {
            Some(named) if named.file_name().is_some_and(|name| name == ".minikube") => Some(named),
            Some(named) => Some(named.join(".minikube")),
            None => self.home().map(|home| home.join(".minikube")),
        }
    }

    /// The file in which this machine looks names up first; `$TODO_HOSTS_FILE` where that is set, for tests and for
    /// systems that keep it elsewhere.
    #[must_use]
    pub fn hosts_file(&self) -> PathBuf {
        match (self.var_os("TODO_HOSTS_FILE"), self.os) {
            (Some(file), _) => PathBuf::from(file),
            (None, Os::Windows) => {
                let system = self.var_os("SystemRoot").map_or_else(|| r"C:\Windows".into(), PathBuf::from);
                system.join("System32").join("drivers").join("etc").join("hosts")
            }
            (None, _) => PathBuf::from("/etc/hosts"),
        }
    }

    /// `path` as seen from the directory the process was started in.
    #[must_use]
    pub fn absolute(&self, path: &Path) -> PathBuf {
        self.folder.join(path)
    }
}

#[cfg(test)]
mod tests {
    use super::World;

    #[test]
    fn minikubes_folder_is_where_minikube_looks_for_it() {
        for (variables, folder) in [
            ([("HOME", "/h"), ("MINIKUBE_HOME", "")], "/h/.minikube"),
            ([("HOME", "/h"), ("MINIKUBE_HOME", "/m")], "/m/.minikube"),
            ([("HOME", "/h"), ("MINIKUBE_HOME", "/m/.minikube")], "/m/.minikube"),
        ] {
            assert_eq!(World::fake("/", variables).minikube_folder(), Some(folder.into()), "{variables:?}");
        }
    }

    #[test]
    fn state_is_kept_where_the_platform_keeps_it() {
        use super::Os;
        let of = |os, name, value| {
            World { os, ..World::fake("/", [("HOME", "/h"), (name, value)]) }.state_folder()
        };
        assert_eq!(of(Os::Linux, "XDG_STATE_HOME", ""), Some("/h/.local/state/todo".into()));
        assert_eq!(of(Os::Linux, "XDG_STATE_HOME", "/s"), Some("/s/todo".into()));
        assert_eq!(of(Os::MacOs, "A", "b"), Some("/h/Library/Application Support/todo".into()));
        assert_eq!(of(Os::Windows, "LOCALAPPDATA", "/l"), Some("/l/todo/state".into()));
        assert_eq!(of(Os::Windows, "A", "b"), None);
    }

    #[test]
    fn who_has_no_terminal_or_wants_no_question_is_not_asked() {
        let at = |may_ask, stdin_is_terminal, stderr_is_terminal| {
            World { stdin_is_terminal, stderr_is_terminal, may_ask, ..World::fake("/", [("A", "b")]) }
                .can_ask()
        };
        assert!(at(true, true, true));
        assert!(!at(false, true, true) && !at(true, false, true) && !at(true, true, false));
    }

    #[test]
    fn an_empty_variable_is_absent() {
        let world = World::fake("/", [("A", ""), ("B", "b")]);
        assert_eq!((world.var("A"), world.var("B"), world.var("C")), (None, Some("b"), None));
    }
}
