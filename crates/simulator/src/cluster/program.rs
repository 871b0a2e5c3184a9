//! The behavior of a container's program, derived without running it.
//!
//! The words of a shell that failures are made of are understood (`echo`, `sleep`, `exit`, `false`, `cat` of a file that
//! is not there, …). Any other program does what its image does; where work that ends is meant, it ends well.

use crate::cluster::image::App;
use serde_json::Value;
use std::time::Duration;

/// What a run will do.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Plan {
    /// What it logs, each after a time since its start.
    pub(super) says: Vec<(Duration, String)>,
    pub(super) end: End,
    /// Whether it is the image's application, which listens.
    pub(super) listens: bool,
}

/// How a run ends.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum End {
    /// On SIGTERM, or, if it ignores signals, on SIGKILL.
    Signalled {
        /// Whether it hears that it is to end.
        hears: bool,
    },
    /// By itself.
    After(Duration, i32),
    /// By the kernel, for its memory.
    OutOfMemory(Duration),
    /// It never begins; why.
    Unstartable(String),
}

/// How long a program of which nothing is known works where work that ends is meant.
const WORK: Duration = Duration::from_millis(800);

/// The container's planned behavior. `finishes`: the work is meant to end.
pub(super) fn plan(container: &Value, app: &App, finishes: bool) -> Plan {
    let command = words(&container["command"]);
    let args = words(&container["args"]);
    let limited = !container["resources"]["limits"]["memory"].is_null();
    if command.is_empty() {
        return of_image(app, finishes);
    }
    let whole = [command, args].concat();
    if let Some(why) = missing(&whole[0], app) {
        return Plan { says: Vec::new(), end: End::Unstartable(why), listens: false };
    }
    let mut run = Run { at: Duration::ZERO, says: Vec::new(), end: None };
    if run.command(&whole, limited) == Recognized::No {
        return of_image(app, finishes);
    }
    let end = run.end.unwrap_or(End::After(run.at + Duration::from_millis(20), 0));
    Plan { says: run.says, end, listens: false }
}

/// What a command in a running container answers: its exit code and output.
pub(super) fn exec(command: &Value, app: &App) -> (i32, String) {
    let argv = words(command);
    let exact = app.programs.is_some();
    if argv.first().is_some_and(|program| program == "cat") && !exact {
        return (0, String::new());
    }
    let mut run = Run { at: Duration::ZERO, says: Vec::new(), end: None };
    if argv.is_empty() || run.command(&argv, false) == Recognized::No {
        return (0, String::new());
    }
    let lines: Vec<String> = run.says.into_iter().map(|(_, line)| line).collect();
    match run.end {
        Some(End::After(_, code)) => (code, lines.join("\n")),
        _ => (0, lines.join("\n")),
    }
}

fn words(value: &Value) -> Vec<String> {
    value.as_array().into_iter().flatten().filter_map(|word| word.as_str().map(str::to_owned)).collect()
}

fn of_image(app: &App, finishes: bool) -> Plan {
    let mut says: Vec<(Duration, String)> =
        app.says.iter().map(|line| (app.starts_after, line.clone())).collect();
    let end = match &app.exits {
        Some(exit) => {
            says.extend(exit.lines.iter().map(|line| (exit.after, line.clone())));
            End::After(exit.after, exit.code)
        }
        None if finishes => End::After(app.starts_after + WORK, 0),
        None => End::Signalled { hears: true },
    };
    Plan { says, end, listens: true }
}

