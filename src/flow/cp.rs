//! `todo cp`: files and directories into a container of the project, or out of it, through its `tar`.

mod side;

use crate::cli;
use crate::cluster::exec::Container;
use crate::cluster::exec::Input;
use crate::cluster::exec::NO_INPUT;
use crate::cluster::exec::NotRun;
use crate::cluster::exec::extract::Skipped;
use crate::cluster::exec::extract::extract;
use crate::cluster::exec::pack::pack;
use crate::event::Code;
use crate::event::Step;
use crate::fault::Fault;
use crate::fault::FaultKind;
use crate::fault::Result;
use crate::flow::Answer;
use crate::flow::connected::deployed;
use crate::flow::exec::container;
use crate::flow::exec::not_run;
use crate::project::Project;
use crate::run::Run;
use crate::terminal::Stdin;
use side::Side;
use side::Split;
use side::side;
use std::io;
use std::io::Read;
use std::io::Write;
use std::path::PathBuf;
use tokio::io::AsyncRead;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWrite;
use tokio::io::AsyncWriteExt;
use tokio::runtime::Handle;

/// The size of the buffer between the container and the disk.
const BUFFER: usize = 256 * 1024;

/// Copies according to `flags`.
pub async fn cp(run: &Run, project: &Project, flags: &cli::Cp) -> Result<Answer> {
    let sides = (side(&flags.source, run.world.os), side(&flags.destination, run.world.os));
    let name = match &sides {
        (Side::There { .. }, Side::There { .. }) => return Err(no_container()),
        (Side::There { name, .. }, _) | (_, Side::There { name, .. }) => name,
        _ => return Err(no_container()),
    };
    let target = deployed(run, project, Step::Preflight).await?;
    let container = container(run, project, &target, Some(name), flags.container.as_deref()).await?;
    match sides {
        (Side::There { path, .. }, Side::Stream) => {
            let argv = path.tar_out();
            return Ok(Answer::Exec(Box::new(crate::flow::exec::Session::new(container, argv))));
        }
        (Side::There { path, .. }, Side::Here(to)) => {
            out_of(run, &container, &path, run.world.absolute(&to)).await?;
        }
        (Side::Stream, Side::There { path, .. }) => {
            let input = Input { reader: Stdin::read(), needs_end: false };
            let argv = tar_in(&path.whole);
            tar(&container, &argv, Some(input), tokio::io::sink()).await.map_err(Copying::fault)?;
        }
        (Side::Here(from), Side::There { path, .. }) => {
            // `src/.` means its content, as for `cp` and `docker cp`.
            let is_content = flags.source == "." || flags.source.ends_with("/.");
            into(run, &container, run.world.absolute(&from), is_content, &path).await?;
        }
        _ => return Err(no_container()),
    }
    Ok(Answer::Nothing)
}

fn no_container() -> Fault {
    Code::ArgumentInvalid
        .fault(FaultKind::Usage, "one of the two paths has to be in a container, as `NAME:PATH`")
        .hint("a path of this machine with a colon is written with a directory: `./a:b`")
}

async fn out_of(run: &Run, container: &Container, from: &Split, to: PathBuf) -> Result<()> {
    // A path named by the user may be a link; the archive from the container is not written through one.
    let (root, base) = match (from.name.clone(), to.canonicalize().ok().filter(|path| path.is_dir())) {
        (None, there) => (there.unwrap_or(to), None),
        (Some(name), Some(there)) => (there.join(&name), Some(name)),
        (Some(name), None) => (to, Some(name)),
    };
    let (reader, writer) = tokio::io::duplex(BUFFER);
    let bridge = Bridge { handle: Handle::current(), inner: reader };
    let extracting = tokio::task::spawn_blocking(move || extract(bridge, &root, base.as_deref()));
    let argv = from.tar_out();
    let (copied, extracted) = tokio::join!(tar(container, &argv, NO_INPUT, writer), extracting);
    let skipped = extracted.unwrap_or_else(|panic| Err(io::Error::other(panic)));
    // A disk that is full ends `tar`, too, and an archive that ends early is `tar`'s failure.
    let skipped = match (copied, skipped) {
        (Err(Copying::Local) | Ok(()), Err(error)) => {
            return Err(not_copied(&error.to_string()));
        }
        (Err(Copying::Fault(fault)), _) => return Err(fault),
        (_, Ok(skipped)) => skipped,
    };
    for Skipped { path, why } in skipped {
        run.sink.warn(Code::FileNotCopied.warning(why).about(path.display().to_string()));
    }
    Ok(())
}

