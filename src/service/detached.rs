//! Port-forwards that outlive the run that made them: each a process of its own, which `status` lists and `down` ends.
//!
//! That one lives is shown by the lock on a file that its process holds (`flock(2)`, `LockFileEx`): the system releases it
//! however the process ends. Process ids are only shown, because a number may belong to another process by now. What is
//! known about a forward is in a record beside the lock; removing the record asks its process to end, on every platform.
//! Read `record` (what is kept), `store` (the directory), `start` (this side), `process` (the other side), `watch` (its end).

pub mod process;
pub mod record;
mod start;
mod store;
pub mod watch;

pub use record::ForwardOwner;
pub use record::ForwardRecord;
pub use record::Spec;
pub use start::COMMAND;
pub use start::Detached;
pub use start::open;
pub use store::Listed;
pub use store::Store;
