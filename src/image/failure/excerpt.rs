//! Which lines of a failed step's output are shown: those with the cause, then the last others.
//!
//! Compilers and package managers print the cause in the middle, and stack frames, notices and advice after it. Lines
//! that are not recognised are shown unchanged: a line is left out only for being noise, or for lack of space.

use regex::RegexSet;
use std::collections::BTreeSet;
use std::sync::LazyLock;

/// Lines shown in all.
const SHOWN: usize = 20;

/// How many lines with a cause are shown, others are counted: the first, because compilers begin with the cause, and
/// the last, because package managers end with it.
const FIRST: usize = 8;
const LAST: usize = 4;

/// Patterns of lines with a cause.
static WHY: LazyLock<Option<RegexSet>> = LazyLock::new(|| {
    RegexSet::new([
        // Lines that begin with the word, as most programs print them.
        r"^\W*(?i:fatal error|fatal|error|type error|syntax error)(\[\w+\]|\s+\w*\d+)?\W*[:\]!]\s*\S",
        // JavaScript: webpack, Next.js, Vite, esbuild, TypeScript, npm, yarn, pnpm.
        r"Module not found|Can't resolve|Cannot find (module|package)|Could not resolve (import |entry |)[`'\x22]",
        r"error TS\d+|Failed to compile|failed to resolve import|ERR_PNPM_\w+|ERR_MODULE_NOT_FOUND",
        r"^npm (ERR!|error) \S",
        r"^error \S",
        // The last line of a traceback or of an uncaught exception.
        r"^(Caused by: |Exception in thread \S+ )?[A-Za-z_][\w.]*(Error|Exception|Failure)(:|$)",
        // apt, apk, composer, bundler.
        r"^E: |no such package|could not be resolved to an installable set|An error occurred while installing",
        // Maven, Gradle, Kotlin, .NET.
        r"^\[ERROR\] |^\* What went wrong|^> Could not|^Execution failed for task|^e: |: error [A-Z]+\d+:",
        // Go, C, make.
        r"^\S+\.go:\d+:\d+: |^go: \S+.*(not found|missing|requires|invalid)|no required module provides package",
        r":\d+:\d*:? (fatal )?error: |undefined reference to |^make(\[\d+\])?: \*\*\*",
        // Shells.
        r"^(/\S+/)?(ba|da|a)?sh: .*(not found|Permission denied|No such file|bad interpreter|[Ss]yntax error)",
    ])
    .ok()
});

/// Lines without information: frames, notices, advice that is printed in any case.
static NOISE: LazyLock<Option<RegexSet>> = LazyLock::new(|| {
    RegexSet::new([
        r"^\s*$",
        r"^\s+at \S",
        r"^npm (notice|warn|WARN)\b",
        r"^npm (ERR!|error)\s*($|A complete log of this run|\s+/\S+-debug-\d+\.log)",
        r"^\[ERROR\]\s*($|-> \[Help|\[Help \d+\]|To see the full stack trace|Re-run Maven|For more information)",
        r"^\* (Try|Get more help)|^> (Run with|Get more help)",
        r"^\[notice\] |^WARNING: Running pip as the 'root' user|^debconf: ",
        r"^\d+ packages are looking for funding|^\s+run `npm fund`|^found 0 vulnerabilities",
        r"^note: run with `RUST_BACKTRACE|^For more information about this error, try `rustc",
    ])
    .ok()
});

fn is(set: &LazyLock<Option<RegexSet>>, line: &str) -> bool {
    set.as_ref().is_some_and(|set| set.is_match(line))
}

/// Whether a line names the cause of a step's failure.
pub(super) fn says_why(line: &str) -> bool {
    is(&WHY, line) && !is(&NOISE, line)
}

/// The lines of `output` that are shown.
pub(super) fn excerpt(output: &[String]) -> Vec<String> {
    let mut seen = BTreeSet::new();
    let is_new = |line: &str, seen: &mut BTreeSet<String>| seen.insert(line.trim().to_owned());
    let why = (0..output.len()).filter(|at| says_why(&output[*at]) && is_new(&output[*at], &mut seen));
    let why: Vec<usize> = why.collect();
    let left_out = why.len().saturating_sub(FIRST + LAST);
    let mut shown: Vec<String> = Vec::new();
    let mut taken = BTreeSet::new();
    for (number, at) in why.iter().enumerate() {
        if left_out > 0 && number == FIRST {
            shown.push(format!("… and {left_out} more of these"));
        }
        if left_out == 0 || number < FIRST || number >= FIRST + left_out {
            // Some compilers name the file in the line above.
            let above = at.checked_sub(1).filter(|above| is_location(&output[*above]));
            for at in above.into_iter().chain([*at]) {
                if taken.insert(at) {
                    shown.push(output[at].clone());
                }
                seen.insert(output[at].trim().to_owned());
            }
        }
    }
    let room = SHOWN.saturating_sub(shown.len());
    let others = output.iter().enumerate().filter(|(at, line)| {
        !taken.contains(at) && !is(&WHY, line) && !is(&NOISE, line) && is_new(line, &mut seen)
    });
    let mut others: Vec<&String> = others.map(|(_, line)| line).collect();
    let others = others.split_off(others.len().saturating_sub(room));
    shown.extend(others.into_iter().cloned());
    if shown.is_empty() { output[output.len().saturating_sub(SHOWN)..].to_vec() } else { shown }
}

