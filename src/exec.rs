//! The one place that starts a process.
//!
//! Not a shell: no string is ever split or quoted. A program that ends with anything but 0 is an error that carries the
//! command as one could paste it, the exit code and the end of what was printed, because a lost exit status is a failure
//! reported as success. Secrets never come here: they would stand in the process list.

use crate::run::Run;
use crate::world::World;
use std::ffi::OsStr;
use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::AsyncBufReadExt;
use tokio::io::AsyncRead;
use tokio::io::AsyncWriteExt;
use tokio::io::BufReader;
use tokio::sync::mpsc;

/// How many of the last lines an error keeps.
const TAIL: usize = 40;

/// How long a child that was sent the user's Ctrl-C, too, may take to end by itself.
const GRACE: Duration = Duration::from_secs(10);

/// A program to start, its arguments and what its environment has beside ours.
#[derive(Debug, Clone)]
pub struct Call {
    program: PathBuf,
    arguments: Vec<OsString>,
    environment: Vec<(OsString, OsString)>,
    folder: Option<PathBuf>,
    input: Vec<u8>,
}

/// Which of its outputs a line came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    /// Standard output.
    Out,
    /// Standard error.
    Err,
}

/// What a program printed before it ended with 0.
#[derive(Debug, Clone, Default)]
pub struct Output {
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

/// Why a program gave no result.
#[derive(Debug)]
pub struct ExecError {
    /// The command as one could paste it.
    pub command: String,
    /// The exit code, if it was started and was not ended by a signal.
    pub code: Option<i32>,
    /// Standard output.
    pub stdout: String,
    /// The last lines of standard error.
    pub stderr: String,
    /// Why it could not be started or was stopped.
    pub cause: Option<std::io::Error>,
    /// Whether we ended it because the user stopped the run.
    pub stopped: bool,
}

impl fmt::Display for ExecError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.cause, self.code) {
            (Some(cause), _) => return write!(f, "cannot run `{}`: {cause}", self.command),
            (None, Some(code)) => write!(f, "`{}` ended with exit code {code}", self.command)?,
            (None, None) => write!(f, "`{}` was ended by a signal", self.command)?,
        }
        match self.stderr.lines().rev().find(|line| !line.trim().is_empty()) {
            Some(last) => write!(f, ": {}", last.trim()),
            None => Ok(()),
        }
    }
}

impl std::error::Error for ExecError {}

/// The program of that name on the PATH of `world` (with `PATHEXT` on Windows), or `None`.
#[must_use]
pub fn find(world: &World, name: &str) -> Option<PathBuf> {
    which::which_in(name, world.var_os("PATH"), &world.folder).ok()
}

impl Call {
    /// A call of `program` without arguments.
    pub fn new(program: impl Into<PathBuf>) -> Call {
        Call {
            program: program.into(),
            arguments: Vec::new(),
            environment: Vec::new(),
            folder: None,
            input: Vec::new(),
        }
    }

    /// Adds arguments.
    #[must_use]
    pub fn args<S: Into<OsString>>(mut self, arguments: impl IntoIterator<Item = S>) -> Call {
        self.arguments.extend(arguments.into_iter().map(Into::into));
        self
    }

