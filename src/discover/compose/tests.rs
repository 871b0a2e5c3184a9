//! Compose files as `docker compose config` reads them.

use super::Compose;
use super::Condition;
use super::MountSource;
use super::Protocol;
use super::Service;
use super::Volume;
use super::all;
use crate::discover::readers;
use crate::discover::tree::Tree;

fn read(files: &[(&str, &str)]) -> Vec<Compose> {
    let tree = Tree::from_texts("shop", files);
    all(&tree, &readers::read(&tree).composed)
}

fn one(text: &str) -> Compose {
    let mut all = read(&[("compose.yaml", text)]);
    assert_eq!(all.len(), 1);
    assert!(all[0].wrong.is_empty(), "{:?}", all[0].wrong);
    all.remove(0)
}

fn environment(service: &Service) -> Vec<(String, Option<String>)> {
    let pair =
        |value: &super::ComposeValue| (value.key.clone(), value.value.as_ref().map(super::Template::text));
    service.environment.iter().map(pair).collect()
}

fn pairs(pairs: &[(&str, Option<&str>)]) -> Vec<(String, Option<String>)> {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), value.map(str::to_owned))).collect()
}

#[test]
fn services_are_read_in_both_spellings() {
    let text = "name: shop\nservices:\n  web:\n    build: {context: ./web, dockerfile: prod.Dockerfile, target: run, args: [URL=http://x, NONE]}\n    \
        ports: ['127.0.0.1:8080:80/tcp', {published: '90', target: 91}, '53:53/udp', '3000-3001:4000-4001']\n    env_file: [.env, {path: b.env, required: false}]\n    \
        depends_on: {db: {condition: service_healthy}, job: {condition: service_completed_successfully}}\n    \
        command: sh -c 'a b'\n    healthcheck: {test: curl -f http://localhost/, interval: 1m30s, retries: 5}\n    \
        volumes: ['data:/data', './web:/src:ro', '/cache', 'C:\\x:/y']\n    deploy: {resources: {limits: {memory: 50M}}}\n  db:\n    image: 'postgres:${TAG:-16}'\n    \
        environment: [A=1, B]\n    expose: ['5432']\n    privileged: true\n    ulimits: {nofile: 1}\n    profiles: [x]\n  job: {image: x}\n";
    let compose = one(&format!("{text}volumes: {{data: }}\n"));
    assert_eq!(compose.project("x"), "shop");
    let [web, db, _] = &compose.services[..] else { panic!("{compose:?}") };
    let build = web.build.as_ref().unwrap();
    assert_eq!((build.context.as_str(), build.dockerfile.as_str()), ("web", "web/prod.Dockerfile"));
    assert_eq!((build.target.as_deref(), build.args.len()), (Some("run"), 1));
    let ports: Vec<_> =
        web.ports.iter().map(|port| (port.published, port.target, port.protocol, port.local)).collect();
    assert_eq!(
        ports,
        [
            (Some(8080), 80, Protocol::Tcp, true),
            (Some(90), 91, Protocol::Tcp, false),
            (Some(53), 53, Protocol::Udp, false),
            (Some(3000), 4000, Protocol::Tcp, false),
            (Some(3001), 4001, Protocol::Tcp, false),
        ]
    );
    let files: Vec<_> = web.env_files.iter().map(|file| (file.path.as_str(), file.required)).collect();
    assert_eq!(files, [(".env", true), ("b.env", false)]);
    let after: Vec<_> = web.after.iter().map(|after| (after.service.as_str(), after.condition)).collect();
    assert_eq!(after, [("db", Condition::Healthy), ("job", Condition::Completed)]);
    assert_eq!(web.command.as_deref(), Some(&["sh", "-c", "a b"].map(str::to_owned)[..]));
    assert_eq!(web.health.as_ref().unwrap().interval, Some(90));
    assert_eq!(web.resources.memory_limit, Some(50 << 20));
    assert!(matches!(&web.volumes[0], Volume::Data { name, at, .. } if name == "data" && at == "/data"));
    assert!(
        matches!(&web.volumes[1], Volume::Bind(bind) if bind.source == "web" && bind.read_only && !bind.elsewhere)
    );
    assert!(matches!(&web.volumes[2], Volume::Data { name, .. } if name.is_empty()));
    assert!(matches!(&web.volumes[3], Volume::Bind(bind) if bind.elsewhere && bind.at == "/y"));
    assert_eq!(
        (db.image.as_deref(), db.ports[0].target, db.privileged, db.dormant),
        (Some("postgres:16"), 5432, true, true)
    );
    assert_eq!(environment(db), pairs(&[("A", Some("1")), ("B", None)]));
    assert_eq!(
        db.untaken.iter().map(|item| (item.key.as_str(), item.place.line)).collect::<Vec<_>>(),
        [("ulimits", 17)]
    );
}

