//! A command in a container that runs.

use anyhow::Context;
use bollard::Docker;
use bollard::container::LogOutput;
use bollard::exec::StartExecResults;
use bollard::models::ExecConfig;
use futures::Stream;
use futures::StreamExt;
use hyper::body::Bytes;
use std::io;
use tokio::io::AsyncWrite;
use tokio::io::AsyncWriteExt;

/// Runs a command in `container` with `input` as its standard input; returns its output, if it exited with 0.
pub(crate) async fn exec(
    engine: &Docker,
    container: &str,
    command: &[&str],
    input: impl Stream<Item = io::Result<Bytes>> + Send,
) -> anyhow::Result<String> {
    let doing = || format!("cannot run `{}` in the node `{container}`", command.join(" "));
    let config = ExecConfig {
        attach_stdin: Some(true),
        attach_stdout: Some(true),
        attach_stderr: Some(true),
        cmd: Some(command.iter().map(|word| (*word).to_owned()).collect()),
        ..ExecConfig::default()
    };
    let id = engine.create_exec(container, config).await.with_context(doing)?.id;
    let StartExecResults::Attached { mut output, input: to } =
        engine.start_exec(&id, None).await.with_context(doing)?
    else {
        anyhow::bail!("{}: the engine did not attach to it", doing());
    };
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let reading = async {
        while let Some(piece) = output.next().await {
            match piece? {
                LogOutput::StdErr { message } => err.extend_from_slice(&message),
                other => out.extend_from_slice(&other.into_bytes()),
            }
        }
        anyhow::Ok(())
    };
    let (read, written) = tokio::join!(reading, write(to, input));
    read.with_context(doing)?;
    let code = engine.inspect_exec(&id).await.with_context(doing)?.exit_code;
    if code != Some(0) {
        let stderr = String::from_utf8_lossy(&err);
        let last =
            stderr.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("it exited without output");
        anyhow::bail!("{}: {}", doing(), last.trim());
    }
    written.with_context(doing)?;
    Ok(String::from_utf8_lossy(&out).into_owned())
}

async fn write(
    mut to: impl AsyncWrite + Unpin,
    input: impl Stream<Item = io::Result<Bytes>>,
) -> io::Result<()> {
    let mut input = std::pin::pin!(input);
    while let Some(piece) = input.next().await {
        to.write_all(&piece?).await?;
    }
    to.shutdown().await
}
