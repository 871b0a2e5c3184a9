//! The builder of engines without BuildKit, podman's API among them: a tar of the whole context, and lines of text.
//!
//! A fallback only. It unpacks everything again at each build and serves no secrets.

use crate::docker::dial::Dialer;
use crate::event::Amount;
use crate::event::OpenItem;
use crate::event::Unit;
use crate::image::build;
use crate::image::build::BuildError;
use crate::image::build::BuildOutput;
use crate::image::build::BuildSpec;
use crate::image::build::BuildStream;
use crate::image::build::FailedBuild;
use crate::image::build::Line;
use crate::image::pipe::UNDER_WAY;
use crate::image::pipe::Writing;
use crate::image::progress::Tail;
use crate::image::stat;
use anyhow::Context;
use dockerfile::context::EntryKind;
use http::Request;
use http_body_util::StreamBody;
use hyper::body::Frame;
use std::io;
use std::io::Write;
use tokio::sync::mpsc;
use tokio_stream::StreamExt;
use tokio_stream::wrappers::ReceiverStream;

/// The name of the Dockerfile in the tar. The engine reads it from there, so `COPY . .` sees it as well.
const DOCKERFILE: &str = ".todo.Dockerfile";

/// Builds, reporting its progress through `item`.
pub async fn build(
    dialer: &Dialer,
    spec: &BuildSpec,
    item: &OpenItem,
    verbose: bool,
) -> Result<BuildOutput, BuildError> {
    let mut query = build::query(spec);
    for (name, value) in &mut query {
        if *name == "dockerfile" {
            DOCKERFILE.clone_into(value);
        }
    }
    let (pieces, stream) = mpsc::channel(UNDER_WAY);
    let writing = {
        let spec = spec.clone();
        tokio::task::spawn_blocking(move || {
            let mut out = Writing::new(pieces);
            if let Err(error) = write(&spec, &mut out) {
                out.fail(&error);
            }
            out.sent
        })
    };
    let body = StreamBody::new(ReceiverStream::new(stream).map(|piece| piece.map(Frame::data)));
    let request = Request::post(build::path("/build", &query))
        .header("Host", dialer.host())
        .header("Content-Type", "application/x-tar")
        .body(body)
        .map_err(|error| BuildError::Engine(error.into()))?;
    item.progress("sending the context", None);
    let sent = dialer
        .send_all(request)
        .await
        .context("the context could not be sent")
        .map_err(BuildError::Engine)?;
    let mut answer = BuildStream::from_response(sent).await?;

    let mut step = None;
    let mut output = Tail::default();
    let mut failed = None;
    while let Some(line) = answer.next().await.map_err(BuildError::Engine)? {
        match line {
            Line { error_detail: Some(detail), .. } => failed = Some(detail.message),
            Line { error: Some(error), .. } => failed = Some(error),
            Line { stream: Some(text), .. } => {
                if let Some((name, amount)) = step_of(&text) {
                    item.progress(name.clone(), Some(amount));
                    step = Some(format!("[{}/{}] {name}", amount.done + 1, amount.total.unwrap_or_default()));
                    output = Tail::default();
                } else {
                    output.push(text.as_bytes(), |line| {
                        if verbose {
                            item.log(line);
                        }
                    });
                }
            }
            Line { status: Some(status), detail: Some(detail), .. } if detail.total > 0 => {
                let amount = Amount { done: detail.current, total: Some(detail.total), unit: Unit::Bytes };
                item.progress(status.to_lowercase(), Some(amount));
            }
            Line { .. } => {}
        }
    }
    let sent = writing.await.unwrap_or(0);
    match failed {
        Some(message) => {
            let (error, output) = (message.clone(), output.last(200));
            Err(BuildError::Failed(FailedBuild { message, step, error, output, ..FailedBuild::default() }))
        }
        None => Ok(BuildOutput { id: String::new(), sent }),
    }
}

/// Parses `Step 2/5 : RUN make`; podman's `STEP 2/5: RUN make` too, with `[1/2] ` before it if there are two stages.
fn step_of(text: &str) -> Option<(String, Amount)> {
    let text = match text.strip_prefix('[').and_then(|stage| stage.split_once("] ")) {
        Some((_, step)) => step,
        None => text,
    };
    let rest = text.strip_prefix("Step ").or_else(|| text.strip_prefix("STEP "))?;
    let (count, name) = rest.split_once(':')?;
    let (number, total) = count.trim().split_once('/')?;
    let (number, total): (u64, u64) = (number.parse().ok()?, total.parse().ok()?);
    let amount = Amount { done: number.saturating_sub(1), total: Some(total), unit: Unit::Steps };
    Some((name.trim().to_owned(), amount))
}

fn write(spec: &BuildSpec, out: &mut Writing) -> io::Result<()> {
    let mut tar = tar::Builder::new(out);
    let mut header = tar::Header::new_gnu();
    header.set_mode(0o644);
    header.set_size(spec.dockerfile.len() as u64);
    tar.append_data(&mut header, DOCKERFILE, &spec.dockerfile[..])?;
    for entry in &spec.context.entries {
        let mut header = tar::Header::new_gnu();
        match &entry.kind {
            EntryKind::Folder => {
                header.set_entry_type(tar::EntryType::Directory);
                header.set_mode(0o755);
                header.set_size(0);
                tar.append_data(&mut header, format!("{}/", entry.path), io::empty())?;
            }
            EntryKind::Link { target } => {
                header.set_entry_type(tar::EntryType::Symlink);
                header.set_mode(0o777);
                header.set_size(0);
                tar.append_link(&mut header, &entry.path, target)?;
            }
            EntryKind::File { size, executable, modified_secs, .. } => {
                header.set_mode(if *executable { 0o755 } else { 0o644 });
                header.set_size(*size);
                header.set_mtime(u64::try_from(*modified_secs).unwrap_or(0));
                let file = stat::open_below(&spec.context.root, &entry.path)?;
                let now = file.metadata()?;
                if !now.is_file() || now.len() != *size {
                    return Err(io::Error::other(format!("{}: changed while building", entry.path)));
                }
                tar.append_data(&mut header, &entry.path, io::Read::take(file, *size))?;
            }
        }
    }
    tar.into_inner()?.flush()
}

#[cfg(test)]
mod tests {
    use super::step_of;

    #[test]
    fn steps_of_both_kinds_are_read() {
        for (text, name, done) in [
            ("Step 2/5 : RUN make\n", "RUN make", 1),
            ("STEP 1/5: FROM x\n", "FROM x", 0),
            ("[2/2] STEP 2/5: COPY a /a\n", "COPY a /a", 1),
        ] {
            let (found, amount) = step_of(text).unwrap();
            assert_eq!((found.as_str(), amount.done, amount.total), (name, done, Some(5)));
        }
        assert!(step_of("Stepping stones").is_none() && step_of(" ---> 0a1b").is_none());
    }
}
