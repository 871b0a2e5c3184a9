//! How a command in a container ended, according to the server's last message.

use crate::cluster::exec::NotRun;
use serde_json::Value;

/// The output of the docker runtime when it cannot start a command.
const FAILURE: &[u8] = b"OCI runtime exec failed";

/// The exit code in a `Status` (k8s.io/apimachinery `remotecommand`: reason `NonZeroExitCode`, cause `ExitCode`).
pub(super) fn parse(status: &[u8], program: &str) -> Result<i32, NotRun> {
    let status: Value = serde_json::from_slice(status).map_err(|error| {
        NotRun::Disconnected(format!("the server's last message is not valid JSON: {error}"))
    })?;
    if status["status"] == "Success" {
        return Ok(0);
    }
    let causes = status["details"]["causes"].as_array().map(Vec::as_slice).unwrap_or_default();
    let code = causes.iter().find(|cause| cause["reason"] == "ExitCode");
    match code.and_then(|cause| cause["message"].as_str()?.parse().ok()) {
        Some(code) => Ok(code),
        None => Err(refusal(status["message"].as_str().unwrap_or("no reason is given"), program)),
    }
}

/// Whether output begins as the docker runtime's words about a command that it cannot start.
pub(super) fn may_be_failure(output: &[u8]) -> bool {
    output.trim_ascii_start().starts_with(FAILURE)
}

/// Why a command was not started: runc's message, with or without the prefixes that others add.
pub(super) fn refusal(message: &str, program: &str) -> NotRun {
    let missing = [
        format!("exec: {program:?}: executable file not found"),
        format!("exec: {program:?}: stat {program}: no such file or directory"),
    ];
    if missing.iter().any(|words| message.contains(words)) {
        return NotRun::ProgramNotFound(program.to_owned());
    }
    NotRun::Refused { code: 0, message: message.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::parse;
    use crate::cluster::exec::NotRun;
    use serde_json::json;

    #[test]
    fn the_exit_code_or_why_there_is_none() {
        let failed =
            |message: &str| json!({"status": "Failure", "reason": "InternalError", "message": message});
        let exited = |code: &str| {
            json!({"status": "Failure", "reason": "NonZeroExitCode", "message": "command terminated with non-zero exit code",
                   "details": {"causes": [{"reason": "ExitCode", "message": code}]}})
        };
        let containerd = "error executing command in container: failed to exec in container: failed to start exec \"7d\": OCI runtime exec failed: exec failed: unable to start container process: exec: ";
        let ended = |status: &serde_json::Value| parse(status.to_string().as_bytes(), "bash");
        assert!(matches!(ended(&json!({"status": "Success"})), Ok(0)));
        assert!(matches!(ended(&exited("3")), Ok(3)));
        assert!(matches!(ended(&exited("143")), Ok(143)));
        let missing = failed(&format!("{containerd}\"bash\": executable file not found in $PATH: unknown"));
        assert!(matches!(ended(&missing), Err(NotRun::ProgramNotFound(name)) if name == "bash"));
        // The same words about something else.
        for other in ["\"sh\": executable file not found in $PATH", "\"bash\": permission denied"] {
            let refused = ended(&failed(&format!("{containerd}{other}")));
            assert!(matches!(refused, Err(NotRun::Refused { code: 0, .. })), "{other}");
        }
        let gone = ended(&failed("container not found (\"web\")"));
        assert!(matches!(gone, Err(NotRun::Refused { message, .. }) if message.contains("web")));
        assert!(matches!(parse(b"<html>", "bash"), Err(NotRun::Disconnected(_))));
    }
}
