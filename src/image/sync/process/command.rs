//! The program that a container runs in the end: without shells, init processes and package managers around it.

use crate::image::sync::process::Process;

/// How many wrapper programs may surround it.
const DEPTH: usize = 8;

/// The words of its command line, the program first; `None` where a shell does more than start one program.
pub(super) fn words(process: &Process) -> Option<Vec<String>> {
    let mut words: Vec<String> = process.entrypoint.iter().chain(&process.arguments).cloned().collect();
    for _ in 0..DEPTH {
        match inner(&words, process)? {
            Some(inner) => words = inner,
            None => return Some(words),
        }
    }
    None
}

/// The command that a program starts instead of itself: `Some(None)` if it does not start another one.
#[expect(clippy::option_option, reason = "not understood, and nothing to unwrap, are two answers")]
fn inner(words: &[String], process: &Process) -> Option<Option<Vec<String>>> {
    let (program, rest) = words.split_first()?;
    let first = rest.first().map(String::as_str);
    let after = |count: usize| Some(rest.get(count..).unwrap_or_default().to_vec());
    Some(match name(program) {
        "sh" | "bash" | "ash" | "dash" => match rest {
            [flag, script, ..] if flag == "-c" || flag == "-ec" || flag == "-lc" => Some(simple(script)?),
            _ => return None,
        },
        "tini" | "dumb-init" | "catatonit" => {
            after(rest.iter().take_while(|word| word.starts_with('-')).count())
        }
        "env" => after(rest.iter().take_while(|word| word.contains('=')).count()),
        "exec" => after(0),
        // The entrypoints of official images prepare a few files and start the command that follows.
        "docker-entrypoint.sh" | "docker-php-entrypoint" if !rest.is_empty() => after(0),
        "npm" | "pnpm" | "yarn" | "bun" => match rest {
            [run, script, more @ ..] if run == "run" || run == "run-script" => {
                Some(script_of(process, script, more)?)
            }
            [start, more @ ..] if start == "start" => Some(script_of(process, "start", more)?),
            [exec, more @ ..] if exec == "exec" && name(program) != "bun" => Some(more.to_vec()),
            [script, more @ ..] if name(program) == "yarn" => match script_of(process, script, more) {
                Some(words) => Some(words),
                None => after(0),
            },
            [script, more @ ..] if name(program) == "pnpm" => Some(script_of(process, script, more)?),
            _ => return None,
        },
        "npx" | "pnpx" | "bunx" => after(rest.iter().take_while(|word| word.starts_with('-')).count()),
        "poetry" | "pipenv" | "uv" | "pdm" if first == Some("run") => {
            if rest.get(1).is_some_and(|word| word.starts_with('-')) {
                return None;
            }
            after(1)
        }
        "bundle" if first == Some("exec") => after(1),
        name if is_python(name) => {
            let flags = rest.iter().take_while(|word| matches!(word.as_str(), "-u" | "-B" | "-O")).count();
            match rest.get(flags..)? {
                [module, ..] if module == "-m" => after(flags + 1),
                [script, ..] if script.ends_with("manage.py") => after(flags),
                _ => None,
            }
        }
        _ => None,
    })
}

fn is_python(name: &str) -> bool {
    name.strip_prefix("python").is_some_and(|rest| rest.chars().all(|c| c.is_ascii_digit() || c == '.'))
}

/// The last part of a program's path.
pub(super) fn name(program: &str) -> &str {
    program.rsplit('/').next().unwrap_or(program)
}

/// The script of that name, with the arguments that follow it on the command line.
fn script_of(process: &Process, name: &str, more: &[String]) -> Option<Vec<String>> {
    let mut words = simple(process.scripts.get(name)?)?;
    words.extend(more.iter().filter(|word| *word != "--").cloned());
    Some(words)
}

/// The words of a shell command that starts one program and does nothing else; assignments before it are left out.
fn simple(script: &str) -> Option<Vec<String>> {
    if script.contains(['|', '&', ';', '(', ')', '<', '>', '`', '\n', '\\']) {
        return None;
    }
    let (mut words, mut word, mut quote, mut some) = (Vec::new(), String::new(), None, false);
    for char in script.chars() {
        match quote {
            Some(open) if open == char => quote = None,
            None if char == '\'' || char == '"' => (quote, some) = (Some(char), true),
            None if char.is_whitespace() => {
                if some || !word.is_empty() {
                    words.push(std::mem::take(&mut word));
                }
                some = false;
            }
            _ => word.push(char),
        }
    }
    if some || !word.is_empty() {
        words.push(word);
    }
    let assigned = words.iter().take_while(|word| is_assignment(word)).count();
    let words = words.split_off(assigned);
    let starts_here = words.first().is_some_and(|word| !word.contains('$'));
    (quote.is_none() && starts_here).then_some(words)
}

fn is_assignment(word: &str) -> bool {
    let name = word.split_once('=').map(|(name, _)| name);
    name.is_some_and(|name| !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_'))
}
