//! Faults on a real minikube, each followed by a plain `up`, which has to end as an undisturbed one does.
//!
//! A trial disturbs a run of `up` or `down`, or the cluster before it; it defines what must hold of that run, by its
//! exit code and by what it names. Then [`shelf::Shelf::recovers`] runs `up` once more: exit code 0, the same objects,
//! the same cluster, the data that was there, the URL answered, no lock left, and nothing to do for an `up` after that.
//!
//! `TODO_TRIALS` chooses: nothing for a short sample of all, `all`, or the beginning of a name (`restart/engine`).
//! `TODO_TEST_PROFILE` names a minikube profile that runs already, for those that need no cluster of their own.

mod deletion;
mod deployed;
mod disturbed;
mod endpoint;
mod first;
mod many;
mod policy;
mod pulls;
mod restart;
mod table;
mod watches;
