//! What `todo up` would refuse in the files just written: they are read as `todo plan` reads them.

use crate::event::Code;
use crate::event::Finding;
use crate::event::Place;
use crate::event::Severity;
use crate::fault::Result;
use crate::flow::load;
use crate::manifest::LoadedManifests;
use crate::project::Project;
use crate::run::Run;
use std::sync::Arc;

/// How many mistakes are named; `todo plan` has all.
const MOST: usize = 5;

/// Reports every mistake, and adds to `first` what must be done about it before `todo up`. `written` are the
/// manifests, if they were already read; `notes` are the notes of the proposal.
pub(super) async fn refused(
    run: &Run,
    project: &Arc<Project>,
    written: Option<LoadedManifests>,
    notes: &[(String, String)],
    first: &mut Vec<String>,
) -> Result<()> {
    let mut mistakes = load::mistakes(run, project, written).await?;
    if !first.is_empty() {
        mistakes.retain(|mistake| !is_asked_for(mistake));
    }
    // The mistakes that the proposal already asks to correct.
    let asked = |mistake: &Finding| mistake.place.as_ref().is_some_and(|place| is_named(place, first));
    mistakes.retain(|mistake| !asked(mistake) && !is_copied_in(mistake, notes));
    first.extend(mistakes.iter().take(MOST).map(edit));
    if mistakes.len() > MOST {
        first.push(format!("and {} more: `todo plan` lists them", mistakes.len() - MOST));
    }
    for mistake in mistakes {
        run.sink.warn(Finding { severity: Severity::Warning, ..mistake });
    }
    Ok(())
}

/// Whether it is a value or file that only the user has: the proposal asks for those first.
fn is_asked_for(mistake: &Finding) -> bool {
    matches!(mistake.code, Code::SecretValueMissing | Code::EnvFileMissing | Code::SecretFileUnreadable)
}

/// Whether it is a file that a Dockerfile copies and does not get, where the notes say already what that Dockerfile lacks.
fn is_copied_in(mistake: &Finding, notes: &[(String, String)]) -> bool {
    let copied = matches!(mistake.code, Code::CopySourceMissing | Code::FileDockerignored);
    let Some(place) = mistake.place.as_ref().filter(|_| copied) else { return false };
    let dockerfile = format!("{}:", place.file.to_string_lossy().replace('\\', "/"));
    notes.iter().any(|(note, _)| note.starts_with(&dockerfile))
}

/// Whether the line of a place is named.
fn is_named(place: &Place, first: &[String]) -> bool {
    let line = Place { column: 0, ..place.clone() }.to_string();
    first.iter().any(|item| item.split([' ', ',']).any(|word| word == line))
}

fn edit(mistake: &Finding) -> String {
    let Finding { message, place, .. } = mistake;
    match place {
        Some(place) => format!("correct {place}: {message}"),
        None => format!("correct this: {message}"),
    }
}
