//! The values of secrets that can be read, whatever else is wrong: they are hidden from everything that is printed, and
//! that includes the mistakes.

use crate::file;
use crate::project::BuildSecret;
use crate::project::Project;
use crate::project::dotenv;
use crate::project::secret::Secret;
use crate::world::World;
use std::path::Path;

/// Every value of the project's secrets that can be read; of a `.env` file with mistakes, every line is one.
#[must_use]
pub fn known(world: &World, project: &Project) -> Vec<Secret> {
    let mut found = Vec::new();
    for spec in &project.secrets {
        if let Some(bytes) = spec.env_file.as_deref().and_then(|path| file::read_utf8(path, file::VALUE).ok())
        {
            found.extend(env_file(&bytes));
        }
        let listed = spec.keys.iter().chain(&spec.optional).filter(|_| spec.from_env);
        found.extend(listed.filter_map(|key| world.var(key.as_str())).map(Secret::new));
        found.extend(spec.files.values().filter_map(|path| read_file(path)).map(Secret::new));
    }
    for secret in project.images.iter().flat_map(|image| image.secrets.values()) {
        match secret {
            BuildSecret::Env(name) => found.extend(world.var(name).map(Secret::new)),
            BuildSecret::File(path) => found.extend(read_file(path).map(Secret::new)),
        }
    }
    found
}

fn env_file(bytes: &[u8]) -> Vec<Secret> {
    if let Ok(read) = dotenv::read_bytes(bytes, Path::new("")) {
        return read.entries.into_iter().map(|entry| entry.value).collect();
    }
    let text = String::from_utf8_lossy(bytes);
    let values = text.lines().filter_map(|line| line.split_once('='));
    values.map(|(_, value)| Secret::new(value.trim().trim_matches(['"', '\'']))).collect()
}

fn read_file(path: &Path) -> Option<Vec<u8>> {
    file::read(path, file::VALUE).ok()
}
