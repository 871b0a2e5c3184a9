//! The same work on several threads at once, for work that is mostly system calls.

use std::thread;

/// More threads than these would block one another.
const MOST: usize = 8;

/// The result of `work` on each processor's thread, this one's first. A panic is propagated to the caller.
pub(crate) fn on_each<T: Send>(work: impl Fn() -> T + Sync) -> Vec<T> {
    let count = thread::available_parallelism().map_or(2, |count| count.get().min(MOST));
    thread::scope(|scope| {
        let others: Vec<_> = (1..count).map(|_| scope.spawn(&work)).collect();
        let mut done = vec![work()];
        for other in others {
            match other.join() {
                Ok(part) => done.push(part),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        done
    })
}
