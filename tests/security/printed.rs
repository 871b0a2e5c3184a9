//! Everything that is printed, by every command, in every way of telling: no form of a secret value is in it.

use crate::binary::RunOutput;
use crate::rehearsed::harness::Harness;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use simulator::cluster::fault::ContainerStart;
use simulator::cluster::fault::Faults;
use simulator::cluster::fault::PodFault;
use std::path::Path;
use std::process::Command;
use std::process::Stdio;
use std::sync::Arc;

/// With letters that JSON, Go, shells and URLs escape.
const NEEDLE: &str = "N33dle\"of/a+key\\é%42";

/// One that may stand in the name of an image.
const NAMED: &str = "n33dle-of-an-image-4711";

/// The password of a URL in a Secret that another client created in the cluster.
const FOREIGN: &str = "f0reign-n33dle";

fn project() -> String {
    "name = 'shop'\nnamespace = 'shop'\n[[manifests]]\npath = 'manifests'\n[secret.keys]\nenv-file = '.env'\n\
     [target.mini]\ncontext = 'mini'\n[[check]]\nname = 'pages'\nurl = 'http://127.0.0.1:9/'\nrequired = false\n"
        .to_owned()
}

fn manifests() -> String {
    let workload = |name: &str, image: &str| {
        format!(
            "---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: {name}}}\nspec:\n  selector: {{matchLabels: {{app: {name}}}}}\n  \
             template:\n    metadata: {{labels: {{app: {name}}}}}\n    spec:\n      containers:\n      - name: {name}\n        image: {image}\n        \
             envFrom: [{{secretRef: {{name: keys}}}}]\n"
        )
    };
    workload("web", "nginx:1") + &workload("api", &format!("nginx:{NAMED}"))
}

/// As programs, servers and loggers write a value.
fn forms(value: &str) -> Vec<String> {
    let json = serde_json::to_string(value).unwrap();
    let (one, rest) = value.split_at(7);
    let percent = each_byte(value, "%").to_uppercase();
    let go = each_byte(value, "\\x");
    vec![
        value.to_owned(),
        json.clone(),
        serde_json::to_string(&json).unwrap(),
        json.replace('é', "\\u00e9"),
        percent.to_lowercase(),
        percent,
        go,
        STANDARD.encode(value),
        URL_SAFE_NO_PAD.encode(value),
        format!("Authorization: Basic {}", STANDARD.encode(format!("me:{value}"))),
        format!("'{}'", value.replace('\'', r"'\''")),
        format!("{one}\x1b[0m{rest}"),
        format!("{one}\x07{rest}"),
        format!("{one}\r{rest}"),
        format!("postgres://me:{value}@db/x"),
        format!("{}…", &value[..14]),
    ]
}

/// Each byte of `value` in hexadecimal, after `prefix`.
fn each_byte(value: &str, prefix: &str) -> String {
    value.bytes().fold(String::new(), |text, byte| text + prefix + &format!("{byte:02x}"))
}

/// What no output may have of a value, however it is written: it is looked for in the text, and in what the text decodes to.
fn leaks(text: &str, value: &str) -> Option<String> {
    let json = serde_json::to_string(value).unwrap();
    let base64 = |offset: usize| {
        let text = STANDARD.encode([&[0; 2][..offset], value.as_bytes()].concat());
        text[4..text.len() - 4].to_owned()
    };
    let percent = each_byte(value, "%");
    let go = each_byte(value, "\\x");
    let visible = console::strip_ansi_codes(text).replace(['\r', '\x07', '\n'], "");
    let needles = [
        value[..12].to_owned(),
        value.chars().skip(9).collect(),
        json[1..14].to_owned(),
        percent[..24].to_owned(),
        go[..32].to_owned(),
        base64(0),
        base64(1),
        base64(2),
    ];
    let texts = [text.to_lowercase(), visible.to_lowercase(), text.to_lowercase().replace("\\\\", "\\")];
    needles.into_iter().find(|needle| texts.iter().any(|text| text.contains(&needle.to_lowercase())))
}

/// Every run of a container prints all forms and ends.
struct Talks(Vec<String>);

impl Faults for Talks {
    fn pod(&self, start: &ContainerStart) -> Option<PodFault> {
        (start.container == "web").then(|| PodFault::Crash { code: 7, lines: self.0.clone() })
    }
}

