//! Objects as the API server has them after they were applied.

use crate::event::Outcome;
use crate::manifest::Object;
use crate::manifest::ObjectId;
use kube::core::ApiResource;
use serde_json::Value;

/// One object that was applied.
#[derive(Debug, Clone)]
pub struct AppliedObject {
    /// What names it.
    pub id: ObjectId,
    /// Its path at the API server.
    pub resource: ApiResource,
    /// Its UID.
    pub uid: String,
    /// Its generation after it was applied, for kinds that count.
    pub generation: Option<i64>,
    /// What was done.
    pub outcome: Outcome,
    /// What was applied, with its places.
    pub object: Object,
    /// The live object as it was before, if it was there.
    pub before: Option<Value>,
}

/// Everything that was applied.
#[derive(Debug, Clone, Default)]
pub struct Applied {
    /// In the order of application.
    pub objects: Vec<AppliedObject>,
}
