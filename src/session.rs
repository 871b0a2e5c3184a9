//! One call of the program: arguments in, a run reported by one renderer, the answer, an exit code out.
//!
//! Here alone flows and renderers meet. The answer is written after the renderer is done, so that a URL is never torn
//! by a live line, and a fault is printed by the renderer, so that a program that reads JSON gets it, too.

mod answer;
mod pages;

use crate::answer::record::RunRecord;
use crate::cli::Cli;
use crate::cli::Command;
use crate::cli::expand;
use crate::complete;
use crate::crash;
use crate::event::Code;
use crate::event::EventKind;
use crate::event::SCHEMA;
use crate::event::Sink;
use crate::fault::Fault;
use crate::fault::FaultKind;
use crate::fault::OrFault;
use crate::fault::Result;
use crate::flow;
use crate::flow::Answer;
use crate::project::OtherCluster;
use crate::project::Project;
use crate::project::check;
use crate::project::check::CheckedProject;
use crate::project::locate::locate;
use crate::project::name::Profile;
use crate::report;
use crate::report::Detail;
use crate::report::Live;
use crate::report::Mode;
use crate::report::ci::Ci;
use crate::report::fold::Opening;
use crate::report::output;
use crate::report::output::Output;
use crate::report::source::Source;
use crate::report::style::ColorFlag;
use crate::report::style::TerminalCaps;
use crate::report::trace;
use crate::report::trace::Screen;
use crate::run::Run;
use crate::signal;
use crate::signal::Cancel;
use crate::signal::Hangup;
use crate::world;
use crate::world::World;
use clap::Parser;
use nearest::nearest;
use std::ffi::OsString;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use tokio::runtime::Handle;

/// Does what `arguments` (the first is the program's name) ask for, and returns the exit code.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> u8 {
    crash::disable_core_dumps();
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    let world = World::of_this_process();
    if let Some(shell) = world::variable(complete::VARIABLE)
        && arguments.get(1).is_some_and(|first| first == "--")
    {
        let candidates = world.map(|world| complete::complete(&shell, arguments, world, complete::LONGEST));
        // The shell shows what it gets, and an error would appear in the line that is being typed.
        drop(output::raw(&candidates.unwrap_or_default()));
        return 0;
    }
    let program = arguments.first().cloned().unwrap_or_default();
    let cli = match Cli::try_parse_from(expand(arguments)) {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are answers (0), everything else is a mistake (2).
            let code = u8::try_from(error.exit_code()).unwrap_or(FaultKind::Usage.exit_code());
            return output::arguments(&error)
                .map_or_else(|fault| report_unwritten(&bare(), &fault, code), |()| code);
        }
    };
    if let Command::Help { topic } = &cli.command {
        let output = world.as_ref().map_or_else(|_| bare(), |world| page_output(world, cli.global.color));
        return ended(pages::help(topic.as_deref(), &output));
    }
    let world = match world {
        Ok(mut world) => {
            world.may_ask = !cli.global.no_input;
            Arc::new(world)
        }
        Err(error) => {
            let fault = Code::FileUnreadable.caused_by(
                FaultKind::Usage,
                anyhow::Error::new(error).context("cannot access the current directory"),
            );
            bare().fault(&fault);
            return fault.kind.exit_code();
        }
    };
    if let Some(text) = pages::text(&cli.command, &program, &world) {
        return ended(text.and_then(|text| bare().verbatim(&text)));
    }
    // One thread: what a run does between two answers is short, and two spend more on waking each other than they save.
    // Files are read, packed and hashed on threads of their own. A rehearsal has a time of its own.
    let runtime = if matches!(cli.command, Command::Rehearse(_)) {
        simulator::runtime::runtime()
    } else {
        tokio::runtime::Builder::new_current_thread().enable_all().build()
    };
    match runtime {
        Ok(runtime) => {
            let code = runtime.block_on(run(cli, world));
            // A thread that still reads a file must not keep the user.
            runtime.shutdown_background();
            code
        }
        Err(_) => FaultKind::Internal.exit_code(),
    }
}

