//! The one place that starts a process.
//!
//! Not a shell: no string is ever split or quoted. A program that ends with anything but 0 is an error that carries the
//! command as one could paste it, the exit code and the end of what was printed, because a lost exit status is a failure
//! reported as success. Secrets never come here: they would stand in the process list.

mod detach;

use crate::run::Run;
use crate::world::World;
use crate::world::programs::Called;
use crate::world::programs::Playing;
use crate::world::programs::Printed;
use crate::world::programs::ProgramPath;
pub use detach::Background;
pub use detach::new_session;
use std::ffi::OsStr;
use std::ffi::OsString;
use std::fmt;
use std::fs::File;
use std::path::PathBuf;
use std::process::Command;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncBufReadExt;
use tokio::io::AsyncRead;
use tokio::io::AsyncWriteExt;
use tokio::io::BufReader;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tracing::debug;

/// How many of the last lines an error keeps.
const TAIL: usize = 40;

/// How long a child that was asked to end may take.
const GRACE: Duration = Duration::from_secs(10);

/// How long one that only asks may take: nothing is lost when it is killed.
const BRIEF: Duration = Duration::from_millis(500);

/// How long lines are waited for after the child ended: a process that it left behind may hold its output open for ever.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// A program to start, its arguments and the variables in addition to this process' environment.
#[derive(Debug, Clone)]
pub struct Call {
    program: PathBuf,
    arguments: Vec<OsString>,
    environment: Vec<(OsString, OsString)>,
    folder: Option<PathBuf>,
    input: Vec<u8>,
    grace: Duration,
    held: Option<Arc<File>>,
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
            (None, None) => write!(f, "`{}` was killed by a signal", self.command)?,
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
    match world.programs.as_ref().map_or(ProgramPath::Path, |programs| programs.find(name)) {
        ProgramPath::Played(path) => return Some(path),
        ProgramPath::Nowhere => return None,
        ProgramPath::Path => {}
    }
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
            grace: GRACE,
            held: None,
        }
    }

    /// Marks it as read-only: when the user stops the run, it gets half a second to end, and not ten.
    #[must_use]
    pub fn read_only(mut self) -> Call {
        self.grace = BRIEF;
        self
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

    /// Has the child keep this file open as its standard input, and with it a lock on the file; instead of an input.
    #[must_use]
    pub fn holding(mut self, file: Option<Arc<File>>) -> Call {
        self.held = file;
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
    /// When the user stops the run, the child is signalled and gets ten seconds to end, or less: [`Call::read_only`].
    pub async fn lines(&self, run: &Run, each: impl FnMut(Stream, &str)) -> Result<Output, ExecError> {
        debug!("`{}` begins", self.command_line());
        let began = Instant::now();
        let ended = Box::pin(self.run(run, each)).await;
        let took_ms = began.elapsed().as_millis();
        match &ended {
            Ok(_) => debug!(took_ms, "`{}` ended well", self.command_line()),
            Err(error) => debug!(took_ms, "{error}"),
        }
        ended
    }

    #[expect(clippy::disallowed_methods, reason = "this is the one place that starts processes")]
    async fn run(&self, run: &Run, mut each: impl FnMut(Stream, &str)) -> Result<Output, ExecError> {
        let _shield = run.cancel.shield();
        let played = run.world.programs.as_ref().and_then(|programs| programs.play(&self.called()));
        if let Some(playing) = played {
            return self.watch(run, playing, each).await;
        }
        let _known = run.world.programs.as_ref().map(|programs| programs.real_time(&self.program));
        let mut command = tokio::process::Command::from(self.completed(run, Command::new(&self.program)));
        let held = self.held.as_ref().and_then(|file| file.try_clone().ok());
        let stdin = held
            .map_or_else(|| if self.input.is_empty() { Stdio::null() } else { Stdio::piped() }, Stdio::from);
        command.stdin(stdin).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        let mut child =
            command.spawn().map_err(|cause| self.failed(None, Output::default(), Some(cause), false))?;
        if let Some(mut stdin) = child.stdin.take() {
            let input = self.input.clone();
            // A child that ends without reading all of it reports its result by its exit code.
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
        let mut take = |stream, line: String| {
            each(stream, &line);
            let whole = if stream == Stream::Out { &mut output.stdout } else { &mut output.stderr };
            whole.push_str(&line);
            whole.push('\n');
        };
        let mut stopped = false;
        // Until when lines may still come: for ever while it runs, a while after it was asked to stop or has ended.
        let mut deadline: Option<Instant> = None;
        let mut status = None;
        loop {
            let late = async {
                match deadline {
                    Some(at) => tokio::time::sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                line = printed.recv() => match line {
                    Some((stream, line)) => take(stream, line),
                    None => break,
                },
                ended = child.wait(), if status.is_none() => {
                    status = Some(ended);
                    deadline = Some(Instant::now() + LAST_WORDS);
                }
                _ = run.cancel.stopped(), if !stopped && status.is_none() => {
                    stopped = true;
                    deadline = Some(Instant::now() + self.grace);
                    ask_to_end(&child);
                }
                () = late => break,
            }
        }
        if status.is_none()
            && stopped
            && tokio::time::timeout_at(deadline.unwrap_or_else(Instant::now), child.wait()).await.is_err()
        {
            let _ = child.start_kill();
        }
        let status = match status {
            Some(status) => status,
            None => child.wait().await,
        };
        match status {
            Ok(status) if status.success() && !stopped => Ok(output),
            Ok(status) => Err(self.failed(status.code(), output, None, stopped)),
            Err(cause) => Err(self.failed(None, output, Some(cause), stopped)),
        }
    }

    /// `command` with the arguments, the environment and the working directory of this call.
    fn completed(&self, run: &Run, mut command: Command) -> Command {
        command
            .args(&self.arguments)
            .env_clear()
            .envs(run.world.variables())
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .current_dir(self.folder.as_ref().unwrap_or(&run.world.folder));
        command
    }

    fn called(&self) -> Called {
        Called {
            program: self.program.clone(),
            arguments: self.arguments.clone(),
            environment: self.environment.clone(),
            input: self.input.clone(),
        }
    }

    /// As [`Call::lines`], of a program that is played in this process.
    async fn watch(
        &self,
        run: &Run,
        mut playing: Playing,
        mut each: impl FnMut(Stream, &str),
    ) -> Result<Output, ExecError> {
        let mut output = Output::default();
        let mut deadline = None;
        loop {
            let late = async {
                match deadline {
                    Some(at) => tokio::time::sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            let printed = tokio::select! {
                printed = playing.lines.recv() => printed,
                _ = run.cancel.stopped(), if deadline.is_none() => {
                    deadline = Some(Instant::now() + self.grace);
                    let _ = playing.stop.take().map(|stop| stop.send(()));
                    continue;
                }
                () = late => None,
            };
            let (stream, line) = match printed {
                Some(Printed::Out(line)) => (Stream::Out, line),
                Some(Printed::Err(line)) => (Stream::Err, line),
                None => break,
            };
            each(stream, &line);
            let whole = if stream == Stream::Out { &mut output.stdout } else { &mut output.stderr };
            whole.push_str(&line);
            whole.push('\n');
        }
        let stopped = deadline.is_some();
        match playing.code.try_recv() {
            Ok(0) if !stopped => Ok(output),
            code => Err(self.failed(code.ok(), output, None, stopped)),
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

/// Passes the user's wish on: a Ctrl-C in the terminal reached the child too, but a `kill` reached only us.
#[cfg(unix)]
fn ask_to_end(child: &tokio::process::Child) {
    let id = child.id().and_then(|id| i32::try_from(id).ok()).and_then(rustix::process::Pid::from_raw);
    if let Some(id) = id {
        let _ = rustix::process::kill_process(id, rustix::process::Signal::TERM);
    }
}

/// Ctrl-C reaches every process of the console.
#[cfg(not(unix))]
fn ask_to_end(_child: &tokio::process::Child) {}

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

#[cfg(test)]
#[cfg(unix)]
mod tests;
