//! The programs `todo-up`, `todo-down` and `todo-status`, which are this one under other names: `todo applets`.
//!
//! On Unix they are symbolic links. On Windows, where those need a privilege, they are hard links, or copies where the
//! directory is on another volume. A file that todo did not create is never replaced.

use crate::cli::APPLETS;
use crate::event::Code;
use crate::fault::Fault;
use crate::fault::FaultKind;
use crate::fault::OrFault;
use crate::fault::Result;
use crate::file;
use crate::world::World;
use aho_corasick::AhoCorasick;
use std::ffi::OsStr;
use std::io;
use std::io::ErrorKind;
use std::path::Path;

/// What every version of this program has in it, so that a copy of an older one is known.
const MARKER: &[u8] = b"todo applets: this file is the program todo";

/// Their names, and the command that each of them is.
pub fn list() -> String {
    APPLETS.map(|name| format!("todo-{name:<8}todo {name}")).join("\n")
}

/// Makes them in `directory`, else next to the program, and returns their paths.
///
/// # Errors
/// If one of the files exists and todo did not create it, before any is created; or if one cannot be created.
pub fn install(world: &World, directory: Option<&Path>) -> Result<String> {
    let program = world.program.as_deref().ok_or_else(|| {
        Code::FileUnreadable.fault(FaultKind::Usage, "this system does not say where the program is")
    })?;
    let beside = program.parent().unwrap_or(Path::new("."));
    let directory = directory.map_or_else(|| beside.to_owned(), |directory| world.absolute(directory));
    let paths = APPLETS.map(|name| {
        directory.join(format!("todo-{name}")).with_extension(program.extension().unwrap_or_default())
    });
    let foreign: Vec<String> =
        paths.iter().filter(|path| !replaceable(path)).map(|path| path.display().to_string()).collect();
    if !foreign.is_empty() {
        return Err(Code::FileExists
            .fault(FaultKind::Usage, format!("cannot replace {}: not a copy of `todo`", foreign.join(", ")))
            .hint("move it away, or name another directory: `todo applets --install DIR`"));
    }
    let unwritable = |path: &Path| format!("cannot write {}", path.display());
    std::fs::create_dir_all(&directory)
        .or_fault(Code::FileNotWritable, FaultKind::Usage, || unwritable(&directory))?;
    for path in &paths {
        install_one(program, path)
            .or_fault(Code::FileNotWritable, FaultKind::Usage, || unwritable(path))
            .map_err(elsewhere)?;
    }
    Ok(paths.map(|path| path.display().to_string()).join("\n"))
}

fn elsewhere(fault: Fault) -> Fault {
    fault.hint("name a directory of yours: `todo applets --install DIR`")
}

/// Whether nothing is at `path`, or a link to a program called `todo`, or a copy of this program in any version.
fn replaceable(path: &Path) -> bool {
    match std::fs::symlink_metadata(path) {
        Err(error) => error.kind() == ErrorKind::NotFound,
        Ok(about) if about.is_symlink() => {
            std::fs::read_link(path).is_ok_and(|target| target.file_stem() == Some(OsStr::new("todo")))
        }
        Ok(about) => about.is_file() && is_this_program(path).unwrap_or_default(),
    }
}

/// A program may be larger than any file that is read as a whole: one built without optimization has over 256 MiB on Windows.
fn is_this_program(path: &Path) -> io::Result<bool> {
    let marker = AhoCorasick::new([MARKER]).map_err(io::Error::other)?;
    marker.stream_find_iter(file::open(path)?).next().transpose().map(|found| found.is_some())
}

fn is_same(a: &Path, b: &Path) -> io::Result<bool> {
    let hash = |path| Ok::<_, io::Error>(blake3::Hasher::new().update_reader(file::open(path)?)?.finalize());
    Ok(a.metadata()?.len() == b.metadata()?.len() && hash(a)? == hash(b)?)
}

/// Creates the new file next to the old one and renames it, so that the name always exists.
fn install_one(program: &Path, path: &Path) -> io::Result<()> {
    // Windows replaces no file that runs, and every hard link of this program is one.
    if cfg!(windows) && path.exists() && is_same(program, path)? {
        return Ok(());
    }
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    let new = path.with_file_name(name);
    match std::fs::remove_file(&new) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => link(program, &new)?,
    }
    std::fs::rename(&new, path).inspect_err(|_| drop(std::fs::remove_file(&new)))?;
    // `rename(2)`: where both names are the same file already, nothing is renamed.
    match std::fs::remove_file(&new) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(unix)]