/// `./pages/a.tsx:3:1`, alone in its line.
fn is_location(line: &str) -> bool {
    let (path, numbers) = line.trim().split_once(':').unwrap_or_default();
    !path.is_empty()
        && path.contains('.')
        && !line.trim().contains(char::is_whitespace)
        && numbers
            .split(':')
            .all(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::excerpt;
    use super::says_why;
    use std::fmt::Write as _;

    fn shown(text: &str) -> Vec<String> {
        excerpt(&text.lines().map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn the_lines_that_say_why_are_known_by_their_programs() {
        for line in [
            "Module not found: Can't resolve '@/lib/a'",
            "Error: Cannot find module 'express'",
            "src/a.ts(3,1): error TS2304: Cannot find name 'x'.",
            "src/a.ts:3:1 - error TS2304: Cannot find name 'x'.",
            "Type error: Property 'x' does not exist on type 'Y'.",
            "Failed to compile.",
            "ERROR: Could not find a version that satisfies the requirement nope (from versions: none)",
            "ModuleNotFoundError: No module named 'setuptools'",
            "subprocess.CalledProcessError: Command 'x' returned non-zero exit status 1.",
            "npm error code ENOENT",
            "npm ERR! missing script: build",
            " ERR_PNPM_OUTDATED_LOCKFILE  Cannot install with \"frozen-lockfile\"",
            "error Couldn't find package \"nope\" on the \"npm\" registry.",
            "✘ [ERROR] Could not resolve \"./a\"",
            "[ERROR] /src/main/java/A.java:[3,5] cannot find symbol",
            "* What went wrong:",
            "> Could not resolve org.example:nope:1.0.",
            "e: file:///src/A.kt:3:5 Unresolved reference: x",
            "/src/A.cs(3,5): error CS0103: The name 'x' does not exist [/src/a.csproj]",
            "./main.go:3:5: undefined: x",
            "main.go:4:2: no required module provides package example.org/x; to add it:",
            "go: example.org/x@v1: reading https://proxy/x: 404 not found",
            "error[E0425]: cannot find value `x` in this scope",
            "error: could not compile `a` (bin \"a\") due to 1 previous error",
            "a.c:3:5: error: 'x' undeclared (first use in this function)",
            "a.c:1:10: fatal error: nope.h: No such file or directory",
            "a.c:(.text+0x9): undefined reference to `x'",
            "make: *** [Makefile:3: all] Error 2",
            "E: Unable to locate package nope",
            "  nope (no such package):",
            "/bin/sh: 1: nope: not found",
            "/bin/sh: ./a.sh: Permission denied",
            "fatal: not a git repository",
        ] {
            assert!(says_why(line), "{line}");
        }
        for line in [
            "Compiled with 0 errors",
            "    at Object.<anonymous> (/a/error.js:1:1)",
            "npm notice New minor version of npm available!",
            "npm error A complete log of this run can be found in: /root/.npm/_logs/x-debug-0.log",
            "[ERROR] Re-run Maven using the -X switch to enable full debug logging.",
            "copying error.html",
            "Downloading errors-1.0.tgz",
            "Collecting flask",
            "go: downloading example.org/x v1.0.0",
            "warning: unused variable: `error`",
            "",
        ] {
            assert!(!says_why(line), "{line}");
        }
    }

    #[test]
    fn what_says_why_comes_first_and_once_and_noise_not_at_all() {
        let mut text = String::from("installing\n");
        for name in ["a", "b", "a"] {
            let _ =
                writeln!(text, "./pages/{name}.tsx:3:1\nModule not found: Can't resolve '@/lib/{name}'\n");
        }
        text += "Error: build failed with 2 errors:\n";
        for line in 0..30 {
            let _ = writeln!(text, "    at <unknown> (./pages/x.tsx:{line}:1)");
        }
        text += "npm notice\nnpm notice New version!\n";
        assert_eq!(
            shown(&text),
            [
                "./pages/a.tsx:3:1",
                "Module not found: Can't resolve '@/lib/a'",
                "./pages/b.tsx:3:1",
                "Module not found: Can't resolve '@/lib/b'",
                "Error: build failed with 2 errors:",
                "installing",
            ]
        );
    }

    #[test]
    fn what_nobody_knows_is_shown_as_it_comes() {
        let lines: Vec<String> = (0..30).map(|line| format!("line {line}")).collect();
        assert_eq!(excerpt(&lines), lines[10..]);
        assert_eq!(shown("    at a\n    at b\n"), ["    at a", "    at b"], "there is nothing else");
        assert!(shown("").is_empty());
    }

    #[test]
    fn of_many_the_first_and_the_last_are_shown() {
        let lines: Vec<String> = (0..40).map(|line| format!("error: {line}")).collect();
        let text = lines.join("\n");
        let shown = shown(&text);
        assert_eq!(shown.len(), 13);
        assert_eq!((shown[0].as_str(), shown[12].as_str()), ("error: 0", "error: 39"));
        assert_eq!(shown[8], "… and 28 more of these");
    }
}
