//! Images to build, in folders of their own, and a run to build them in.

use crate::event::Event;
use crate::event::Place;
use crate::event::Sink;
use crate::image::context::Context;
use crate::image::context::Entry;
use crate::image::context::EntryKind;
use crate::image::dockerfile::Base;
use crate::image::dockerfile::Dockerfile;
use crate::image::dockerfile::Instruction;
use crate::image::survey::Surveyed;
use crate::project;
use crate::project::name::ImageName;
use crate::project::name::ProjectName;
use crate::run::Run;
use crate::signal::Asker;
use crate::signal::Cancel;
use crate::world::World;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use tokio::sync::mpsc::UnboundedReceiver;

/// A run in a world of its own.
pub(super) struct Sample {
    pub(super) folder: tempfile::TempDir,
    pub(super) run: Run,
    pub(super) events: UnboundedReceiver<Event>,
    pub(super) asker: Asker,
    pub(super) project: ProjectName,
}

impl Sample {
    pub(super) fn new(project: &str) -> Sample {
        let folder = tempfile::tempdir().unwrap();
        let cache = folder.path().join("cache");
        let world = World::fake(folder.path(), [("XDG_CACHE_HOME", cache.as_os_str()), ("SOME_TOKEN", "s3cr3t!".as_ref())]);
        let (sink, events) = Sink::new();
        let (asker, cancel) = Cancel::new();
        let run = Run { sink, cancel, world: Arc::new(world), verbose: true };
        Sample { folder, run, events, asker, project: ProjectName::parse(project).unwrap() }
    }

    /// Writes files below `sources/NAME`.
    pub(super) fn write(&self, image: &str, files: &[(&str, &str)]) {
        for (path, text) in files {
            let file = self.folder.path().join(image).join(path);
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(file, text).unwrap();
        }
    }

    pub(super) fn survey(&self, image: &str) -> Surveyed {
        let root = self.folder.path().join(image);
        let mut entries = Vec::new();
        walk(&root, "", &mut entries);
        let path = root.join("Dockerfile");
        let text = std::fs::read(&path).unwrap();
        let name = ImageName::parse(image).unwrap();
        Surveyed {
            image: project::Image {
                name,
                place: Place::file("deploy.toml"),
                context: root.clone(),
                dockerfile: path.clone(),
                target: None,
                args: BTreeMap::new(),
                secrets: BTreeMap::new(),
                platform: None,
                max_size: None,
            },
            context: Context { root, entries, bytes: 0 },
            dockerfile: parse(text, path),
            needs: Vec::new(),
            warnings: Vec::new(),
        }
    }

    /// Everything that was told so far.
    pub(super) fn told(&mut self) -> Vec<Event> {
        std::iter::from_fn(|| self.events.try_recv().ok()).collect()
    }
}

fn walk(root: &Path, below: &str, entries: &mut Vec<Entry>) {
    let mut names: Vec<_> =
        std::fs::read_dir(root.join(below)).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    for name in names {
        let path = if below.is_empty() { name } else { format!("{below}/{name}") };
        let on_disk = root.join(&path);
        if on_disk.is_dir() {
            entries.push(Entry { path: path.clone(), kind: EntryKind::Folder });
            walk(root, &path, entries);
        } else {
            let bytes = std::fs::read(&on_disk).unwrap();
            let modified = std::fs::metadata(&on_disk).unwrap().modified().unwrap();
            let modified = modified.duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
            let kind = EntryKind::File {
                size: bytes.len() as u64,
                executable: false,
                hash: *blake3::hash(&bytes).as_bytes(),
                modified_secs: i64::try_from(modified).unwrap(),
                on_disk,
            };
            entries.push(Entry { path, kind });
        }
    }
}

fn parse(text: Vec<u8>, path: std::path::PathBuf) -> Dockerfile {
    let mut instructions: Vec<Instruction> = Vec::new();
    let mut bases = Vec::new();
    for (index, line) in String::from_utf8(text.clone()).unwrap().lines().enumerate() {
        if let Some((keyword, arguments)) = line.split_once(' ').filter(|_| !line.starts_with('#')) {
            if keyword == "FROM" && !arguments.starts_with("scratch") {
                let reference = arguments.split(' ').next().unwrap().to_owned();
                bases.push(Base { reference, line: index + 1 });
            }
            let (keyword, arguments) = (keyword.to_owned(), arguments.to_owned());
            instructions.push(Instruction { keyword, arguments, first: index + 1, last: index + 1 });
        }
    }
    Dockerfile { text, path, bases, instructions, syntax: None }
}
