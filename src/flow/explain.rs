//! `todo explain FILE`: health and blame of objects that somebody dumped with `kubectl get … -o yaml`. Offline.

use crate::cluster::explain::explain as judged;
use crate::fault::Fault;
use crate::fault::Kind;
use crate::fault::OrFault;
use crate::fault::Result;
use crate::flow::Answer;
use crate::manifest::yaml::documents;
use crate::report::listing::Listing;
use crate::run::Run;
use std::io::Read;
use std::path::Path;

/// Judges the objects in `file`; `-` is standard input.
pub fn explain(run: &Run, file: &Path) -> Result<Answer> {
    let text = if file == Path::new("-") {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).map(|_| text)
    } else {
        std::fs::read_to_string(run.world.absolute(file))
    };
    let text = text.or_fault(Kind::Usage, || format!("cannot read `{}`", file.display()))?;
    let (documents, mistakes) = documents(&text, file);
    if !mistakes.is_empty() {
        return Err(
            Fault::message(Kind::Usage, format!("`{}` cannot be read", file.display())).findings(mistakes)
        );
    }
    let objects: Vec<_> = documents.into_iter().map(|document| document.value).collect();
    let verdicts = judged(&objects, run.world.clock.now());
    let rows = verdicts.iter().map(|one| {
        vec![one.object.to_string(), one.health.to_string(), one.reason.clone(), one.message.clone()]
    });
    Ok(Answer::Listing(Listing {
        header: vec!["OBJECT", "HEALTH", "REASON", "MESSAGE"],
        rows: rows.collect(),
        nothing: "no objects that have a health",
        json: serde_json::to_value(&verdicts)
            .or_fault(Kind::Internal, || "cannot write the verdicts".to_owned())?,
    }))
}