async fn into(run: &Run, container: &Container, from: PathBuf, is_content: bool, to: &Split) -> Result<()> {
    if let Err(error) = from.symlink_metadata() {
        return Err(Fault { kind: FaultKind::Usage, ..not_copied(&format!("{}: {error}", from.display())) });
    }
    let name = from.file_name().and_then(|name| name.to_str()).filter(|_| !is_content).unwrap_or(".");
    let (directory, name) = match &to.name {
        Some(target) if !is_directory(container, &to.whole).await? => (to.parent.clone(), target.clone()),
        _ => (to.whole.clone(), name.to_owned()),
    };
    let (reader, writer) = tokio::io::duplex(BUFFER);
    let bridge = Bridge { handle: Handle::current(), inner: writer };
    let packing = tokio::task::spawn_blocking(move || pack(bridge, &from, &name));
    let input = Input { reader, needs_end: false };
    let argv = tar_in(&directory);
    let (copied, packed) = tokio::join!(tar(container, &argv, Some(input), tokio::io::sink()), packing);
    // `tar` that has failed reads no more, which packing notices as well.
    if let Err(Copying::Fault(fault)) = copied {
        return Err(fault);
    }
    let packed = packed.unwrap_or_else(|panic| Err(io::Error::other(panic)));
    for path in packed.map_err(|error| not_copied(&error.to_string()))? {
        let why = "it is neither a file, a directory nor a link, or its name is not valid UTF-8";
        run.sink.warn(Code::FileNotCopied.warning(why).about(path.display().to_string()));
    }
    Ok(())
}

fn tar_in(directory: &str) -> Vec<String> {
    ["tar", "-xpf", "-", "-C", directory].map(str::to_owned).to_vec()
}

async fn is_directory(container: &Container, path: &str) -> Result<bool> {
    match container.output(&["test", "-d", path], NO_INPUT).await {
        Ok(output) => Ok(output.code == 0),
        Err(NotRun::ProgramNotFound(_)) => Ok(false),
        Err(why) => Err(not_run(container, &why)),
    }
}

/// Why `tar` in the container failed.
enum Copying {
    /// Its output cannot be taken here; the reason is the reader's.
    Local,
    Fault(Fault),
}

impl Copying {
    fn fault(self) -> Fault {
        match self {
            Copying::Local => not_copied("the archive cannot be read"),
            Copying::Fault(fault) => fault,
        }
    }
}

async fn tar(
    container: &Container,
    argv: &[String],
    input: Option<Input<impl AsyncRead + Unpin>>,
    stdout: impl AsyncWrite + Unpin,
) -> std::result::Result<(), Copying> {
    let mut stderr = Vec::new();
    match container.run(argv, input, stdout, &mut stderr).await {
        Ok(0) => Ok(()),
        Ok(code) => {
            let message = String::from_utf8_lossy(&stderr);
            let message = message.lines().next().map_or_else(|| format!("exit code {code}"), str::to_owned);
            Err(Copying::Fault(not_copied(&format!("`tar` in the container failed: {message}"))))
        }
        Err(NotRun::Unwritten(_)) => Err(Copying::Local),
        Err(why @ NotRun::ProgramNotFound(_)) => Err(Copying::Fault(not_run(container, &why).hint(
            "without `tar` one file is copied by `todo exec NAME -- cat PATH > FILE`, if the image has `cat`",
        ))),
        Err(why) => Err(Copying::Fault(not_run(container, &why))),
    }
}

fn not_copied(why: &str) -> Fault {
    Code::CopyFailed.fault(FaultKind::Rollout, why.to_owned()).context("the copy is not complete")
}

/// An end of a pipe for synchronous readers and writers, on a thread of its own.
struct Bridge<T> {
    handle: Handle,
    inner: T,
}

impl<T: AsyncRead + Unpin> Read for Bridge<T> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.handle.block_on(self.inner.read(buf))
    }
}

impl<T: AsyncWrite + Unpin> Write for Bridge<T> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.handle.block_on(self.inner.write(buf))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.handle.block_on(self.inner.flush())
    }
}
