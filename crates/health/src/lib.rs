//! The status of Kubernetes objects, and why they are not ready: kstatus with causes.
//!
//! Read [`status`] for the status of one object, [`cause`] for what keeps a pod, a claim or a controller from getting ready.
//! Both take JSON objects ([`live`]) and what is known around them ([`snapshot`]), and have no effects: the
//! caller watches the cluster and passes objects and times.

pub mod cause;
pub mod live;
mod object_id;
pub mod snapshot;
pub mod status;
pub mod tenants;

pub use object_id::ObjectId;
