//! A command in a container, over the API server: its standard input, output and error, its exit code, and a terminal.
//!
//! Not `kube::Api::exec`: one task sends and receives there, so `cat` of a large file blocks for ever, and a lost
//! connection leaves its reader waiting. The protocol is `v5.channel.k8s.io`, before Kubernetes 1.30 v4
//! (k8s.io/apimachinery, `pkg/util/remotecommand/constants.go`).

pub mod extract;
mod find;
pub mod pack;
mod status;

pub use find::Asked;
pub use find::find;
use futures::SinkExt;
use futures::StreamExt;
use kube::Client;
use kube::api::AttachParams;
use kube::core::Request;
use serde_json::json;
use std::convert::Infallible;
use std::fmt;
use std::io;
use std::time::Duration;
use tokio::io::AsyncRead;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWrite;
use tokio::io::AsyncWriteExt;
use tokio::sync::watch;
use tokio_tungstenite::tungstenite::Error;
use tokio_tungstenite::tungstenite::Message;

const STDIN: u8 = 0;
const STDOUT: u8 = 1;
const STDERR: u8 = 2;
const STATUS: u8 = 3;
const RESIZE: u8 = 4;
/// Version 5 only: a channel has ended.
const CLOSE: u8 = 255;

/// How often an idle connection sends a ping, so that it counts as in use.
const PING: Duration = Duration::from_secs(30);

/// How much of standard input is sent at once.
const PIECE: usize = 32 * 1024;

/// A container of a pod, and the API server that serves it.
#[derive(Clone)]
pub struct Container {
    /// The API server.
    pub client: Client,
    /// The pod's namespace.
    pub namespace: String,
    /// The pod.
    pub pod: String,
    /// The container in it.
    pub container: String,
}

impl fmt::Debug for Container {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Container({}/{}/{})", self.namespace, self.pod, self.container)
    }
}

/// Standard input of a command.
#[derive(Debug)]
pub struct Input<R> {
    /// The command's input.
    pub reader: R,
    /// Whether the command waits for the end of its input. One that detects the end itself, as `tar` does in an
    /// archive, also works with API servers before Kubernetes 1.30, which cannot pass the end on.
    pub needs_end: bool,
}

/// No standard input.
pub const NO_INPUT: Option<Input<tokio::io::Empty>> = None;

/// The size of a terminal, in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    /// Columns.
    pub width: u16,
    /// Lines.
    pub height: u16,
}

/// The output of a command, and its exit code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// Standard output.
    pub stdout: Vec<u8>,
    /// Standard error.
    pub stderr: Vec<u8>,
    /// The exit code.
    pub code: i32,
}

/// Why there is no exit code.
#[derive(Debug)]
pub enum NotRun {
    /// The image has no such program.
    ProgramNotFound(String),
    /// The API server, the kubelet or the container runtime refused.
    Refused {
        /// The HTTP status; 0 if the refusal came later.
        code: u16,
        /// The sentence.
        message: String,
    },
    /// The connection could not be made, or was lost before the command had ended.
    Disconnected(String),
    /// The command's output could not be written locally.
    Unwritten(io::Error),
    /// The command waits for the end of its input, which this API server cannot pass on.
    InputCannotEnd,
}

impl fmt::Display for NotRun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NotRun::ProgramNotFound(program) => write!(f, "the image has no program `{program}`"),
            NotRun::Refused { message, .. } => f.write_str(message),
            NotRun::Disconnected(why) => write!(f, "the connection to the container was lost: {why}"),
            NotRun::Unwritten(error) => write!(f, "its output cannot be written: {error}"),
            NotRun::InputCannotEnd => {
                f.write_str("Kubernetes before 1.30 cannot pass on the end of standard input")
            }
        }
    }
}

impl std::error::Error for NotRun {}

