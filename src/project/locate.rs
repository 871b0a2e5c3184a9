//! Where deploy.toml is: in the directory we stand in, or in the nearest one above it.

use crate::event::Code;
use crate::fault::FaultKind;
use crate::fault::Result;
use crate::world::World;
use std::path::Path;
use std::path::PathBuf;

/// The project file's name.
pub const NAME: &str = "deploy.toml";

/// The project file: `asked` (a directory means the file in it), else the nearest one from the current directory upwards.
pub fn locate(world: &World, asked: Option<&Path>) -> Result<PathBuf> {
    if let Some(asked) = asked {
        let path = world.absolute(asked);
        return Ok(if path.is_dir() { path.join(NAME) } else { path });
    }
    let found = world.folder.ancestors().map(|folder| folder.join(NAME)).find(|path| path.is_file());
    found.ok_or_else(|| {
        Code::DeployTomlNotFound
            .fault(FaultKind::Usage, format!("there is no {NAME} in {} or above it", world.folder.display()))
            .hint(format!(
                "change to the project's directory, or name the file: `todo up --file path/to/{NAME}`"
            ))
    })
}

#[cfg(test)]
mod tests {
    use super::NAME;
    use super::locate;
    use crate::world::World;

    #[test]
    fn the_nearest_file_above_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let below = folder.path().join("a/b");
        std::fs::create_dir_all(&below).unwrap();
        let world = World::fake(&below, [("", ""); 0]);
        assert!(locate(&world, None).is_err_and(|fault| !fault.hints.is_empty()));
        std::fs::write(folder.path().join(NAME), "").unwrap();
        assert_eq!(locate(&world, None).unwrap(), folder.path().join(NAME));
        std::fs::write(folder.path().join("a").join(NAME), "").unwrap();
        assert_eq!(locate(&world, None).unwrap(), folder.path().join("a").join(NAME));
        assert_eq!(locate(&world, Some("../..".as_ref())).unwrap(), below.join("../..").join(NAME));
    }
}
