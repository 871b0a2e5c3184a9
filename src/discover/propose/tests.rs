//! Typical trees: what is chosen, and what is reported.

use super::Proposal;
use super::Source;
use super::propose;
use super::survey;
use crate::discover::method::Programs;
use crate::discover::tree::Tree;
use std::collections::BTreeMap;

fn proposed(files: &[(&str, &str)]) -> Proposal {
    let survey = survey(Tree::from_texts("shop", files), Programs { helm: true, kustomize: true });
    let method = survey.methods.first().unwrap_or_else(|| panic!("no way: {files:?}"));
    propose(&survey, method, None, &BTreeMap::new())
}

fn pod(name: &str, image: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Pod\nmetadata: {{name: {name}}}\nspec: {{containers: [{{name: c, image: '{image}'}}]}}\n"
    )
}

const FROM: &str = "FROM a\nCMD [\"a\"]\n";

#[test]
fn commands_of_a_cloud_and_extras_count_less_than_the_readme() {
    let (plain, other) = (pod("plain", "acme/plain"), pod("other", "acme/other"));
    let readme = "# Start\n```sh\nkubectl apply -f k8s\n```\n";
    for (path, text) in [
        (
            "Makefile",
            "all:\n\techo\nmono:\n\tgcloud container clusters get-credentials x\n\tkubectl apply -f mono\n",
        ),
        ("up.sh", "aws eks update-kubeconfig --name x\nkubectl apply -f mono\n"),
        ("Makefile", "up-prod:\n\tkubectl apply -f mono\n"),
        ("extras/tls/setup.sh", "kubectl apply -f mono\n"),
    ] {
        let files =
            [("k8s/a.yaml", plain.as_str()), ("mono/a.yaml", &other), ("README.md", readme), (path, text)];
        assert_eq!(proposed(&files).sources, [Source::Path("k8s".into())], "{path} {text}");
    }
    let up = "echo\nup:\n\tkubectl apply -f mono\n";
    let files =
        [("k8s/a.yaml", plain.as_str()), ("mono/a.yaml", &other), ("README.md", readme), ("Makefile", up)];
    assert_eq!(proposed(&files).sources, [Source::Path("mono".into())]);
}

#[test]
fn installs_of_the_readme_are_told_where_nothing_deploys_the_manifests() {
    let web = pod("web", "acme/web");
    let install = "```sh\nhelm install mq bitnami/rabbitmq\n```\n";
    for (readme, expected) in [("README.md", true), ("notes/README.md", false)] {
        let files = [("k8s/web.yaml", web.as_str()), (readme, install)];
        let besides = proposed(&files).besides;
        assert_eq!(besides.iter().any(|(what, _)| what.contains("bitnami/rabbitmq")), expected, "{readme}");
    }
}

#[test]
fn what_the_applied_files_read_is_taken_from_beside_them() {
    let web = pod("web", "acme/web").replace("image:", "envFrom: [{secretRef: {name: keys}}], image:");
    let keys = "apiVersion: v1\nkind: Secret\nmetadata: {name: keys}\nstringData: {MODE: fast}\n";
    for (script, both) in [
        ("kubectl apply -f k8s/web.yaml\n", true),
        ("kubectl create secret generic keys --from-literal=MODE=x\nkubectl apply -f k8s/web.yaml\n", false),
    ] {
        let files = [
            ("k8s/web.yaml", web.as_str()),
            ("k8s/keys.yaml", keys),
            ("k8s/other.yaml", &pod("other", "a/b")),
            ("up.sh", script),
        ];
        let sources = proposed(&files).sources;
        let one = |path: &str| Source::Path(path.into());
        let wanted =
            if both { vec![one("k8s/keys.yaml"), one("k8s/web.yaml")] } else { vec![one("k8s/web.yaml")] };
        assert_eq!(sources, wanted, "{script}");
    }
}

#[test]
fn a_folder_of_trials_alone_is_left_out() {
    let (web, trial) = (pod("web", "acme/web"), pod("trial", "k6"));
    let files = [
        ("k8s/web/a.yaml", web.as_str()),
        ("k8s/jobs/web-loadtest.yaml", &trial),
        ("k8s/jobs/web-stresstest.yaml", &trial.replace("trial", "stress")),
    ];
    let proposal = proposed(&files);
    assert_eq!(proposal.sources, [Source::Path("k8s/web".into())]);
    assert!(proposal.besides.iter().any(|(what, _)| what.contains("k8s/jobs")), "{:?}", proposal.besides);
    // With another file next to them it is undecided.
    let mixed = [files[0], files[1], ("k8s/jobs/migrate.yaml", &trial.replace("trial", "migrate"))];
    assert_eq!(proposed(&mixed).sources.len(), 2);
}

