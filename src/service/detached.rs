//! Port-forwards that outlive the run that made them: each a process of its own, which `status` lists and `down` ends.
//!
//! A live process is recognized by its lock on a file (`flock(2)`, `LockFileEx`): the system releases it however the
//! process ends. Process ids are only shown, because a number may belong to another process by now. The data about a
//! forward is in a record next to the lock; removing the record tells its process to end, on every platform. Read
//! `record` (the data), `store` (the directory), `start` (the parent), `process` (the child), `watch` (its end).

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
