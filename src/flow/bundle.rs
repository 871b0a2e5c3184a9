//! `todo doctor --bundle`: what a bug report needs, as an archive without secrets.
//!
//! Each file is redacted like output, and then searched once more for every secret value, as it is and in base64: if
//! one is found, nothing is written.

use crate::answer::record::RunRecord;
use crate::event::Code;
use crate::event::Finding;
use crate::fault::FaultKind;
use crate::fault::OrFault;
use crate::fault::Result;
use crate::file;
use crate::flow::runs;
use crate::project::Project;
use crate::project::secret::Secret;
use crate::project::values;
use crate::replace;
use crate::run::Run;
use crate::version;
use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde::Serialize;
use std::io;
use std::io::Write;
use std::path::Path;
use std::path::PathBuf;

/// Finding a shorter value proves nothing.
const TELLING: usize = 6;

/// A file of the archive.
type BundleEntry = (&'static str, String);

/// Writes the archive, and returns where.
pub(crate) fn bundle(run: &Run, project: &Project, findings: &[Finding], path: &Path) -> Result<PathBuf> {
    let path = run.world.absolute(path);
    let entries: Vec<BundleEntry> = entries(run, project, findings)
        .into_iter()
        .map(|(name, text)| (name, redacted(run, &text)))
        .collect();
    let secrets = values::known(&run.world, project);
    let secrets: Vec<&[u8]> = secrets.iter().map(Secret::expose).collect();
    if let Some(name) = with_secret(&entries, &secrets) {
        return Err(Code::InternalError.fault(
            FaultKind::Internal,
            format!("a secret value would be in `{name}` of the archive; nothing was written"),
        ));
    }
    let archive = packed(&entries);
    let written = archive.and_then(|bytes| replace::create(&path)?.write_all(&bytes));
    written
        .or_fault(Code::FileNotWritable, FaultKind::Usage, || format!("cannot write {}", path.display()))?;
    Ok(path)
}

fn entries(run: &Run, project: &Project, findings: &[Finding]) -> Vec<BundleEntry> {
    let world = &run.world;
    let set = [
        "CI",
        "KUBECONFIG",
        "MINIKUBE_HOME",
        "DOCKER_HOST",
        "DOCKER_CONTEXT",
        "HTTPS_PROXY",
        "HTTP_PROXY",
        "NO_PROXY",
    ];
    let set: Vec<&str> = set.into_iter().filter(|name| world.var_os(name).is_some()).collect();
    let about = format!(
        "todo {}\n{:?} {}\nvariables that are set: {}\n",
        version::long(),
        world.os,
        std::env::consts::ARCH,
        if set.is_empty() { "none".to_owned() } else { set.join(", ") },
    );
    let deploy = file::read_text(&project.file, file::TEXT).unwrap_or_else(|error| error.to_string());
    let cluster = project.minikube.profile.as_str();
    let is_alike =
        |record: &RunRecord| record.is_of(project.name.as_str(), project.namespace.as_str(), cluster);
    let runs = runs::load(&run.world, is_alike);
    vec![
        ("about.txt", about),
        ("deploy.toml", deploy),
        ("doctor.json", json(&findings)),
        ("runs.json", json(&runs)),
    ]
}

fn json(value: &impl Serialize) -> String {
    serde_json::to_string_pretty(value).unwrap_or_default() + "\n"
}

fn redacted(run: &Run, text: &str) -> String {
    let redactor = run.sink.redactor();
    let line = |line: &str| {
        let mut line = line.to_owned();
        redactor.quoted(&mut line);
        line
    };
    text.lines().map(line).collect::<Vec<_>>().join("\n") + "\n"
}

/// The file that a secret is in.
fn with_secret(entries: &[BundleEntry], secrets: &[&[u8]]) -> Option<&'static str> {
    let forms = secrets.iter().filter(|secret| secret.len() >= TELLING);
    let forms: Vec<Vec<u8>> =
        forms.flat_map(|secret| [secret.to_vec(), STANDARD_NO_PAD.encode(secret).into_bytes()]).collect();
    let holds = |text: &str| {
        forms.iter().any(|form| text.as_bytes().windows(form.len()).any(|part| part == form.as_slice()))
    };
    entries.iter().find(|(_, text)| holds(text)).map(|(name, _)| *name)
}

fn packed(entries: &[BundleEntry]) -> io::Result<Vec<u8>> {
    let mut archive = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::default()));
    for (name, text) in entries {
        let mut header = tar::Header::new_ustar();
        header.set_size(text.len() as u64);
        header.set_mode(0o600);
        archive.append_data(&mut header, format!("todo-bundle/{name}"), text.as_bytes())?;
    }
    archive.into_inner()?.finish()
}

#[cfg(test)]
mod tests {
    use super::packed;
    use super::with_secret;
    use std::io::Read;

    #[test]
    fn a_secret_is_found_in_either_form() {
        let secrets: [&[u8]; 2] = [b"hunter2-planted", b"on"];
        for (text, found) in [
            ("url: redis://u:hunter2-planted@h", true),
            ("aHVudGVyMi1wbGFudGVk", true),
            ("based on nothing", false),
            ("", false),
        ] {
            assert_eq!(
                with_secret(&[("a", String::new()), ("b", text.to_owned())], &secrets),
                found.then_some("b"),
                "{text}"
            );
        }
    }

    #[test]
    fn the_archive_holds_the_files() {
        let bytes = packed(&[("a.txt", "one".to_owned()), ("b.json", "{}".to_owned())]).unwrap();
        let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(bytes.as_slice()));
        let mut found = Vec::new();
        for entry in archive.entries().unwrap() {
            let mut entry = entry.unwrap();
            let mut text = String::new();
            entry.read_to_string(&mut text).unwrap();
            found.push((entry.path().unwrap().display().to_string(), text));
        }
        let desired = [("todo-bundle/a.txt", "one"), ("todo-bundle/b.json", "{}")];
        assert_eq!(found, desired.map(|(name, text)| (name.to_owned(), text.to_owned())));
    }
}
