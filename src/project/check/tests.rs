//! What deploy.toml promises: the defaults, and every mistake at once, where it stands, with what was meant.

use crate::project::BuildSecret;
use crate::project::Mode;
use crate::project::Probe;
use crate::project::Runtime;
use crate::project::Set;
use crate::project::Signal;
use crate::project::SourceKind;
use crate::project::SyncRule;
use crate::project::check::check;
use std::path::Path;

fn mistakes(text: &str) -> Vec<String> {
    let findings = check(Path::new("/p/deploy.toml"), text).map(|_| ()).unwrap_err();
    let tell = |finding: crate::event::Finding| {
        let place = finding.place.unwrap();
        let help = finding.help.map(|help| format!(" [{help}]")).unwrap_or_default();
        format!("{place}: {}{help}", finding.message)
    };
    findings.into_iter().map(tell).collect()
}

#[test]
fn the_shortest_file_that_deploys() {
    let project = check(Path::new("/home/me/My Shop/deploy.toml"), "[[manifests]]\npath = 'k8s'").unwrap();
    assert_eq!(project.name.as_str(), "my-shop");
    assert_eq!(project.namespace.as_str(), "default");
    assert_eq!(project.minikube.profile.as_str(), "minikube");
    assert_eq!(project.minikube.runtime, Runtime::Docker);
    assert_eq!(project.minikube.nodes, 1);
    assert_eq!(project.sources[0].kind, SourceKind::Path("/home/me/My Shop/k8s".into()));
}

#[test]
fn everything_that_can_be_said() {
    let text = r#"
        name = "shop"
        namespace = "shop-dev"
        [minikube]
        profile = "dev"
        cpus = 4
        memory = "4g"
        disk = "20g"
        addons = ["ingress"]
        driver = "docker"
        kubernetes = "v1.35.1"
        runtime = "containerd"
        nodes = 2
        [image.web]
        context = "web"
        dockerfile = "build/web.Dockerfile"
        target = "final"
        args = { A = "1" }
        secrets = { npm = { env = "NPM_TOKEN" }, key = { file = "key.pem" } }
        platform = "linux/amd64"
        max-size = "300MB"
        sync = false
        [image."team/api"]
        context = "api"
        [[manifests]]
        kustomize = "k8s/overlays/local"
        [[manifests]]
        chart = "helm/backend"
        values = ["values-local.yaml"]
        set = { "image.tag" = "1" }
        [secret.app]
        env-file = ".env"
        from-env = true
        keys = ["A"]
        optional = ["B"]
        generate = { C = 32 }
        [config.app]
        values = { LOG_LEVEL = "info" }
        file = "app.env"
        [service.web]
        path = "/health"
        expect = { status = 204, contains = "ok" }
        local-port = 30080
        [[check]]
        name = "Ollama"
        url = "http://host.minikube.internal:11434/api/tags"
        from = "cluster"
        when = "before"
        required = false
        [[check]]
        name = "db"
        tcp = "db.example:5432"
        [target.staging]
        context = "gke"
        registry = "ghcr.io/acme/"
    "#;
    let project = check(Path::new("/p/deploy.toml"), text).unwrap();
    assert_eq!(project.name.as_str(), "shop");
    assert_eq!(project.minikube.memory_mib, Some(4096));
    let web = &project.images[0];
    assert_eq!((web.name.as_str(), web.max_size), ("web", Some(300_000_000)));
    assert_eq!((&web.sync, &project.images[1].sync), (&None, &Some(Vec::new())));
    assert_eq!(web.dockerfile, Path::new("/p/build/web.Dockerfile"));
    assert_eq!(web.secrets["npm"], BuildSecret::Env("NPM_TOKEN".to_owned()));
    assert_eq!(web.secrets["key"], BuildSecret::File("/p/key.pem".into()));
    assert_eq!(project.images[1].dockerfile, Path::new("/p/api/Dockerfile"));
    assert!(
        matches!(&project.sources[1].kind, SourceKind::Chart(chart) if chart.release == "backend" && chart.set["image.tag"] == Set::Text("1".to_owned()))
    );
    assert_eq!(project.services[0].expect.contains.as_deref(), Some("ok"));
    assert!(!project.checks[0].required && project.checks[1].required);
    assert_eq!(project.checks[1].probe, Probe::Tcp("db.example:5432".to_owned()));
    assert_eq!(project.targets["staging"].registry.as_deref(), Some("ghcr.io/acme"));
}

