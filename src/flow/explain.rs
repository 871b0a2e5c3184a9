//! `todo explain FILE`: health and blame of objects that somebody dumped with `kubectl get … -o yaml`. Offline.

use crate::cluster::explain::explain as judged;
use crate::event::Code;
use crate::fault::Kind;
use crate::fault::OrFault;
use crate::fault::Result;
use crate::file;
use crate::flow::Answer;
use crate::flow::redaction;
use crate::manifest::yaml::documents;
use crate::report::listing::Listing;
use crate::run::Run;
use std::path::Path;

/// Judges the objects in `path`; `-` is standard input. On a thread of its own, which may wait for its input for ever and
/// compute for long: when the user stops the run, it is left behind.
pub async fn explain(run: &Run, path: &Path) -> Result<Answer> {
    let (of, path) = (run.clone(), path.to_owned());
    let judging = tokio::task::spawn_blocking(move || judge(&of, &path));
    run.or_stopped(async {
        judging.await.or_coded(Code::InternalError, Kind::Internal, || "the judging broke".to_owned())?
    })
    .await
}

fn judge(run: &Run, path: &Path) -> Result<Answer> {
    let (text, file) = if path == Path::new("-") {
        (file::read_stream(std::io::stdin().lock(), file::OBJECTS), Path::new("standard input"))
    } else {
        (file::read_text(&run.world.absolute(path), file::OBJECTS), path)
    };
    let text = text
        .or_coded(Code::FileUnreadable, Kind::Usage, || format!("cannot read `{}`", file.display()))
        .map_err(|fault| {
            fault.hint("name a file, or pipe the objects in: `kubectl get all -o yaml | todo explain -`")
        })?;
    let (documents, mistakes) = documents(&text, file);
    if !mistakes.is_empty() {
        return Err(Code::ManifestInvalid
            .fault(Kind::Usage, format!("`{}` cannot be read", file.display()))
            .findings(mistakes));
    }
    let objects: Vec<_> = documents.into_iter().map(|document| document.value).collect();
    redaction::values_of(run, &objects);
    let verdicts = judged(&objects, run.world.clock.now());
    let rows = verdicts.iter().map(|one| {
        vec![one.object.to_string(), one.health.to_string(), one.reason.clone(), one.message.clone()]
    });
    Ok(Answer::Listing(Listing {
        header: vec!["OBJECT", "HEALTH", "REASON", "MESSAGE"],
        rows: rows.collect(),
        nothing: "no objects that have a health",
        json: serde_json::to_value(&verdicts)
            .or_coded(Code::InternalError, Kind::Internal, || "cannot write the verdicts".to_owned())?,
    }))
}
