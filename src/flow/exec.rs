//! `todo exec`: a command in a container of the project.

use crate::cli;
use crate::cluster::Target;
use crate::cluster::exec;
use crate::cluster::exec::Container;
use crate::cluster::exec::Input;
use crate::cluster::exec::NO_INPUT;
use crate::cluster::exec::NotRun;
use crate::cluster::exec::Size;
use crate::event::Code;
use crate::event::Step;
use crate::fault::Fault;
use crate::fault::FaultKind;
use crate::fault::Result;
use crate::file;
use crate::flow::Answer;
use crate::flow::connected::deployed;
use crate::project::Project;
use crate::run::Run;
use crate::terminal;
use crate::terminal::Mode;
use crate::terminal::Stdin;
use tokio::io::AsyncWrite;
use tokio::sync::watch;

/// The default command.
const SHELL: [&str; 3] = ["sh", "-c", "if command -v bash >/dev/null 2>&1; then exec bash; else exec sh; fi"];

/// The size of a terminal that does not report it.
const USUAL: Size = Size { width: 80, height: 24 };

/// A command, and the container that it is to be run in.
#[derive(Debug)]
pub struct Session {
    container: Container,
    argv: Vec<String>,
    is_shell: bool,
    /// Whether it may have standard input and a terminal.
    is_input: bool,
}

/// Finds the container that `flags` mean.
pub async fn exec(run: &Run, project: &Project, flags: &cli::Exec) -> Result<Answer> {
    let target = deployed(run, project, Step::Preflight).await?;
    let container =
        container(run, project, &target, flags.name.as_deref(), flags.container.as_deref()).await?;
    let is_shell = flags.command.is_empty();
    let argv = if is_shell { SHELL.map(str::to_owned).to_vec() } else { flags.command.clone() };
    Ok(Answer::Exec(Box::new(Session { container, argv, is_shell, is_input: true })))
}

/// The running container that `name` refers to.
pub(crate) async fn container(
    run: &Run,
    project: &Project,
    target: &Target,
    name: Option<&str>,
    container: Option<&str>,
) -> Result<Container> {
    let images: Vec<&str> = project.images.iter().map(|image| image.name.as_str()).collect();
    let service = project.services.first().map(|service| service.name.as_str());
    exec::find(run, target, exec::Asked { name, container, service, images: &images }).await
}

impl Session {
    /// A command to be run in `container`.
    pub(crate) fn new(container: Container, argv: Vec<String>) -> Session {
        Session { container, argv, is_shell: false, is_input: false }
    }

    /// Runs the command, with a terminal where this process has one. Returns its exit code.
    ///
    /// # Errors
    /// When it could not be run to its end, or the user stopped the run.
    pub async fn run(
        self,
        run: &Run,
        stdout: impl AsyncWrite + Unpin,
        stderr: impl AsyncWrite + Unpin,
    ) -> Result<u8> {
        let Session { container, argv, .. } = &self;
        let is_terminal = self.is_input && run.world.stdin_is_terminal && run.world.stdout_is_terminal;
        let running = async {
            Ok(if is_terminal {
                in_terminal(container, argv, stdout).await
            } else if run.world.stdin_is_terminal || !self.is_input {
                // Input from the terminal belongs to the shell, which may have started this in the background.
                container.run(argv, NO_INPUT, stdout, stderr).await
            } else {
                let input = Some(Input { reader: Stdin::read(), needs_end: true });
                container.run(argv, input, stdout, stderr).await
            })
        };
        match run.or_stopped(running).await? {
            Ok(code) => Ok(u8::try_from(code).unwrap_or(FaultKind::Internal.exit_code())),
            // A closed output pipe is not a failure, as for any answer.
            Err(NotRun::Unwritten(error)) if file::has_no_reader(&error) => Ok(0),
            Err(why) => Err(self.fault(&why)),
        }
    }

    fn fault(&self, why: &NotRun) -> Fault {
        let fault = not_run(&self.container, why);
        match why {
            NotRun::ProgramNotFound(_) if self.is_shell => {
                fault.hint("name a command that the image has: `todo exec NAME -- COMMAND`")
            }
            _ => fault,
        }
    }
}

/// The fault of a command that was not run to its end.
pub(crate) fn not_run(container: &Container, why: &NotRun) -> Fault {
    let Container { pod, container, .. } = container;
    let (code, kind) = match why {
        NotRun::ProgramNotFound(_) => (Code::ProgramNotInImage, FaultKind::Usage),
        NotRun::Refused { .. } => (Code::CommandNotStarted, FaultKind::Rollout),
        NotRun::Disconnected(_) => (Code::ContainerConnectionLost, FaultKind::Rollout),
        NotRun::Unwritten(_) => (Code::OutputNotWritable, FaultKind::Internal),
        NotRun::InputCannotEnd => (Code::CommandNotStarted, FaultKind::Usage),
    };
    let fault = code
        .fault(kind, why.to_string())
        .context(format!("the command in the container `{container}` of Pod/{pod} failed"));
    match why {
        NotRun::Refused { .. } | NotRun::Disconnected(_) => fault.hint("`todo status` says how the pod is"),
        _ => fault,
    }
}

async fn in_terminal(
    container: &Container,
    argv: &[String],
    stdout: impl AsyncWrite + Unpin,
) -> std::result::Result<i32, NotRun> {
    let (tell, sizes) = watch::channel(size());
    let _raw = terminal::change(Mode::Raw).map_err(NotRun::Unwritten)?;
    let resizing = async {
        loop {
            terminal::resized().await;
            tell.send_replace(size());
        }
    };
    tokio::select! {
        ended = container.terminal(argv, Stdin::read(), stdout, sizes) => ended,
        never = resizing => never,
    }
}

fn size() -> Size {
    terminal::size().map_or(USUAL, |(width, height)| Size { width, height })
}