#[test]
fn files_are_copied_by_rules() {
    let sync = |written: &str| {
        let text = format!("[[manifests]]\npath = 'k8s'\n[image.web]\ncontext = 'web'\nsync = {written}\n");
        check(Path::new("/p/deploy.toml"), &text).unwrap().images[0].sync.clone().unwrap()
    };
    let rule = |from: &str| SyncRule { from: from.to_owned(), ..SyncRule::default() };
    assert_eq!(sync("true"), []);
    let all = SyncRule { signal: Some(Signal::Hup), ..rule("**") };
    assert_eq!(sync("{ signal = 'HUP' }"), std::slice::from_ref(&all));
    assert_eq!(sync("{ signal = 'SIGHUP' }"), [all]);
    let rules = sync("[{ from = './src/**', to = '/app/src' }, { from = 'package.json', run = 'npm ci' }]");
    let to = SyncRule { to: Some("/app/src".to_owned()), ..rule("src/**") };
    assert_eq!(rules, [to, SyncRule { run: Some("npm ci".to_owned()), ..rule("package.json") }]);
}

#[test]
fn mistakes_in_rules_of_files_are_told_at_once() {
    let text = r#"[[manifests]]
path = "k8s"
[image.web]
context = "web"
sync = [
  { from = "/src", to = "app" },
  { from = "../a", run = " " },
  { from = "[a", signal = "KILL" },
  { from = "a" },
  { to = "/app/../etc", runs = "x" },
]
[image.api]
context = "api"
sync = { }
[image.db]
context = "db"
sync = "HUP"
"#;
    let relative = "write a path in the context, without `/` at its beginning and without `..`";
    let absolute = "write an absolute path in the container, such as `/app/src`";
    assert_eq!(
        mistakes(text),
        [
            format!("deploy.toml:6:12: `image.web.sync.from` is `/src`: {relative}"),
            format!("deploy.toml:6:25: `image.web.sync.to` is `app`: {absolute}"),
            format!("deploy.toml:7:12: `image.web.sync.from` is `../a`: {relative}"),
            "deploy.toml:7:26: `image.web.sync.run` is ` `: write a command, such as `npm ci`".to_owned(),
            "deploy.toml:8:12: `image.web.sync.from` is `[a`: it has a `[` without its `]`".to_owned(),
            "deploy.toml:8:27: `image.web.sync.signal` is `KILL`: write one that does not end a process: HUP, USR1, USR2 or WINCH".to_owned(),
            "deploy.toml:9:3: `[image.web.sync]` does nothing [add `to = \"/app/src\"`, `run = \"npm ci\"` or `signal = \"HUP\"`]".to_owned(),
            "deploy.toml:10:3: `[image.web.sync]` has no `from` [add `from = \"src/**\"`, a pattern of files in the context]".to_owned(),
            format!("deploy.toml:10:10: `image.web.sync.to` is `/app/../etc`: {absolute}"),
            "deploy.toml:10:25: `image.web.sync.runs` is not a key of deploy.toml [did you mean `run`?]".to_owned(),
            "deploy.toml:14:8: `[image.api.sync]` has no signal [write `{ signal = \"HUP\" }`, or a list of `{ from = \"…\", to = \"…\" }`]".to_owned(),
            "deploy.toml:17:8: `image.db.sync` must be true or false, but is string".to_owned(),
        ]
    );
}