/// Why an image cannot start a program; in the words of runc.
fn missing(program: &str, app: &App) -> Option<String> {
    const INTRO: &str = "failed to create task for container: failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: error during container init: exec:";
    let programs = app.programs.as_ref()?;
    let name = program.rsplit('/').next().unwrap_or(program);
    if program.starts_with("/etc/") {
        Some(format!("{INTRO} \"{program}\": permission denied"))
    } else if programs.contains(name) {
        None
    } else if program.contains('/') {
        Some(format!("{INTRO} \"{program}\": stat {program}: no such file or directory"))
    } else {
        Some(format!("{INTRO} \"{program}\": executable file not found in $PATH"))
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Recognized {
    Yes,
    No,
}

struct Run {
    at: Duration,
    says: Vec<(Duration, String)>,
    end: Option<End>,
}

impl Run {
    /// Does one command; its result is in `end` only if it ends the whole.
    fn command(&mut self, argv: &[String], limited: bool) -> Recognized {
        let text: Vec<&str> = argv.iter().map(String::as_str).collect();
        let short = text[0].rsplit('/').next().unwrap_or(text[0]);
        match (short, &text[1..]) {
            ("sh" | "ash" | "bash", ["-c", script, ..]) => return self.script(script, limited),
            ("true" | ":", _) => {}
            ("false", _) => self.end = Some(End::After(self.at, 1)),
            ("echo", words) => self.log(words.join(" ")),
            ("exit", code) => {
                let code = code.first().and_then(|code| code.parse().ok()).unwrap_or(0);
                self.end = Some(End::After(self.at + Duration::from_millis(20), code));
            }
            ("sleep", ["infinity" | "inf", ..]) | ("tail", ["-f", "/dev/null", ..]) => {
                self.end = Some(End::Signalled { hears: false });
            }
            ("sleep", [seconds, ..]) => match seconds.parse::<f64>() {
                Ok(seconds) if seconds >= 600.0 => self.end = Some(End::Signalled { hears: false }),
                Ok(seconds) => self.at += Duration::from_secs_f64(seconds),
                Err(_) => return Recognized::No,
            },
            ("tail", ["/dev/zero", ..]) if limited => {
                self.end = Some(End::OutOfMemory(self.at + Duration::from_millis(300)));
            }
            ("cat", [file, ..]) => {
                self.log(format!("cat: can't open '{file}': No such file or directory"));
                self.end = Some(End::After(self.at, 1));
            }
            _ => return Recognized::No,
        }
        Recognized::Yes
    }

    fn log(&mut self, line: String) {
        self.says.push((self.at, line));
    }

    fn script(&mut self, script: &str, limited: bool) -> Recognized {
        let mut last = 0;
        for (and, line) in commands(script) {
            if and && last != 0 {
                continue;
            }
            let mut argv = split(&line);
            let exec = argv.first().is_some_and(|word| word == "exec");
            if exec {
                argv.remove(0);
            }
            if argv.is_empty() {
                continue;
            }
            let exits = argv[0] == "exit";
            if self.command(&argv, limited) == Recognized::No {
                return Recognized::No;
            }
            // Only `exit`, `exec` and what never ends are the end of a script.
            last = match self.end {
                Some(End::After(_, code)) if !exits && !exec => {
                    self.end = None;
                    code
                }
                Some(_) => return Recognized::Yes,
                None => 0,
            };
            if exec {
                self.end = Some(End::After(self.at, 0));
                return Recognized::Yes;
            }
        }
        self.end = Some(End::After(self.at + Duration::from_millis(20), last));
        Recognized::Yes
    }
}

/// The commands of a script, each with whether it waits for the one before to succeed.
fn commands(script: &str) -> Vec<(bool, String)> {
    let mut found = vec![(false, String::new())];
    let mut quote = None;
    let mut rest = script.chars().peekable();
    while let Some(c) = rest.next() {
        match (quote, c) {
            (None, '\'' | '"') => quote = Some(c),
            (Some(open), _) if c == open => quote = None,
            (None, ';' | '\n') => {
                found.push((false, String::new()));
                continue;
            }
            (None, '&') if rest.peek() == Some(&'&') => {
                rest.next();
                found.push((true, String::new()));
                continue;
            }
            _ => {}
        }
        if let Some((_, last)) = found.last_mut() {
            last.push(c);
        }
    }
    found.into_iter().filter(|(_, line)| !line.trim().is_empty()).collect()
}

/// The words of a command, without quotes and without what they are redirected to.
fn split(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    for c in line.chars() {
        match (quote, c) {
            (None, '\'' | '"') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (Some(open), _) if c == open => quote = None,
            (None, c) if c.is_whitespace() => words.extend(word.take()),
            _ => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words.retain(|word| !word.starts_with('>') && !word.starts_with("2>") && !word.starts_with("1>"));
    words
}

#[cfg(test)]
mod tests {
    use super::End;
    use super::exec;
    use super::plan;
    use crate::cluster::image::App;
    use serde_json::json;
    use std::time::Duration;

    #[test]
    fn scripts_of_known_words_are_followed() {
        let lines = |script: &str| {
            let container =
                json!({"command": ["sh", "-c", script], "resources": {"limits": {"memory": "1Mi"}}});
            let plan = plan(&container, &App::default(), false);
            (plan.says.into_iter().map(|(_, line)| line).collect::<Vec<_>>(), plan.end)
        };
        let soon = Duration::from_millis(20);
        assert_eq!(
            lines("echo a; echo 'b: c' >&2; exit 3"),
            (vec!["a".into(), "b: c".into()], End::After(soon, 3))
        );
        assert_eq!(lines("false && echo no"), (vec![], End::After(soon, 1)));
        assert_eq!(lines("exec sleep 3600").1, End::Signalled { hears: false });
        assert_eq!(lines("exec tail /dev/zero").1, End::OutOfMemory(Duration::from_millis(300)));
        assert_eq!(lines("python manage.py migrate && gunicorn app").1, End::Signalled { hears: true });
    }

    #[test]
    fn work_that_ends_is_meant_where_it_is_said() {
        let container = json!({"command": ["python", "migrate.py"]});
        assert!(matches!(plan(&container, &App::default(), true).end, End::After(_, 0)));
        assert_eq!(exec(&json!(["pg_isready"]), &App::default()), (0, String::new()));
        assert_eq!(exec(&json!(["false"]), &App::default()).0, 1);
    }
}
