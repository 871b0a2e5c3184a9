//! skaffold.env: flags of Skaffold, and what the templates of skaffold.yaml are filled in with
//! (`skaffold: docs/content/en/docs/environment/env-file.md`).

use crate::discover::compose::dotenv;
use crate::discover::keys::is_secret;
use crate::discover::tree::Tree;
use crate::discover::tree::join;
use crate::discover::tree::parent;
use std::collections::BTreeMap;

/// The variables of skaffold.env.
pub(super) struct Environment(BTreeMap<String, String>);

/// The file next to the skaffold.yaml at `path`.
pub(super) fn read(tree: &Tree, path: &str) -> Environment {
    let text = tree.text(&join(parent(path), "skaffold.env")).unwrap_or_default();
    Environment(dotenv::values(text, &BTreeMap::new()))
}

impl Environment {
    /// The profile that it activates.
    pub(super) fn profile(&self) -> Option<&str> {
        let profiles = self.0.get("SKAFFOLD_PROFILE")?;
        profiles.split(',').map(str::trim).find(|name| !name.is_empty())
    }

    /// The text of skaffold.yaml with its values in the place of `{{.NAME}}`; secrets stay where they are.
    pub(super) fn filled(&self, text: &str) -> String {
        let plain = |value: &str| {
            value.chars().all(|letter| letter.is_ascii_alphanumeric() || "-_./:@+".contains(letter))
        };
        let known = self.0.iter().filter(|(key, value)| !is_secret(key) && plain(value));
        known.fold(text.to_owned(), |text, (key, value)| {
            let forms = [format!("{{{{.{key}}}}}"), format!("{{{{ .{key} }}}}")];
            forms.iter().fold(text, |text, form| text.replace(form, value))
        })
    }
}
