//! The runtime in which a machine lives: one thread, and a time that the machine moves.

use std::io;
use tokio::runtime::Builder;
use tokio::runtime::Runtime;

/// A runtime of one thread whose time stands still until a machine is started in it.
///
/// # Errors
/// When the system gives no file descriptors for it.
pub fn runtime() -> io::Result<Runtime> {
    Builder::new_current_thread().enable_all().start_paused(true).build()
}

/// Lets the clock of the current runtime follow real time again, once it has no machine any more.
pub fn real_time() {
    tokio::time::resume();
}
