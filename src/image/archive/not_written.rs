//! Why a container does not have all of the files.

use bollard::errors::Error;
use std::fmt;

/// Why files could not be written into a container.
#[derive(Debug)]
pub enum NotWritten {
    /// The file of the context has changed since the decision.
    Changed(String),
    /// The container no longer exists.
    Gone,
    /// The root file system is read-only.
    ReadOnly,
    /// The path is under a mount, so the container does not see the image's file.
    Mounted {
        /// The file in the container.
        path: String,
        /// Where something is mounted.
        mount: String,
    },
    /// The container's user may not give files to the owner that the Dockerfile sets.
    Owner {
        /// The file in the container.
        path: String,
        /// User and group from the Dockerfile.
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
        /// Its output.
        output: Vec<String>,
    },
    /// The container's user may not write to the files' directory.
    NotWritable {
        /// The output of `tar`.
        output: Vec<String>,
    },
    /// The engine's message.
    Engine(String),
    /// The message of the API server, the kubelet or the container runtime.
    Refused(String),
    /// No response in time.
    Silent(&'static str),
}

impl NotWritten {
    /// The output of a command in the container.
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