async fn run(cli: Cli, world: Arc<World>) -> u8 {
    let global = &cli.global;
    let mode = report::pick(&world, global.output, global.verbose || global.quiet);
    let caps = TerminalCaps::pick(&world, global.color, world.stderr_is_terminal);
    let (sink, events) = Sink::new();
    // Programs that are started get these addresses, and quote them when they fail.
    world
        .variables()
        .filter_map(|(_, value)| value.to_str())
        .for_each(|value| sink.redactor().hide_password_of(value));
    // Where the answer is one object, no progress is printed.
    let explained = matches!(
        cli.command,
        Command::Up(_)
            | Command::Rehearse(_)
            | Command::Down(_)
            | Command::Rollback(_)
            | Command::Restart(_)
            | Command::Open
            | Command::Forward(_)
            | Command::Watch(_)
            | Command::Cp(_)
    );
    let silent = mode == Mode::Json && !explained;
    let folder = locate(&world, global.file.as_deref()).ok().and_then(|file| Some(file.parent()?.to_owned()));
    let ci = Ci::detect(&world, folder.as_deref());
    let inert = ci.clone();
    let source = folder.map(|folder| Source::new(folder, sink.redactor().clone()));
    let detail = Detail::from_flags(global.verbose, global.quiet);
    let screen = Screen::default();
    let earlier = Arc::clone(&world);
    let expected = Box::new(move |opening: &Opening| {
        let Opening { command, project, namespace, profile, .. } = opening;
        flow::timeline::expected(&earlier, command, [project, namespace, profile])
    });
    // Helm quotes what its post-renderer writes.
    let is_helms = matches!(cli.command, Command::PostRender { .. });
    let refused = if is_helms { Ok(()) } else { trace::start(&world, &sink, caps, &screen) };
    let reporter = (!silent)
        .then(|| report::start(mode, caps, detail, source, ci, Live { screen: &screen, expected }, events));
    let (asker, cancel) = Cancel::new();
    let reporter = Arc::new(Mutex::new(reporter));
    let answer_caps = TerminalCaps::pick(&world, global.color, world.stdout_is_terminal);
    let output = Output::new(&sink, mode, caps, answer_caps, report::width(&world), world.stdout_is_terminal)
        .within(inert);
    let (report_to, drawn_by) = (output.clone(), Arc::clone(&reporter));
    // The process of a forward has no terminal that could be closed.
    let is_detached = matches!(cli.command, Command::ForwardProcess { .. });
    let on_hangup = if is_detached { Hangup::Ignored } else { Hangup::Ends };
    // The process ends with this, even if the output is closed.
    let stuck = move |fault| drop(tell_failure(&report_to, silent, &fault, &drawn_by));
    signal::listen(asker, on_hangup, Handle::current(), stuck);

    let run = Run {
        prompt: output::question,
        verbose: global.verbose,
        ..Run::new(sink.clone(), cancel, Arc::clone(&world))
    };
    let ended = match refused {
        Ok(()) => run.or_stopped(Box::pin(command(&run, &cli))).await,
        Err(fault) => Err(fault),
    };
    let ended = ended.map_err(|fault| going_on(fault, &cli.command));
    let (mut code, mut written) = match &ended {
        Ok(answer) => {
            let (took_ms, code, url) =
                (sink.elapsed_ms(), answer.exit_code(), answer.url().map(str::to_owned));
            sink.emit(EventKind::RunFinished { took_ms, code, url });
            (code, Ok(()))
        }
        Err(fault) => {
            let written = output.failed(fault, silent);
            (fault.kind.exit_code(), written)
        }
    };
    let (record, drawn) = ended_run(&reporter);
    written = written.and(drawn);
    if let Some(record) = record.filter(|_| cli.command.is_kept()) {
        flow::runs::keep(&run, record);
    }
    if let Ok(answer) = ended {
        match answer.deliver(&run, mode, &output).await {
            Ok(answered) => code = answered,
            Err(fault) => written = written.and(Err(fault)),
        }
    }
    written.map_or_else(|fault| report_unwritten(&output, &fault, code), |()| code)
}