#[test]
fn every_mistake_is_told_at_once_where_it_stands() {
    let text = r#"namespace = "Todo"
[minikub]
cpus = 1
[image.web]
contxt = "web"
max-size = "big"
[image.Web]
context = "web"
[[manifests]]
path = "k8s"
chart = "helm"
[secret.s]
keys = ["A", "A", "b c", 3]
[service.web]
path = "health"
local-port = 70000
[service.api]
expect = { satus = 200 }
[[check]]
from = "moon"
"#;
    assert_eq!(
        mistakes(text),
        [
            "deploy.toml:1:13: `namespace` is `Todo`: must be 1 to 63 of a-z, 0-9 and -, beginning and ending with a letter or digit",
            "deploy.toml:2:2: `minikub` is not a key of deploy.toml [did you mean `minikube`?]",
            "deploy.toml:4:8: `[image.web]` names no context [add `context = \"docker/web\"`, the directory that is built]",
            "deploy.toml:5:1: `image.web.contxt` is not a key of deploy.toml [did you mean `context`?]",
            "deploy.toml:6:12: `image.web.max-size` is `big`: write a size such as `250MB`, `1.5GiB` or `4g`",
            "deploy.toml:7:8: `image.Web` is not a valid name: it must be a-z and 0-9 in parts joined by / . _ or -, perhaps after a registry (`localhost:5000/`), without a tag",
            "deploy.toml:9:1: `[manifests]` names several sources [write a `[[manifests]]` for each of `path`, `kustomize` and `chart`]",
            "deploy.toml:12:9: `[secret.s]` has no source [add `env-file = \".env\"`, `from-env = true`, `files` or `generate`]",
            "deploy.toml:12:9: `[secret.s]` lists `A` twice [keep it in one of `keys`, `optional`, `files` and `generate`]",
            "deploy.toml:13:19: `secret.s.keys` has `b c`, which must be 1 to 253 of a-z, A-Z, 0-9, -, _ and ., and not . or ..",
            "deploy.toml:13:26: `secret.s.keys` must be a list of strings",
            "deploy.toml:15:8: `service.web.path` is `health`: a path begins with `/` and has no spaces",
            "deploy.toml:16:14: `service.web.local-port` is 70000, but must be 1 to 65535",
            "deploy.toml:18:12: `service.api.expect.satus` is not a key of deploy.toml [did you mean `status`?]",
            "deploy.toml:19:1: `[check]` needs one of `url`, `tcp` and `service` [write `url = \"http://…\"`, `tcp = \"host:port\"` or `service = \"…\"` with a `path`]",
            "deploy.toml:19:1: `[check]` has no name [add `name = \"…\"`, what people call it]",
            "deploy.toml:20:8: `check.from` is `moon`: write `host` or `cluster`",
        ]
    );
}

#[test]
fn what_is_not_toml_is_told_with_its_place_and_the_rest_is_still_read() {
    let messages = mistakes(
        "namespace = todo\n[[manifests]]\npath = 3\n[service.a]\nlocal-port = 1\n[service.b]\nlocal-port = 1\n",
    );
    assert!(messages[0].starts_with("deploy.toml:1:13: "), "{messages:?}");
    assert!(
        messages
            .iter()
            .any(|line| line == "deploy.toml:3:8: `manifests.path` must be a string, but is integer"),
        "{messages:?}"
    );
    assert!(
        messages.iter().any(|line| line.contains("has local-port 1, and so has `service.a`")),
        "{messages:?}"
    );
    let nothing = mistakes("");
    assert_eq!(nothing.len(), 1, "{nothing:?}");
    assert!(nothing[0].contains("nothing to deploy"), "{nothing:?}");
}

