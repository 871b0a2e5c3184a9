//! The output for compose files: objects, Secrets and notes.

mod environment;
mod sources;

use crate::discover::method::Programs;
use crate::discover::proposal::Proposal;
use crate::discover::propose::propose;
use crate::discover::propose::survey;
use crate::discover::tree::Tree;
use crate::manifest::Object;
use crate::manifest::read::parse;
use serde_json::Value;
use serde_json::json;
use std::collections::BTreeMap;
use std::path::Path;

const DOCKERFILE: (&str, &str) = (
    "Dockerfile",
    "FROM python:3.12-slim\nWORKDIR /app\nCOPY . .\nEXPOSE 8000\nCMD [\"python\", \"a.py\"]\n",
);

fn proposed(files: &[(&str, &str)]) -> Proposal {
    let survey = survey(Tree::from_texts("shop", files), Programs { helm: false, kustomize: false });
    let method = survey.methods.first().unwrap_or_else(|| panic!("no way: {files:?}"));
    assert!(method.broken.is_empty(), "{:?}", method.broken);
    propose(&survey, method, None, &BTreeMap::new())
}

struct Got {
    proposal: Proposal,
    objects: Vec<Object>,
}

impl Got {
    fn has(&self, id: &str) -> bool {
        self.objects.iter().any(|object| object.id().to_string() == id)
    }

    /// The value at a JSON pointer of an object; null for none.
    fn at(&self, id: &str, pointer: &str) -> Value {
        let found = self.objects.iter().find(|object| object.id().to_string() == id);
        let object = found.unwrap_or_else(|| panic!("no {id} in {:#?}", self.proposal.files));
        object.value.pointer(pointer).cloned().unwrap_or_default()
    }

    fn container(&self, id: &str, pointer: &str) -> Value {
        self.at(id, &format!("/spec/template/spec/containers/0{pointer}"))
    }

    /// A variable of a container: its value, or the key of its Secret.
    fn variable(&self, id: &str, name: &str) -> Value {
        let env = self.container(id, "/env");
        let found = env
            .as_array()
            .into_iter()
            .flatten()
            .find(|item| item["name"] == name)
            .cloned()
            .unwrap_or_default();
        if found["value"].is_null() {
            found["valueFrom"]["secretKeyRef"]["key"].clone()
        } else {
            found["value"].clone()
        }
    }

    fn notes_on(&self, part: &str) -> bool {
        self.proposal
            .notes
            .iter()
            .chain(&self.proposal.besides)
            .any(|(message, help)| message.contains(part) || help.contains(part))
    }
}

/// The objects of a project with a Dockerfile at its root.
fn got(compose: &str, more: &[(&str, &str)]) -> Got {
    let files: Vec<(&str, &str)> =
        [("compose.yaml", compose), DOCKERFILE].into_iter().chain(more.iter().copied()).collect();
    let proposal = proposed(&files);
    let parsed = proposal
        .files
        .iter()
        .filter(|(path, _)| Path::new(path).extension().is_some_and(|end| end == "yaml"))
        .flat_map(|(path, text)| {
            let (objects, wrong) = parse(text, Path::new(path));
            assert!(wrong.is_empty(), "{wrong:?}\n{text}");
            objects
        });
    let objects = parsed.collect();
    Got { proposal, objects }
}

#[test]
fn a_secret_is_known_by_its_key_and_never_by_an_equal_value() {
    let got = got(
        "services:\n  web: {build: ., ports: ['8000:8000'], environment: {DATABASE_URL: 'postgres://shop:shop@db:5432/shop', DB_USER: shop, DB_PASSWORD: shop}}\n  \
        db: {image: 'postgres:17', environment: {POSTGRES_USER: shop, POSTGRES_PASSWORD: shop, POSTGRES_DB: shop}, volumes: ['data:/var/lib/postgresql/data']}\nvolumes: {data: }\n",
        &[],
    );
    assert_eq!(got.proposal.secrets[0].generate, ["POSTGRES_PASSWORD"]);
    assert!(got.proposal.secrets[0].keys.is_empty());
    for (name, value) in
        [("POSTGRES_USER", "shop"), ("POSTGRES_DB", "shop"), ("POSTGRES_PASSWORD", "POSTGRES_PASSWORD")]
    {
        assert_eq!(got.variable("StatefulSet/db", name), value, "{name}");
    }
    for (name, value) in [
        ("DATABASE_URL", "postgres://shop:$(POSTGRES_PASSWORD)@db:5432/shop"),
        ("DB_USER", "shop"),
        ("DB_PASSWORD", "POSTGRES_PASSWORD"),
        ("POSTGRES_PASSWORD", "POSTGRES_PASSWORD"),
    ] {
        assert_eq!(got.variable("Deployment/web", name), value, "{name}");
    }
    let names: Vec<Value> = got
        .container("Deployment/web", "/env")
        .as_array()
        .unwrap()
        .iter()
        .map(|item| item["name"].clone())
        .collect();
    assert!(
        names.iter().position(|name| name == "POSTGRES_PASSWORD")
            < names.iter().position(|name| name == "DATABASE_URL")
    );
}