#[test]
fn an_environment_is_what_the_container_gets() {
    let compose = one(
        "services:\n  a:\n    image: x\n    environment: {C: NO, F: on, T: true, M: 0755, V: 3.10, Q: '0755', L: 12345678901234567890, D: 'a$$b'}\n",
    );
    let values = [
        ("C", "NO"),
        ("F", "on"),
        ("T", "true"),
        ("M", "493"),
        ("V", "3.1"),
        ("Q", "0755"),
        ("L", "12345678901234567890"),
        ("D", "a$b"),
    ];
    assert_eq!(environment(&compose.services[0]), pairs(&values.map(|(key, value)| (key, Some(value)))));
    let converted: Vec<_> =
        compose.services[0].environment.iter().filter_map(|value| value.converted.clone()).collect();
    assert_eq!(converted, ["0755", "3.10"]);
}

#[test]
fn merge_keys_and_anchors_are_resolved_and_the_first_wins() {
    let compose = one(
        "x-a: &a {image: one, restart: always, environment: {A: 1}}\nx-b: &b {image: two, user: '7'}\nservices:\n  s:\n    <<: [*a, *b]\n    environment: {B: 2}\n",
    );
    let service = &compose.services[0];
    assert_eq!(
        (service.image.as_deref(), service.user.as_deref(), service.restart.as_deref()),
        (Some("one"), Some("7"), Some("always"))
    );
    assert_eq!(environment(service), pairs(&[("B", Some("2"))]), "the merge is shallow");
}

#[test]
fn the_file_is_the_one_that_compose_takes_with_its_override() {
    let base = "services: {web: {image: 'acme/web', environment: {A: 1, B: 1}, ports: ['80:80']}}\n";
    let over = "services: {web: {environment: [B=2], ports: ['80:80', '81:81'], command: x}}\n";
    for (files, taken) in [
        (&["compose.yaml", "docker-compose.yml"][..], &["compose.yaml"][..]),
        (&["docker-compose.yml", "compose.override.yaml"], &["docker-compose.yml", "compose.override.yaml"]),
        (&["compose.prod.yaml"], &["compose.prod.yaml"]),
    ] {
        let texts: Vec<(&str, &str)> =
            files.iter().map(|name| (*name, if name.contains("override") { over } else { base })).collect();
        assert_eq!(read(&texts)[0].files, taken, "{files:?}");
    }
    let both = &read(&[("compose.yaml", base), ("compose.override.yml", over)])[0].services[0];
    assert_eq!(environment(both), pairs(&[("A", Some("1")), ("B", Some("2"))]));
    assert_eq!(both.ports.iter().map(|port| port.target).collect::<Vec<_>>(), [80, 81]);
    let named = read(&[
        (".env", "COMPOSE_FILE=a.yml:b.yml\n"),
        ("a.yml", base),
        ("b.yml", over),
        ("compose.yaml", "services: {c: {image: c}}\n"),
    ]);
    assert_eq!(named[0].files, ["a.yml", "b.yml"]);
}

