//! Scripts as evidence: which statements are read from them.

use super::super::evidence::Evidence;
use super::super::evidence::Rank;
use crate::discover::readers::read;
use crate::discover::tree::Tree;

fn evidence(files: &[(&str, &str)]) -> Evidence {
    read(&Tree::from_texts("x", files))
}

/// What is deployed and built, a statement each: its source and its content.
fn evidence_of(files: &[(&str, &str)]) -> Vec<String> {
    let evidence = evidence(files);
    let mut messages = Vec::new();
    for build in &evidence.builds {
        messages.push(format!(
            "{} build {} {} in {}",
            build.provenance.place,
            build.names.join(","),
            build.dockerfile,
            build.context
        ));
    }
    for release in &evidence.releases {
        let values = release.values.join(",");
        messages.push(format!(
            "{} release {} {} {values} {}",
            release.provenance.place,
            release.name,
            release.chart,
            release.namespace.as_deref().unwrap_or("-")
        ));
    }
    for item in &evidence.applied {
        messages.push(format!(
            "{} apply {} {}",
            item.provenance.place,
            item.path,
            item.namespace.as_deref().unwrap_or("-")
        ));
    }
    messages
}

const CHART: (&str, &str) = ("helm/app/Chart.yaml", "name: app");
const API: (&str, &str) = ("api/Dockerfile", "FROM a");

#[test]
fn a_script_tells_names_contexts_charts_and_namespaces() {
    let script = "NAMESPACE=todo-app\ncd \"$(dirname \"$0\")/..\"\ndocker build -t todo-backend:1.0.0 -f kubernetes/api.Dockerfile --build-arg URL=http://x ./backend\n\
                  minikube start --cpus=2 --memory 4096\nkubectl create secret generic s --from-literal=KEY=hunter2 -n $NAMESPACE\n\
                  helm upgrade --install todo ./chart -n \"$NAMESPACE\" -f chart/values-dev.yaml -f values-local.yaml --set a.b=1 --set secrets.x=\"$X\" --wait\n\
                  kubectl apply -f k8s/ 2>/dev/null\nminikube service web -n todo-app --url\n\
                  kubectl port-forward svc/web 8080:80 -n todo-app &\necho \"open http://localhost:30080/ or http://$IP:30080\"\n";
    let read = evidence(&[
        ("scripts/deploy.sh", script),
        ("kubernetes/api.Dockerfile", "FROM a"),
        ("backend/x.py", ""),
        ("chart/Chart.yaml", ""),
        ("chart/values-dev.yaml", ""),
        ("k8s/a.yaml", ""),
    ]);
    let build = &read.builds[0];
    assert_eq!(
        (build.names[0].as_str(), build.dockerfile.as_str()),
        ("todo-backend", "kubernetes/api.Dockerfile")
    );
    assert_eq!((build.context.as_str(), build.args["URL"].as_str()), ("backend", "http://x"));
    let release = &read.releases[0];
    assert_eq!((release.name.as_str(), release.chart.as_str()), ("todo", "chart"));
    assert_eq!(release.values, ["chart/values-dev.yaml"]);
    assert_eq!(release.absent, ["values-local.yaml"]);
    assert_eq!(release.set["a.b"], "1");
    assert_eq!(release.secret["secrets.x"].as_deref(), Some("X"));
    assert_eq!(release.namespace.as_deref(), Some("todo-app"));
    assert_eq!((read.applied[0].path.as_str(), read.applied[0].namespace.as_deref()), ("k8s", None));
    assert!(read.made[0].keys.contains_key("KEY") && read.opened[0].0 == "web");
    assert_eq!(read.start.as_ref().unwrap().0, ["--cpus=2", "--memory=4096"]);
    let local: Vec<_> = read.local.iter().map(|(name, port, _)| (name.as_deref(), *port)).collect();
    assert_eq!(local, [(None, 30080), (Some("web"), 8080)]);
    assert!(!format!("{read:?}").contains("hunter2"));
}

