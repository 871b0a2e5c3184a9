//! Programs that `todo` starts, and its own process: their environment, and what remains of them.

use crate::binary::Fixture;
use crate::binary::script;
use std::os::unix::fs::MetadataExt;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;

const CHART: &str = "[[manifests]]\nchart = 'chart'\n[secret.keys]\nenv-file = '.env'\n";
const RENDERED: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n";

/// A project with a chart, and programs that write down what they were given: arguments, environment, standard input.
fn project(env: &str) -> Fixture {
    let fixture = Fixture::new(&[
        ("deploy.toml", CHART),
        ("chart/Chart.yaml", "apiVersion: v2\nname: web\nversion: 1.0.0\n"),
        (".env", env),
        ("rendered.yaml", RENDERED),
        ("told", ""),
    ]);
    let log = fixture.path("told");
    let note = format!(
        "{{ echo \"ran $0 $*\"; /usr/bin/env; /bin/cat; echo \"core $(ulimit -c)\"; /usr/bin/stat -c 'owner %u' /proc/$PPID/environ; }} >> {} 2>&1",
        log.display()
    );
    let rendered = fixture.path("rendered.yaml");
    let helm =
        format!("case \"$1\" in version) echo v3.18.0 ;; template) /bin/cat {} ;; esac", rendered.display());
    script(&fixture, "helm", &format!("{note}\n{helm}"));
    script(&fixture, "minikube", &format!("{note}\necho '{{\"minikubeVersion\":\"v1.36.0\"}}'"));
    fixture
}

#[test]
fn a_program_is_given_the_users_environment_and_nothing_of_the_project() {
    let env = "PATH=/evil\nLD_PRELOAD=/evil/evil.so\nBASH_ENV=/evil/rc\nHELM_PLUGINS=/evil\nHTTPS_PROXY=http://evil:1\nTOKEN=hunter2-hunter2\n";
    let fixture = project(env);
    let output = fixture.todo(&["up"]);
    assert_eq!(output.code, Some(10), "{}", output.stderr);
    let given = std::fs::read_to_string(fixture.path("told")).unwrap();
    for program in ["helm version", "helm template", "minikube version"] {
        assert!(given.contains(program), "{program} was not started:\n{given}");
    }
    assert!(
        given.contains(&format!("HOME={}\n", fixture.path("").display().to_string().trim_end_matches('/')))
    );
    for value in ["evil", "LD_PRELOAD", "BASH_ENV", "hunter2", "TOKEN", "aHVudGVy"] {
        assert!(!given.contains(value), "{value} was given:\n{given}");
    }
}

/// Root may read everything, so root's test runs the program as another user.
#[test]
#[cfg(target_os = "linux")]
fn a_crash_leaves_nothing_of_the_memory_on_a_disk() {
    let fixture = project("TOKEN=hunter2\n");
    let allow = |name: &str, mode| {
        std::fs::set_permissions(fixture.path(name), std::fs::Permissions::from_mode(mode)).unwrap();
    };
    allow("", 0o777);
    allow("told", 0o666);
    let program = fixture.path("todo");
    std::fs::copy(env!("CARGO_BIN_EXE_todo"), &program).unwrap();
    let is_root = std::fs::metadata("/proc/self").unwrap().uid() == 0;
    // The limit is what the user allows at most, the shell becomes the program.
    let limit = "ulimit -S -c \"$(ulimit -H -c)\"; exec \"$0\" up";
    fixture.run_by(&PathBuf::from("/bin/sh"), &["-c", limit, program.to_str().unwrap()], |command| {
        if is_root {
            command.uid(65534).gid(65534);
        }
    });
    let given = std::fs::read_to_string(fixture.path("told")).unwrap();
    assert!(given.contains("ran ") && given.contains("\ncore 0\n"), "the limit holds for children:\n{given}");
    // `proc(5)`: what belongs to a process that leaves no core is root's.
    assert!(given.contains("\nowner 0\n"), "{given}");
}