impl Container {
    /// Runs a command to its end, and returns its output. The caller sets the time limit.
    ///
    /// # Errors
    /// [`NotRun`]; an exit code other than 0 is not an error.
    pub async fn output<S: AsRef<str>>(
        &self,
        argv: &[S],
        input: Option<Input<impl AsyncRead + Unpin>>,
    ) -> Result<Output, NotRun> {
        let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
        let code = self.run(argv, input, &mut stdout, &mut stderr).await?;
        Ok(Output { stdout, stderr, code })
    }

    /// Runs a command to its end, passes on its output, and returns its exit code. Dropping this closes the
    /// connection; the command then gets the end of its input, and SIGPIPE when it prints.
    ///
    /// # Errors
    /// [`NotRun`]; an exit code other than 0 is not an error.
    pub async fn run<S: AsRef<str>>(
        &self,
        argv: &[S],
        input: Option<Input<impl AsyncRead + Unpin>>,
        stdout: impl AsyncWrite + Unpin,
        stderr: impl AsyncWrite + Unpin,
    ) -> Result<i32, NotRun> {
        let params = AttachParams { stdin: input.is_some(), stdout: true, stderr: true, ..self.params() };
        self.attach(argv, &params, input, None, stdout, stderr).await
    }

    /// Runs a command in a terminal of its own. `sizes` yields the size of the local terminal.
    ///
    /// # Errors
    /// As [`Container::run`].
    pub async fn terminal<S: AsRef<str>>(
        &self,
        argv: &[S],
        reader: impl AsyncRead + Unpin,
        stdout: impl AsyncWrite + Unpin,
        sizes: watch::Receiver<Size>,
    ) -> Result<i32, NotRun> {
        let params = AttachParams { stdin: true, stdout: true, stderr: false, tty: true, ..self.params() };
        // In a terminal the end of input is typed (Ctrl-D), not sent.
        let input = Some(Input { reader, needs_end: false });
        self.attach(argv, &params, input, Some(sizes), stdout, tokio::io::sink()).await
    }

    fn params(&self) -> AttachParams {
        AttachParams { container: Some(self.container.clone()), ..AttachParams::default() }
    }

    async fn attach<S: AsRef<str>>(
        &self,
        argv: &[S],
        params: &AttachParams,
        input: Option<Input<impl AsyncRead + Unpin>>,
        sizes: Option<watch::Receiver<Size>>,
        stdout: impl AsyncWrite + Unpin,
        stderr: impl AsyncWrite + Unpin,
    ) -> Result<i32, NotRun> {
        let program = argv.first().map_or("", AsRef::as_ref);
        let path = format!("/api/v1/namespaces/{}/pods", self.namespace);
        let request = Request::new(path).exec(&self.pod, argv.iter().map(AsRef::as_ref), params);
        let request = request.map_err(|error| NotRun::Disconnected(error.to_string()))?;
        let connection = self.client.connect(request).await.map_err(not_connected)?;
        let ends = connection.supports_stream_close();
        if !ends && input.as_ref().is_some_and(|input| input.needs_end) {
            return Err(NotRun::InputCannotEnd);
        }
        let (sink, messages) = connection.into_stream().split();
        let mut printed = Printed { stdout, stderr, is_first: true, failure: Vec::new() };
        let received = tokio::select! {
            received = receive(messages, &mut printed) => received?,
            never = send(sink, input.map(|input| input.reader), sizes, ends) => match never {},
        };
        printed.end(status::parse(&received, program)?, program).await
    }
}

fn not_connected(error: kube::Error) -> NotRun {
    match error {
        kube::Error::Api(status) => NotRun::Refused { code: status.code, message: status.message.clone() },
        other => NotRun::Disconnected(anyhow::Error::new(other).root_cause().to_string()),
    }
}

/// The writers of the command's output.
struct Printed<O, E> {
    stdout: O,
    stderr: E,
    is_first: bool,
    /// Output that looks like the container runtime's own message, until the exit code shows whether it is.
    failure: Vec<u8>,
}

