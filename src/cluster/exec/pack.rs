//! Files of this machine as a tar archive, for `tar` in a container.

use crate::file;
use std::fs::Metadata;
use std::io;
use std::io::Read;
use std::io::Write;
use std::path::Path;
use std::path::PathBuf;
use tar::Builder;
use tar::EntryType;
use tar::Header;

/// Writes `source`, and everything below it, to `out` under `name`. Symbolic links stay links; `source` itself is
/// followed. Owner and group are root, because local ids mean nothing in the container. Returns the entries that are
/// neither a file, a directory nor a link, and are left out.
///
/// # Errors
/// When something cannot be read, or `out` not be written.
pub fn pack(out: impl Write, source: &Path, name: &str) -> io::Result<Vec<PathBuf>> {
    let mut builder = Builder::new(out);
    let mut skipped = Vec::new();
    add(&mut builder, &source.canonicalize()?, name, &mut skipped)?;
    builder.into_inner()?.flush()?;
    Ok(skipped)
}

fn add(
    builder: &mut Builder<impl Write>,
    path: &Path,
    name: &str,
    skipped: &mut Vec<PathBuf>,
) -> io::Result<()> {
    let named = |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", path.display()));
    let metadata = path.symlink_metadata().map_err(named)?;
    let mut header = header(&metadata);
    if metadata.is_dir() {
        header.set_entry_type(EntryType::Directory);
        builder.append_data(&mut header, format!("{name}/"), io::empty())?;
        let entries = path.read_dir().and_then(Iterator::collect::<io::Result<Vec<_>>>).map_err(named)?;
        let mut entries: Vec<PathBuf> = entries.into_iter().map(|entry| entry.path()).collect();
        entries.sort();
        for entry in entries {
            match entry.file_name().and_then(|name| name.to_str()) {
                Some(below) => add(builder, &entry, &format!("{name}/{below}"), skipped)?,
                None => skipped.push(entry),
            }
        }
    } else if metadata.is_symlink() {
        header.set_entry_type(EntryType::Symlink);
        builder.append_link(&mut header, name, path.read_link().map_err(named)?)?;
    } else if metadata.is_file() {
        let size = metadata.len();
        header.set_size(size);
        // A file that shrinks meanwhile is padded with zeros: the archive stays valid.
        let content = file::open(path).map_err(named)?.take(size).chain(io::repeat(0)).take(size);
        builder.append_data(&mut header, name, content)?;
    } else {
        skipped.push(path.to_owned());
    }
    Ok(())
}

fn header(metadata: &Metadata) -> Header {
    let mut header = Header::new_gnu();
    header.set_metadata(metadata);
    header.set_size(0);
    header.set_uid(0);
    header.set_gid(0);
    header
}