fn link(program: &Path, path: &Path) -> io::Result<()> {
    // Relative within a directory, which can then be moved or packed.
    let target = match (program.parent(), path.parent(), program.file_name()) {
        (Some(its), Some(here), Some(name)) if its.canonicalize()? == here.canonicalize()? => {
            Path::new(name).to_owned()
        }
        _ => program.to_owned(),
    };
    std::os::unix::fs::symlink(target, path)
}

#[cfg(windows)]
fn link(program: &Path, path: &Path) -> io::Result<()> {
    std::fs::hard_link(program, path).or_else(|_| std::fs::copy(program, path).map(drop))
}

#[cfg(test)]
mod tests {
    use super::APPLETS;
    use super::MARKER;
    use super::file;
    use super::install;
    use crate::world::World;
    use std::path::Path;
    use std::path::PathBuf;

    fn name(applet: &str) -> String {
        format!("todo{applet}{}", std::env::consts::EXE_SUFFIX)
    }

    /// A directory `bin` with the program, and a world in which it runs.
    fn installed(folder: &Path, contents: &[u8]) -> World {
        std::fs::create_dir_all(folder.join("bin")).unwrap();
        let program = folder.join("bin").join(name(""));
        std::fs::write(&program, [contents, MARKER].concat()).unwrap();
        let mut world = World::fake(folder, [("", ""); 0]);
        world.program = Some(program);
        world
    }

    #[test]
    fn each_applet_is_the_program_and_installing_again_follows_an_update() {
        let folder = tempfile::tempdir().unwrap();
        for (version, directory) in
            [("1", None), ("2", None), ("2", Some("else where")), ("3", Some("else where"))]
        {
            let world = installed(folder.path(), version.as_bytes());
            let listed = install(&world, directory.map(Path::new)).unwrap();
            let paths: Vec<PathBuf> = listed.lines().map(PathBuf::from).collect();
            let home = folder.path().join(directory.unwrap_or("bin"));
            assert_eq!(paths, APPLETS.map(|applet| home.join(name(&format!("-{applet}")))));
            for path in paths {
                assert!(std::fs::read(&path).unwrap().starts_with(version.as_bytes()), "{}", path.display());
            }
        }
        assert_eq!(
            std::fs::read_dir(folder.path().join("bin")).unwrap().count(),
            4,
            "nothing else is left there"
        );
    }

    #[test]
    fn what_is_not_ours_stays_and_nothing_else_is_made() {
        let folder = tempfile::tempdir().unwrap();
        let world = installed(folder.path(), b"1");
        let foreign = folder.path().join("bin").join(name("-status"));
        std::fs::write(&foreign, "somebody's").unwrap();
        let fault = install(&world, None).unwrap_err();
        assert_eq!((fault.kind.exit_code(), fault.code.as_str()), (2, "file-exists"));
        assert_eq!(std::fs::read(&foreign).unwrap(), b"somebody's");
        assert!(!folder.path().join("bin").join(name("-up")).exists());
    }

    #[test]
    fn a_copy_is_known_however_large_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let world = installed(folder.path(), b"1");
        let copy = folder.path().join("bin").join(name("-up"));
        std::fs::write(&copy, MARKER).unwrap();
        let file = std::fs::OpenOptions::new().write(true).open(&copy).unwrap();
        // Sparse where the file system can: it takes no space.
        file.set_len(file::INDEX + 1).unwrap();
        // Windows replaces no file that is open.
        drop(file);
        assert!(install(&world, None).is_ok());
    }

    #[test]
    #[cfg(unix)]
    fn a_link_to_another_program_is_not_ours_and_one_that_leads_nowhere_is() {
        let folder = tempfile::tempdir().unwrap();
        let world = installed(folder.path(), b"1");
        let up = folder.path().join("bin/todo-up");
        for (target, code) in [("/opt/old/todo", None), ("/usr/bin/other", Some("file-exists"))] {
            let _ = std::fs::remove_file(&up);
            std::os::unix::fs::symlink(target, &up).unwrap();
            let found_code = install(&world, None).err().map(|fault| fault.code.as_str());
            assert_eq!(found_code, code, "{target}");
        }
    }
}
