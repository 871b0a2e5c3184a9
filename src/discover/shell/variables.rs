//! The variables of a script at a point of it.

use super::Dialect;
use super::PLACE;
use crate::discover::tree::parent;
use std::cell::RefCell;
use std::collections::BTreeMap;

/// What a variable holds.
pub(super) struct Value {
    pub text: String,
    /// Where a branch has set it: how far that branch is from this machine.
    pub branch: Option<usize>,
}

/// The variables that are known at a point of a script.
pub(super) struct Variables<'a> {
    pub path: &'a str,
    pub dialect: Dialect,
    pub values: BTreeMap<String, Value>,
    pub folder: RefCell<Option<String>>,
}

impl Variables<'_> {
    pub(super) fn get(&self, name: &str) -> Option<String> {
        match name {
            "0" | "BASH_SOURCE" => return Some(format!("{PLACE}{}", self.path)),
            "PSScriptRoot" => return Some(format!("{PLACE}{}", parent(self.path))),
            "PWD" => return Some(self.folder()),
            _ => {}
        }
        self.values.get(&self.key(name)).map(|value| value.text.clone())
    }

    /// Windows does not care about capitals.
    pub(super) fn key(&self, name: &str) -> String {
        if self.dialect == Dialect::Sh { name.to_owned() } else { name.to_ascii_uppercase() }
    }

    pub(super) fn folder(&self) -> String {
        self.folder.borrow().clone().unwrap_or_else(|| ".".to_owned())
    }
}
