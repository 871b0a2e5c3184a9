//! A proposal as deploy.toml: what a person would have written, with the reasons as comments.

mod values;

use super::method::Source;
use super::proposal::Config;
use super::proposal::Image;
use super::proposal::Proposal;
use super::proposal::Secret;
use super::propose::variable_of;
use super::tree::join;
use super::tree::shown;
use crate::project::BuildSecret;
use std::collections::BTreeMap;
use std::fmt::Write;
use values::capital;
use values::key;
use values::list;
use values::quoted;
use values::table;
use values::typed;

/// How many Dockerfiles that build nothing get a table each to be filled in.
const MOST_UNUSED: usize = 3;

/// The text of deploy.toml.
#[must_use]
pub fn write(proposal: &Proposal) -> String {
    let mut text = String::from(
        "# How `todo up` deploys this directory. Written by `todo init`, yours from here on.\n\
         # Every path starts at this file. `todo plan` prints what would happen, and why, without doing it.\n",
    );
    if let Some((name, why)) = &proposal.namespace {
        comment(&mut text, &format!("{}.", capital(why)));
        line(&mut text, "namespace", &quoted(name));
    }
    start(&mut text, proposal);
    for image in &proposal.images {
        self::image(&mut text, image);
    }
    for later in &proposal.later {
        let mut block = String::new();
        self::image(&mut block, later);
        text.push('\n');
        for line in block.trim().lines() {
            let _ = writeln!(text, "# {}", line.trim_start_matches("# "));
        }
    }
    if proposal.unused.len() > MOST_UNUSED {
        let some: Vec<String> =
            proposal.unused.iter().take(MOST_UNUSED).map(|path| format!("`{path}`")).collect();
        let more = proposal.unused.len() - MOST_UNUSED;
        let words = "build no images that the manifests name. If one is missing, add its [image.NAME].";
        comment(&mut text, &format!("{} and {more} more Dockerfiles {words}", some.join(", ")));
    }
    for path in proposal.unused.iter().filter(|_| proposal.unused.len() <= MOST_UNUSED) {
        comment(
            &mut text,
            &format!("`{path}` builds no image that the manifests name. If one is missing here:"),
        );
        let context = super::tree::parent(path);
        text.push_str("# [image.NAME]\n");
        let _ = writeln!(text, "# context = {}", quoted(shown(context)));
        if join(context, "Dockerfile") != *path {
            let _ = writeln!(text, "# dockerfile = {}", quoted(path));
        }
    }
    sources(&mut text, proposal);
    for secret in &proposal.secrets {
        self::secret(&mut text, secret);
    }
    for config in &proposal.configs {
        self::config(&mut text, config);
    }
    match &proposal.opened {
        Some(opened) => {
            comment(
                &mut text,
                &format!("What people open: {}. `todo up` ends when it has answered.", opened.why),
            );
            let _ = writeln!(text, "[service.{}]\npath = \"/\"", key(&opened.name));
            if let Some((port, place)) = &proposal.promised {
                let message = format!(
                    "{place} promises http://localhost:{port}; with this line `todo up` forwards that port in the background, until `todo down`:\nlocal-port = {port}"
                );
                for line in message.lines() {
                    let _ = writeln!(text, "# {line}");
                }
            }
        }
        None => comment(
            &mut text,
            "What people open is found by `todo up`: an Ingress, a LoadBalancer, a NodePort. To name it, and what it must answer:\n\
             [service.NAME]\npath = \"/\"\nexpect = 200",
        ),
    }
    besides(&mut text, proposal);
    text
}

/// Statements that are not taken over, a line each.
fn besides(text: &mut String, proposal: &Proposal) {
    if proposal.besides.is_empty() {
        return;
    }
    text.push_str("\n# Not taken over:\n");
    for (what, help) in &proposal.besides {
        let _ = writeln!(text, "# - {}", format!("{what}: {help}").replace('\n', " "));
    }
}

fn config(text: &mut String, config: &Config) {
    let mut lines = format!("[config.{}]\n", key(&config.name));
    if config.blank {
        lines.push_str("values = { NAME = \"\" }\n");
        comment(text, &format!("{}. Write what is in it:\n{lines}", capital(&config.why)));
        return;
    }
    let given = !config.values.is_empty() && config.values.values().all(|value| !value.is_empty());
    let whose = match (&config.file, given) {
        (Some(_), _) => "",
        (None, true) if config.why.ends_with("makes it") => "",
        (None, true) => " Its values are those of the example.",
        (None, false) => " Its values are yours to write.",
    };
    comment(text, &format!("{}.{whose}", capital(&config.why)));
    if let Some(file) = &config.file {
        let _ = writeln!(lines, "file = {}", quoted(file));
    }
    if !config.values.is_empty() {
        let _ = writeln!(lines, "values = {}", table(&config.values));
    }
    text.push_str(&lines);
}