#[test]
fn what_runs_the_program_of_the_repository_goes_before_its_database() {
    let (web, db) = (pod("web", "acme/web"), pod("db", "mongo:7"));
    let files = [
        ("Dockerfile", FROM),
        ("k8s/web/a.yaml", web.as_str()),
        ("k8s/db/a.yaml", &db),
        ("scripts/db.sh", "kubectl apply -f k8s/db\n"),
        ("README.md", "`kubectl apply -f k8s/web/a.yaml\nkubectl get pods`\n"),
    ];
    assert_eq!(proposed(&files).sources, [Source::Path("k8s/web".into())]);
}

#[test]
fn manifests_that_cannot_be_read_are_told_beside_what_is_chosen() {
    let (db, twice) =
        (pod("db", "mongo:7"), pod("web", "acme/web").replace("kind: Pod\n", "kind: Pod\nkind: Pod\n"));
    let files =
        [("k8s/db/a.yaml", db.as_str()), ("site/a.yaml", &twice), ("up.sh", "kubectl apply -f k8s/db\n")];
    let proposal = proposed(&files);
    assert_eq!(proposal.sources, [Source::Path("k8s/db".into())]);
    assert_eq!((proposal.besides.len(), proposal.first.len()), (1, 0), "{:?}", proposal.besides);
    assert!(proposal.besides[0].0.contains("site/a.yaml:3"), "{:?}", proposal.besides);
    // If there is a program, the chosen manifests do not run it.
    let proposal = proposed(&[&files[..], &[("Dockerfile", FROM)]].concat());
    assert_eq!((proposal.sources.len(), proposal.besides.len(), proposal.first.len()), (1, 1, 1));
}

#[test]
fn an_image_of_a_registry_on_this_machine_keeps_its_name() {
    let web = pod("web", "localhost:5000/web:latest");
    let images = proposed(&[("web/Dockerfile", FROM), ("k8s/a.yaml", &web)]).images;
    assert_eq!(images.iter().map(|image| image.name.as_str()).collect::<Vec<_>>(), ["localhost:5000/web"]);
}

#[test]
fn what_only_an_account_may_fetch_is_built_here_where_one_dockerfile_is_there() {
    for (image, built) in
        [("1234.dkr.ecr.eu-west-1.amazonaws.com/web", 1), ("shop.azurecr.io/web", 1), ("acme/other", 0)]
    {
        let proposal = proposed(&[("Dockerfile", FROM), ("k8s/a.yaml", &pod("x", image))]);
        assert_eq!((proposal.images.len(), proposal.later.len()), (built, 1 - built), "{image}");
    }
}

#[test]
fn files_with_words_for_ports_are_templates_and_are_told() {
    let service = "apiVersion: v1\nkind: Service\nmetadata: {name: x}\nspec: {ports: [{port: x}]}\n";
    let braces = "apiVersion: v1\nkind: Pod\nmetadata: {name: {{ .name }}}\n";
    let (a, b) = (pod("a", "x"), "FROM a\nCMD [\"b\"]\n");
    let files = [
        ("api/app/Dockerfile", FROM),
        ("web/app/Dockerfile", b),
        ("api/infra/a.yaml", &format!("{a}---\n{service}")),
        ("web/infra/a.yaml", braces),
    ];
    let proposal = proposed(&files);
    let images: Vec<&str> = proposal.images.iter().map(|image| image.context.as_str()).collect();
    assert_eq!(images, ["api/app", "web/app"], "programs in directories of one name are two");
    let written: Vec<&str> = proposal.files.iter().map(|(path, _)| path.as_str()).collect();
    assert_eq!(written, ["k8s/api.yaml", "k8s/web.yaml"]);
    assert_eq!(proposal.besides.len(), 1, "{:?}", proposal.besides);
    let number = service.replace("port: x", "port: 80");
    let real = proposed(&[("infra/a.yaml", &format!("{a}---\n{number}")), ("Dockerfile", FROM)]);
    assert_eq!((real.sources.len(), real.besides.len()), (1, 0));
}

#[test]
fn compose_files_are_those_that_commands_name() {
    let base = "services: {web: {image: nginx}}\n";
    let over = "services: {web: {environment: {A: b}}}\n";
    for (text, over_it) in [
        ("docker compose -f compose.yaml -f compose.tls.yaml up -d\n", true),
        ("docker-compose --file compose.yaml --file=compose.tls.yaml up\n", true),
        ("docker compose -f compose.yaml -f compose.tls.yaml up\ndocker compose up\n", false),
        ("docker compose -f compose.yaml -f compose.tls.yaml config\n", false),
        ("docker compose -f compose.yaml -f compose.prod.yaml up\n", false),
        ("docker compose -f compose.yaml -f absent.yaml up\n", false),
    ] {
        let files = [("compose.yaml", base), ("compose.tls.yaml", over), ("up.sh", text)];
        let has = proposed(&files).files.iter().any(|(_, text)| text.contains("name: A"));
        assert_eq!(has, over_it, "{text}");
    }
}

