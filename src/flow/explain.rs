//! `todo explain FILE`: health and blame of objects dumped with `kubectl get … -o yaml`. Offline.

use crate::answer::listing::Listing;
use crate::cluster::Dump;
use crate::cluster::Explained;
use crate::cluster::explain as judged;
use crate::event::Code;
use crate::fault::FaultKind;
use crate::fault::OrFault;
use crate::fault::Result;
use crate::file;
use crate::flow::Answer;
use crate::flow::redaction;
use crate::manifest::dump::Ending;
use crate::run::Run;
use health::status::ObjectHealth;
use std::collections::BTreeSet;
use std::collections::HashMap;
use std::path::Path;

/// Judges the objects in `path`; `-` is standard input. On a thread of its own, which may wait for its input for ever
/// and compute for long: when the user stops the run, the thread is abandoned.
pub async fn explain(run: &Run, path: &Path) -> Result<Answer> {
    let (of, path) = (run.clone(), path.to_owned());
    let judging = tokio::task::spawn_blocking(move || diagnose(&of, &path));
    judging.await.or_fault(Code::InternalError, FaultKind::Internal, || {
        "internal error while judging the objects".to_owned()
    })?
}

fn diagnose(run: &Run, path: &Path) -> Result<Answer> {
    let (text, file) = if path == Path::new("-") {
        (file::read_stream(std::io::stdin().lock(), file::OBJECTS), Path::new("standard input"))
    } else {
        (file::read_text(&run.world.absolute(path), file::OBJECTS), path)
    };
    let text = text
        .or_fault(Code::FileUnreadable, FaultKind::Usage, || format!("cannot read `{}`", file.display()))
        .map_err(|fault| {
            fault.hint("name a file, or pipe the objects in: `kubectl get all -o yaml | todo explain -`")
        })?;
    let (dump, ending) = Dump::parse(&text, file).map_err(|mistakes| {
        Code::ManifestInvalid
            .fault(FaultKind::Usage, format!("`{}` cannot be read", file.display()))
            .findings(mistakes)
    })?;
    drop(text);
    redaction::values_of(run, dump.objects());
    if ending == Ending::CutOff {
        let message =
            format!("`{}` ends in the middle of an object: what comes before it is judged", file.display());
        run.sink.warn(Code::DumpCutOff.warning(message).help("dump the objects again, to the end"));
    }
    let explained = judged(dump, run.world.clock.now());
    Ok(Answer::Listing(Listing {
        header: header(&explained),
        rows: rows(&explained),
        below: explained.iter().map(below).collect(),
        nothing: "no objects that have a health",
        json: serde_json::to_value(&explained)
            .or_fault(Code::InternalError, FaultKind::Internal, || "cannot write the verdicts".to_owned())?,
    }))
}

/// Whether some objects are of another namespace than others.
fn has_namespaces(explained: &[Explained]) -> bool {
    let mut all = explained.iter().filter_map(|item| item.namespace.as_deref());
    let first = all.next();
    all.any(|other| Some(other) != first)
}

fn header(explained: &[Explained]) -> Vec<&'static str> {
    let namespace = has_namespaces(explained).then_some("NAMESPACE");
    namespace.into_iter().chain(["OBJECT", "HEALTH", "REASON", "MESSAGE"]).collect()
}

fn rows(explained: &[Explained]) -> Vec<Vec<String>> {
    let namespaces = has_namespaces(explained);
    let mut groups: HashMap<&str, BTreeSet<&str>> = HashMap::new();
    for item in explained {
        groups.entry(item.object_health.object.kind.as_str()).or_default().insert(item.group.as_str());
    }
    let row = |item: &Explained| {
        let ObjectHealth { object, health, reason, message } = &item.object_health;
        // The group is named where two of them have a kind of this name.
        let several = groups.get(object.kind.as_str()).is_some_and(|groups| groups.len() > 1);
        let name = match item.group.as_str() {
            group if several && !group.is_empty() => format!("{}.{group}/{}", object.kind, object.name),
            _ => object.to_string(),
        };
        let message = match &item.note {
            Some(note) => format!("{message}; {note}"),
            None => message.clone(),
        };
        let namespace = namespaces.then(|| item.namespace.clone().unwrap_or_default());
        namespace.into_iter().chain([name, health.to_string(), reason.clone(), message]).collect()
    };
    explained.iter().map(row).collect()
}

/// The evidence of the cause, and what to do.
fn below(item: &Explained) -> Vec<String> {
    let help = item.help.iter().map(|help| format!("help: {help}"));
    item.evidence.iter().cloned().chain(help).collect()
}
