//! Checks against programs, nodes and clusters that answer, refuse, and start late.

use super::CheckResult;
use super::CheckRunner;
use super::CheckTarget;
use super::Inside;
use crate::event::Event;
use crate::event::EventKind;
use crate::event::Outcome;
use crate::event::Place;
use crate::event::Severity;
use crate::manifest::Object;
use crate::project::Check;
use crate::project::Expect;
use crate::project::From;
use crate::project::Probe;
use crate::project::When;
use crate::project::name::DataKey;
use crate::project::name::ObjectName;
use crate::project::secret::Secret;
use crate::service::NodeNetwork;
use crate::service::fake;
use crate::service::tests::client;
use crate::service::tests::namespace;
use crate::service::tests::objects;
use crate::service::tests::run;
use futures::FutureExt;
use serde_json::json;
use tokio::net::TcpListener;

fn check(probe: Probe) -> Check {
    Check {
        name: "it".to_owned(),
        place: Place { file: "deploy.toml".into(), line: 9, column: 1 },
        probe,
        from: From::Host,
        when: When::Before,
        required: true,
    }
}

fn url(url: String, status: Option<u16>, contains: Option<&str>) -> Check {
    check(Probe::Http { url, expect: Expect { status, contains: contains.map(str::to_owned) } })
}

fn database() -> Check {
    let secret = ObjectName::parse("todo-secrets").unwrap();
    check(Probe::TcpOf { secret, key: DataKey::parse("DATABASE_URL").unwrap() })
}

/// A run of one check; returned with all its events.
async fn asked(
    check: &Check,
    value: Option<&str>,
    inside: Option<&Inside<'_>>,
    cluster: Option<CheckTarget<'_>>,
    objects: &[Object],
    patient: bool,
) -> (CheckResult, Vec<Event>) {
    let (run, mut events) = run();
    let secret = |_: &ObjectName, _: &DataKey| value.map(|value| Secret::new(value.to_owned()));
    let asker = CheckRunner { run: &run, cluster, inside, objects, secret: &secret, patient };
    let checked = asker.all(&[check]).await.remove(0);
    let reported = std::iter::from_fn(|| events.try_recv().ok()).collect();
    (checked, reported)
}

async fn once(check: &Check) -> CheckResult {
    asked(check, None, None, None, &[], false).await.0
}

#[tokio::test]
async fn a_page_is_asked_for_its_status_and_its_text() {
    let at = fake::server(|_, path| match path {
        "/api/tags" => fake::text(200, "{\"models\": [\"llama3\"]}"),
        "/gone" => fake::text(404, "not here"),
        _ => fake::text(401, "who are you"),
    })
    .await;
    for (path, status, contains, answer) in [
        ("/api/tags", None, Some("llama3"), "answers 200, with `llama3`"),
        ("/api/tags", None, Some("mistral"), "answers 200, but without `mistral`"),
        ("/api/tags", Some(204), None, "answers 200 instead of 204"),
        ("/gone", None, None, "answers 404"),
        ("/gone", Some(404), None, "answers 404"),
        ("/login", Some(401), None, "answers 401"),
    ] {
        let check = url(format!("http://{at}{path}"), status, contains);
        let checked = once(&check).await;
        assert_eq!(checked.answer, answer);
        let passes = status.map_or(!path.contains("gone") && !answer.contains("without"), |status| {
            answer == format!("answers {status}")
        });
        assert_eq!(checked.outcome == Outcome::Done, passes, "{path}: {answer}");
        assert_eq!(checked.finding.is_none(), passes, "{path}: {answer}");
    }
}

#[tokio::test]
async fn what_fails_says_what_where_and_what_to_do() {
    let at = fake::closed_port().await;
    let finding = once(&check(Probe::Tcp(at.to_string()))).await.finding.unwrap();
    assert_eq!(finding.message, format!("`{at}` refuses connections"));
    assert_eq!(finding.subject.as_deref(), Some("check it"));
    assert_eq!(finding.place.unwrap().to_string(), "deploy.toml:9:1");
    assert_eq!((finding.severity, finding.help.is_some()), (Severity::Error, true));

    let optional = Check { required: false, ..check(Probe::Tcp(at.to_string())) };
    assert_eq!(once(&optional).await.finding.unwrap().severity, Severity::Warning);
}

