//! The inputs of each image's last build, kept to explain why it is rebuilt and how its size changed.
//!
//! Never trusted for a decision: the engine knows what it has, and is only queried earlier for the last keys. In the
//! user's cache directory, safe to delete.

use crate::file;
use crate::project::Image;
use crate::project::name::ImageOwner;
use crate::replace::private_folder;
use crate::replace::replace;
use crate::world::World;
use dockerfile::key::Inputs;
use serde::Deserialize;
use serde::Serialize;
use std::io::BufRead;
use std::io::BufReader;
use std::io::Read;
use std::path::PathBuf;

/// The record of an image.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Last {
    /// The inputs of its key.
    pub inputs: Inputs,
    /// Its id.
    pub id: String,
    /// Its size in bytes.
    pub size: u64,
}

/// The record of this image as built by the engine at `engine`; `None` if there is none, or it is unreadable.
#[must_use]
pub fn load(world: &World, engine: &str, project: &ImageOwner, image: &Image) -> Option<Last> {
    let text = file::read(&file(world, engine, project, image)?, file::INDEX).ok()?;
    let end = text.iter().position(|byte| *byte == b'\n')?;
    serde_json::from_slice(&text[end..]).ok()
}

/// The key in the record. Reads the first line alone: a big context has a long list of inputs.
#[must_use]
pub fn key(world: &World, engine: &str, project: &ImageOwner, image: &Image) -> Option<String> {
    let mut line = String::new();
    let file = file::open(&file(world, engine, project, image)?).ok()?;
    BufReader::with_capacity(64, file).take(64).read_line(&mut line).ok()?;
    let key = line.strip_suffix('\n')?;
    key.bytes().all(|byte| byte.is_ascii_hexdigit()).then(|| key.to_owned())
}

/// Writes the record. A failure to write is ignored: only the next explanation is affected.
pub fn write(world: &World, engine: &str, project: &ImageOwner, image: &Image, key: &str, last: &Last) {
    let Some(file) = file(world, engine, project, image) else { return };
    let Ok(inputs) = serde_json::to_string(last) else { return };
    let folder = file.parent().map_or(Ok(()), private_folder);
    let _ = folder.and_then(|()| replace(&file, format!("{key}\n{inputs}").as_bytes(), None));
}

/// The path also depends on where the image is built from: another directory's project may have the same name, and a
/// recreated engine has the same address. Its records must not be compared with ours.
fn file(world: &World, engine: &str, project: &ImageOwner, image: &Image) -> Option<PathBuf> {
    let engine = blake3::hash(engine.as_bytes()).to_hex();
    let mut place = blake3::Hasher::new();
    for path in [&image.context, &image.dockerfile] {
        place.update(path.as_os_str().as_encoded_bytes()).update(b"\0");
    }
    let place = place.finalize().to_hex();
    let name = format!("{}-{}.json", image.name.as_str().replace('/', "%2F"), &place[..12]);
    Some(world.cache_folder()?.join("images").join(project.as_str()).join(&engine[..12]).join(name))
}
