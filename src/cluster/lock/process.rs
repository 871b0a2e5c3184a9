//! Which process of which machine holds a lock, so that a run that was killed does not make others wait.
//!
//! Only where the kernel identifies machines and processes for certain: Linux, by its boot and its process namespace,
//! and by the start time of a process, because process numbers are reused. Elsewhere others wait until the lock
//! expires.

use crate::file;

/// The annotation of the Lease that identifies the process.
pub(super) const ANNOTATION: &str = "todo.dev/process";

/// This process, in one line; nothing if the system cannot identify it.
pub(super) fn mark() -> Option<String> {
    let process = std::process::id();
    Some(format!("{} {process} {}", machine()?, started(process)?))
}

/// Whether the process that wrote `mark` ran here, and runs no more.
pub(super) fn is_gone(mark: &str) -> bool {
    let mut words = mark.rsplitn(3, ' ');
    let (Some(start), Some(process), Some(of)) = (words.next(), words.next(), words.next()) else {
        return false;
    };
    let Ok(process) = process.parse() else { return false };
    machine().as_deref() == Some(of) && is_over(stat(process).as_deref(), || exists(process), start)
}

/// Whether the process that began at `began_at` has ended, by the kernel's data on the process that has its number
/// now. The kernel may return nothing for a running process: where `/proc` hides processes (`proc(5)`: `hidepid`), it
/// hides those that leave no core.
fn is_over(stat: Option<&str>, exists: impl FnOnce() -> bool, began_at: &str) -> bool {
    match stat {
        Some(stat) => began(stat) != Some(began_at),
        None => !exists(),
    }
}

/// An identifier that no other machine, no later boot and no other container has (`proc(5)`: `random/boot_id`;
/// `namespaces(7)`).
fn machine() -> Option<String> {
    let boot = file::read_text("/proc/sys/kernel/random/boot_id".as_ref(), file::TEXT).ok()?;
    let space = std::fs::read_link("/proc/self/ns/pid").ok()?;
    Some(format!("{} {}", boot.trim(), space.to_str()?))
}

fn started(process: u32) -> Option<String> {
    began(&stat(process)?).map(str::to_owned)
}

fn stat(process: u32) -> Option<String> {
    file::read_text(format!("/proc/{process}/stat").as_ref(), file::TEXT).ok()
}

#[cfg(unix)]
fn exists(process: u32) -> bool {
    let process = i32::try_from(process).ok().and_then(rustix::process::Pid::from_raw);
    let asked = process.map(rustix::process::test_kill_process);
    // A process of another user may not be signalled, but exists.
    asked.is_some_and(|asked| asked.is_ok() || asked == Err(rustix::io::Errno::PERM))
}

#[cfg(not(unix))]
fn exists(_process: u32) -> bool {
    true
}

/// When a process started, in ticks since the boot (`proc(5)`: `stat`, field 22); a zombie runs no more.
fn began(stat: &str) -> Option<&str> {
    // Its name may hold anything, brackets and blanks too.
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_whitespace();
    let state = fields.next()?;
    fields.nth(18).filter(|_| state != "Z")
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::exists;
    use super::is_gone;
    use super::is_over;
    use super::mark;

    #[test]
    fn a_process_of_which_nothing_is_told_runs_as_long_as_it_is_there() {
        let stat = |state: &str, start: &str| format!("7 (a) b) {state} {}{start} 0", "0 ".repeat(18));
        assert!(!is_over(Some(&stat("S", "41")), || false, "41"));
        assert!(is_over(Some(&stat("S", "42")), || true, "41"), "another has its number");
        assert!(is_over(Some(&stat("Z", "41")), || true, "41"));
        assert!(is_over(None, || false, "41"));
        assert!(!is_over(None, || true, "41"));
        assert!(exists(std::process::id()) && exists(1) && !exists(u32::MAX - 1) && !exists(0));
    }

    #[test]
    fn only_a_process_of_this_machine_that_runs_no_more_is_gone() {
        let ours = mark().unwrap();
        assert!(!is_gone(&ours), "{ours}");
        let (rest, start) = ours.rsplit_once(' ').unwrap();
        let (machine, _) = rest.rsplit_once(' ').unwrap();
        // content of the Lease: whether its holder has ended
        let table = [
            (format!("{rest} 1{start}"), true),
            (format!("{machine} 4294967294 {start}"), true),
            (format!("another-boot pid:[1] 4294967294 {start}"), false),
            (format!("{machine} x {start}"), false),
            (String::new(), false),
        ];
        for (mark, gone) in table {
            assert_eq!(is_gone(&mark), gone, "{mark}");
        }
    }
}