fn start(text: &mut String, proposal: &Proposal) {
    if !proposal.addons.is_empty() {
        let mut places: Vec<String> = proposal.addons.iter().map(|(_, place)| place.to_string()).collect();
        places.sort();
        places.dedup();
        let (some, verb) = (
            if proposal.addons.len() == 1 { "it" } else { "them" },
            if places.len() == 1 { "enables" } else { "enable" },
        );
        comment(text, &format!("{} {verb} {some}.", places.join(" and ")));
        text.push_str("[minikube]\n");
        let names: Vec<String> = proposal.addons.iter().map(|(name, _)| name.clone()).collect();
        line(text, "addons", &list(&names));
    }
    let Some((flags, place)) = &proposal.start else { return };
    let known = [
        ("cpus", false),
        ("memory", true),
        ("disk-size", true),
        ("driver", true),
        ("kubernetes-version", true),
    ];
    let mut lines = Vec::new();
    for (flag, text) in known {
        let Some(value) = flags.iter().find_map(|one| one.strip_prefix(&format!("--{flag}="))) else {
            continue;
        };
        let name = match flag {
            "disk-size" => "disk",
            "kubernetes-version" => "kubernetes",
            other => other,
        };
        // minikube reads a bare number as MiB.
        let bare = matches!(flag, "memory" | "disk-size") && value.bytes().all(|byte| byte.is_ascii_digit());
        let value = if bare { format!("{value}m") } else { value.to_owned() };
        lines.push(format!("{name} = {}", if text { quoted(&value) } else { value }));
    }
    if !lines.is_empty() {
        let section = if proposal.addons.is_empty() { "[minikube]\n" } else { "" };
        let message = format!(
            "{place} starts minikube like this; uncomment what matters:\n{section}{}",
            lines.join("\n")
        );
        if proposal.addons.is_empty() {
            text.push('\n');
        }
        for line in message.lines() {
            let _ = writeln!(text, "# {line}");
        }
    }
}

fn image(text: &mut String, image: &Image) {
    comment(text, &image.why.join("\n"));
    let _ = writeln!(text, "[image.{}]", key(&image.name));
    line(text, "context", &quoted(shown(&image.context)));
    if join(&image.context, "Dockerfile") != image.dockerfile {
        line(text, "dockerfile", &quoted(&image.dockerfile));
    }
    if let Some(target) = &image.target {
        line(text, "target", &quoted(target));
    }
    if !image.args.is_empty() {
        line(text, "args", &table(&image.args));
    }
    if !image.secrets.is_empty() {
        let one = |(id, secret): (&String, &BuildSecret)| {
            let source = match secret {
                BuildSecret::Env(name) => format!("env = {}", quoted(name)),
                BuildSecret::File(path) => format!("file = {}", quoted(&path.to_string_lossy())),
            };
            format!("{} = {{ {source} }}", key(id))
        };
        let all: Vec<String> = image.secrets.iter().map(one).collect();
        line(text, "secrets", &format!("{{ {} }}", all.join(", ")));
    }
}

/// How many other ways a file names.
const MOST: usize = 5;

fn sources(text: &mut String, proposal: &Proposal) {
    let mut why: Vec<String> = Vec::new();
    if !proposal.why_sources.is_empty() {
        why.push(format!("{}.", capital(&proposal.why_sources)));
    }
    for (path, title) in proposal.instead.iter().take(MOST) {
        why.push(format!("Instead: {title} (`todo init --force --from {path}`)."));
    }
    if proposal.instead.len() > MOST {
        why.push(format!("And {} more: `todo init --list`.", proposal.instead.len() - MOST));
    }
    for (index, source) in proposal.sources.iter().enumerate() {
        let why = if index == 0 { std::mem::take(&mut why) } else { Vec::new() };
        if why.is_empty() {
            text.push('\n');
        } else {
            comment(text, &why.join("\n"));
        }
        text.push_str("[[manifests]]\n");
        match source {
            Source::Path(path) => line(text, "path", &quoted(shown(path))),
            Source::Kustomize(folder) => line(text, "kustomize", &quoted(shown(folder))),
            Source::Chart { chart, release, namespace, values, set, set_env, .. } => {
                line(text, "chart", &quoted(shown(chart)));
                line(text, "release", &quoted(release));
                if let Some(namespace) = namespace {
                    line(text, "namespace", &quoted(namespace));
                }
                if !values.is_empty() {
                    line(text, "values", &list(values));
                }
                if !set.is_empty() {
                    line(text, "set", &typed(set));
                }
                if !set_env.is_empty() {
                    let pairs: BTreeMap<String, String> = set_env
                        .iter()
                        .map(|(path, known)| (path.clone(), variable_of(path, known.as_deref())))
                        .collect();
                    line(text, "set-env", &table(&pairs));
                }
            }
        }
    }
}

