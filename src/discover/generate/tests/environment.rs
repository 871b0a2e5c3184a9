//! Values of `environment` and paths, as commands and people write them.

use super::got;

#[test]
fn addresses_without_a_password_are_no_secrets_and_blanks_beside_a_colon_no_part_of_a_path() {
    let got = got(
        "services:\n  web:\n    build: .\n    volumes: ['./c.conf : /etc/c.conf:ro', 'data :/data']\n    environment: {REDIS_URL: '${REDIS_URL:-redis://cache:6379}', MAIL_DSN: '${MAIL_DSN:-smtp://mail:25}', DATABASE_URL: '${DATABASE_URL:-postgres://u:pw@db/x}'}\n  cache: {image: redis}\nvolumes: {data: }\n",
        &[("c.conf", "a\n")],
    );
    for (name, value) in [
        ("REDIS_URL", "redis://cache:6379"),
        ("MAIL_DSN", "smtp://mail:25"),
        ("DATABASE_URL", "DATABASE_URL"),
    ] {
        assert_eq!(got.variable("Deployment/web", name), value, "{name}");
    }
    assert_eq!(got.proposal.secrets[0].keys, ["DATABASE_URL"]);
    let mounts = got.container("Deployment/web", "/volumeMounts");
    let at: Vec<&str> =
        mounts.as_array().into_iter().flatten().filter_map(|mount| mount["mountPath"].as_str()).collect();
    assert_eq!(at, ["/etc/c.conf", "/data"]);
    assert!(got.has("PersistentVolumeClaim/data") && got.notes_on("blank"));
}

#[test]
fn what_an_env_file_of_a_command_has_is_not_asked_for() {
    let got = got(
        "services:\n  web: {build: ., environment: {TOKEN: '${TOKEN}', MODE: '${MODE}'}}\n",
        &[("up.sh", "docker compose --env-file env/my.env up\n"), ("env/my.env", "TOKEN=t\nMODE=fast\n")],
    );
    let secret = &got.proposal.secrets[0];
    assert_eq!((secret.env_file.as_deref(), secret.from_env), (Some("env/my.env"), false));
    assert_eq!(got.variable("Deployment/web", "MODE"), "fast");
    assert!(got.proposal.first.is_empty(), "{:?}", got.proposal.first);
}

#[test]
fn variables_that_only_a_shell_has_are_asked_for_and_make_no_names() {
    let compose = "services:\n  seed:\n    build: .\n    hostname: ${SEED}\n    ports: ['${PORT}:${PORT}']\n    command: 'run ${MODE:-fast} ${PWD}'\n  off: {image: 'x:${TAG}', profiles: [off]}\n";
    let got = got(compose, &[]);
    assert!(got.objects.iter().all(|object| !object.name().is_empty()), "{:?}", got.objects);
    assert_eq!(got.proposal.first.len(), 1, "{:?}", got.proposal.first);
    assert!(got.notes_on("`PORT` (") && got.notes_on("`SEED` ("), "{:?}", got.proposal.notes);
    assert!(!got.proposal.first[0].contains("TAG"), "a service that is not started needs nothing");
    let given = super::got(compose, &[(".env", "SEED=first\nPORT=8080\n")]);
    assert!(given.proposal.first.is_empty(), "{:?}", given.proposal.first);
}

#[test]
fn a_password_whose_only_other_place_is_a_check_is_made_at_random() {
    let of = |check: &str| {
        let compose = format!(
            "services:\n  db:\n    image: mysql:8\n    environment: {{MYSQL_ROOT_PASSWORD: hunter2}}\n    healthcheck: {{test: {check}}}\n"
        );
        let got = got(&compose, &[]);
        got.proposal
            .secrets
            .iter()
            .any(|secret| secret.generate.iter().any(|key| key == "MYSQL_ROOT_PASSWORD"))
    };
    assert!(of("[CMD, mysqladmin, ping, -uroot, -phunter2]"));
    assert!(!of("[CMD-SHELL, \"bash -c 'mysqladmin ping -phunter2'\"]"), "no shell puts a variable in there");
}
