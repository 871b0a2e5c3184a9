//! Which signals this process was started to ignore: `nohup` ignores SIGHUP, a shell without job control SIGINT for what it
//! starts in the background (POSIX, `nohup` and "Asynchronous Lists"). Installing our handler would undo that.

use crate::file;
use std::path::Path;
use tokio::signal::unix::SignalKind;

/// The signals that were ignored when the process began.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Ignored {
    /// One bit a signal, signal 1 the lowest.
    mask: u64,
}

impl Ignored {
    /// Asks the system; to be called before the first handler is installed.
    ///
    /// The call that returns a signal's disposition (`sigaction`) is unsafe in every crate, so this is known on Linux
    /// alone. On other systems SIGHUP, the one that people ignore, is left as it was: it ends the process, or it is
    /// ignored.
    pub(super) fn of_this_process() -> Ignored {
        if !cfg!(target_os = "linux") {
            return Ignored { mask: bit(SignalKind::hangup()) };
        }
        let status = file::read_text(Path::new("/proc/self/status"), file::TEXT).unwrap_or_default();
        Ignored { mask: mask(&status) }
    }

    /// Whether `signal` was ignored.
    pub(super) fn contains(self, signal: SignalKind) -> bool {
        self.mask & bit(signal) != 0
    }
}

/// `SigIgn` of proc_pid_status(5).
fn mask(status: &str) -> u64 {
    let line = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    line.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or_default()
}

fn bit(signal: SignalKind) -> u64 {
    u32::try_from(signal.as_raw_value() - 1)
        .ok()
        .and_then(|shift| 1_u64.checked_shl(shift))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::Ignored;
    use super::mask;
    use tokio::signal::unix::SignalKind;

    #[test]
    fn what_nohup_and_shells_ignore_is_read_from_the_process() {
        let (hangup, interrupt, terminate) =
            (SignalKind::hangup(), SignalKind::interrupt(), SignalKind::terminate());
        for (status, ignored) in [
            (
                "SigBlk:\t0000000000000000\nSigIgn:\t0000000000001001\nSigCgt:\t0000000000000440\n",
                vec![hangup],
            ),
            ("SigIgn:\t0000000000000006\n", vec![interrupt]),
            ("SigIgn:\t0000000000004000\n", vec![terminate]),
            ("SigIgn:\t0000000000000000\n", vec![]),
            ("", vec![]),
        ] {
            let read = Ignored { mask: mask(status) };
            for signal in [hangup, interrupt, terminate] {
                assert_eq!(read.contains(signal), ignored.contains(&signal), "{status:?} {signal:?}");
            }
        }
    }
}
