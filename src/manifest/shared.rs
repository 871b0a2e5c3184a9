//! A value that many hold and few change.
//!
//! A run passes every object from step to step; each step keeps it and few change it. A holder that
//! does change it gets its own copy then, so it reads like a plain value everywhere.

use serde::Serialize;
use serde::Serializer;
use std::fmt;
use std::ops::Deref;
use std::ops::DerefMut;
use std::sync::Arc;

/// Cheap to clone; copied when it is changed while other references exist.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Shared<T>(Arc<T>);

impl<T: Clone> Shared<T> {
    /// The value itself, copied only if other references exist.
    pub fn into_inner(self) -> T {
        Arc::unwrap_or_clone(self.0)
    }
}

impl<T> From<T> for Shared<T> {
    fn from(value: T) -> Shared<T> {
        Shared(Arc::new(value))
    }
}

impl<T> From<Shared<T>> for Arc<T> {
    fn from(shared: Shared<T>) -> Arc<T> {
        shared.0
    }
}

impl<A, T: FromIterator<A>> FromIterator<A> for Shared<T> {
    fn from_iter<I: IntoIterator<Item = A>>(items: I) -> Shared<T> {
        Shared::from(T::from_iter(items))
    }
}

impl<T> Deref for Shared<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: Clone> DerefMut for Shared<T> {
    fn deref_mut(&mut self) -> &mut T {
        Arc::make_mut(&mut self.0)
    }
}

impl<T: fmt::Debug> fmt::Debug for Shared<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<T: Serialize> Serialize for Shared<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

#[cfg(test)]
mod tests {
    use super::Shared;
    use serde_json::Value;
    use serde_json::json;

    #[test]
    fn a_change_is_seen_by_nobody_else() {
        let first: Shared<Value> = json!({"a": 1}).into();
        let mut second = first.clone();
        assert!(std::ptr::eq(&raw const *first, &raw const *second));
        second["a"] = json!(2);
        assert_eq!((&first["a"], &second["a"]), (&json!(1), &json!(2)));
        assert_eq!(second.into_inner(), json!({"a": 2}));
    }
}