impl<O: AsyncWrite + Unpin, E: AsyncWrite + Unpin> Printed<O, E> {
    async fn write(&mut self, channel: u8, data: &[u8]) -> Result<(), NotRun> {
        if std::mem::take(&mut self.is_first) && channel == STDOUT && status::may_be_failure(data) {
            self.failure = data.to_vec();
            return Ok(());
        }
        let written = if channel == STDOUT {
            self.release().await?;
            put(&mut self.stdout, data).await
        } else {
            put(&mut self.stderr, data).await
        };
        written.map_err(NotRun::Unwritten)
    }

    async fn release(&mut self) -> Result<(), NotRun> {
        let held = std::mem::take(&mut self.failure);
        put(&mut self.stdout, &held).await.map_err(NotRun::Unwritten)
    }

    /// With the docker runtime a command that cannot be started prints why and exits with 126 or 127.
    async fn end(mut self, code: i32, program: &str) -> Result<i32, NotRun> {
        if matches!(code, 126 | 127) && !self.failure.is_empty() {
            return Err(status::refusal(String::from_utf8_lossy(&self.failure).trim(), program));
        }
        self.release().await?;
        Ok(code)
    }
}

async fn put(to: &mut (impl AsyncWrite + Unpin), data: &[u8]) -> io::Result<()> {
    to.write_all(data).await?;
    to.flush().await
}

/// Passes on the command's output. Returns the server's final status.
async fn receive(
    mut messages: impl futures::Stream<Item = Result<Message, Error>> + Unpin,
    printed: &mut Printed<impl AsyncWrite + Unpin, impl AsyncWrite + Unpin>,
) -> Result<Vec<u8>, NotRun> {
    while let Some(message) = messages.next().await {
        let message = message.map_err(|error| NotRun::Disconnected(error.to_string()))?;
        let Message::Binary(data) = message else { continue };
        // An empty message opens a channel.
        match data.split_first() {
            Some((_, [])) | None => {}
            Some((&STATUS, status)) => return Ok(status.to_vec()),
            Some((&channel @ (STDOUT | STDERR), data)) => printed.write(channel, data).await?,
            Some(_) => {}
        }
    }
    Err(NotRun::Disconnected("the API server closed it before the command had ended".to_owned()))
}

/// Sends until the connection is dropped. The receiver notices a lost connection.
async fn send(
    mut sink: impl futures::Sink<Message> + Unpin,
    mut reader: Option<impl AsyncRead + Unpin>,
    mut sizes: Option<watch::Receiver<Size>>,
    ends: bool,
) -> Infallible {
    let mut piece = vec![0; PIECE];
    let mut pings = tokio::time::interval(PING);
    if let Some(sizes) = &mut sizes {
        sizes.mark_changed();
    }
    loop {
        let message = tokio::select! {
            size = next(&mut sizes) => resize(size),
            read = read_piece(&mut reader, &mut piece) => match read {
                Ok(count @ 1..) => framed(STDIN, &piece[..count]),
                // A failed read is an end, too: there will be no more.
                Ok(0) | Err(_) => {
                    reader = None;
                    if !ends {
                        continue;
                    }
                    framed(CLOSE, &[STDIN])
                }
            },
            _ = pings.tick() => Message::Ping(Vec::new().into()),
        };
        if sink.send(message).await.is_err() {
            return std::future::pending().await;
        }
    }
}

fn framed(channel: u8, data: &[u8]) -> Message {
    Message::binary([&[channel], data].concat())
}

fn resize(size: Size) -> Message {
    framed(RESIZE, json!({"Width": size.width, "Height": size.height}).to_string().as_bytes())
}

async fn next(sizes: &mut Option<watch::Receiver<Size>>) -> Size {
    if let Some(sizes) = sizes
        && sizes.changed().await.is_ok()
    {
        return *sizes.borrow_and_update();
    }
    std::future::pending().await
}

async fn read_piece(reader: &mut Option<impl AsyncRead + Unpin>, piece: &mut [u8]) -> io::Result<usize> {
    match reader {
        Some(reader) => reader.read(piece).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests;
