//! Processes that run on when this one has ended.

use super::Call;
use crate::run::Run;
use std::fs::File;
use std::path::Path;
use std::process::Command;
use std::process::Stdio;

/// The shell of POSIX systems, for one constant line.
const SHELL: &str = "/bin/sh";

/// Becomes the program that is named first, without the descriptors that POSIX lets a redirection name ("Shell Command
/// Language", 2.7.6). No safe function closes a descriptor that this process did not open.
const WITHOUT_DESCRIPTORS: &str = r#"exec 3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&-; exec "$0" "$@""#;

impl Call {
    /// Starts it as a process that runs on when this one has ended. It inherits no standard stream ([`inherit`]): it reads
    /// nothing, standard output is discarded, standard error is written to `log`. Nor, on Unix, the descriptors 3 to 9,
    /// which callers such as `flock` and test runners leave open to what they start, and wait for. It calls
    /// [`new_session`] itself.
    #[expect(clippy::disallowed_methods, reason = "this is the one place that starts processes")]
    pub fn detach(&self, run: &Run, log: File) -> std::io::Result<Background> {
        let command = if cfg!(unix) && Path::new(SHELL).exists() {
            let mut shell = Command::new(SHELL);
            shell.args(["-c", WITHOUT_DESCRIPTORS]).arg(&self.program);
            shell
        } else {
            Command::new(&self.program)
        };
        let mut command = self.completed(run, command);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        #[cfg(windows)]
        {
            use std::os::windows::process::CommandExt;
            // Process Creation Flags of the Windows API: no console, no window, and no Ctrl-C of the group it was started in.
            const DETACHED_PROCESS: u32 = 0x0000_0008;
            const CREATE_NEW_PROCESS_GROUP: u32 = 0x0000_0200;
            const CREATE_NO_WINDOW: u32 = 0x0800_0000;
            command.creation_flags(DETACHED_PROCESS | CREATE_NEW_PROCESS_GROUP | CREATE_NO_WINDOW);
        }
        inherit::keep_standard_streams();
        Ok(Background { child: command.spawn()? })
    }
}

/// A process that runs on when this one has ended.
#[derive(Debug)]
pub struct Background {
    child: std::process::Child,
}

impl Background {
    /// Its process id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// How it has ended, in the words of the system; `None` while it runs.
    pub fn ended(&mut self) -> Option<std::process::ExitStatus> {
        self.child.try_wait().ok().flatten()
    }
}

/// Makes this process the leader of a session of its own, without a terminal: closing the one it was started in does not
/// end it (`setsid(2)`). Does nothing on Windows, where the flags of [`Call::detach`] do that.
pub fn new_session() {
    // It fails for the leader of a process group alone, who is not a process that `detach` has started.
    #[cfg(unix)]
    let _ = rustix::process::setsid();
}
