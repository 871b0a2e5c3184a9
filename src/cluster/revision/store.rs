//! Storage of revisions: one Secret each, several if one would be too large.
//!
//! Not the content of a revision. The parts are written before the head and removed after it, so a head is always
//! complete, and parts without one are left by an interrupted run.

use crate::cluster::inventory::deployed::Copy;
use crate::cluster::inventory::deployed::REVISION as NUMBER;
use crate::cluster::inventory::deployed::REVISION_OF as OF;
use crate::cluster::kind;
use crate::cluster::once;
use crate::cluster::request::report_waiting;
use crate::cluster::request::uid_of;
use crate::cluster::request::unreadable;
use crate::cluster::retry::retry;
use crate::cluster::target::Target;
use crate::cluster::wire;
use crate::cluster::wire::Failure;
use crate::cluster::wire::Propagation;
use crate::cluster::wire::Wire;
use crate::event::Code;
use crate::event::Step;
use crate::fault;
use crate::fault::FaultKind;
use crate::fault::OrFault;
use crate::run::Run;
use anyhow::Context;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use serde_json::json;
use sha2::Digest;
use sha2::Sha256;

/// A Secret holds 1 MiB (`core/v1: MaxSecretSize`), and etcd's request must hold it in base64.
const LARGEST: usize = 900 << 10;

/// For a part: which one, from 1. For a head's annotations: how many.
const PART: &str = "todo.dev/revision-part";

/// Of a head's annotations: the git revision of the project's files.
const GIT: &str = "todo.dev/git";

/// The Secrets of a project's revisions.
pub(super) struct Shelf<'a> {
    run: &'a Run,
    target: &'a Target,
    wire: &'a Wire,
    secrets: wire::ApiKind,
}