/// The exit code of a run whose answer could not be written, or did not hold: it is no success.
fn report_unwritten(output: &Output, fault: &Fault, code: u8) -> u8 {
    output.fault(fault);
    if code == 0 { fault.kind.exit_code() } else { code }
}

/// The exit code of a command that only prints something.
fn ended(written: Result<()>) -> u8 {
    written.map_or_else(|fault| report_unwritten(&bare(), &fault, 0), |()| 0)
}

/// Where a fault is written before anything is known.
fn bare() -> Output {
    Output::new(&Sink::new().0, Mode::Plain, TerminalCaps::BARE, TerminalCaps::BARE, None, false)
}

/// Where a page about the program itself is written.
fn page_output(world: &World, color: ColorFlag) -> Output {
    let caps = |is_terminal| TerminalCaps::pick(world, color, is_terminal);
    let (report_caps, answer_caps) = (caps(world.stderr_is_terminal), caps(world.stdout_is_terminal));
    let width = report::width(world);
    Output::new(&Sink::new().0, Mode::Plain, report_caps, answer_caps, width, world.stdout_is_terminal)
}

type Drawing = Mutex<Option<report::Reporter>>;

/// Reports how the run ended, and returns when that is drawn.
fn tell_failure(output: &Output, silent: bool, fault: &Fault, reporter: &Drawing) -> Result<()> {
    let written = output.failed(fault, silent);
    written.and(finish(reporter))
}

fn finish(reporter: &Drawing) -> Result<()> {
    ended_run(reporter).1
}

/// Waits until the run is drawn; returns its record, and whether its events could be written.
fn ended_run(reporter: &Drawing) -> (Option<RunRecord>, Result<()>) {
    let reporter = reporter.lock().unwrap_or_else(PoisonError::into_inner).take();
    reporter.map_or((None, Ok(())), |reporter| {
        let (_, record, written) = reporter.finish();
        (record, written)
    })
}

async fn command(run: &Run, cli: &Cli) -> Result<Answer> {
    // Offline: the explained dump may be of any cluster.
    if let Command::Explain { file } = &cli.command {
        // In a project, its declared secrets count; elsewhere there is none.
        if let Ok(project) = project(run, cli) {
            flow::redaction::project(run, &project);
        }
        return flow::explain::explain(run, file).await;
    }
    if let Command::PostRender { images } = &cli.command {
        return flow::post_render::post_render(&project(run, cli)?, images).await;
    }
    if let Command::ForwardProcess { spec } = &cli.command {
        return flow::forwards::process(run, spec).await.map(|()| Answer::Nothing);
    }
    // There is no project yet.
    if let Command::Init(flags) = &cli.command {
        return flow::init::init(run, flags, cli.global.file.as_deref()).await;
    }
    let project = load_checked(run, cli)?;
    flow::redaction::project(run, &project.project);
    let project = match project {
        invalid if !invalid.mistakes.is_empty() && cli.command.reads_files() => {
            return Err(flow::load::invalid(run, invalid).await);
        }
        checked => Arc::new(checked.whole()?),
    };
    // The streams of a command in a container hold only its own data, so no event is sent.
    if !matches!(cli.command, Command::Exec(_)) {
        run.sink.emit(EventKind::RunStarted {
            schema: SCHEMA,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            command: cli.command.name().to_owned(),
            project: project.name.to_string(),
            namespace: project.namespace.to_string(),
            profile: project.minikube.profile.to_string(),
            rehearsal: matches!(cli.command, Command::Rehearse(_)),
            target: project.elsewhere.as_ref().map(|other| other.name.clone()),
        });
    }
    match &cli.command {
        Command::Up(flags) => Box::pin(flow::up::up(run, &project, flags)).await,
        Command::Watch(flags) => {
            let again = || load_checked(run, cli);
            Box::pin(flow::watch::watch(run, Arc::clone(&project), flags, &again)).await
        }
        Command::Rehearse(flags) => Box::pin(flow::rehearse::rehearse(run, &project, flags)).await,
        Command::Down(flags) => Box::pin(flow::down::down(run, &project, flags)).await,
        Command::Status(flags) if flags.watch => {
            Ok(Answer::Statuses(flow::status::repeated::Repeated::new(Arc::clone(&project))))
        }
        Command::Status(_) => flow::status::status(run, &project).await,
        Command::Plan(flags) => flow::plan::plan(run, &project, flags).await,
        Command::Check => flow::check::check(run, &project).await,
        Command::Doctor(flags) => flow::doctor::doctor(run, &project, flags).await,
        Command::Logs(flags) => flow::logs::logs(run, &project, flags).await,
        Command::Exec(flags) => flow::exec::exec(run, &project, flags).await,
        Command::Cp(flags) => Box::pin(flow::cp::cp(run, &project, flags)).await,
        Command::Restart(flags) => Box::pin(flow::restart::restart(run, &project, flags)).await,
        Command::Open => flow::open::open(run, &project).await,
        Command::Forward(flags) => flow::forward::forward(run, &project, flags).await,
        Command::History => flow::history::history(run, &project).await,
        Command::Rollback(flags) => flow::history::rollback(run, &project, flags).await,
        Command::Timeline => flow::timeline::timeline(run, &project).await,
        Command::Unlock => flow::unlock::unlock(run, &project).await,
        Command::Explain { .. }
        | Command::PostRender { .. }
        | Command::ForwardProcess { .. }
        | Command::Help { .. }
        | Command::Completions { .. }
        | Command::Man { .. }
        | Command::Applets { .. }
        | Command::Schema { .. }
        | Command::Init(_) => Ok(Answer::Nothing),
    }
}