#[test]
fn a_password_is_made_only_where_every_reader_is_written_here() {
    let db = "db: {image: 'postgres:17', environment: {POSTGRES_PASSWORD: hunter22, POSTGRES_USER: app}}";
    for (rest, files, generated) in [
        ("web: {build: .}", &[][..], false),
        ("web: {build: ., environment: {PGPASSWORD: hunter22}}", &[], true),
        (
            "web: {build: ., env_file: [a.env]}",
            &[("a.env", "DATABASE_URL=postgres://app:hunter22@db/app\n")],
            false,
        ),
        (
            "web: {build: ., env_file: [a.env]}",
            &[("a.env.example", "DATABASE_URL=postgres://app:other@db/app\n")],
            false,
        ),
        (
            "web: {build: ., env_file: [a.env], environment: {DB_PASS: hunter22}}",
            &[("a.env", "NAME=hunter22x\nPOSTGRES_USER=app\n")],
            true,
        ),
        ("web: {build: ., environment: {DATABASE_URL: '${DATABASE_URL}'}}", &[], false),
        (
            "web: {build: ., environment: {DATABASE_URL: '${DATABASE_URL:-postgres://app:hunter22@db/app}'}}",
            &[],
            true,
        ),
        ("web: {build: ., command: 'psql postgres://app:hunter22@db/app'}", &[], false),
        (
            "web: {build: ., volumes: ['./init.sql:/init.sql']}",
            &[("init.sql", "ALTER ROLE x PASSWORD 'hunter22';\n")],
            false,
        ),
        ("web: {build: .}", &[(".env", "X=postgres://app:hunter22@db/app\n")], false),
    ] {
        let got = got(&format!("services:\n  {db}\n  {rest}\n"), files);
        let secret = &got.proposal.secrets[0];
        assert_eq!(secret.generate.contains(&"POSTGRES_PASSWORD".to_owned()), generated, "{rest} {files:?}");
        assert_eq!(secret.keys.contains(&"POSTGRES_PASSWORD".to_owned()), !generated, "{rest} {files:?}");
    }
}

#[test]
fn no_value_of_a_secret_is_written_anywhere() {
    let got = got(
        "services:\n  web:\n    build: {context: ., args: {NPM_TOKEN: tok-value-1, MODE: x}}\n    environment: {STRIPE_API_KEY: sk-value-2, SESSION_SECRET: ses-value-3, URL: 'amqp://u:url-value-4@mq', A: '${B_TOKEN:-def-value-5}', J: 'Server=x;Password=ado-value-6'}\n",
        &[],
    );
    let all = format!("{:?} {}", got.proposal, crate::discover::toml::write(&got.proposal));
    for value in ["tok-value-1", "sk-value-2", "ses-value-3", "url-value-4", "def-value-5", "ado-value-6"] {
        assert!(!all.contains(value), "{value}");
    }
    let secret = &got.proposal.secrets[0];
    assert_eq!(secret.generate, ["SESSION_SECRET"]);
    assert_eq!(secret.keys, ["B_TOKEN", "J", "STRIPE_API_KEY", "URL"]);
    assert_eq!(got.proposal.images[0].args.keys().collect::<Vec<_>>(), ["MODE"]);
}

