//! Manual pages, made of the help of each command: `todo man`.

use crate::cli::Cli;
use crate::event::Code;
use crate::fault::FaultKind;
use crate::fault::OrFault;
use crate::fault::Result;
use crate::world::World;
use clap::Command;
use clap::CommandFactory;
use clap_mangen::Man;
use std::path::Path;

/// todo(1); or, with a directory, the paths of all pages, which are written into it.
///
/// # Errors
/// When a page cannot be written.
pub fn manual(world: &World, directory: Option<&Path>) -> Result<String> {
    let pages = pages()?;
    let Some(directory) = directory.map(|directory| world.absolute(directory)) else {
        return Ok(pages.into_iter().next().map(|(_, page)| page).unwrap_or_default());
    };
    let unwritable = |path: &Path| format!("cannot write {}", path.display());
    std::fs::create_dir_all(&directory)
        .or_fault(Code::FileNotWritable, FaultKind::Usage, || unwritable(&directory))?;
    let mut written = Vec::new();
    for (name, page) in pages {
        let path = directory.join(name);
        std::fs::write(&path, page)
            .or_fault(Code::FileNotWritable, FaultKind::Usage, || unwritable(&path))?;
        written.push(path.display().to_string());
    }
    Ok(written.join("\n"))
}

/// The name and the text of each page, todo(1) first.
fn pages() -> Result<Vec<(String, String)>> {
    let mut cli = Cli::command();
    // Gives each command its full name and the flags of every command.
    cli.build();
    let below = cli.get_subcommands().filter(|command| !command.is_hide_set()).cloned();
    std::iter::once(cli.clone()).chain(below).map(page).collect()
}

fn page(command: Command) -> Result<(String, String)> {
    let source = concat!("todo ", env!("CARGO_PKG_VERSION"));
    // roff would take the next argument for an empty date.
    let man = Man::new(command).date(" ").source(source).manual("todo manual");
    let mut text = Vec::new();
    man.render(&mut text)
        .or_fault(Code::InternalError, FaultKind::Internal, || "cannot write a manual page".to_owned())?;
    let text = String::from_utf8(text);
    let text = text.or_fault(Code::InternalError, FaultKind::Internal, || {
        "a manual page is not valid UTF-8".to_owned()
    })?;
    Ok((man.get_filename(), text))
}

#[cfg(test)]
mod tests {
    use super::manual;
    use super::pages;
    use crate::cli::Cli;
    use crate::world::World;
    use clap::CommandFactory;
    use std::path::Path;

    #[test]
    fn every_command_has_a_page_with_its_flags() {
        let pages = pages().unwrap();
        assert_eq!(pages[0].0, "todo.1");
        for command in Cli::command().get_subcommands() {
            let file = format!("todo-{}.1", command.get_name());
            let page = pages.iter().find(|(name, _)| *name == file);
            assert_eq!(page.is_none(), command.is_hide_set(), "{file}");
            let Some((_, page)) = page else { continue };
            let flags = command.get_arguments().filter_map(clap::Arg::get_long);
            for flag in flags.chain(["file", "output"]) {
                assert!(page.contains(&flag.replace('-', "\\-")), "{file} lacks --{flag}");
            }
        }
    }

    #[test]
    fn pages_are_written_where_they_are_wanted() {
        let folder = tempfile::tempdir().unwrap();
        let world = World::fake(folder.path(), [("", ""); 0]);
        let listed = manual(&world, Some(Path::new("share/man1"))).unwrap();
        assert_eq!(listed.lines().count(), pages().unwrap().len());
        for path in listed.lines() {
            let text = std::fs::read_to_string(path).unwrap();
            assert!(text.contains(".SH NAME"), "{path}");
        }
        let first = manual(&world, None).unwrap();
        assert!(first.contains(".TH todo 1"), "{first}");
        std::fs::write(folder.path().join("file"), "").unwrap();
        assert!(manual(&world, Some(Path::new("file"))).is_err());
    }
}