#[expect(clippy::disallowed_methods, reason = "the program under test is started here")]
fn todo(folder: &Path, arguments: &[&str]) -> RunOutput {
    let output = Command::new(env!("CARGO_BIN_EXE_todo"))
        .args(arguments)
        .env_clear()
        .env("HOME", folder)
        .env("PATH", folder.join("bin"))
        .env("KUBECONFIG", folder.join("kubeconfig"))
        .env("DOCKER_HOST", format!("unix://{}", folder.join("docker.sock").display()))
        .env("TODO_TARGET", "mini")
        .current_dir(folder)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    RunOutput { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_command_prints_any_form_of_a_secret_value() {
    let lines: Vec<String> = [NEEDLE, FOREIGN].iter().flat_map(|value| forms(value)).collect();
    let harness = Harness::with(7, Arc::new(Talks(lines.clone()))).await;
    harness.write("deploy.toml", &project());
    harness.write("manifests/web.yaml", &manifests());
    harness.write(".env", &format!("KEY='{NEEDLE}'\nIMAGE_TAG={NAMED}\n"));
    harness.write("dump.json", &dump(&lines));
    let foreign = serde_json::json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "foreign", "namespace": "shop"},
        "data": {"url": STANDARD.encode(format!("postgres://me:{FOREIGN}@db/x"))},
    });
    let create = |path: &str, body: serde_json::Value| simulator::request::Ask {
        method: "POST".to_owned(),
        path: path.to_owned(),
        query: std::collections::BTreeMap::new(),
        content: "application/json".to_owned(),
        body,
    };
    let namespace =
        serde_json::json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}});
    let _ = harness.cluster.api().handle(&create("/api/v1/namespaces", namespace));
    let _ = harness.cluster.api().handle(&create("/api/v1/namespaces/shop/secrets", foreign));

    let folder = harness.project.folder.path().to_owned();
    let runs: [(&[&str], &[i32]); 16] = [
        (&["plan"], &[0]),
        (&["up", "--timeout", "60s", "--verbose"], &[50]),
        (&["up", "--timeout", "60s"], &[50]),
        (&["status"], &[3, 4]),
        (&["logs"], &[0]),
        (&["logs", "web", "--previous"], &[0]),
        (&["history"], &[0]),
        (&["plan"], &[0]),
        (&["check"], &[0]),
        (&["doctor"], &[]),
        (&["open"], &[]),
        (&["forward"], &[]),
        (&["explain", "dump.json"], &[0]),
        (&["restart", "api", "--timeout", "5s"], &[]),
        (&["unlock"], &[]),
        (&["down"], &[0]),
    ];
    for (arguments, codes) in runs {
        for output in ["plain", "json"] {
            let (folder, arguments) = (folder.clone(), [arguments, &["--output", output]].concat());
            let shown = format!("{arguments:?}");
            let owned: Vec<String> = arguments.iter().map(ToString::to_string).collect();
            let running = tokio::task::spawn_blocking(move || {
                let arguments: Vec<&str> = owned.iter().map(String::as_str).collect();
                todo(&folder, &arguments)
            });
            let running = running.await.unwrap();
            let all = format!("{}\n{}", running.stdout, running.stderr);
            let is_code =
                |code: i32| if codes.is_empty() { code > 1 || code == 0 } else { codes.contains(&code) };
            assert!(running.code.is_some_and(is_code), "{shown}: {:?} {all}", running.code);
            assert!(!all.contains("panicked"), "{shown}: {all}");
            for value in [NEEDLE, NAMED, FOREIGN] {
                assert_eq!(leaks(&all, value), None, "{shown}: {value} in {all}");
            }
            // The hidden values would otherwise be shown: the test can fail.
            let quotes = ["up", "logs", "explain", "status"].contains(&arguments[0]);
            assert!(!quotes || all.contains("***"), "{shown}: {all}");
        }
    }
}

/// A user's dump: a pod whose messages quote values in every form, and the Secret that contains them.
fn dump(lines: &[String]) -> String {
    let secret = serde_json::json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "keys", "namespace": "shop"},
        "data": {"KEY": STANDARD.encode(NEEDLE), "OTHER": STANDARD.encode(FOREIGN)},
    });
    let pods = lines.iter().enumerate().map(|(number, line)| {
        serde_json::json!({
            "apiVersion": "v1", "kind": "Pod", "metadata": {"name": format!("p{number}"), "namespace": "shop"},
            "spec": {"containers": [{"name": "web", "image": "nginx:1"}]},
            "status": {"phase": "Pending", "containerStatuses": [{
                "name": "web", "ready": false, "restartCount": 0, "image": "nginx:1", "imageID": "",
                "state": {"waiting": {"reason": "CreateContainerError", "message": format!("exec: {line}: not found")}},
            }]},
        })
    });
    let items: Vec<serde_json::Value> = pods.chain([secret]).collect();
    serde_json::json!({"apiVersion": "v1", "kind": "List", "items": items}).to_string()
}