#[tokio::test]
async fn the_database_of_a_secret_is_reached_and_never_named() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let open = format!("postgres://me:hunter2@127.0.0.1:{port}/x");
    let (checked, _) = asked(&database(), Some(&open), None, None, &[], false).await;
    assert_eq!((checked.outcome, checked.answer.as_str()), (Outcome::Done, "accepts connections"));

    let lost = "postgres://me:hunter2@db.zone.invalid:5432/x";
    let (checked, reported) = asked(&database(), Some(lost), None, None, &[], false).await;
    assert_eq!(checked.outcome, Outcome::Failed);
    let all = format!("{checked:?} {reported:?}");
    assert!(
        all.contains("DATABASE_URL") && !all.contains("hunter2") && !all.contains("zone.invalid"),
        "{all}"
    );

    for (value, outcome) in [
        (None, Outcome::Skipped),
        (Some("sqlite:///x"), Outcome::Skipped),
        (Some("hunter2"), Outcome::Failed),
    ] {
        let (checked, reported) = asked(&database(), value, None, None, &[], true).await;
        assert_eq!(checked.outcome, outcome);
        assert!(!format!("{checked:?} {reported:?}").contains("hunter2"));
    }
}

#[tokio::test]
async fn the_node_asks_where_the_cluster_is_to_ask() {
    let inside = |script: String| {
        async move {
            assert!(script.contains("/dev/tcp/host.minikube.internal/11434"), "{script}");
            Ok("tcp 7\n".to_owned())
        }
        .boxed()
    };
    let probe = Probe::Tcp("host.minikube.internal:11434".to_owned());
    let check = Check { from: From::Cluster, ..check(probe) };
    let (checked, _) = asked(&check, None, Some(&inside), None, &[], false).await;
    let finding = checked.finding.unwrap();
    assert_eq!(finding.message, "`host.minikube.internal:11434` refuses connections, checked from the node");
    assert!(finding.help.unwrap().contains("listen on all interfaces"));

    let (checked, _) = asked(&check, None, None, None, &[], false).await;
    assert_eq!(checked.answer, "cannot be reached: the cluster does not run");
}

#[tokio::test]
async fn after_the_rollout_what_is_not_there_yet_is_waited_for() {
    let at =
        fake::server(|number, _| if number < 3 { fake::text(503, "") } else { fake::text(200, "") }).await;
    let late = Check { when: When::After, ..url(format!("http://{at}/"), None, None) };
    let (checked, reported) = asked(&late, None, None, None, &[], true).await;
    assert_eq!((checked.outcome, checked.answer.as_str()), (Outcome::Done, "answers 200"));
    let waited =
        |event: &Event| matches!(&event.kind, EventKind::Waiting { why, .. } if why == "answers 503");
    assert!(reported.iter().any(waited), "{reported:?}");
}

#[tokio::test]
async fn a_service_is_asked_the_way_it_is_opened() {
    let page = fake::server(|_, path| match path {
        "/api/tasks" => fake::text(200, "[\"milk\"]"),
        _ => fake::text(404, ""),
    })
    .await;
    let service = objects().remove(0).value;
    let api = fake::server(move |_, path| {
        let items = if path.contains("/services") { json!([service]) } else { json!([]) };
        fake::json(&json!({"metadata": {}, "items": items}))
    })
    .await;
    let (client, namespace) = (client(api), namespace());
    let reach = NodeNetwork { published: [(30080, page)].into(), ..NodeNetwork::default() };
    let through = |name: &str, path: &str| {
        let expect = Expect { status: None, contains: None };
        let name = ObjectName::parse(name).unwrap();
        Check { when: When::After, ..check(Probe::Service { name, path: path.to_owned(), expect }) }
    };
    let by_name =
        |text: &str| Check { when: When::After, from: From::Cluster, ..url(text.to_owned(), None, None) };
    for (check, answer) in [
        (through("web", "/api/tasks"), "answers 200"),
        (through("web", "/nothing"), "answers 404"),
        (through("wbe", "/"), "cannot be checked: there is no Service `wbe`"),
        (by_name("http://web/api/tasks"), "answers 200"),
        (by_name("http://web.todo.svc.cluster.local/api/tasks"), "answers 200"),
        (
            by_name("http://web:81/"),
            "cannot be checked: the Service `web` is requested at port 80, not at 81",
        ),
    ] {
        let cluster = CheckTarget { client: &client, namespace: &namespace, reach: &reach };
        let (checked, _) = asked(&check, None, None, Some(cluster), &objects(), false).await;
        assert_eq!(checked.answer, answer, "{check:?}");
    }
}