#[test]
fn one_deployment_is_read_alike_in_every_format() {
    let build = "docker build -t api:1 api";
    let helm = "helm upgrade --install web ./helm/app -n shop";
    for (path, text) in [
        ("up.sh", format!("{build}\n{helm}\n")),
        ("Makefile", "NS ?= shop\nup:\n\t@docker build -t api:1 api\n\thelm upgrade --install web ./helm/app -n $(NS)\n".to_owned()),
        ("justfile", "ns := \"shop\"\nup:\n    docker build -t api:1 api\n    helm upgrade --install web ./helm/app -n {{ns}}\n".to_owned()),
        ("Taskfile.yml", "version: '3'\nvars: {NS: shop}\ntasks:\n  up:\n    cmds:\n      - docker build -t api:1 api\n      - helm upgrade --install web ./helm/app -n {{.NS}}\n".to_owned()),
        ("package.json", format!("{{\"scripts\": {{\"up\": \"{build} && {helm}\"}}}}")),
        ("README.md", format!("# Shop\n```bash\n$ {build}\n$ {helm}\n```\n")),
        ("up.bat", "@echo off\r\nset NS=shop\r\ndocker build -t api:1 api\r\nhelm upgrade --install web .\\helm\\app ^\r\n -n %NS%\r\n".to_owned()),
        ("up.ps1", "$ns = \"shop\"\r\n& docker build -t api:1 api\r\nhelm upgrade --install web ./helm/app `\r\n -n $ns\r\n".to_owned()),
    ] {
        let messages: Vec<String> = evidence_of(&[CHART, API, (path, &text)]).into_iter().map(|item| item.split_once(' ').unwrap().1.to_owned()).collect();
        assert_eq!(messages, ["build api api/Dockerfile in api", "release web helm/app  shop"], "{path}");
    }
}

#[test]
fn a_variable_that_nothing_sets_is_the_tool_of_its_name() {
    for (path, text) in [
        ("Makefile", "include tools.mk\nup: $(KUBECTL)\n\t$(KUBECTL) apply --context $(CONTEXT) -k ops\n"),
        ("up.sh", "\"$KUBECTL\" apply -k ops\n"),
        ("up.sh", "${KUBECTL_BIN} apply -k ops\n"),
        ("up.bat", "%KUBECTL% apply -k ops\r\n"),
    ] {
        let files = [("ops/kustomization.yaml", "resources: [a.yaml]\n"), ("ops/a.yaml", ""), (path, text)];
        let applied: Vec<String> = evidence(&files).applied.into_iter().map(|item| item.path).collect();
        assert_eq!(applied, ["ops"], "{path} {text}");
    }
    assert_eq!(evidence_of(&[API, ("up.sh", "$RUNNER build -t api:1 api\n")]), [""; 0]);
}

#[test]
fn a_variable_that_nothing_sets_may_be_flags_or_nothing_and_what_depends_on_it_is_told() {
    let files = |text: &str| {
        let read = evidence(&[
            ("a.yml", "services: {a: {image: a}}"),
            ("b.yml", "services: {b: {image: b}}"),
            CHART,
            API,
            ("k8s/a.yaml", ""),
            ("up.sh", text),
        ]);
        let taken = read.composed.iter().map(|item| item.files.join("+"));
        let taken = taken.chain(read.builds.iter().map(|build| build.context.clone()));
        let taken =
            taken.chain(read.releases.iter().map(|release| format!("{} as {}", release.chart, release.name)));
        let taken = taken.chain(read.applied.iter().map(|item| item.path.clone()));
        (taken.collect::<Vec<_>>().join(","), read.besides.len())
    };
    for (text, taken, expected) in [
        ("docker compose -f a.yml ${env} -f b.yml up -d", "a.yml+b.yml", 1),
        ("docker-compose $OPTIONS -f a.yml up", "a.yml", 1),
        ("docker compose -f $FILE up", "", 1),
        ("docker build $OPTIONS -t api:1 api", "api", 0),
        ("docker build -t api:1 $WHERE", "", 1),
        ("helm $DEBUG upgrade --install web ./helm/app $MORE", "helm/app as web", 0),
        ("helm upgrade --install $NAME ./helm/app", "helm/app as app", 0),
        ("helm upgrade --install web $CHART", "", 1),
        ("kubectl $CONTEXT apply -f k8s/ $DRY_RUN", "k8s", 0),
        ("kubectl apply -f $FILE", "", 1),
        ("kubectl apply -f $1", "", 0),
        ("for one in k8s/*.yaml; do kubectl apply -f $one; done", "k8s/*.yaml", 0),
        ("for one in services/*/; do cd $one; docker build -t x .; done", "", 0),
    ] {
        assert_eq!(files(text), (taken.to_owned(), expected), "{text}");
    }
}