impl<'a> Shelf<'a> {
    pub(super) fn new(run: &'a Run, target: &'a Target, wire: &'a Wire) -> Shelf<'a> {
        Shelf { run, target, wire, secrets: kind::core("Secret") }
    }

    /// The heads with their numbers, the oldest first.
    pub(super) async fn heads(&self) -> fault::Result<Vec<(u64, Value)>> {
        let selector = format!("{OF}={},!{PART}", self.target.project);
        let listed = retry(self.waiting(), || self.wire.list(&self.secrets, Some(self.home()), &selector));
        let heads = listed.await.map_err(|failure| unreadable(failure, "cannot read the revisions"))?;
        let mut numbered: Vec<(u64, Value)> =
            heads.into_iter().filter_map(|head| Some((number(&head)?, head))).collect();
        numbered.sort_by_key(|(number, _)| *number);
        Ok(numbered)
    }

    /// The number of the newest head, and its git revision; without its content.
    pub(super) async fn newest(&self) -> fault::Result<Option<(u64, Option<String>)>> {
        let selector = format!("{OF}={},!{PART}", self.target.project);
        let listed = retry(self.waiting(), || self.wire.names(&self.secrets, Some(self.home()), &selector));
        let heads = listed.await.map_err(|failure| unreadable(failure, "cannot read the revisions"))?;
        let numbered = heads.iter().filter_map(|head| Some((number(head)?, git(head))));
        Ok(numbered.max_by_key(|(number, _)| *number))
    }

    /// The content stored under a head, its parts included.
    pub(super) async fn get(&self, head: &Value) -> fault::Result<Vec<u8>> {
        let name = head["metadata"]["name"].as_str().unwrap_or_default();
        let doing = || format!("cannot read the revision `{name}`");
        let parts = head["metadata"]["annotations"][PART].as_str();
        let parts: usize =
            parts.unwrap_or("0").parse().or_fault(Code::RevisionDamaged, FaultKind::Apply, doing)?;
        let mut packed = piece(head).or_fault(Code::RevisionDamaged, FaultKind::Apply, doing)?;
        for part in 1..=parts {
            let name = format!("{name}.p{part}");
            let found = retry(self.waiting(), || self.wire.get(&self.secrets, Some(self.home()), &name));
            let found = found.await.map_err(|failure| unreadable(failure, "cannot read a revision"))?;
            let found = found.with_context(|| format!("the Secret `{name}` is gone"));
            packed.extend(found.and_then(|part| piece(&part)).or_fault(
                Code::RevisionDamaged,
                FaultKind::Apply,
                doing,
            )?);
        }
        let whole = parts == 0 || head["data"]["digest"] == digest(&packed);
        if whole {
            Ok(packed)
        } else {
            Err(Code::RevisionDamaged
                .fault(FaultKind::Apply, format!("`{name}` was changed after it was written")))
        }
    }

    /// Stores a revision: its parts first, then its head, which makes it valid. Returns whether its name was free.
    pub(super) async fn put(
        &self,
        number: u64,
        packed: &[u8],
        copy: &Copy,
        git: Option<&str>,
    ) -> fault::Result<bool> {
        let doing = "cannot record the revision";
        let pieces: Vec<&[u8]> = packed.chunks(LARGEST).collect();
        let [first, rest @ ..] = pieces.as_slice() else { return Ok(true) };
        for (index, part) in rest.iter().enumerate() {
            let part = self.secret(number, Some(index + 1), part);
            self.create(&part).await.map_err(|failure| unreadable(failure, doing))?;
        }
        let mut head = self.secret(number, None, first);
        copy.write(&mut head["data"]).or_fault(Code::InternalError, FaultKind::Internal, || {
            "cannot copy the inventory into the revision".to_owned()
        })?;
        if let Some(git) = git {
            head["metadata"]["annotations"][GIT] = json!(git);
        }
        if !rest.is_empty() {
            head["metadata"]["annotations"][PART] = json!(rest.len().to_string());
            head["data"]["digest"] = json!(digest(packed));
        }
        match self.create(&head).await {
            Err(failure) if failure.is_there() => Ok(false),
            made => made.map(|()| true).map_err(|failure| unreadable(failure, doing)),
        }
    }

    /// Removes everything but the revisions `keep`: old ones, and parts that an interrupted run has left. Returns how
    /// many revisions were removed.
    pub(super) async fn keep_only(&self, keep: &[u64]) -> fault::Result<usize> {
        let selector = format!("{OF}={}", self.target.project);
        let listed = retry(self.waiting(), || self.wire.names(&self.secrets, Some(self.home()), &selector));
        let mut found = listed.await.map_err(|failure| unreadable(failure, "cannot read the revisions"))?;
        found.retain(|secret| number(secret).is_some_and(|number| !keep.contains(&number)));
        // Parts without a head do not count as a revision.
        found.sort_by_key(|secret| !secret["metadata"]["labels"][PART].is_null());
        let revisions = found.iter().filter(|secret| secret["metadata"]["labels"][PART].is_null()).count();
        for secret in found {
            let name = secret["metadata"]["name"].as_str().unwrap_or_default();
            let gone = || {
                self.wire.delete(
                    &self.secrets,
                    Some(self.home()),
                    name,
                    uid_of(&secret),
                    Propagation::Background,
                )
            };
            retry(self.waiting(), gone)
                .await
                .map_err(|failure| unreadable(failure, "cannot remove an old revision"))?;
        }
        Ok(revisions)
    }

    async fn create(&self, secret: &Value) -> Result<(), Failure> {
        once::put(self.wire, &self.secrets, Some(self.home()), secret, self.waiting()).await.map(drop)
    }

    fn secret(&self, number: u64, part: Option<usize>, piece: &[u8]) -> Value {
        let mut name = format!("todo.{}.v{number}", self.target.project);
        let mut labels = json!({OF: self.target.project.as_str(), NUMBER: number.to_string()});
        if let Some(part) = part {
            name = format!("{name}.p{part}");
            labels[PART] = json!(part.to_string());
        }
        json!({
            "apiVersion": "v1", "kind": "Secret", "type": "todo.dev/revision.v1", "immutable": true,
            "metadata": {"name": name, "namespace": self.target.namespace.as_str(), "labels": labels},
            "data": {"payload": STANDARD.encode(piece)},
        })
    }

    fn home(&self) -> &str {
        self.target.namespace.as_str()
    }

    fn waiting(&self) -> impl Fn(String) + use<> {
        report_waiting(self.run, Step::Apply, "revision")
    }
}

/// The git revision that a head was deployed from.
pub(super) fn git(head: &Value) -> Option<String> {
    head["metadata"]["annotations"][GIT].as_str().map(str::to_owned)
}

fn number(secret: &Value) -> Option<u64> {
    secret["metadata"]["labels"][NUMBER].as_str()?.parse().ok()
}

fn piece(secret: &Value) -> anyhow::Result<Vec<u8>> {
    Ok(STANDARD.decode(secret["data"]["payload"].as_str().unwrap_or_default())?)
}

fn digest(packed: &[u8]) -> String {
    STANDARD.encode(Sha256::digest(packed))
}