/// The node's part is played by the bash and the curl of this machine.
#[tokio::test]
#[cfg(target_os = "linux")]
#[expect(clippy::disallowed_methods, reason = "the shell is what is tested")]
async fn the_node_and_this_machine_come_to_the_same_end_and_ask_nobody_else() {
    use std::sync::Arc;
    use std::sync::Mutex;
    use tokio::io::AsyncWriteExt;
    let strangers = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&strangers);
    let stranger = fake::server(move |_, path| {
        seen.lock().unwrap().push(path.to_owned());
        fake::text(200, "somebody else")
    })
    .await;
    let asked_for = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&asked_for);
    let at = fake::server(move |_, path| {
        seen.lock().unwrap().push(path.to_owned());
        match path {
            "/other" => fake::redirect(&format!("http://{stranger}/taken")),
            "/relative-to-scheme" => fake::redirect(&format!("//{stranger}/taken")),
            "/file" => fake::redirect("file:///etc/hostname"),
            "/ftp" => fake::redirect(&format!("ftp://{stranger}/x")),
            "/home" => fake::redirect("/here"),
            "/folder/a" => fake::redirect("b?c=d"),
            "/loop" => fake::redirect("/loop"),
            "/nothing" => fake::Reply::Close,
            "/no-http" => fake::Reply::Raw("hello\r\n\r\n".to_owned()),
            "/much" => fake::text(200, &"much of it ".repeat(300_000)),
            path => fake::text(200, path),
        }
    })
    .await;
    let inside = |script: String| {
        async move {
            let mut bash = tokio::process::Command::new("bash")
                .arg("-s")
                .stdin(std::process::Stdio::piped())
                .stdout(std::process::Stdio::piped())
                .spawn()
                .unwrap();
            bash.stdin.take().unwrap().write_all(script.as_bytes()).await.unwrap();
            let printed = bash.wait_with_output().await.unwrap().stdout;
            Ok(String::from_utf8(printed).unwrap())
        }
        .boxed()
    };
    let globbed = "/g{a,b,c}[1-3]?q={x}'$(reboot)";
    for (path, contains, outcome, asks) in [
        ("/other", None, Outcome::Done, 1),
        ("/relative-to-scheme", None, Outcome::Done, 1),
        ("/file", None, Outcome::Done, 1),
        ("/ftp", None, Outcome::Done, 1),
        ("/other", Some("somebody"), Outcome::Failed, 1),
        ("/home", Some("/here"), Outcome::Done, 2),
        ("/folder/a", Some("/folder/b?c=d"), Outcome::Done, 2),
        ("/loop", None, Outcome::Done, 6),
        ("/much", Some("much of it"), Outcome::Done, 1),
        ("/nothing", None, Outcome::Failed, 1),
        ("/no-http", None, Outcome::Failed, 1),
        (globbed, Some("/g{a,b,c}[1-3]"), Outcome::Done, 1),
    ] {
        let here = url(format!("http://{at}{path}"), None, contains);
        let there = Check { from: From::Cluster, ..here.clone() };
        asked_for.lock().unwrap().clear();
        let of_host = once(&here).await;
        assert_eq!(asked_for.lock().unwrap().len(), asks, "{path}");
        asked_for.lock().unwrap().clear();
        let of_node = asked(&there, None, Some(&inside), None, &[], false).await.0;
        assert_eq!(asked_for.lock().unwrap().len(), asks, "{path}: {}", of_node.answer);
        assert_eq!((of_host.outcome, of_node.outcome), (outcome, outcome), "{path}: {}", of_node.answer);
        if outcome == Outcome::Done {
            assert_eq!(of_host.answer, of_node.answer, "{path}");
        }
    }
    assert_eq!(*strangers.lock().unwrap(), Vec::<String>::new());
}

#[tokio::test]
async fn a_page_that_is_asked_without_tls_where_that_is_spoken_is_told_as_such() {
    let plain = || fake::text(400, "Client sent an HTTP request to an HTTPS server.\n");
    let at = fake::tls_server(plain, || None, || fake::text(200, "")).await;
    let finding = once(&url(format!("http://{at}/"), None, None)).await.finding.unwrap();
    assert!(finding.help.as_ref().is_some_and(|help| help.contains("`https://`")), "{finding:?}");
    assert_eq!(once(&url(format!("https://{at}/"), None, None)).await.outcome, Outcome::Done);
}
