//! Why a container does not have all of the files.

use bollard::errors::Error;
use std::fmt;

/// What keeps files from being written into a container.
#[derive(Debug)]
pub enum NotWritten {
    /// The file of the context is not the one that was decided about.
    Changed(String),
    /// There is no such container any more.
    Gone,
    /// The root file system is read-only.
    ReadOnly,
    /// The path is under a mount, so the image's file is not what the container sees.
    Mounted {
        /// The file in the container.
        path: String,
        /// Where something is mounted.
        mount: String,
    },
    /// The container's user may not give files to the owner that the Dockerfile says.
    Owner {
        /// The file in the container.
        path: String,
        /// User and group as the Dockerfile says.
        owner: (u32, u32),
        /// User and group of the container.
        user: (u32, u32),
    },
    /// The image lacks a program that this needs.
    NoProgram(String),
    /// `rm` is missing in the container, or failed.
    NotRemoved,
    /// A command of deploy.toml did not succeed.
    NotRun {
        /// The command.
        command: String,
        /// The exit code, if it has ended.
        code: Option<i32>,
        /// The last lines that it printed.
        output: Vec<String>,
    },
    /// `tar` did not unpack the files.
    NotUnpacked {
        /// The exit code.
        code: i32,
        /// What it said.
        output: Vec<String>,
    },
    /// The container's user may not write where the files go.
    NotWritable {
        /// What `tar` said.
        output: Vec<String>,
    },
    /// What the engine says.
    Engine(String),
    /// What the API server, the kubelet or the container runtime says.
    Refused(String),
    /// Nothing came back in time.
    Silent(&'static str),
}

impl NotWritten {
    /// What a command in the container printed.
    #[must_use]
    pub fn output(&self) -> &[String] {
        match self {
            NotWritten::NotRun { output, .. }
            | NotWritten::NotUnpacked { output, .. }
            | NotWritten::NotWritable { output } => output,
            _ => &[],
        }
    }
}

impl fmt::Display for NotWritten {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NotWritten::Changed(path) => write!(f, "`{path}` changed while it was read"),
            NotWritten::Gone => write!(f, "the container is gone"),
            NotWritten::ReadOnly => write!(f, "the container's root file system is read-only"),
            NotWritten::Mounted { path, mount } => write!(f, "`{path}` is under the mount `{mount}`"),
            NotWritten::Owner { path, owner: (uid, gid), user: (user, group) } => write!(
                f,
                "`{path}` belongs to {uid}:{gid}, and the container's user {user}:{group} cannot give it to them"
            ),
            NotWritten::NoProgram(program) => write!(f, "the image has no program `{program}`"),
            NotWritten::NotRemoved => write!(f, "`rm` is missing in the container, or failed"),
            NotWritten::NotRun { command, code: Some(code), .. } => {
                write!(f, "`{command}` exited with code {code} in the container")
            }
            NotWritten::NotRun { command, code: None, .. } => {
                write!(f, "`{command}` has not ended in the container")
            }
            NotWritten::NotUnpacked { code, .. } => {
                write!(f, "`tar` exited with code {code} in the container")
            }
            NotWritten::NotWritable { .. } => {
                write!(f, "the container's user may not write into the directory of a file")
            }
            NotWritten::Engine(why) => write!(f, "the Docker engine refused: {why}"),
            NotWritten::Refused(why) => write!(f, "no command can be run in the container: {why}"),
            NotWritten::Silent(what) => write!(f, "`{what}` has not ended in the container"),
        }
    }
}

impl From<Error> for NotWritten {
    fn from(error: Error) -> NotWritten {
        match error {
            Error::DockerResponseServerError { status_code: 404, .. } => NotWritten::Gone,
            Error::DockerResponseServerError { message, .. } => NotWritten::Engine(message),
            other => NotWritten::Engine(other.to_string()),
        }
    }
}
