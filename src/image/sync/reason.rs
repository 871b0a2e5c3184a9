//! Why an image is rebuilt instead of its files being synced: one variant for each rule that a change can violate.

use std::fmt;

/// An instruction of the Dockerfile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstructionLine {
    /// Its line.
    pub line: usize,
    /// The instruction, on one line, shortened.
    pub text: String,
}

impl fmt::Display for InstructionLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` (line {})", self.text, self.line)
    }
}

/// An input of a build other than the files of its context.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// The Dockerfile.
    Dockerfile,
    /// A build argument.
    Arguments,
    /// The context's directory, the target stage, the platform or the secrets in deploy.toml; or the image is new
    /// there.
    Image,
    /// `.dockerignore`.
    IgnoreRules,
    /// An image of the project that it starts from.
    Base(String),
}

/// The rule that does not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// Something other than a file of the context changed.
    Changed(Input),
    /// deploy.toml has `sync = false`.
    Off,
    /// Another image of the project, which must be rebuilt, is based on this one.
    Needed(String),
    /// `# syntax` names a frontend with instructions of its own.
    Frontend {
        /// The frontend.
        reference: String,
        /// The line.
        line: usize,
    },
    /// An instruction, a flag or a variable whose effect is not known.
    NotUnderstood(InstructionLine),
    /// The base image, or a stage of the Dockerfile, has `ONBUILD` triggers.
    OnBuild(String),
    /// A `RUN` mounts the file, and may have used it.
    Mounted(InstructionLine),
    /// A `RUN` comes after the file was copied, and may have used it.
    RunFollows {
        /// The instruction that copies the file.
        copy: InstructionLine,
        /// The first `RUN` after it.
        run: InstructionLine,
    },
    /// A copy from another stage may contain the file under another name.
    ThroughStage(InstructionLine),
    /// A later instruction may put another file at the same place.
    Overwritten {
        /// The instruction that copies the file.
        copy: InstructionLine,
        /// The later instruction.
        by: InstructionLine,
    },
    /// The destination of the file is not known for certain: several sources, or a symbolic link in its path.
    Destination(InstructionLine),
    /// A source is below a symbolic link.
    SourceLink(InstructionLine),
    /// `ADD` unpacks a file that is an archive.
    Add(InstructionLine),
    /// The user or group of `--chown` is not known.
    Owner(InstructionLine),
    /// The permissions of `--chmod` are not an octal number.
    Mode(InstructionLine),
    /// Without the file, another one would take its place, or may do so.
    Below(String),
    /// The file was the only one that an instruction named.
    SourceGone(InstructionLine),
    /// A file became a directory or a link, or the other way round.
    Kind(String),
    /// The destination is in a volume, or is one that the container runtime mounts over.
    Volume {
        /// The file in the container.
        path: String,
        /// The volume.
        volume: String,
    },
    /// So many files that a build is as fast.
    TooMuch {
        /// Files.
        files: usize,
        /// Bytes.
        bytes: u64,
    },
}

impl Reason {
    /// Whether the change itself is the user's request for a build, so that nothing has to be explained.
    #[must_use]
    pub fn is_expected(&self) -> bool {
        match self {
            Reason::Off => true,
            Reason::Changed(input) => !matches!(input, Input::Base(_)),
            _ => false,
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reason::Changed(Input::Dockerfile) => write!(f, "the Dockerfile changed"),
            Reason::Changed(Input::Arguments) => write!(f, "a build argument changed"),
            Reason::Changed(Input::Image) => write!(f, "its section in deploy.toml changed"),
            Reason::Changed(Input::IgnoreRules) => write!(f, "the ignore rules of the context changed"),
            Reason::Changed(Input::Base(base)) => write!(f, "image `{base}`, which it starts from, changed"),
            Reason::Off => write!(f, "deploy.toml says `sync = false`"),
            Reason::Needed(image) => write!(f, "image `{image}` starts from it"),
            Reason::Frontend { reference, line } => {
                write!(f, "the effect of the frontend `{reference}` (line {line}) is not known")
            }
            Reason::NotUnderstood(at) => write!(f, "the effect of {at} is not known"),
            Reason::OnBuild(base) => write!(f, "`{base}` has ONBUILD triggers"),
            Reason::Mounted(at) => write!(f, "{at} mounts the file"),
            Reason::RunFollows { copy, run } => write!(f, "{run} follows {copy}"),
            Reason::ThroughStage(at) => write!(f, "{at} may copy the file out of another stage"),
            Reason::Overwritten { copy, by } => write!(f, "{by} may replace what {copy} copies"),
            Reason::Destination(at) => write!(f, "the path to which {at} copies the file is not certain"),
            Reason::SourceLink(at) => write!(f, "a source of {at} is a symbolic link"),
            Reason::Add(at) => write!(f, "{at} unpacks archives"),
            Reason::Owner(at) => write!(f, "the owner that {at} sets is not known"),
            Reason::Mode(at) => write!(f, "the permissions that {at} sets are not known"),
            Reason::Below(path) => {
                write!(f, "the image may have another file at `{path}`, which a deletion would uncover")
            }
            Reason::SourceGone(at) => write!(f, "a source of {at} is gone"),
            Reason::Kind(path) => write!(f, "`{path}` changed between file, directory and link"),
            Reason::Volume { path, volume } => write!(f, "`{path}` is in the volume `{volume}`"),
            Reason::TooMuch { files, bytes } => {
                write!(f, "{files} files with {} MiB changed", bytes.div_ceil(1 << 20))
            }
        }
    }
}