fn secret(text: &mut String, secret: &Secret) {
    if secret.blank {
        let message = format!(
            "{}. Its files are yours: a key and a path for each.\n[secret.{}]\nfiles = {{ \"tls.crt\" = \"certs/tls.crt\", \"tls.key\" = \"certs/tls.key\" }}",
            capital(&secret.why),
            key(&secret.name)
        );
        comment(text, &message);
        return;
    }
    let mut why = format!("{}.", capital(&secret.why));
    if secret.from_env && secret.env_file.is_some() {
        why.push_str("\nThe environment takes precedence over the file. Do not commit the file to git.");
    } else if secret.env_file.is_some() {
        why.push_str("\nIts values stay in the file. Do not commit the file to git.");
    }
    if !secret.generate.is_empty() {
        why.push_str("\nPasswords that nobody has to know are generated once, and kept in the cluster.");
    }
    comment(text, &why);
    let _ = writeln!(text, "[secret.{}]", key(&secret.name));
    if let Some(file) = &secret.env_file {
        line(text, "env-file", &quoted(file));
        if secret.from_env {
            line(text, "from-env", "true");
        }
    }
    if !secret.keys.is_empty() {
        line(text, "keys", &list(&secret.keys));
    }
    if !secret.optional.is_empty() {
        line(text, "optional", &list(&secret.optional));
    }
    if !secret.files.is_empty() {
        line(text, "files", &table(&secret.files));
    }
    if !secret.generate.is_empty() {
        let pairs: Vec<String> = secret.generate.iter().map(|name| format!("{} = 32", key(name))).collect();
        line(text, "generate", &format!("{{ {} }}", pairs.join(", ")));
    }
}

fn comment(text: &mut String, message: &str) {
    text.push('\n');
    for line in message.lines() {
        let _ = writeln!(text, "# {line}");
    }
}

fn line(text: &mut String, key: &str, value: &str) {
    let _ = writeln!(text, "{key} = {value}");
}

#[cfg(test)]
mod tests {
    use super::write;
    use crate::discover::method::Source;
    use crate::discover::proposal::Image;
    use crate::discover::proposal::Proposal;
    use crate::discover::proposal::Secret;
    use crate::project::BuildSecret;
    use crate::project::check::check;
    use std::path::Path;

    #[test]
    fn whatever_is_proposed_can_be_read_again() {
        let wild = "a \"b\" \\c\n\u{7f}#'é";
        let proposal = Proposal {
            namespace: Some(("shop".into(), "a script names it".into())),
            start: Some((
                vec!["--cpus=2".into(), "--memory=4096".into()],
                crate::event::Place::file("up.sh"),
            )),
            images: vec![Image {
                name: "ghcr.io/acme/web".into(),
                context: wild.into(),
                dockerfile: "x/web.Dockerfile".into(),
                target: Some(wild.into()),
                args: [(wild.to_owned(), wild.to_owned())].into(),
                secrets: [("npm-rc".to_owned(), BuildSecret::File(wild.into()))].into(),
                why: vec!["one".into(), "two".into()],
            }],
            unused: vec!["api/Dockerfile".into()],
            sources: vec![
                Source::Path(String::new()),
                Source::Chart {
                    chart: "helm/x".into(),
                    release: "x".into(),
                    namespace: Some("other".into()),
                    set_env: [("a.apiKey".to_owned(), None), ("b".to_owned(), Some("B".to_owned()))].into(),
                    values: vec![wild.into()],
                    set: [("a.b[0]".to_owned(), wild.to_owned())].into(),
                    left: Vec::new(),
                },
            ],
            secrets: vec![Secret {
                name: "a.b".into(),
                keys: vec!["A".into()],
                from_env: true,
                env_file: Some(".env".into()),
                generate: vec!["K.x".into()],
                ..Secret::default()
            }],
            ..Proposal::default()
        };
        let text = write(&proposal);
        let project =
            check(Path::new("/p/deploy.toml"), &text).unwrap_or_else(|wrong| panic!("{wrong:#?}\n{text}"));
        assert_eq!(project.images[0].target.as_deref(), Some(wild));
        assert_eq!(project.images[0].args[wild], wild);
        assert_eq!(project.secrets[0].generate.len(), 1);
        assert!(text.contains("# memory = \"4096m\""), "{text}");
    }
}
