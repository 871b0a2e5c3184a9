//! What CI systems make of a log: groups that are folded, and annotations at the lines of files.
//!
//! GitHub: "Workflow commands for GitHub Actions"; GitLab: "Custom collapsible sections" of job logs.

use crate::event::Code;
use crate::event::Finding;
use crate::event::Severity;
use crate::world::World;
use std::borrow::Cow;
use std::path::Path;
use std::path::PathBuf;

/// The CI system that reads the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum System {
    GitHub,
    GitLab,
}

/// Writes for the CI system that reads the log, if one does.
#[derive(Debug, Clone, Default)]
pub struct Ci {
    system: Option<System>,
    /// The directory of deploy.toml, as seen from the top of the repository.
    folder: PathBuf,
    /// When the run began, in seconds since 1970.
    began_s: u64,
    /// The name of the group that is open.
    open: Option<String>,
    groups: u32,
}

impl Ci {
    /// The system that `world` names; `folder` is that of deploy.toml.
    #[must_use]
    pub fn detect(world: &World, folder: Option<&Path>) -> Ci {
        let is = |name: &str| world.var(name) == Some("true");
        let system = match (is("GITHUB_ACTIONS"), is("GITLAB_CI")) {
            (true, _) => Some(System::GitHub),
            (_, true) => Some(System::GitLab),
            _ => None,
        };
        let top = world.var_os("GITHUB_WORKSPACE").map(PathBuf::from);
        let folder = folder.map(|folder| match &top {
            Some(top) => folder.strip_prefix(top).unwrap_or(folder),
            None => folder,
        });
        let began_s = u64::try_from(world.clock.now().as_second()).unwrap_or_default();
        Ci { system, folder: folder.map(Path::to_owned).unwrap_or_default(), began_s, open: None, groups: 0 }
    }

    /// Begins the group `title`, unless it is open, and ends the one that is.
    pub(super) fn open(&mut self, title: &str, at_ms: u64) -> String {
        let Some(system) = self.system.filter(|_| self.open.as_deref() != Some(title)) else {
            return String::new();
        };
        let end = self.close(at_ms);
        self.groups += 1;
        self.open = Some(title.to_owned());
        let begin = match system {
            System::GitHub => format!("::group::{}\n", data(title)),
            System::GitLab => {
                format!("\x1b[0Ksection_start:{}:{}\r\x1b[0K{title}\n", self.time(at_ms), self.section())
            }
        };
        end + &begin
    }

    /// Ends the group that is open: what follows is not folded.
    pub(super) fn close(&mut self, at_ms: u64) -> String {
        let (Some(system), Some(_)) = (self.system, self.open.take()) else { return String::new() };
        match system {
            System::GitHub => "::endgroup::\n".to_owned(),
            System::GitLab => {
                format!("\x1b[0Ksection_end:{}:{}\r\x1b[0K\n", self.time(at_ms), self.section())
            }
        }
    }

    /// Text that holds what others have printed, so that GitHub's runner obeys none of it: it takes a line that begins with `::` and
    /// whatever follows `##[` for a command, and a carriage return for the end of a line (actions/runner:
    /// `src/Runner.Common/ActionCommand.cs`). A backslash is put before the one and into the other.
    pub(super) fn inert<'t>(&self, text: &'t str) -> Cow<'t, str> {
        if self.system != Some(System::GitHub) || !text.contains("::") && !text.contains("##[") {
            return Cow::Borrowed(text);
        }
        text.split_inclusive(['\n', '\r']).map(inert).collect()
    }

    /// The annotation of a finding, for GitHub.
    pub(super) fn finding(&self, finding: &Finding) -> Option<String> {
        self.system.filter(|system| *system == System::GitHub)?;
        let command = match finding.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Note => "notice",
        };
        let mut properties = vec![format!("title={}", property(finding.code.as_str()))];
        if let Some(place) = &finding.place {
            let file = self.folder.join(&place.file);
            properties.push(format!("file={}", property(&file.to_string_lossy().replace('\\', "/"))));
            let number = |name: &str, number: usize| (number > 0).then(|| format!("{name}={number}"));
            properties.extend(number("line", place.line).into_iter().chain(number("col", place.column)));
        }
        let subject = finding.subject.as_ref().map(|subject| format!("{subject}: ")).unwrap_or_default();
        let help = finding.help.as_ref().map(|help| format!("\nhelp: {help}")).unwrap_or_default();
        let message = format!("{subject}{}{help}", finding.message);
        Some(format!("::{command} {}::{}", properties.join(","), data(&message)))
    }

    /// The annotations of a fault, for GitHub: those of its findings, or its own if it has none.
    pub(super) fn fault(&self, code: Code, causes: &[String], findings: &[Finding]) -> Vec<String> {
        if findings.iter().any(|finding| finding.severity == Severity::Error) {
            return findings.iter().filter_map(|finding| self.finding(finding)).collect();
        }
        let own = code.error(causes.join(": "));
        findings.iter().chain([&own]).filter_map(|finding| self.finding(finding)).collect()
    }

    fn time(&self, at_ms: u64) -> u64 {
        self.began_s + at_ms / 1000
    }

    fn section(&self) -> String {
        format!("todo_{}", self.groups)
    }
}