#[test]
fn variables_come_from_dot_env_and_only_what_has_no_default_is_asked_for() {
    let got = got(
        "services:\n  web:\n    build: .\n    image: 'acme/web:${TAG}'\n    ports: ['${PORT}']\n    environment: {PORT: , SMTP_PASSWORD: '${SMTP_PASSWORD:-}', SECRET_KEY: '${SECRET_KEY?write it}', HOST: '${HOST:-h}', TOKEN: '${TOKEN}', W: '${PWD}', D: '$$(date)', M: 0755}\n",
        &[(".env", "TAG=2\nPORT=9000\nTOKEN=secret-value\n")],
    );
    let secret = &got.proposal.secrets[0];
    assert_eq!(
        (&secret.keys[..], &secret.optional[..]),
        (&["SECRET_KEY".to_owned(), "TOKEN".to_owned()][..], &["SMTP_PASSWORD".to_owned()][..])
    );
    assert!(got.notes_on("write it"));
    for (name, value) in [
        ("PORT", json!("9000")),
        ("HOST", json!("h")),
        ("TOKEN", json!("TOKEN")),
        ("W", Value::Null),
        ("D", json!("$$(date)")),
        ("M", json!("493")),
    ] {
        assert_eq!(got.variable("Deployment/web", name), value, "{name}");
    }
    assert!(got.notes_on("493") && got.notes_on("PWD"));
    assert_eq!(got.at("Service/web", "/spec/ports/0/port"), 9000);
}

#[test]
fn files_of_secrets_are_files_and_paths_to_them_stay_paths() {
    let got = got(
        "services: {db: {image: 'mariadb:11', secrets: [pw], environment: {MYSQL_ROOT_PASSWORD_FILE: /run/secrets/pw}}}\nsecrets: {pw: {file: db/pw.txt}}\n",
        &[("db/pw.txt", "x")],
    );
    let secret = &got.proposal.secrets[0];
    assert_eq!(secret.files, BTreeMap::from([("pw".to_owned(), "db/pw.txt".to_owned())]));
    assert!(secret.keys.is_empty() && secret.env_file.is_none());
    assert_eq!(got.variable("Deployment/db", "MYSQL_ROOT_PASSWORD_FILE"), "/run/secrets/pw");
    let mount = got.container("Deployment/db", "/volumeMounts/0");
    assert_eq!((&mount["mountPath"], &mount["subPath"]), (&json!("/run/secrets/pw"), &json!("pw")));
}

#[test]
fn one_shot_services_are_jobs_and_what_waits_for_them_says_so() {
    let got = got(
        "services:\n  migrate: {build: ., command: python manage.py migrate, restart: 'no', depends_on: {db: {condition: service_healthy}}}\n  \
        seed: {build: ., command: [\"true\"]}\n  \
        web: {build: ., ports: ['8000:8000'], depends_on: {seed: {condition: service_completed_successfully}, cache: {condition: service_started}, plain: {condition: service_started}}}\n  \
        both: {build: ., command: sh -c 'manage.py migrate && gunicorn a', restart: 'no'}\n  plain: {image: acme/x}\n  cache: {image: redis}\n  db: {image: 'postgres:17', environment: {POSTGRES_PASSWORD: x123}}\n",
        &[],
    );
    assert!(got.has("Job/migrate") && got.has("Job/seed") && got.has("Deployment/both"));
    let after = |id: &str| got.at(id, "/metadata/annotations/todo.dev~1depends-on");
    assert_eq!(after("Job/migrate"), "Deployment/db");
    assert_eq!(after("Deployment/web"), "Job/seed, Deployment/cache");
    assert_eq!(got.at("Job/seed", "/spec/template/spec/restartPolicy"), "OnFailure");
    assert_eq!(got.at("Job/seed", "/metadata/annotations/todo.dev~1recreate"), "true");
    assert!(!got.has("Service/seed"));
}

#[test]
fn probes_can_become_ready_and_kill_nothing() {
    let got = got(
        "services:\n  own: {image: acme/c, ports: ['8888:8888'], healthcheck: {test: [CMD, curl, -f, 'http://own:8888/ready']}}\n  \
        inner: {build: ., ports: ['8000:8000'], healthcheck: {test: [CMD, wget, -q, -O, /dev/null, 'http://127.0.0.1:9000/']}}\n  \
        posts: {build: ., expose: [8000], healthcheck: {test: 'curl -f -X POST http://localhost:8000/'}}\n  \
        lax: {build: ., expose: [8000], healthcheck: {test: 'curl http://localhost:8000/ || exit 1'}}\n  \
        tls: {build: ., expose: [8443], healthcheck: {test: 'curl -fk https://localhost:8443/h || exit 1', interval: 5s, timeout: 2s, retries: 2}}\n  \
        slow: {build: ., expose: [8000], healthcheck: {test: 'curl -f http://localhost:8000/', interval: 10s, timeout: 5s, retries: 30}}\n  \
        off: {build: ., expose: [8000], healthcheck: {disable: true}}\n  \
        text: {build: ., expose: [8000], healthcheck: {test: NONE}}\n",
        &[],
    );
    let probe = |name: &str, pointer: &str| {
        got.container(&format!("Deployment/{name}"), &format!("/readinessProbe{pointer}"))
    };
    assert_eq!(probe("own", "/httpGet/path"), "/ready");
    assert_eq!(probe("own", "/httpGet/httpHeaders/0/value"), "localhost");
    for exec in ["inner", "posts", "lax", "text"] {
        assert!(probe(exec, "/exec/command").is_array(), "{exec}");
    }
    assert_eq!(
        (probe("tls", "/httpGet/scheme"), probe("tls", "/timeoutSeconds"), probe("tls", "/periodSeconds")),
        (json!("HTTPS"), json!(2), json!(5))
    );
    assert!(probe("off", "").is_null());
    let startup = got.container("Deployment/slow", "/startupProbe");
    let patience = startup["periodSeconds"].as_u64().unwrap() * startup["failureThreshold"].as_u64().unwrap();
    assert!(patience >= 2 * 30 * 15, "{startup}");
    assert!(got.container("Deployment/tls", "/startupProbe").is_null());
    assert!(got.objects.iter().all(|object| !object.value.to_string().contains("livenessProbe")));
}

