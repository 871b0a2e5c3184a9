//! The hosts file: host names of Ingresses that only the cluster knows, written on request and removed again.

use crate::event::Code;
use crate::event::Finding;
use crate::event::Severity;
use crate::fault::Result;
use crate::file;
use crate::project::Project;
use crate::replace::beside;
use crate::run::Run;
use crate::service::VerifiedUrl;
use crate::service::hosts;
use crate::service::hosts::HostsEntry;
use crate::world::Os;
use std::io;
use std::path::Path;

/// Lines that need the user's confirmation.
#[derive(Debug)]
pub struct Unwritten {
    project: String,
    entries: Vec<HostsEntry>,
}

impl Unwritten {
    /// The question for the user.
    #[must_use]
    pub fn question(&self, run: &Run) -> String {
        let lines: Vec<String> = self.entries.iter().map(|entry| format!("`{entry}`")).collect();
        format!("write {} into {}?", lines.join(", "), run.world.hosts_file().display())
    }

    /// Writes them; a refusal contains the command that has the permission.
    pub fn write(&self, run: &Run) -> Result<(), Box<Finding>> {
        let path = run.world.hosts_file();
        let written = change(&path, |text| hosts::with(text, &self.project, &self.entries));
        written.map(drop).map_err(|error| Box::new(self.refused(&path, run.world.os, &error)))
    }

    fn refused(&self, path: &Path, os: Os, error: &io::Error) -> Finding {
        let file = path.display();
        let mark = hosts::mark(&self.project);
        let help = if os == Os::Windows {
            "run `todo up --hosts --yes` in a terminal of an administrator".to_owned()
        } else {
            let stale =
                file::read_text(path, file::TEXT).is_ok_and(|text| hosts::ours(&text, &self.project) > 0);
            let first =
                if stale { format!("sudo sed -i.old '/{mark}$/d' {file} && ") } else { String::new() };
            let lines: Vec<String> = self.entries.iter().map(|entry| format!("'{entry} {mark}'")).collect();
            format!("`{first}printf '%s\\n' {} | sudo tee -a {file}`", lines.join(" "))
        };
        Code::HostsFileNotWritable.warning(format!("cannot write {file}: {error}")).help(help)
    }
}

/// Handles names that do not resolve to the cluster: reports them, writes them, or returns them for confirmation.
pub(crate) fn found(
    run: &Run,
    project: &Project,
    verified: &[VerifiedUrl],
    write: bool,
    yes: bool,
) -> Option<Unwritten> {
    let mut entries: Vec<HostsEntry> = verified.iter().filter_map(|item| item.unknown.clone()).collect();
    entries.dedup();
    if entries.is_empty() {
        return None;
    }
    let file = run.world.hosts_file();
    let note = |help: &str| {
        for entry in &entries {
            let message = format!(
                "to open {} in a browser, `{entry}` has to be a line of {}",
                entry.host,
                file.display()
            );
            let note = Code::HostsFileMissingEntry.note(message);
            run.sink.warn(note.help(help));
        }
    };
    if !write {
        note("`todo up --hosts` writes it");
        return None;
    }
    let world = &run.world;
    if !(yes || world.can_ask()) {
        note("there is no terminal to ask in: `todo up --hosts --yes` writes it");
        return None;
    }
    let unwritten = Unwritten { project: project.image_owner().to_string(), entries };
    if !yes {
        return Some(unwritten);
    }
    if let Err(finding) = unwritten.write(run) {
        run.sink.warn(*finding);
    }
    None
}

/// Removes the project's lines, or reports that they exist.
pub(crate) fn gone(run: &Run, project: &Project, remove: bool) {
    let path = run.world.hosts_file();
    let owner = project.image_owner();
    let name = owner.as_str();
    let lines = file::read_text(&path, file::TEXT).map_or(0, |text| hosts::ours(&text, name));
    if lines == 0 {
        return;
    }
    let file = path.display();
    if !remove {
        let note = Code::HostsFileLeftover.warning(format!("{file} still has {lines} added by `todo`"));
        let note = Finding { severity: Severity::Note, ..note };
        run.sink.warn(note.help("`todo down --hosts` removes them"));
    } else if let Err(error) = change(&path, |text| hosts::without(text, name)) {
        let help = match run.world.os {
            Os::Windows => "run `todo down --hosts` in a terminal of an administrator".to_owned(),
            _ => format!("`sudo sed -i.old '/{}$/d' {file}`", hosts::mark(name)),
        };
        run.sink.warn(Code::HostsFileNotWritable.warning(format!("cannot write {file}: {error}")).help(help));
    }
}

/// Replaces a file atomically: a concurrent reader sees the old or the new content.
fn change(path: &Path, by: impl Fn(&str) -> String) -> io::Result<()> {
    let old = file::read_text(path, file::TEXT)?;
    let new = by(&old);
    if new == old {
        return Ok(());
    }
    // A symbolic link to it is kept.
    let path = std::fs::canonicalize(path)?;
    let beside = beside(&path, new.as_bytes(), Some(std::fs::metadata(&path)?.permissions()))?;
    let moved = std::fs::rename(&beside, &path);
    if moved.is_err() {
        // In a container the file is a mount, which can be written but not replaced.
        let written = std::fs::write(&path, &new);
        let _ = std::fs::remove_file(&beside);
        return written;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::change;

    #[test]
    fn a_file_is_replaced_as_a_whole_and_keeps_who_may_read_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("hosts");
        std::fs::write(&path, "a\n").unwrap();
        let before = std::fs::metadata(&path).unwrap().permissions();
        change(&path, |text| format!("{text}b\n")).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "a\nb\n");
        assert_eq!(std::fs::metadata(&path).unwrap().permissions(), before);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing else is left behind");
        assert!(change(&folder.path().join("none"), str::to_owned).is_err());
    }
}
