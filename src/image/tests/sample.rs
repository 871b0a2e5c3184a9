//! Images to build, in directories of their own, and a run to build them in.

use crate::event::Event;
use crate::event::Place;
use crate::fault::Result;
use crate::image::survey::survey;
use crate::image::surveyed::Surveyed;
use crate::project::Image;
use crate::project::Project;
use crate::project::check::sample;
use crate::project::name::ImageName;
use crate::project::name::ImageOwner;
use crate::run::Run;
use crate::signal::CancelHandle;
use crate::world::World;
use std::collections::BTreeMap;
use tokio::sync::mpsc::UnboundedReceiver;

/// A run in a world of its own.
pub(super) struct Sample {
    pub(super) folder: tempfile::TempDir,
    pub(super) run: Run,
    pub(super) events: UnboundedReceiver<Event>,
    pub(super) asker: CancelHandle,
    pub(super) project: ImageOwner,
}

impl Sample {
    pub(super) fn new(project: &str) -> Sample {
        let folder = tempfile::tempdir().unwrap();
        let cache = folder.path().join("cache");
        let world = World::fake(
            folder.path(),
            [
                ("XDG_CACHE_HOME", cache.as_os_str()),
                ("HOME", folder.path().as_os_str()),
                ("SOME_TOKEN", "s3cr3t!".as_ref()),
            ],
        );
        let (run, events, asker) = Run::fake(world);
        let run = Run { verbose: true, ..run };
        Sample { folder, run, events, asker, project: ImageOwner::parse(project).unwrap() }
    }

    /// Writes files of an image's context.
    pub(super) fn write(&self, image: &str, files: &[(&str, &str)]) {
        for (path, text) in files {
            let file = self.folder.path().join(image).join(path);
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(file, text).unwrap();
        }
    }

    /// An image whose context is the directory of its name.
    pub(super) fn image(&self, name: &str) -> Image {
        let context = self.folder.path().join(name);
        Image {
            name: ImageName::parse(name).unwrap(),
            place: Place { line: 3, ..Place::file("deploy.toml") },
            dockerfile: context.join("Dockerfile"),
            context,
            target: None,
            args: BTreeMap::new(),
            secrets: BTreeMap::new(),
            platform: None,
            max_size: None,
            sync: Some(Vec::new()),
        }
    }

    /// The images of these names, surveyed as a project of their own.
    pub(super) fn survey(&self, names: &[&str]) -> Vec<Surveyed> {
        self.try_survey(names.iter().map(|name| self.image(name)).collect()).unwrap()
    }

    pub(super) fn try_survey(&self, images: Vec<Image>) -> Result<Vec<Surveyed>> {
        survey(&self.run, &self.project(images))
    }

    fn project(&self, images: Vec<Image>) -> Project {
        let text = format!("name = '{}'", self.project);
        Project { images, ..sample(self.folder.path(), &text) }
    }

    /// All events so far.
    pub(super) fn events(&mut self) -> Vec<Event> {
        std::iter::from_fn(|| self.events.try_recv().ok()).collect()
    }
}
