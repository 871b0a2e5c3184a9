//! Archives of the files for one directory of a container.

use crate::image::archive::NotWritten;
use crate::image::stat;
use crate::image::sync::FileWrite;
use crate::image::sync::WriteKind;
use std::io;
use std::io::Read;
use std::path::Path;
use std::time::Duration;

/// The writes by their directory. A directory comes before its content, because it is written into its own parent.
pub(super) fn by_parent(writes: &[FileWrite]) -> Vec<(&str, Vec<&FileWrite>)> {
    let mut groups: Vec<(&str, Vec<&FileWrite>)> = Vec::new();
    for write in writes {
        let parent = match write.destination.rfind('/') {
            Some(0) | None => "/",
            Some(end) => &write.destination[..end],
        };
        match groups.iter_mut().find(|(path, _)| *path == parent) {
            Some((_, group)) => group.push(write),
            None => groups.push((parent, vec![write])),
        }
    }
    groups
}

/// An archive to be unpacked in `directory`. A file is read whole before its header is made, so that a file that grows
/// meanwhile does not break the archive.
pub fn pack(
    root: &Path,
    writes: &[&FileWrite],
    directory: &str,
    time: Duration,
) -> Result<Vec<u8>, NotWritten> {
    let mut archive = tar::Builder::new(Vec::new());
    for write in writes {
        let content = content(root, write)?;
        append(&mut archive, name(write, directory), write, &content, time)
            .map_err(|error| NotWritten::Engine(error.to_string()))?;
    }
    archive.into_inner().map_err(|error| NotWritten::Engine(error.to_string()))
}

fn append(
    archive: &mut tar::Builder<Vec<u8>>,
    name: &str,
    write: &FileWrite,
    content: &[u8],
    time: Duration,
) -> io::Result<()> {
    let modified = format!("{}.{:09}", time.as_secs(), time.subsec_nanos());
    archive.append_pax_extensions([("mtime", modified.as_bytes())])?;
    let mut header = tar::Header::new_ustar();
    header.set_uid(write.uid.into());
    header.set_gid(write.gid.into());
    header.set_mode(write.mode);
    header.set_mtime(time.as_secs());
    header.set_size(content.len() as u64);
    header.set_entry_type(match &write.kind {
        WriteKind::File { .. } => tar::EntryType::Regular,
        WriteKind::Directory => tar::EntryType::Directory,
        WriteKind::Link(_) => tar::EntryType::Symlink,
    });
    match &write.kind {
        WriteKind::Link(target) => archive.append_link(&mut header, name, target),
        _ => archive.append_data(&mut header, name, content),
    }
}

/// The name of a file relative to a directory that contains it.
fn name<'w>(write: &'w FileWrite, directory: &str) -> &'w str {
    let path = write.destination.as_str();
    path.strip_prefix(directory).unwrap_or(path).trim_start_matches('/')
}

fn content(root: &Path, write: &FileWrite) -> Result<Vec<u8>, NotWritten> {
    let WriteKind::File { hash, .. } = &write.kind else { return Ok(Vec::new()) };
    let mut content = Vec::new();
    let read = stat::open_below(root, &write.source).and_then(|mut file| file.read_to_end(&mut content));
    let same = read.is_ok() && blake3::hash(&content).as_bytes() == hash;
    if same { Ok(content) } else { Err(NotWritten::Changed(write.source.clone())) }
}