#[test]
fn steps_beside_compose_are_told() {
    let base = "services: {web: {image: acme/web}, db: {image: postgres}}\n";
    let counts = |path: &str, text: &str| {
        let proposal = proposed(&[("compose.yaml", base), (path, text)]);
        (proposal.besides.len(), proposal.first.len())
    };
    for (text, count) in [
        ("docker compose run --rm -e A=b web python manage.py migrate\n", 1),
        ("docker compose exec web php artisan key:generate\n", 1),
        ("docker compose exec db psql -U me\n", 0),
        ("docker compose run --rm other rails db:migrate\n", 0),
    ] {
        assert_eq!(counts("up.sh", text), (count, 0), "{text}");
    }
    assert_eq!(counts("install.sh", "cp a.example a\n. lib/x.sh\n"), (1, 1));
    assert_eq!(counts("install.sh", "docker compose up -d\n"), (0, 0));
    assert_eq!(counts("lib/install.sh", "cp a.example a\n"), (0, 0));
    assert_eq!(counts("score.yaml", "apiVersion: score.dev/v1b1\ncontainers: {}\n"), (1, 0));
}

#[test]
fn what_the_example_gives_to_a_secret_has_to_be_given() {
    let base = "services: {db: {image: acme/db, environment: [API_TOKEN]}}\n";
    for (example, required) in [("API_TOKEN=abc\n", true), ("API_TOKEN=\n", false), ("OTHER=1\n", false)] {
        let proposal = proposed(&[("compose.yaml", base), (".env.example", example)]);
        assert_eq!(proposal.secrets[0].keys.len(), usize::from(required), "{example}");
        assert_eq!(!proposal.first.is_empty(), required, "{example}");
    }
}

#[test]
fn what_the_application_asks_for_comes_first() {
    let asks = |host: &str| {
        pod("web", "acme/web").replace("image:", &format!("env: [{{name: DB, value: '{host}:1'}}], image:"))
    };
    let db = format!(
        "{}---\napiVersion: v1\nkind: Service\nmetadata: {{name: db}}\nspec: {{ports: [{{port: 1}}]}}\n",
        pod("db", "postgres:17")
    );
    let kustomization = "resources: [db.yaml]\n";
    let up = "kubectl apply -f k8s\n";
    let operator = "kind: Topic\napiVersion: queue.strimzi.io/v1\nmetadata: {name: t}\n";
    for (web, script, first) in [
        (asks("db"), up.to_owned(), 1),
        (asks("other"), up.to_owned(), 0),
        (asks("mq-rabbitmq"), format!("helm install mq bitnami/rabbitmq\n{up}"), 1),
        (asks("cache"), format!("helm install mq bitnami/rabbitmq\n{up}"), 1),
        (asks("cache"), format!("helm install mq bitnami/rabbitmq-exporter\n{up}"), 0),
        (
            format!("{}---\n{}", asks("cache"), pod("mq", "rabbitmq:4")),
            format!("helm install mq bitnami/rabbitmq\n{up}"),
            0,
        ),
        (
            format!("{}---\n{operator}", asks("a")),
            format!("kubectl apply -f https://strimzi.io/install\n{up}"),
            1,
        ),
        (format!("{}---\n{operator}", asks("a")), up.to_owned(), 1),
    ] {
        let files = [
            ("k8s/web.yaml", web.as_str()),
            ("base/kustomization.yaml", kustomization),
            ("base/db.yaml", db.as_str()),
            ("up.sh", &script),
            ("base.sh", "kubectl apply -k base\n"),
            ("Dockerfile", FROM),
        ];
        let proposal = proposed(&files);
        assert_eq!(proposal.sources, [Source::Path("k8s".into())], "{script}");
        assert_eq!(proposal.first.len(), first, "{script} {:?}", proposal.first);
    }
}

#[test]
fn what_a_document_applies_and_the_application_asks_for_is_a_part_of_it() {
    let web = pod("web", "acme/web").replace("image:", "env: [{name: DB, value: 'db:1'}], image:");
    let db = format!(
        "{}---\napiVersion: v1\nkind: Service\nmetadata: {{name: db}}\nspec: {{ports: [{{port: 1}}]}}\n",
        pod("db", "postgres:17")
    );
    let skaffold =
        "apiVersion: skaffold/v2beta29\nkind: Config\ndeploy: {kubectl: {manifests: [k8s/web/*]}}\n";
    for (heading, sources) in [("Database", 2), ("Production", 1)] {
        let readme =
            format!("# Local\n\nskaffold dev\n\n# {heading}\n```\ncd k8s/data\nkubectl create -f .\n```\n");
        let files = [
            ("k8s/web/web.yaml", web.as_str()),
            ("k8s/data/db.yaml", &db),
            ("skaffold.yaml", skaffold),
            ("docs/README.md", &readme),
        ];
        assert_eq!(proposed(&files).sources.len(), sources, "{heading}");
    }
}

