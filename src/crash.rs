//! What a crash leaves behind: nothing of this process's memory, which holds secrets, on any disk.
//!
//! No protection from a user who may read the memory itself (root), nor from swap. Two mechanisms, because neither is
//! enough: a limit of 0 counts for files alone, not where Linux pipes dumps to a program (`core(5)`, "Piping core
//! dumps"), and the flag that counts there, too, is Linux's alone and ends with `execve`, while the limit also holds
//! for the programs that are started.

/// Keeps the memory of this process out of core files, and its own limit for those it starts.
pub fn disable_core_dumps() {
    #[cfg(unix)]
    no_core_file();
    #[cfg(target_os = "linux")]
    let _ = rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable);
}

#[cfg(unix)]
fn no_core_file() {
    use rustix::process::Resource;
    let limit = rustix::process::getrlimit(Resource::Core);
    // If the system refuses to lower the limit, its setting is kept.
    let _ = rustix::process::setrlimit(Resource::Core, rustix::process::Rlimit { current: Some(0), ..limit });
}
