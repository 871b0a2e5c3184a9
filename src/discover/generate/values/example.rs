//! The keys of the example file next to a `.env`.

use super::Values;
use crate::discover::keys;
use crate::discover::secrecy::is_placeholder;
use crate::discover::secrecy::looks_secret;

impl Values<'_> {
    /// Whether people who copy the example to `.env` get a value for this key.
    pub(super) fn is_in_example(&self, key: &str) -> bool {
        let has = |keys: &[String]| keys.iter().any(|known| known == key);
        self.env().is_some_and(|env| !env.there && has(&env.keys) && !has(&env.blank))
    }

    /// The value in the example next to `.env` of a key that is not a secret.
    pub(super) fn example(&self, key: &str) -> Option<String> {
        let env = self.env()?;
        let text = self.plan.survey.tree.text(env.example.as_deref()?)?;
        keys::harmless(text).remove(key).filter(|value| !is_placeholder(value) && !looks_secret(key, value))
    }
}