#[test]
fn lines_are_those_of_the_file() {
    for (path, text, line) in [
        ("README.md", "# A\n\n```sh\nkubectl apply -f k8s\n```\n", 4),
        ("Taskfile.yml", "tasks:\n  up:\n    cmds:\n      - echo\n      - kubectl apply -f k8s\n", 5),
        ("package.json", "{\n \"scripts\": {\n  \"a\": \"kubectl apply -f k8s\"}}", 3),
        ("Makefile", "a:\n\techo\n\tkubectl apply -f k8s\n", 3),
    ] {
        let read = evidence(&[("k8s/a.yaml", ""), (path, text)]);
        assert_eq!(read.applied[0].provenance.place.line, line, "{path}");
    }
}

#[test]
fn the_folder_of_the_script_is_kept_with_what_follows_it() {
    for line in [
        "kubectl apply -f \"$(dirname \"$0\")/../k8s\"",
        "D=$(cd \"$(dirname \"${BASH_SOURCE[0]}\")/..\" && pwd)\nkubectl apply -f $D/k8s",
        "D=\"$(dirname \"$(dirname \"$(realpath \"$0\")\")\")\"\nkubectl apply -f \"${D}/k8s/\"",
        "cd $(git rev-parse --show-toplevel)\nkubectl apply -f k8s",
        "cd \"${0%/*}/..\"\nkubectl apply -f $(pwd)/k8s",
        "(cd ../x; ls)\nkubectl apply -f k8s",
    ] {
        assert!(
            evidence_of(&[("k8s/a.yaml", ""), ("deploy/up.sh", line)])[0].ends_with("apply k8s -"),
            "{line}"
        );
    }
    assert!(
        evidence_of(&[("k8s/a.yaml", ""), ("deploy/up.bat", "kubectl apply -f \"%~dp0..\\k8s\"")])[0]
            .ends_with("apply k8s -")
    );
    let text = "$root = Split-Path -Parent $PSScriptRoot\nkubectl apply -f (Join-Path $root k8s)\nkubectl apply -f \"$root/k8s\"";
    assert!(!evidence_of(&[("k8s/a.yaml", ""), ("deploy/up.ps1", text)]).is_empty());
}

#[test]
fn texts_loops_functions_branches_and_pipes_are_what_they_are_in_a_shell() {
    let files = |script: &'static str| {
        evidence_of(&[
            CHART,
            ("a/k8s/x.yaml", ""),
            ("b/k8s/x.yaml", ""),
            ("helm/app/values-dev.yaml", ""),
            ("helm/app/values-prod.yaml", ""),
            ("k8s/kustomization.yaml", ""),
            ("up.sh", script),
        ])
    };
    for (script, wanted) in [
        (
            "cat > x.md <<'EOF'\nhelm install x ./helm/app\nEOF\nkubectl apply -f a/k8s\n",
            vec!["up.sh:4 apply a/k8s -"],
        ),
        (
            "for s in a b; do\n  kubectl apply -f $s/k8s\ndone\n",
            vec!["up.sh:2 apply a/k8s -", "up.sh:2 apply b/k8s -"],
        ),
        (
            "for s in a b; do kubectl apply -f $s/k8s; done\n",
            vec!["up.sh:1 apply a/k8s -", "up.sh:1 apply b/k8s -"],
        ),
        (
            "deploy() {\n  kubectl apply -f \"$1/k8s\" -n \"$2\"\n}\ndeploy b shop\n",
            vec!["up.sh:2 apply b/k8s shop"],
        ),
        (
            "V=values-dev.yaml\nif [ \"$1\" = prod ]; then\n  V=values-prod.yaml\nfi\nhelm install x helm/app -f helm/app/$V\n",
            vec!["up.sh:5 release x helm/app helm/app/values-dev.yaml -"],
        ),
        (
            "case $1 in\n  prod) V=values-prod.yaml;;\n  dev) V=values-dev.yaml;;\nesac\nhelm install x helm/app -f helm/app/$V\n",
            vec!["up.sh:5 release x helm/app helm/app/values-dev.yaml -"],
        ),
        ("helm template x helm/app | kubectl apply -n shop -f -\n", vec!["up.sh:1 release x helm/app  shop"]),
        ("kustomize build k8s | kubectl apply -f -\n", vec!["up.sh:1 apply k8s -"]),
        (
            "A=(-f helm/app/values-dev.yaml)\nA+=(-n shop)\nhelm install x helm/app \"${A[@]}\"\n",
            vec!["up.sh:3 release x helm/app helm/app/values-dev.yaml shop"],
        ),
        ("exit 0\nkubectl apply -f a/k8s\n", vec![]),
    ] {
        assert_eq!(files(script), wanted, "{script}");
    }
}