/// A run that was stopped has harmed nothing; it prints how to continue.
fn going_on(fault: Fault, command: &Command) -> Fault {
    if !matches!(fault.kind, FaultKind::Interrupted | FaultKind::Terminated) || !fault.hints.is_empty() {
        return fault;
    }
    match command {
        Command::Up(_) => fault.hint("`todo up` continues from here; `todo down` deletes what was created"),
        Command::Down(_) => fault.hint("`todo down` continues from here"),
        Command::Rehearse(_) => flow::rehearse::begins_anew(fault),
        _ => fault,
    }
}

fn project(run: &Run, cli: &Cli) -> Result<Project> {
    load_checked(run, cli)?.whole()
}

/// The project file, and its mistakes.
fn load_checked(run: &Run, cli: &Cli) -> Result<CheckedProject> {
    let path = locate(&run.world, cli.global.file.as_deref())?;
    let CheckedProject { mut project, mistakes } = check::load_checked(&path)?;
    if let Some(name) = &cli.global.profile {
        project.minikube.profile =
            Profile::parse(name).or_fault(Code::ArgumentInvalid, FaultKind::Usage, || {
                format!("`{name}` is not a valid profile name")
            })?;
    }
    // A target with a mistake is none that is unknown.
    if let Some(name) = cli.global.target.as_ref().filter(|_| mistakes.is_empty()) {
        project.elsewhere = Some(target(&project, name)?);
    }
    Ok(CheckedProject { project, mistakes })
}

fn target(project: &Project, name: &str) -> Result<OtherCluster> {
    if let Some(target) = project.targets.get(name) {
        return Ok(target.clone());
    }
    let known: Vec<&str> = project.targets.keys().map(String::as_str).collect();
    let fault = Code::TargetUnknown.fault(FaultKind::Usage, format!("deploy.toml has no `[target.{name}]`"));
    Err(match (nearest(name, known.iter().copied()), known.as_slice()) {
        (Some(meant), _) => fault.hint(format!("did you mean `--target {meant}`?")),
        (None, []) => fault.hint(format!(
            "add `[target.{name}]` with `context`, a name from `kubectl config get-contexts`, and `registry`"
        )),
        (None, known) => fault.hint(format!("there are `{}`", known.join("`, `"))),
    })
}
