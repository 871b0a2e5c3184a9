//! Which process of which machine holds a lock, so that one that was killed keeps nobody waiting.
//!
//! Only where the kernel tells machines and processes apart for certain: Linux, by its boot and its process namespace, and
//! by the moment a process started, because numbers are given again. Elsewhere a dead lock is waited out.

/// The annotation of the Lease that says it.
pub(super) const ANNOTATION: &str = "todo.dev/process";

/// This process, in one line; nothing where the system cannot say.
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
    machine().as_deref() == Some(of) && started(process).as_deref() != Some(start)
}

/// What no other machine, no later boot and no other container has (`proc(5)`: `random/boot_id`; `namespaces(7)`).
fn machine() -> Option<String> {
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    let space = std::fs::read_link("/proc/self/ns/pid").ok()?;
    Some(format!("{} {}", boot.trim(), space.to_str()?))
}

/// When a process started, in ticks since the boot (`proc(5)`: `stat`, field 22); a zombie runs no more.
fn started(process: u32) -> Option<String> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // Its name may hold anything, brackets and blanks too.
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_whitespace();
    let state = fields.next()?;
    fields.nth(18).filter(|_| state != "Z").map(str::to_owned)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::is_gone;
    use super::mark;

    #[test]
    fn only_a_process_of_this_machine_that_runs_no_more_is_gone() {
        let ours = mark().unwrap();
        assert!(!is_gone(&ours), "{ours}");
        let (rest, start) = ours.rsplit_once(' ').unwrap();
        let (machine, _) = rest.rsplit_once(' ').unwrap();
        // what the Lease says: whether its holder is gone
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