#[test]
fn half_a_file_for_development_completes_the_base() {
    let base = "services: {gate: {image: acme/gate}, mq: {image: rabbitmq}}\n";
    let dev = "services: {gate: {build: gate}, mq: {ports: ['5672:5672']}}\n";
    let all = read(&[("docker-compose.yml", base), ("docker-compose.dev.yml", dev)]);
    assert_eq!(all.len(), 1);
    assert!(all[0].services[0].build.is_some() && all[0].services[1].image.is_some());
    let labels = "services: {gate: {labels: [a=b]}}\n";
    let all = read(&[("compose.yaml", base), ("compose.deploy.yaml", labels)]);
    assert_eq!((all[0].path.as_str(), all[0].files.len()), ("compose.yaml", 1));
    assert_eq!((all[1].path.as_str(), all[1].files.len()), ("compose.deploy.yaml", 2));
}

#[test]
fn extends_takes_everything_with_paths_of_its_own_file() {
    let base = "services:\n  base: {build: ../app, environment: {R: eu, S: a}, profiles: [p]}\n  mid: {extends: base, environment: {S: b}}\n";
    let compose = read(&[
        (
            "docker-compose.yml",
            "services:\n  api: {extends: {file: shared/common.yml, service: mid}, ports: ['1:1'], profiles: !reset []}\n",
        ),
        ("shared/common.yml", base),
    ]);
    let api = &compose[0].services[0];
    assert_eq!(api.build.as_ref().unwrap().context, "app");
    assert_eq!(environment(api), pairs(&[("R", Some("eu")), ("S", Some("b"))]));
    assert!(api.profiles.is_empty() && !api.dormant);
    for wrong in [
        "services: {a: {extends: a, image: x}}\n",
        "services: {a: {extends: {file: none.yml, service: b}, image: x}}\n",
    ] {
        assert!(!read(&[("compose.yaml", wrong)])[0].wrong.is_empty(), "{wrong}");
    }
}

#[test]
fn included_files_bring_their_services_with_their_own_paths_and_variables() {
    let compose = read(&[
        ("compose.yaml", "include: [infra/db.yaml]\nservices: {web: {image: 'web:${TAG}'}}\n"),
        (".env", "TAG=1\n"),
        ("infra/db.yaml", "services: {db: {image: 'db:${TAG}-${OWN}', volumes: ['./init:/init']}}\n"),
        ("infra/.env", "TAG=2\nOWN=3\n"),
    ]);
    let images: Vec<_> = compose[0].services.iter().filter_map(|service| service.image.as_deref()).collect();
    assert_eq!(images, ["db:1-3", "web:1"], "the parent's variables win");
    let bind = compose[0].services.iter().flat_map(|service| &service.volumes).next();
    assert!(matches!(bind, Some(Volume::Bind(bind)) if bind.source == "infra/init"));
}

#[test]
fn profiles_are_those_that_are_named_else_all_where_no_service_is_without_one() {
    let text = "services: {db: {image: a, profiles: [db]}, web: {image: b, profiles: [web]}}\n";
    let dormant = |files: &[(&str, &str)]| {
        read(files)[0].services.iter().map(|service| service.dormant).collect::<Vec<_>>()
    };
    assert_eq!(dormant(&[("compose.yaml", text)]), [false, false]);
    assert_eq!(dormant(&[("compose.yaml", text), (".env", "COMPOSE_PROFILES=web\n")]), [true, false]);
    assert_eq!(
        dormant(&[("compose.yaml", text), (".env.example", "export COMPOSE_PROFILES=db\n")]),
        [false, true]
    );
}

#[test]
fn what_compose_refuses_is_refused_with_its_line() {
    for (text, line) in [
        ("services:\n  a:\n    image: x\n    imge: y\n", 4),
        ("services: {a: {image: x}}\nservcies: {}\n", 2),
        ("services:\n  a:\n    image: x\n    image: y\n", 4),
        ("services:\n  a:\n    labels: [b]\n", 0),
        ("services: {a: {image: x, environment: {A: '${B.c}'}}}\n", 1),
        ("services:\n  a:\n    image: x\n    healthcheck: {test: [curl, x]}\n", 4),
        ("services: {a: {image: x, environment: {A: .nan}}}\n", 1),
    ] {
        let wrong = &read(&[("compose.yaml", text)])[0].wrong;
        assert_eq!(
            wrong.first().and_then(|finding| finding.place.as_ref()).map(|place| place.line),
            Some(line),
            "{text}: {wrong:?}"
        );
    }
}