fn inert(line: &str) -> String {
    // In JSON a backslash begins an escape sequence.
    let line = line.replace("##[", if line.starts_with('{') { r"##\u005b" } else { r"##\[" });
    let blanks = line.len() - line.trim_start().len();
    if line[blanks..].starts_with("::") { format!("{}\\{}", &line[..blanks], &line[blanks..]) } else { line }
}

/// `escapeData` of actions/toolkit, `packages/core/src/command.ts`.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// `escapeProperty`, there.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::Ci;
    use crate::event::Code;
    use crate::event::Place;
    use crate::world::World;
    use std::path::Path;

    fn ci(variables: &[(&str, &str)]) -> Ci {
        Ci::detect(&World::fake("/", variables.iter().copied()), Some(Path::new("/repo/shop")))
    }

    const GITHUB: [(&str, &str); 2] = [("GITHUB_ACTIONS", "true"), ("GITHUB_WORKSPACE", "/repo")];

    #[test]
    fn an_annotation_is_at_the_line_of_the_file_in_the_repository() {
        let finding = Code::CrashLoop.error("100%: ended, twice\nwith 1").about("Deployment/web").at(Place {
            file: "k8s/a,b:c.yaml".into(),
            line: 3,
            column: 5,
        });
        assert_eq!(
            ci(&GITHUB).finding(&finding).unwrap(),
            "::error title=crash-loop,file=shop/k8s/a%2Cb%3Ac.yaml,line=3,col=5::Deployment/web: 100%25: ended, twice%0Awith 1"
        );
        let whole = Code::CrashLoop.warning("w").at(Place::file("deploy.toml"));
        assert_eq!(
            ci(&GITHUB).finding(&whole).unwrap(),
            "::warning title=crash-loop,file=shop/deploy.toml::w"
        );
        for other in [&[][..], &[("GITLAB_CI", "true")], &[("GITHUB_ACTIONS", "false")]] {
            assert_eq!(ci(other).finding(&finding), None, "{other:?}");
        }
    }

    #[test]
    fn what_others_print_is_no_command_of_githubs_runner() {
        let github = ci(&GITHUB);
        for (line, written) in [
            ("::set-env name=A::b", r"\::set-env name=A::b"),
            ("  ::error::no", r"  \::error::no"),
            ("\t::stop-commands::x", "\t\\::stop-commands::x"),
            ("10:00 ##[error]no ##[add-mask]a", r"10:00 ##\[error]no ##\[add-mask]a"),
            ("std::vec::Vec", "std::vec::Vec"),
            ("web | ::error::no", "web | ::error::no"),
        ] {
            assert_eq!(github.inert(line), written);
            assert_eq!(ci(&[]).inert(line), line, "elsewhere a line stays as it is");
        }
        let json = r###"{"text":"##[error]a"}"###;
        let written = github.inert(json);
        assert!(!written.contains("##["), "{written}");
        let value = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
        assert_eq!(value(&written), value(json), "it is the same JSON");
        assert_eq!(github.inert("a\n::b\r::c\n"), "a\n\\::b\r\\::c\n");
    }

    #[test]
    fn a_fault_has_an_annotation_also_without_an_error_among_its_findings() {
        let ci = ci(&GITHUB);
        let causes = ["cannot roll out".to_owned(), "no".to_owned()];
        assert_eq!(
            ci.fault(Code::NotHealthy, &causes, &[]),
            ["::error title=not-healthy::cannot roll out: no"]
        );
        let error = Code::CrashLoop.error("e");
        assert_eq!(ci.fault(Code::NotHealthy, &causes, &[error]), ["::error title=crash-loop::e"]);
    }

    #[test]
    fn groups_end_before_others_begin() {
        let mut github = ci(&GITHUB);
        assert_eq!(github.open("images", 0), "::group::images\n");
        assert_eq!(github.open("images", 0), "");
        assert_eq!(github.open("objects", 0), "::endgroup::\n::group::objects\n");
        assert_eq!((github.close(0), github.close(0)), ("::endgroup::\n".to_owned(), String::new()));
        let mut gitlab = ci(&[("GITLAB_CI", "true")]);
        gitlab.began_s = 100;
        assert_eq!(gitlab.open("images", 2_500), "\x1b[0Ksection_start:102:todo_1\r\x1b[0Kimages\n");
        assert_eq!(gitlab.close(4_000), "\x1b[0Ksection_end:104:todo_1\r\x1b[0K\n");
        let mut none = ci(&[]);
        assert_eq!((none.open("images", 0), none.close(0)), (String::new(), String::new()));
    }
}