    /// Sets a variable for the child alone.
    #[must_use]
    pub fn env(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Call {
        self.environment.push((name.into(), value.into()));
        self
    }

    /// Starts it in `folder`.
    #[must_use]
    pub fn folder(mut self, folder: impl Into<PathBuf>) -> Call {
        self.folder = Some(folder.into());
        self
    }

    /// What it reads from standard input; nothing if not given.
    #[must_use]
    pub fn input(mut self, input: impl Into<Vec<u8>>) -> Call {
        self.input = input.into();
        self
    }

    /// The command as one could paste it into a POSIX shell.
    #[must_use]
    pub fn command_line(&self) -> String {
        let program = self.program.file_stem().unwrap_or(self.program.as_os_str());
        std::iter::once(program)
            .chain(self.arguments.iter().map(OsString::as_os_str))
            .map(quoted)
            .collect::<Vec<_>>()
            .join(" ")
    }

    /// Runs it to its end and returns what it printed.
    pub async fn output(&self, run: &Run) -> Result<Output, ExecError> {
        self.lines(run, |_, _| {}).await
    }

    /// Runs it to its end, handing over each line as it is printed, and returns all of them.
    ///
    /// When the user stops the run, the child, which the terminal has told too, gets ten seconds to end by itself.
    #[expect(clippy::disallowed_methods, reason = "this is the one place that starts processes")]
    pub async fn lines(&self, run: &Run, mut each: impl FnMut(Stream, &str)) -> Result<Output, ExecError> {
        let mut command = tokio::process::Command::new(&self.program);
        command
            .args(&self.arguments)
            .env_clear()
            .envs(run.world.variables())
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .current_dir(self.folder.as_ref().unwrap_or(&run.world.folder))
            .stdin(if self.input.is_empty() { Stdio::null() } else { Stdio::piped() })
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        let mut child =
            command.spawn().map_err(|cause| self.failed(None, Output::default(), Some(cause), false))?;

        if let Some(mut stdin) = child.stdin.take() {
            let input = self.input.clone();
            // A child that ends without reading all of it has said what it thinks by its exit code.
            tokio::spawn(async move { stdin.write_all(&input).await });
        }
        let (lines, mut printed) = mpsc::channel(64);
        if let Some(stdout) = child.stdout.take() {
            tokio::spawn(forward(Stream::Out, stdout, lines.clone()));
        }
        if let Some(stderr) = child.stderr.take() {
            tokio::spawn(forward(Stream::Err, stderr, lines.clone()));
        }
        drop(lines);

        let mut output = Output::default();
        let mut stopped = false;
        loop {
            tokio::select! {
                line = printed.recv() => match line {
                    Some((stream, line)) => {
                        each(stream, &line);
                        let whole = if stream == Stream::Out { &mut output.stdout } else { &mut output.stderr };
                        whole.push_str(&line);
                        whole.push('\n');
                    }
                    None => break,
                },
                _ = run.cancel.stopped(), if !stopped => {
                    stopped = true;
                    if tokio::time::timeout(GRACE, child.wait()).await.is_err() {
                        let _ = child.start_kill();
                    }
                    break;
                }
            }
        }
        match child.wait().await {
            Ok(status) if status.success() && !stopped => Ok(output),
            Ok(status) => Err(self.failed(status.code(), output, None, stopped)),
            Err(cause) => Err(self.failed(None, output, Some(cause), stopped)),
        }
    }

    fn failed(
        &self,
        code: Option<i32>,
        output: Output,
        cause: Option<std::io::Error>,
        stopped: bool,
    ) -> ExecError {
        let lines: Vec<&str> = output.stderr.lines().collect();
        let stderr = lines[lines.len().saturating_sub(TAIL)..].join("\n");
        ExecError { command: self.command_line(), code, stdout: output.stdout, stderr, cause, stopped }
    }
}

async fn forward(stream: Stream, from: impl AsyncRead + Unpin, to: mpsc::Sender<(Stream, String)>) {
    let mut reader = BufReader::new(from);
    let mut line = Vec::new();
    while let Ok(1..) = reader.read_until(b'\n', &mut line).await {
        let text = String::from_utf8_lossy(&line).trim_end_matches(['\n', '\r']).to_owned();
        line.clear();
        if to.send((stream, text)).await.is_err() {
            return;
        }
    }
}

fn quoted(argument: &OsStr) -> String {
    let argument = argument.to_string_lossy();
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_=./:,@%+".contains(c);
    if !argument.is_empty() && argument.chars().all(plain) {
        argument.into_owned()
    } else {
        format!("'{}'", argument.replace('\'', r"'\''"))
    }
}
