//! Stub, replaced by the survey's.
#![expect(missing_docs, reason = "replaced by the survey's file")]
use crate::image::survey::Surveyed;
use crate::image::context::EntryKind;
use serde::Deserialize;
use serde::Serialize;
use std::collections::BTreeMap;
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key(pub String);
impl std::fmt::Display for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facts {
    pub platform: String,
    pub bases: BTreeMap<String, String>,
}
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Inputs(BTreeMap<String, String>);
pub fn inputs(surveyed: &Surveyed, facts: &Facts) -> Inputs {
    let mut map = facts.bases.clone();
    map.insert("platform".to_owned(), facts.platform.clone());
    map.insert("Dockerfile".to_owned(), blake3::hash(&surveyed.dockerfile.text).to_hex().to_string());
    map.insert("args".to_owned(), format!("{:?}{:?}", surveyed.image.args, surveyed.image.target));
    for entry in &surveyed.context.entries {
        let text = match &entry.kind {
            EntryKind::Folder => "d".to_owned(),
            EntryKind::Link { target } => target.clone(),
            EntryKind::File { hash, executable, .. } => format!("{executable}{hash:?}"),
        };
        map.insert(entry.path.clone(), text);
    }
    Inputs(map)
}
pub fn key(surveyed: &Surveyed, facts: &Facts) -> Key {
    let text = serde_json::to_vec(&inputs(surveyed, facts)).unwrap_or_default();
    Key(blake3::hash(&text).to_hex()[..32].to_owned())
}
pub fn why(old: &Inputs, new: &Inputs) -> Vec<String> {
    let keys: std::collections::BTreeSet<_> = old.0.keys().chain(new.0.keys()).collect();
    keys.into_iter().filter(|key| old.0.get(*key) != new.0.get(*key)).map(|key| format!("`{key}` changed")).collect()
}