#[test]
fn the_health_check_of_a_dockerfile_counts_with_its_times() {
    let text = "FROM python\nCOPY . .\nEXPOSE 8000 53/udp\nHEALTHCHECK --interval=10s --retries=30 --start-period=200s CMD curl -f http://localhost:8000/\n";
    let got = got("services: {api: {build: api}}\n", &[("api/Dockerfile", text), ("api/a.py", "")]);
    let startup = got.container("Deployment/api", "/startupProbe");
    assert!(
        startup["periodSeconds"].as_u64().unwrap() * startup["failureThreshold"].as_u64().unwrap() >= 200
    );
    assert_eq!(got.container("Deployment/api", "/readinessProbe/failureThreshold"), 30);
    assert_eq!(got.at("Service/api", "/spec/ports/1/protocol"), "UDP");
}

#[test]
fn everything_that_is_addressed_gets_a_service_with_its_port() {
    let got = got(
        "services:\n  web: {build: ., ports: ['8080:80', '8080:80/udp'], environment: {A: 'http://config:8888', B: 'search:9200', C: 'shop_db:5432', D: kv, E: redis.local, F: quiet}, links: ['cache:kv']}\n  \
        config: {image: acme/c}\n  search: {image: acme/s}\n  shop_db: {image: postgres, container_name: thedb, environment: {POSTGRES_PASSWORD: x123}}\n  \
        cache: {image: redis, networks: {n: {aliases: [redis.local]}}}\n  quiet: {image: acme/q}\n  worker: {build: ., command: celery -A x}\nnetworks: {n: }\n",
        &[],
    );
    let port = |id: &str| got.at(id, "/spec/ports/0/port");
    for (id, number) in [
        ("Service/config", 8888),
        ("Service/search", 9200),
        ("Service/shop-db", 5432),
        ("Service/kv", 6379),
        ("Service/cache", 6379),
    ] {
        assert_eq!(port(id), number, "{id}");
    }
    assert_eq!(got.at("Service/quiet", "/spec/clusterIP"), "None");
    assert!(got.notes_on("quiet") && !got.has("Service/worker") && !got.has("Service/thedb"));
    assert_eq!(got.variable("Deployment/web", "C"), "shop-db:5432");
    assert_eq!(got.variable("Deployment/web", "E"), "cache");
    let ports = got.at("Service/web", "/spec/ports");
    assert_eq!(
        (ports[0]["name"].clone(), ports[1]["name"].clone(), ports[1]["protocol"].clone()),
        (json!("tcp-80"), json!("udp-80"), json!("UDP"))
    );
}

#[test]
fn a_claim_is_only_for_data() {
    let got = got(
        "services:\n  app: {build: ., volumes: ['.:/app', /app/vendor, /app/var, 'up:/app/uploads', './conf/a.conf:/etc/a.conf', './gone/init.sh:/init.d/1.sh', '/etc/hosts:/x']}\n  \
        other: {build: ., volumes: ['up:/srv']}\n  rules: {image: acme/r, volumes: ['./conf:/etc/rules', './missing/data:/data', /var/lib/r]}\nvolumes: {up: }\n",
        &[("conf/a.conf", "a = 1\n"), ("conf/b.conf", "b = 2\n")],
    );
    let claims: Vec<String> = got
        .objects
        .iter()
        .filter(|object| object.kind() == "PersistentVolumeClaim")
        .map(|object| object.name().to_owned())
        .collect();
    assert_eq!(claims, ["up", "rules-data", "rules-r"]);
    assert_eq!(got.at("ConfigMap/app-files", "/data/a.conf"), "a = 1\n");
    assert_eq!(got.at("ConfigMap/rules-files", "/data"), json!({"a.conf": "a = 1\n", "b.conf": "b = 2\n"}));
    assert!(got.notes_on("gone/init.sh") && got.notes_on("/etc/hosts"));
    let mounts = got.container("Deployment/rules", "/volumeMounts");
    assert_eq!(mounts[0]["mountPath"], "/etc/rules/a.conf");
}