#[test]
fn secrets_and_configs_have_their_sources_and_places() {
    let compose = one(
        "services:\n  a:\n    image: x\n    secrets: [s, {source: t, target: /etc/t, mode: 0440}]\n    configs: [c]\nsecrets: {s: {file: a/s.txt}, t: {environment: T}}\nconfigs: {c: {content: 'x$$y'}}\n",
    );
    let service = &compose.services[0];
    let at: Vec<_> = service.secrets.iter().map(|secret| (secret.at.as_str(), secret.mode)).collect();
    assert_eq!(at, [("/run/secrets/s", None), ("/etc/t", Some(0o440))]);
    assert_eq!(service.configs[0].at, "/c");
    assert_eq!(compose.secrets["s"].source, MountSource::File("a/s.txt".to_owned()));
    assert_eq!(compose.secrets["t"].source, MountSource::Variable("T".to_owned()));
    assert_eq!(compose.configs["c"].source, MountSource::Content("x$y".to_owned()));
}

#[test]
fn the_options_of_a_command_decide_as_they_do_for_compose() {
    let text = "services:\n  web: {image: 'web:${TAG}', volumes: ['./conf:/conf']}\n  admin: {image: adminer, profiles: [tools]}\n";
    let files = |run: &'static str| {
        vec![
            ("run.sh", run),
            ("deploy/stack.yml", text),
            ("deploy/.env", "TAG=default\n"),
            ("deploy/local.env", "TAG=local\n"),
        ]
    };
    for (run, tag, source, dormant) in [
        ("docker compose -f deploy/stack.yml up", "web:default", "deploy/conf", true),
        (
            "docker compose -f deploy/stack.yml --env-file deploy/local.env up -d",
            "web:local",
            "deploy/conf",
            true,
        ),
        ("docker compose --file=deploy/stack.yml --profile tools up", "web:default", "deploy/conf", false),
        (
            "docker compose --project-directory . -f deploy/stack.yml --env-file deploy/.env up",
            "web:default",
            "conf",
            true,
        ),
        (
            "cd deploy && docker compose --env-file local.env -f stack.yml up",
            "web:local",
            "deploy/conf",
            true,
        ),
    ] {
        let all = read(&files(run));
        assert_eq!(all.len(), 1, "{run}");
        let web = &all[0].services[0];
        assert_eq!(web.image.as_deref(), Some(tag), "{run}");
        assert!(matches!(&web.volumes[0], Volume::Bind(bind) if bind.source == source), "{run}");
        assert_eq!(all[0].services[1].dormant, dormant, "{run}");
    }
}

#[test]
fn profiles_of_commands_count_where_all_of_them_name_the_same() {
    let text =
        "services: {web: {image: b}, gpu: {image: a, profiles: [gpu]}, cpu: {image: a, profiles: [cpu]}}\n";
    for (readme, dormant) in [
        ("```sh\ndocker compose --profile cpu up\n```\n", [false, true, false]),
        (
            "```sh\ndocker compose --profile cpu up\ndocker compose --profile gpu up\n```\n",
            [false, true, true],
        ),
        ("```sh\ncd other && docker compose --profile cpu up\n```\n", [false, true, true]),
    ] {
        let files = [("README.md", readme), ("compose.yaml", text), ("other/compose.yaml", text)];
        let all = read(&files);
        let is: Vec<bool> = all[0].services.iter().map(|service| service.dormant).collect();
        assert_eq!((all[0].path.as_str(), is), ("compose.yaml", dormant.to_vec()), "{readme}");
    }
}