#[test]
fn what_another_program_builds_comes_first() {
    let web = pod("web", "acme/web");
    let skaffold = |builder: &str| {
        format!("build: {{artifacts: [{{image: acme/web, {builder}}}]}}\nmanifests: {{rawYaml: [k8s/*]}}\n")
    };
    for (builder, first) in [("jib: {}", 1), ("context: .", 0)] {
        let text = skaffold(builder);
        let files = [("k8s/web.yaml", web.as_str()), ("skaffold.yaml", &text), ("Dockerfile", FROM)];
        assert_eq!(proposed(&files).first.len(), first, "{builder}");
    }
}

#[test]
fn files_that_are_made_of_examples_are_told() {
    let web = pod("web", "acme/web");
    let readme = "```sh\ncp conf/app.example.yml conf/app.yml\ncp .env.example .env\n```\n";
    for (more, expected) in [("x", 1), ("conf/app.yml", 0)] {
        let files = [
            ("k8s/web.yaml", web.as_str()),
            ("conf/app.example.yml", "a: b"),
            (".env.example", "A=b\n"),
            ("README.md", readme),
            (more, ""),
        ];
        assert_eq!(proposed(&files).besides.len(), expected, "{more}");
    }
}

#[test]
fn keys_that_pods_can_do_without_are_not_asked_for() {
    let from = |kind: &str| {
        pod("web", "acme/web").replace(
            "image:",
            &format!(
                "env: [{{name: A, valueFrom: {{{kind}KeyRef: {{name: extra, key: a, optional: true}}}}}}], image:"
            ),
        )
    };
    let config = proposed(&[("k8s/web.yaml", &from("configMap"))]);
    assert!(config.configs.is_empty() && config.first.is_empty(), "{:?}", config.first);
    let secret = proposed(&[("k8s/web.yaml", &from("secret"))]);
    assert_eq!(secret.secrets[0].optional, ["a"]);
}

#[test]
fn manifests_that_a_document_applies_beside_charts_are_a_part_of_the_application() {
    let db = pod("db", "postgres:16");
    let readme = "# Deploy\n```sh\nkubectl apply -f infra/db.yaml\nhelm install web charts/web\n```\n";
    let other = pod("watch", "acme/watch");
    let files = [
        ("README.md", readme),
        ("infra/db.yaml", db.as_str()),
        ("charts/web/Chart.yaml", "name: web\n"),
        ("charts/web/values.yaml", "image: {repository: web, tag: v1}\n"),
        ("watching/deploy.sh", "kubectl apply -f .\n"),
        ("watching/watch.yaml", &other),
    ];
    let survey = survey(Tree::from_texts("shop", &files), Programs { helm: true, kustomize: true });
    let method = survey.methods.iter().find(|method| method.path == "charts/web").unwrap();
    assert_eq!(method.sources[1..], [Source::Path("infra".into())], "{method:?}");
    // A method that is neither in the cluster nor in the chart is not offered separately.
    assert!(survey.methods.iter().all(|method| method.path != "infra"));
}

#[test]
fn one_name_with_two_tags_in_the_values_of_a_chart_is_told() {
    let values =
        "api:\n  image: {repository: shop, tag: api-1}\nweb:\n  image: {repository: shop, tag: web-1}\n";
    let build = "docker build -t shop:api-1 api\ndocker build -t shop:web-1 web\nhelm install shop chart\n";
    let files = [
        ("chart/Chart.yaml", "name: shop\n"),
        ("chart/values.yaml", values),
        ("up.sh", build),
        ("api/Dockerfile", FROM),
        ("web/Dockerfile", FROM),
    ];
    let proposal = proposed(&files);
    assert!(proposal.images.is_empty() && !proposal.first.is_empty(), "{proposal:?}");
}

#[test]
fn kinds_that_only_an_extension_of_the_storage_group_has_are_asked_for() {
    let class = "apiVersion: snapshot.storage.k8s.io/v1\nkind: VolumeSnapshotClass\nmetadata: {name: s}\n";
    let storage = "apiVersion: storage.k8s.io/v1\nkind: StorageClass\nmetadata: {name: s}\nprovisioner: x\n";
    for (object, asked) in [(class, true), (storage, false)] {
        let text = format!("{}---\n{object}", pod("a", "nginx"));
        let proposal = proposed(&[("k8s/a.yaml", &text)]);
        assert_eq!(
            proposal.first.iter().any(|line| line.contains("install what provides")),
            asked,
            "{object}"
        );
    }
}