#[test]
fn what_speaks_with_docker_is_left_out_and_what_is_behind_it_is_opened() {
    let got = got(
        "services:\n  proxy: {image: 'traefik:v3', ports: ['80:80'], volumes: ['/var/run/docker.sock:/var/run/docker.sock']}\n  \
        web: {image: acme/web, labels: {traefik.http.services.web.loadbalancer.server.port: 9000}}\n",
        &[],
    );
    assert!(!got.has("Deployment/proxy") && got.notes_on("socket"));
    assert_eq!(got.at("Service/web", "/spec/ports/0/port"), 9000);
    assert_eq!(got.proposal.opened.as_ref().map(|item| item.name.as_str()), Some("web"));
}

#[test]
fn people_open_the_gateway_and_not_what_stands_behind() {
    let got = got(
        "services:\n  config-server: {image: acme/c, ports: ['8888:8888']}\n  grafana: {image: grafana/grafana, ports: ['3000:3000']}\n  api-gateway: {image: acme/g, ports: ['80:8080']}\n  near: {image: acme/n, ports: ['127.0.0.1:443:443']}\n",
        &[],
    );
    assert_eq!(got.proposal.opened.as_ref().map(|item| item.name.as_str()), Some("api-gateway"));
    assert_eq!(got.container("Deployment/api-gateway", "/resources/limits"), Value::Null);
    let page = self::got(
        "services:\n  api: {image: acme/a, ports: ['8080:8080']}\n  app: {image: acme/b, ports: ['8087:80']}\n",
        &[],
    );
    assert_eq!(page.proposal.opened.as_ref().map(|item| item.name.as_str()), Some("app"));
}

#[test]
fn settings_of_a_container_have_their_counterparts() {
    let got = got(
        "services:\n  a:\n    image: acme/a\n    user: '1000:1001'\n    read_only: true\n    tmpfs: [/scratch]\n    shm_size: 1gb\n    stop_grace_period: 1m30s\n    cap_add: [CAP_NET_ADMIN]\n    \
        extra_hosts: ['api.local:10.0.0.5', 'host.docker.internal:host-gateway']\n    deploy: {resources: {limits: {memory: 3g, cpus: '0.5'}, reservations: {memory: 64m}}, replicas: 2}\n    \
        ulimits: {nofile: 1}\n    sysctls: {net.core.somaxconn: 1}\n    entrypoint: [/e]\n    command: run $$HOME $$(x)\n    volumes: ['d:/data']\n  b: {image: acme/b, user: app}\nvolumes: {d: }\n",
        &[],
    );
    let pod = |pointer: &str| got.at("Deployment/a", &format!("/spec/template/spec{pointer}"));
    let of = |pointer: &str| got.container("Deployment/a", pointer);
    for (value, wanted) in [
        (pod("/securityContext"), json!({"runAsUser": 1000, "runAsGroup": 1001, "fsGroup": 1001})),
        (pod("/terminationGracePeriodSeconds"), json!(90)),
        (pod("/enableServiceLinks"), json!(false)),
        (pod("/hostAliases/0/ip"), json!("10.0.0.5")),
        (of("/securityContext/readOnlyRootFilesystem"), json!(true)),
        (of("/securityContext/capabilities/add"), json!(["NET_ADMIN"])),
        (of("/resources/limits"), json!({"memory": "3Gi", "cpu": "0.5"})),
        (of("/resources/requests/memory"), json!("64Mi")),
        (of("/command"), json!(["/e"])),
        (of("/args"), json!(["run", "$HOME", "$$(x)"])),
        (got.at("Deployment/a", "/spec/replicas"), json!(1)),
        (got.at("Deployment/a", "/spec/strategy/type"), json!("Recreate")),
    ] {
        assert_eq!(value, wanted);
    }
    for word in ["ulimits", "sysctls", "`app`", "replica"] {
        assert!(got.notes_on(word), "{word}");
    }
}
