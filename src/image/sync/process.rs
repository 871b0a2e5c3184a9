//! Whether the process in a container notices that its files have changed.
//!
//! Determined from its command line: a server that opens a file for each request, or a program that watches its
//! sources. An unknown process counts as one that notices nothing, so that its image is rebuilt.

mod command;
mod reloader;

use std::collections::BTreeMap;

/// The known properties of the process that a container runs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Process {
    /// `ENTRYPOINT` of the image, or `command` of the container.
    pub entrypoint: Vec<String>,
    /// `CMD` of the image, or `args` of the container.
    pub arguments: Vec<String>,
    /// Its environment: the image's and the container's.
    pub env: BTreeMap<String, String>,
    /// Its working directory.
    pub working_dir: String,
    /// The `scripts` of the `package.json` in its working directory.
    pub scripts: BTreeMap<String, String>,
}

impl Process {
    /// With the container's settings in a manifest. `command` replaces the entrypoint, and then the image's `CMD`
    /// does not count; `args` replaces `CMD` (kubernetes.io/docs: Define a Command and Arguments for a Container).
    #[must_use]
    pub fn with_container(mut self, command: Option<Vec<String>>, args: Option<Vec<String>>) -> Process {
        if let Some(command) = command {
            self.entrypoint = command;
            self.arguments = Vec::new();
        }
        if let Some(args) = args {
            self.arguments = args;
        }
        self
    }
}

/// How a process notices a changed file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Noticed {
    /// It reads the file again for each request.
    Served,
    /// It watches the file, and reloads it without a restart, or after a build of its own.
    Reloaded,
    /// It watches the file, and replaces the process that has read it.
    Restarted,
    /// It is not known to notice.
    Not(NotNoticed),
}

/// Why it is not expected to notice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotNoticed {
    /// Its command is not known to reload.
    Command,
    /// It reloads, but not for files such as this one.
    File,
    /// `node --watch` watches inodes, and a replaced file has another one.
    Inode,
}

/// How the process notices the file at `destination`.
#[must_use]
pub fn noticed(process: &Process, destination: &str) -> Noticed {
    let Some(words) = command::words(process) else { return Noticed::Not(NotNoticed::Command) };
    reloader::noticed(&words, process, destination)
}

#[cfg(test)]
mod tests;