#[test]
fn tests_and_workflows_only_tell_how_images_are_built() {
    let script =
        "docker build -t test/api api\nhelm install x ./helm/app -n e2e --set a=1\nminikube start --cpus 9\n";
    let read = evidence(&[CHART, API, ("test/e2e.sh", script)]);
    assert_eq!((read.builds.len(), read.releases.len(), read.start.is_some()), (1, 0, false));
    let flow = "jobs:\n  a:\n    steps:\n    - uses: docker/build-push-action@v6\n      with: {context: api, tags: 'me/api:${{ x }}'}\n    - run: kubectl apply -f k8s\n";
    let read = evidence(&[API, ("k8s/a.yaml", ""), (".github/workflows/ci.yml", flow)]);
    assert_eq!((read.builds[0].names[0].as_str(), read.builds[0].provenance.rank), ("me/api", Rank::Aside));
    assert!(read.applied.is_empty());
}

#[test]
fn what_others_install_is_told_and_no_secret_is_kept() {
    let script = "minikube addons enable ingress metrics-server\nkubectl apply -f https://example.com/x.yaml\nhelm install redis bitnami/redis -n shop\n\
        helm install app ./helm/app --set a.password=hunter2,b=2 --set url=postgres://u:hunter2@db/x\nkubectl create configmap c --from-literal=LEVEL=info --from-file=a.conf\nkubectl apply -f - <<EOF\nkind: Secret\nmetadata:\n  name: s\nstringData: {a: hunter2}\nEOF\n";
    let read = evidence(&[CHART, ("a.conf", ""), ("up.sh", script)]);
    assert_eq!(
        read.addons.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(),
        ["ingress", "metrics-server"]
    );
    assert_eq!(read.besides.iter().map(|item| item.provenance.place.line).collect::<Vec<_>>(), [2, 3, 6]);
    assert_eq!(read.releases[0].set.len(), 1);
    assert_eq!(read.releases[0].secret.keys().collect::<Vec<_>>(), ["a.password", "url"]);
    assert_eq!(
        (read.made[0].keys["LEVEL"].as_deref(), read.made[0].files["a.conf"].as_str()),
        (Some("info"), "a.conf")
    );
    assert!(!format!("{read:?}").contains("hunter2"));
}

#[test]
fn flags_on_further_lines_of_a_makefile_keep_their_dashes() {
    let make = "up:\n\t-@docker build \\\n\t-f api/Dockerfile.prod \\\n\t. \\\n\t-t api;\n\thelm upgrade app ./helm/app \\\n\t--install --set db.url=$(DB_URL)\n";
    let read = evidence(&[CHART, ("api/Dockerfile.prod", "FROM a"), ("Makefile", make)]);
    assert_eq!(
        (read.builds[0].names[0].as_str(), read.builds[0].dockerfile.as_str()),
        ("api", "api/Dockerfile.prod")
    );
    assert_eq!((read.releases[0].name.as_str(), read.releases[0].secret.len()), ("app", 1));
}

#[test]
fn a_folder_of_its_authors_machine_is_where_the_repository_lies() {
    for folder in ["/mnt/d/work/shop", "/home/me/shop", "C:\\Users\\me\\shop"] {
        let script = format!("cd '{folder}'\ndocker build -t api ./api\ncd helm/app\nhelm install app .\n");
        let read = evidence(&[CHART, API, ("scripts/up.sh", &script)]);
        assert_eq!(read.builds[0].context, "api", "{folder}");
        assert_eq!(read.releases[0].chart, "helm/app", "{folder}");
        assert!(read.besides.is_empty(), "{folder}: {:?}", read.besides);
    }
}
