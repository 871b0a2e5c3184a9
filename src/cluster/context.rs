//! Which file of the user's kubeconfig has a context that deploy.toml names.
//!
//! Not the current context: that belongs to the user, and is ignored.

use crate::event::Code;
use crate::fault::FaultKind;
use crate::fault::OrFault;
use crate::fault::Result;
use crate::file;
use crate::world::Os;
use crate::world::World;
use kube::config::Kubeconfig;
use kube::config::KubeconfigError;
use nearest::nearest;
use std::path::Path;
use std::path::PathBuf;

/// The first file of `KUBECONFIG`, else `~/.kube/config`, that has the context.
///
/// # Errors
/// [`FaultKind::Usage`] if none has it, with the closest match.
pub fn kubeconfig_with(world: &World, context: &str) -> Result<PathBuf> {
    let mut known = Vec::new();
    for path in files(world).into_iter().filter(|path| path.exists()) {
        let doing = || format!("cannot read the kubeconfig {}", path.display());
        file::check(&path, file::TEXT).or_fault(Code::KubeconfigInvalid, FaultKind::Usage, doing)?;
        // Its own text quotes the lines around the mistake, and with them credentials.
        let file = Kubeconfig::read_from(&path).map_err(|error| match error {
            KubeconfigError::Parse(error) => {
                let at = error.location().map(|at| format!(": line {}, column {}", at.line(), at.column()));
                anyhow::anyhow!("it is not a valid kubeconfig{}", at.unwrap_or_default())
            }
            other => other.into(),
        });
        let file = file.or_fault(Code::KubeconfigInvalid, FaultKind::Usage, doing)?;
        if file.contexts.iter().any(|entry| entry.name == context) {
            return Ok(path);
        }
        known.extend(file.contexts.into_iter().map(|entry| entry.name));
    }
    let fault =
        Code::ContextNotFound.fault(FaultKind::Usage, format!("no kubeconfig has the context `{context}`"));
    Err(match (nearest(context, known.iter().map(String::as_str)), known.as_slice()) {
        (Some(meant), _) => fault.hint(format!("write `context = \"{meant}\"` in the `[target]`")),
        (None, []) => fault.hint("KUBECONFIG names the file; without it `~/.kube/config` is read"),
        (None, known) => fault.hint(format!("there are `{}`", known.join("`, `"))),
    })
}

fn files(world: &World) -> Vec<PathBuf> {
    let separator = if world.os == Os::Windows { ';' } else { ':' };
    let named = world.var("KUBECONFIG").into_iter().flat_map(|list| list.split(separator));
    let named: Vec<PathBuf> =
        named.filter(|entry| !entry.is_empty()).map(|entry| world.absolute(Path::new(entry))).collect();
    if named.is_empty() {
        world.home().map(|home| home.join(".kube").join("config")).into_iter().collect()
    } else {
        named
    }
}

#[cfg(test)]
mod tests {
    use super::kubeconfig_with;
    use crate::fault::FaultKind;
    use crate::world::World;

    #[test]
    fn the_file_that_has_the_context_is_found_whichever_is_the_current_one() {
        let folder = tempfile::tempdir().unwrap();
        for (name, context) in [("one", "minikube"), ("two", "staging")] {
            let text = format!(
                "apiVersion: v1\nkind: Config\ncurrent-context: other\ncontexts:\n- name: {context}\n  context: {{cluster: c, user: u}}\n"
            );
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        let world = World::fake(folder.path(), [("KUBECONFIG", "none:one:two")]);
        assert_eq!(kubeconfig_with(&world, "staging").unwrap(), folder.path().join("two"));
        let fault = kubeconfig_with(&world, "stagign").unwrap_err();
        assert_eq!(fault.kind, FaultKind::Usage);
        assert_eq!(fault.hints, ["write `context = \"staging\"` in the `[target]`"]);
        assert_eq!(kubeconfig_with(&world, "prod").unwrap_err().hints, ["there are `minikube`, `staging`"]);
        let nothing = World::fake(folder.path(), [("HOME", "/nowhere")]);
        assert!(kubeconfig_with(&nothing, "prod").unwrap_err().hints[0].contains("KUBECONFIG"));
    }
}
