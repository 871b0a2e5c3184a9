//! One service as YAML: its workload, its Service, its claims, its files.

use super::super::compose::Health;
use super::super::compose::Volume;
use super::super::compose::default_of;
use super::super::proposal::Proposal;
use super::super::proposal::Survey;
use super::Unit;
use super::claims;
use super::is_store;
use super::left_behind;
use super::mounted;
use super::short;
use super::values::Values;
use super::values::Variable;
use std::fmt::Write;

/// The file of a service.
pub(super) fn write(
    survey: &Survey,
    unit: &Unit<'_>,
    units: &[Unit<'_>],
    main: bool,
    values: &mut Values<'_>,
    proposal: &mut Proposal,
) -> String {
    let service = unit.service;
    let claims = claims(survey, unit);
    let files = mounted(survey, unit);
    for volume in &service.volumes {
        if let Volume::Bind { source, at } = volume
            && !claims.iter().any(|(_, mounted)| mounted == at)
            && !files.iter().any(|(_, _, mounted)| mounted == at)
        {
            proposal.notes.extend(left_behind(unit, source, at));
        }
    }
    for key in &service.foreign {
        let told = format!(
            "`{key}` of `{}` has no counterpart here and is left out ({})",
            service.name, service.place
        );
        proposal.notes.push((told, "see whether the application needs it".to_owned()));
    }
    if unit.ports.is_empty() && unit.built.is_some() && service.command.is_none() {
        let told = format!("nothing says on which port `{}` listens, so it gets no Service", service.name);
        proposal.notes.push((
            told,
            format!(
                "if it does listen, write `EXPOSE` in `{}` and `todo init --force`",
                service.build.as_ref().map_or("its Dockerfile", |build| &build.dockerfile)
            ),
        ));
    }
    let stateful = is_store(&unit.image) && !claims.is_empty();
    let mut text = format!(
        "# {}: written by `todo init` after {}; yours from here on.
",
        unit.name, service.place
    );
    workload(&mut text, unit, units, stateful, &claims, &files, values);
    if !unit.ports.is_empty() {
        self::service(&mut text, unit, main);
    }
    for (name, _) in claims.iter().filter(|_| !stateful) {
        let shared = proposal.files.iter().any(|(_, text)| {
            text.contains(&format!("kind: PersistentVolumeClaim\nmetadata:\n  name: {name}\n"))
        });
        if !shared {
            let _ = write!(
                text,
                "---\n# The data. `todo down` keeps it, `todo down --purge` deletes it.\napiVersion: v1\nkind: PersistentVolumeClaim\nmetadata:\n  name: {name}\nspec:\n  accessModes: [ReadWriteOnce]\n  resources:\n    requests:\n      storage: 1Gi\n"
            );
        }
    }
    if !files.is_empty() {
        let _ = write!(
            text,
            "---\n# The files that compose mounts from this machine.\napiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {}-files\ndata:\n",
            unit.name
        );
        for (content, name, _) in &files {
            let _ = writeln!(text, "  {}: {}", scalar(name), block(content, 4));
        }
    }
    text
}

#[expect(clippy::too_many_lines, reason = "one manifest, from its first line to its last")]
fn workload(
    text: &mut String,
    unit: &Unit<'_>,
    units: &[Unit<'_>],
    stateful: bool,
    claims: &[(String, String)],
    files: &[(&str, String, String)],
    values: &mut Values<'_>,
) {
    let (name, service) = (&unit.name, unit.service);
    let kind = if stateful { "StatefulSet" } else { "Deployment" };
    let replicas = if claims.is_empty() { service.replicas.unwrap_or(1) } else { 1 };
    let _ = write!(
        text,
        "apiVersion: apps/v1\nkind: {kind}\nmetadata:\n  name: {name}\n  labels: {{app: {name}}}\nspec:\n  replicas: {replicas}\n"
    );
    if stateful {
        let _ = writeln!(text, "  serviceName: {name}");
    } else if !claims.is_empty() {
        text.push_str("  strategy:\n    type: Recreate # two pods must not write to one volume\n");
    }
    let _ = write!(
        text,
        "  selector:\n    matchLabels: {{app: {name}}}\n  template:\n    metadata:\n      labels: {{app: {name}}}\n    spec:\n"
    );
    text.push_str("      # Variables such as WEB_PORT, made of Services, would get in the way of the application's own.\n      enableServiceLinks: false\n");
    let uid = service.uid.or_else(|| unit.built.and_then(|built| built.uid)).filter(|uid| *uid > 0);
    match (service.uid, uid.filter(|_| !claims.is_empty())) {
        (Some(run), Some(group)) => {
            let _ =
                writeln!(text, "      securityContext:\n        runAsUser: {run}\n        fsGroup: {group}");
        }
        (Some(run), None) => {
            let _ = writeln!(text, "      securityContext:\n        runAsUser: {run}");
        }
        (None, Some(group)) => {
            let _ = writeln!(
                text,
                "      securityContext:\n        fsGroup: {group} # the image's user, so that it may write to its volume"
            );
        }
        (None, None) => {}
    }
    let waits: Vec<(&str, u16)> = service
        .after
        .iter()
        .filter_map(|after| units.iter().find(|unit| unit.service.name == *after))
        .filter(|unit| is_store(&unit.image))
        .filter_map(|unit| Some((unit.name.as_str(), *unit.ports.first()?)))
        .collect();
    if !waits.is_empty() {
        text.push_str("      initContainers: # compose starts it after these\n");
        for (other, port) in waits {
            let _ = write!(
                text,
                "        - name: wait-for-{other}\n          image: busybox:1.36\n          command: [sh, -c, \"until nc -z {other} {port}; do sleep 1; done\"]\n"
            );
        }
    }
    let _ =
        write!(text, "      containers:\n        - name: {name}\n          image: {}\n", scalar(&unit.image));
    if let Some(entrypoint) = &service.entrypoint {
        let _ = writeln!(text, "          command: {}", list(entrypoint));
    }
    if let Some(command) = &service.command {
        let _ = writeln!(text, "          args: {}", list(command));
    }
    if let Some(folder) = &service.folder {
        let _ = writeln!(text, "          workingDir: {}", scalar(folder));
    }
    if !unit.ports.is_empty() {
        text.push_str("          ports:\n");
        for port in &unit.ports {
            let _ = writeln!(text, "            - containerPort: {port}");
        }
    }
    if !service.env_files.is_empty() {
        text.push_str("          envFrom:\n");
        for file in &service.env_files {
            let _ = writeln!(text, "            - secretRef: {{name: {}}} # {file}", values.file(file));
        }
    }
    let secret = values.secret();
    let variables = values.variables(unit);
    if !variables.is_empty() {
        text.push_str("          env:\n");
    }
    for (key, variable) in variables {
        let _ = match variable {
            Variable::Literal(value) => write!(
                text,
                "            - name: {}\n              value: {}\n",
                scalar(&key),
                string(&value)
            ),
            Variable::Key(from) => write!(
                text,
                "            - name: {}\n              valueFrom:\n                secretKeyRef: {{name: {secret}, key: {}}}\n",
                scalar(&key),
                scalar(&from)
            ),
        };
    }
    probes(text, unit);
    let (cpu, memory) = if is_store(&unit.image) { ("100m", "256Mi") } else { ("50m", "128Mi") };
    let _ = write!(
        text,
        "          resources:\n            requests: {{cpu: {cpu}, memory: {memory}}}\n            limits: {{memory: 512Mi}}\n"
    );
    if !claims.is_empty() || !files.is_empty() {
        text.push_str("          volumeMounts:\n");
    }
    for (claim, at) in claims {
        let _ = write!(text, "            - name: {claim}\n              mountPath: {}\n", scalar(at));
        if at.starts_with("/var/lib/postgresql") {
            text.push_str("              subPath: data # a disk's own `lost+found` would stop initdb\n");
        }
    }
    for (_, name, at) in files {
        let _ = write!(
            text,
            "            - name: files\n              mountPath: {}\n              subPath: {}\n",
            scalar(at),
            scalar(name)
        );
    }
    let mut volumes = String::new();
    for (claim, _) in claims.iter().filter(|_| !stateful) {
        let _ = write!(
            volumes,
            "        - name: {claim}\n          persistentVolumeClaim: {{claimName: {claim}}}\n"
        );
    }
    if !files.is_empty() {
        let _ = write!(volumes, "        - name: files\n          configMap: {{name: {name}-files}}\n");
    }
    if !volumes.is_empty() {
        let _ = write!(text, "      volumes:\n{volumes}");
    }
    if stateful {
        text.push_str(
            "  volumeClaimTemplates: # the data: `todo down` keeps it, `todo down --purge` deletes it\n",
        );
        for (claim, _) in claims {
            let _ = write!(
                text,
                "    - metadata:\n        name: {claim}\n      spec:\n        accessModes: [ReadWriteOnce]\n        resources:\n          requests:\n            storage: 1Gi\n"
            );
        }
    }
}

fn service(text: &mut String, unit: &Unit<'_>, main: bool) {
    let name = &unit.name;
    let _ = write!(text, "---\napiVersion: v1\nkind: Service\nmetadata:\n  name: {name}\nspec:\n");
    if main {
        text.push_str("  type: NodePort # reachable from outside; the cluster picks the port\n");
    }
    let _ = write!(text, "  selector: {{app: {name}}}\n  ports:\n");
    for port in &unit.ports {
        let _ = match unit.ports.len() {
            1 => writeln!(text, "    - port: {port}"),
            _ => writeln!(text, "    - name: port-{port}\n      port: {port}"),
        };
    }
}

/// When the service may get requests, and when it has to be started anew.
fn probes(text: &mut String, unit: &Unit<'_>) {
    let built = unit.built.and_then(|built| built.health.clone());
    let health =
        unit.service.health.clone().or_else(|| built.map(|words| Health { words, ..Health::default() }));
    let port = unit.ports.first().copied();
    let web = health.as_ref().and_then(|health| http(&health.words, port));
    let (probe, alive) = match (&health, web, port) {
        (_, Some((port, path)), _) => (format!("httpGet: {{path: {}, port: {port}}}", scalar(&path)), true),
        (Some(health), None, _) if !command(&health.words).is_empty() => {
            (format!("exec: {{command: {}}}", list(&command(&health.words))), false)
        }
        (_, None, Some(5432)) if is_store(&unit.image) => ("exec: {command: [pg_isready]}".to_owned(), false),
        (_, None, Some(6379)) if is_store(&unit.image) && short(&unit.image).starts_with("redis") => {
            ("exec: {command: [redis-cli, ping]}".to_owned(), false)
        }
        (_, None, Some(port)) => (format!("tcpSocket: {{port: {port}}}"), false),
        (_, None, None) => return,
    };
    let health = health.unwrap_or_default();
    let period = health.interval.unwrap_or(5).clamp(2, 10);
    let _ = write!(
        text,
        "          readinessProbe: # no request before it is ready\n            {probe}\n            periodSeconds: {period}\n"
    );
    if let Some(timeout) = health.timeout.filter(|timeout| *timeout > 1) {
        let _ = writeln!(text, "            timeoutSeconds: {timeout}");
    }
    if let Some(retries) = health.retries.filter(|retries| *retries != 3 && *retries > 0) {
        let _ = writeln!(text, "            failureThreshold: {retries}");
    }
    if alive {
        let delay = health.start.unwrap_or(15).max(15);
        let timeout = health.timeout.unwrap_or(3).max(3);
        let _ = write!(
            text,
            "          livenessProbe: # started anew when it hangs\n            {probe}\n            initialDelaySeconds: {delay}\n            periodSeconds: 20\n            timeoutSeconds: {timeout}\n"
        );
    }
}

/// The port and the path that a check such as `curl -f http://localhost:8000/health` asks.
fn http(words: &[String], port: Option<u16>) -> Option<(u16, String)> {
    let all = words.join(" ");
    let words = all.split(|c: char| c.is_whitespace() || "'\"();,".contains(c));
    words.filter(|word| !word.is_empty()).find_map(|word| {
        let rest = word.split_once("://").map(|(_, rest)| rest).or_else(|| {
            ["localhost:", "127.0.0.1:", "localhost/", "127.0.0.1/"]
                .iter()
                .any(|host| word.starts_with(host))
                .then_some(word)
        })?;
        let (host, path) = match rest.find('/') {
            Some(at) => (&rest[..at], &rest[at..]),
            None => (rest, "/"),
        };
        let (name, number) = host.split_once(':').map_or((host, None), |(name, number)| (name, Some(number)));
        let here = matches!(name, "localhost" | "127.0.0.1" | "0.0.0.0" | "[::1]");
        let port = match number {
            Some(number) => default_of(number).parse().ok().or(port)?,
            None => port.unwrap_or(80),
        };
        here.then(|| (port, path.to_owned()))
    })
}

/// The words of a check's command.
fn command(words: &[String]) -> Vec<String> {
    match words.split_first() {
        Some((first, rest)) if first == "CMD" => rest.to_vec(),
        Some((first, rest)) if first == "CMD-SHELL" => vec!["sh".to_owned(), "-c".to_owned(), rest.join(" ")],
        Some((first, _)) if first == "NONE" => Vec::new(),
        Some(_) => vec!["sh".to_owned(), "-c".to_owned(), words.join(" ")],
        None => Vec::new(),
    }
}

fn list(words: &[String]) -> String {
    let words: Vec<String> = words.iter().map(|word| string(&default_of(word).replace("$$", "$"))).collect();
    format!("[{}]", words.join(", "))
}

/// A text that YAML does not take for anything else, quoted where it has to be.
fn scalar(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./".contains(c);
    let begins = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/');
    let inner = |c: char| plain(c) || c == ':' || c == '@';
    let word = matches!(
        text.to_ascii_lowercase().as_str(),
        "true" | "false" | "yes" | "no" | "on" | "off" | "null" | "y" | "n"
    );
    if begins && !word && text.chars().all(inner) && !text.ends_with(':') {
        text.to_owned()
    } else {
        string(text)
    }
}

/// A text in double quotes; YAML reads JSON's.
fn string(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// A text of several lines as YAML's literal block, where it can be one.
fn block(text: &str, indent: usize) -> String {
    let text = text.replace("\r\n", "\n");
    let hard = text.is_empty()
        || text.starts_with([' ', '\n', '\t'])
        || text.chars().any(|c| c.is_control() && c != '\n' && c != '\t');
    if hard {
        return string(&text);
    }
    let sign = match text.ends_with('\n') {
        true if text.ends_with("\n\n") => "|+",
        true => "|",
        false => "|-",
    };
    let pad = " ".repeat(indent);
    let lines = text
        .trim_end_matches('\n')
        .lines()
        .map(|line| if line.is_empty() { String::new() } else { format!("{pad}{line}") });
    format!("{sign}\n{}", lines.collect::<Vec<_>>().join("\n"))
}
