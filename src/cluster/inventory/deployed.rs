//! Who has deployed a project, and the data that survives a damaged inventory.
//!
//! In keys of their own next to the list, which is packed: if the list is damaged, the salt of the project's digests
//! is still available, so pods that read a ConfigMap or Secret stay as they are. Every revision has a copy, for an
//! inventory that is lost.

use crate::manifest::ObjectId;
use crate::project::origin::Origin;
use crate::random;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde::Deserialize;
use serde::Serialize;
use serde_json::Value;
use serde_json::json;

/// The key of the salt.
const SALT: &str = "salt";

/// The key of the deployment record.
const DEPLOYED: &str = "deployed";

/// The label of a revision's Secrets: the project's name.
pub(crate) const REVISION_OF: &str = "todo.dev/revision-of";

/// The label of a revision's number.
pub(crate) const REVISION: &str = "todo.dev/revision";

/// The key of the copy in a revision.
const COPY: &str = "inventory";

/// By whom, from where and when a project was deployed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeploymentRecord {
    /// Generated at random at the first `up`, and kept for as long as the project is in the cluster.
    pub id: String,
    /// When that was.
    pub first: Timestamp,
    /// When something was written last.
    pub last: Timestamp,
    /// From where.
    pub origin: Origin,
}

impl DeploymentRecord {
    /// The record of a deployment now, from `origin`; `before` is the record until now.
    pub(crate) fn now(
        before: Option<&DeploymentRecord>,
        origin: &Origin,
        now: Timestamp,
    ) -> anyhow::Result<DeploymentRecord> {
        let (id, first) = match before {
            Some(before) => (before.id.clone(), before.first),
            None => {
                let mut id = [0; 8];
                random::fill(&mut id)?;
                (format!("{:016x}", u64::from_be_bytes(id)), now)
            }
        };
        Ok(DeploymentRecord { id, first, last: now, origin: origin.clone() })
    }
}

/// The values of the keys next to the list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Beside {
    pub(crate) salt: Option<String>,
    pub(crate) deployed: Option<DeploymentRecord>,
}

impl Beside {
    /// Reads them from the Secret of an inventory. Unreadable values count as missing.
    pub(crate) fn from_secret(secret: &Value) -> Beside {
        let decoded = |key: &str| STANDARD.decode(secret["data"][key].as_str()?).ok();
        Beside {
            salt: decoded(SALT).and_then(|salt| String::from_utf8(salt).ok()).filter(|salt| is_salt(salt)),
            deployed: decoded(DEPLOYED).and_then(|deployed| serde_json::from_slice(&deployed).ok()),
        }
    }

    /// Writes them next to the list.
    pub(crate) fn write(&self, data: &mut Value) -> anyhow::Result<()> {
        if let Some(salt) = &self.salt {
            data[SALT] = json!(STANDARD.encode(salt));
        }
        if let Some(deployed) = &self.deployed {
            data[DEPLOYED] = json!(STANDARD.encode(serde_json::to_vec(deployed)?));
        }
        Ok(())
    }
}

/// Whether a text is the base64 of 32 bytes.
pub(crate) fn is_salt(salt: &str) -> bool {
    STANDARD.decode(salt).is_ok_and(|bytes| bytes.len() == 32)
}

/// The part of the inventory of its time that a revision keeps.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Copy {
    pub(crate) salt: String,
    pub(crate) deployed: Option<DeploymentRecord>,
    /// The objects that existed before the project.
    pub(crate) adopted: Vec<ObjectId>,
}

impl Copy {
    /// Writes it into the data of a revision's Secret.
    pub(crate) fn write(&self, data: &mut Value) -> anyhow::Result<()> {
        data[COPY] = json!(STANDARD.encode(serde_json::to_vec(self)?));
        Ok(())
    }

    /// The copy of the newest revision that has one.
    pub(crate) fn newest(revisions: &[Value]) -> Option<Copy> {
        let number = |secret: &Value| secret["metadata"]["labels"][REVISION].as_str()?.parse::<u64>().ok();
        let copies = revisions.iter().filter_map(|secret| {
            let written = STANDARD.decode(secret["data"][COPY].as_str()?).ok()?;
            let copy: Copy = serde_json::from_slice(&written).ok()?;
            is_salt(&copy.salt).then_some((number(secret), copy))
        });
        copies.max_by_key(|(number, _)| *number).map(|(_, copy)| copy)
    }
}