#[test]
fn a_name_that_stands_twice_is_told_with_both_lines() {
    let below = |header: &str| {
        format!("[write all of its keys below one `[{header}]`, or give the other another name]")
    };
    for (text, expected) in [
        (
            "[image.web]\ncontext = 'a'\n[[manifests]]\npath = 'k8s'\n[image.\"web\"]\ncontext = 'b'\n",
            format!(
                "/p/deploy.toml:5:8: `[image.web]` is defined twice: first at deploy.toml:1:1 {}",
                below("image.web")
            ),
        ),
        (
            "[minikube]\ncpus = 2\n[[manifests]]\npath = 'k8s'\n  [ minikube ]\n",
            format!(
                "/p/deploy.toml:5:5: `[minikube]` is defined twice: first at deploy.toml:1:1 {}",
                below("minikube")
            ),
        ),
        (
            "[image.api]\ncontext = 'x'\n[image.web]\n  context = 'a'\n\"context\" = 'b'\n[[manifests]]\npath = 'k8s'\n",
            "/p/deploy.toml:5:1: `context` is defined twice: first at deploy.toml:4:3 [keep one of them]"
                .to_owned(),
        ),
        (
            "[image.web]\ncontext = 'a'\nargs = { A = '1', A = '2' }\n[[manifests]]\npath = 'k8s'\n",
            "/p/deploy.toml:3:19: `A` is defined twice [keep one of them]".to_owned(),
        ),
    ] {
        let expected = expected.replace("/p/deploy.toml", "deploy.toml");
        assert_eq!(mistakes(text), [expected], "{text}");
    }
}

#[test]
fn a_byte_order_mark_moves_no_column() {
    let messages = mistakes("\u{feff}namespace = 1\n[[manifests]]\npath = 'k'\n");
    assert_eq!(messages, ["deploy.toml:1:13: `namespace` must be a string, but is integer"]);
}

#[test]
fn a_chart_says_what_helm_is_to_do_with_it() {
    let text = "[[manifests]]\nchart = 'helm/web'\nnamespace = 'web'\nmode = 'release'\n\
                set = { tag = '1.10', replicas = 2, 'a.b' = false, ratio = 0.5 }\n\
                [[binding]]\nkind = 'Function'\npath = 'spec.workers[].image'\npull-policy = 'pull'\n";
    let project = check(Path::new("/p/deploy.toml"), text).unwrap();
    let SourceKind::Chart(chart) = &project.sources[0].kind else { panic!("{project:?}") };
    assert_eq!((chart.release.as_str(), chart.mode), ("web", Mode::Release));
    assert_eq!(chart.namespace.as_ref().unwrap().as_str(), "web");
    assert_eq!(chart.set["tag"], Set::Text("1.10".to_owned()));
    assert_eq!(chart.set["replicas"], Set::Plain("2".to_owned()));
    assert_eq!(chart.set["a.b"], Set::Plain("false".to_owned()));
    assert_eq!(chart.set["ratio"], Set::Plain("0.5".to_owned()));
    assert_eq!(project.bindings[0].path, ["spec", "workers[]", "image"]);
    assert_eq!(project.bindings[0].policy.as_deref(), Some("pull"));
    assert_eq!(
        mistakes(
            "[[manifests]]\nchart = 'c'\nset = { a = 'false', b = [1] }\nmode = 'helm'\n[[binding]]\nkind = 'X'\n[[binding]]\nkind = 'X'\npath = 'spec.list[]'\n"
        ),
        [
            "deploy.toml:3:26: `manifests.set.b` must be a string, a number, true or false",
            "deploy.toml:4:8: `manifests.mode` is `helm`: write `objects` (we apply what Helm renders) or `release` (Helm installs it)",
            "deploy.toml:5:1: `[binding]` needs `kind` and `path` [write both: `kind = \"Function\"` and `path = \"spec.image\"`]",
            "deploy.toml:9:8: `binding.path` is `spec.list[]`: write keys joined by dots, `[]` after a list: `spec.workers[].image`",
        ]
    );
}
