//! The passwords that the databases of a project set, and whether they can be made at random.
//!
//! Only if every place that needs the password is one that `todo` writes: a random one that an env file, a mounted file or a
//! command does not contain would make logins fail.

use super::Plan;
use super::Unit;
use crate::discover::compose::Fallback;
use crate::discover::compose::Volume;
use crate::discover::generate::health::without_passwords;
use crate::discover::keys::is_secret;
use crate::discover::proposal::Proposal;
use crate::discover::secrecy::host_and_user;
use crate::discover::secrecy::password;
use crate::discover::tree::file_name;
use crate::event::Place;
use std::collections::BTreeSet;

/// The keys under which the official images take a password.
const KEYS: [&str; 14] = [
    "POSTGRES_PASSWORD",
    "POSTGRESQL_PASSWORD",
    "POSTGRESQL_POSTGRES_PASSWORD",
    "MYSQL_PASSWORD",
    "MYSQL_ROOT_PASSWORD",
    "MARIADB_PASSWORD",
    "MARIADB_ROOT_PASSWORD",
    "MONGO_INITDB_ROOT_PASSWORD",
    "RABBITMQ_DEFAULT_PASS",
    "REDIS_PASSWORD",
    "MINIO_ROOT_PASSWORD",
    "INFLUXDB_ADMIN_PASSWORD",
    "CLICKHOUSE_PASSWORD",
    "ELASTIC_PASSWORD",
];

/// A password that a database of the project sets.
pub(super) struct PasswordOwner {
    /// The unit.
    pub(super) unit: String,
    /// The variable that sets it.
    pub(super) variable: String,
    /// The names that the unit is found by.
    hosts: Vec<String>,
    /// The key of the Secret.
    pub(super) key: String,
    /// What compose has for it.
    pub(super) literal: Option<String>,
    /// Where compose has it.
    pub(super) known: Option<Place>,
    /// Where it is needed that `todo` does not write; empty: it can be made at random.
    elsewhere: Vec<String>,
    /// Whether only the user can give it.
    asked: bool,
    /// Whether compose passes it to no other service, though others use the database.
    unread: bool,
}

impl PasswordOwner {
    /// Whether it is made at random.
    pub(super) fn generates(&self) -> bool {
        !self.asked && !self.unread && self.elsewhere.is_empty()
    }
}

/// The passwords of a project.
pub(super) fn owners(plan: &Plan<'_>, units: &[Unit<'_>]) -> Vec<PasswordOwner> {
    let mut owners: Vec<PasswordOwner> = Vec::new();
    for unit in units {
        for value in &unit.service.environment {
            let Some(template) = value.value.as_ref().filter(|_| KEYS.contains(&value.key.as_str())) else {
                continue;
            };
            let whole = template.whole();
            let (name, literal, asked) = match whole.map(|variable| (variable, &variable.fallback)) {
                None => (value.key.clone(), template.text(), false),
                Some((variable, Fallback::Default(default))) if variable.given().is_none() => {
                    (variable.name.clone(), default.text(), false)
                }
                Some((variable, _)) => (variable.name.clone(), variable.text().unwrap_or_default(), true),
            };
            if template.variables().len() > usize::from(whole.is_some()) && whole.is_none()
                || (literal.is_empty() && !asked)
            {
                continue;
            }
            let literal = Some(literal).filter(|literal| !literal.is_empty());
            // The same variable of two databases is one password, the same key with two literals is not.
            let taken = owners.iter().any(|owner| owner.key == name && owner.literal != literal);
            let key =
                if taken { format!("{}_{name}", unit.name.to_uppercase().replace('-', "_")) } else { name };
            let names = unit.service.names.iter().map(|(name, _)| name.clone());
            let hosts: Vec<String> =
                [unit.service.name.clone(), unit.name.clone()].into_iter().chain(names).collect();
            let known = (!asked && literal.is_some()).then(|| value.place.clone());
            let mut owner = PasswordOwner {
                unit: unit.name.clone(),
                variable: value.key.clone(),
                hosts,
                key,
                literal,
                known,
                elsewhere: Vec::new(),
                asked,
                unread: false,
            };
            if !asked {
                owner.elsewhere = elsewhere(plan, units, &owner);
            }
            owners.push(owner);
        }
    }
    let unread: Vec<bool> =
        owners.iter().map(|owner| !owner.asked && is_unread(plan, units, &owners, owner)).collect();
    for (owner, unread) in owners.iter_mut().zip(unread) {
        owner.unread = unread;
    }
    owners
}

/// Whether others start after it, or name it, and none of them is given the password: then their code has it.
fn is_unread(plan: &Plan<'_>, units: &[Unit<'_>], owners: &[PasswordOwner], owner: &PasswordOwner) -> bool {
    let others = units
        .iter()
        .filter(|unit| unit.name != owner.unit && !owners.iter().any(|owner| owner.unit == unit.name));
    let built: Vec<&Unit<'_>> = others.collect();
    if built.is_empty()
        || (owner.variable.contains("ROOT")
            && owners.iter().any(|one| one.unit == owner.unit && !one.variable.contains("ROOT")))
    {
        return false;
    }
    let literal = owner.literal.as_deref().unwrap_or_default();
    let given = |unit: &&Unit<'_>| {
        let inner = unit.service.environment.iter().any(|value| {
            let Some(template) = &value.value else { return false };
            let text = template.text();
            let same = is_secret(&value.key) && text == literal;
            let inside = password(&text).is_some_and(|(start, end)| decoded(&text[start..end]) == literal);
            same || inside || template.variables().iter().any(|variable| variable.name == owner.key)
        });
        let files = unit.service.env_files.iter().filter_map(|file| plan.survey.tree.text(&file.path));
        inner || files.into_iter().any(|text| env_holds(text, owner, literal))
    };
    !built.iter().any(given)
}

/// The password that a URL has, if it is one of these: that of the host, and of the user where a host has several.
pub(super) fn of_url<'o>(owners: &'o [PasswordOwner], url: &str, found: &str) -> Option<&'o PasswordOwner> {
    let decoded = decoded(found);
    let fits = |owner: &&PasswordOwner| owner.literal.as_deref() == Some(decoded.as_str());
    let host = host_and_user(url).map(|(host, _)| host);
    let mine =
        |owner: &&PasswordOwner| host.is_some_and(|host| owner.hosts.iter().any(|known| known == host));
    let root = host_and_user(url).is_some_and(|(_, user)| user == "root");
    let mut all: Vec<&PasswordOwner> = owners.iter().filter(fits).collect();
    all.sort_by_key(|owner| (!mine(owner), owner.variable.contains("ROOT") != root));
    all.into_iter().find(|owner| mine(owner) || host.is_none_or(str::is_empty))
}

/// `%40` → `@`.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let code =
            after.get(..2).and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok());
        match (first, code) {
            (b'%', Some(code)) => {
                bytes.push(code);
                rest = &after[2..];
            }
            _ => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The places that need the password and that `todo` does not write.
fn elsewhere(plan: &Plan<'_>, units: &[Unit<'_>], owner: &PasswordOwner) -> Vec<String> {
    let tree = &plan.survey.tree;
    let Some(literal) = owner.literal.as_deref() else { return Vec::new() };
    let mut found = BTreeSet::new();
    for unit in units {
        for file in &unit.service.env_files {
            let beside = plan.survey.tree.inside(crate::discover::tree::parent(&file.path));
            let name = file_name(&file.path).trim_start_matches('.').to_owned();
            let examples = beside.filter(|path| **path != file.path && file_name(path).contains(&name));
            let examples: Vec<&str> = examples.filter(|_| !tree.files.contains(&file.path)).collect();
            for path in std::iter::once(file.path.as_str()).chain(examples) {
                if tree.text(path).is_some_and(|text| env_holds(text, owner, literal)) {
                    found.insert(format!("`{path}`"));
                }
            }
        }
        for volume in &unit.service.volumes {
            let Volume::Bind(bind) = volume else { continue };
            let folder = !bind.elsewhere && !bind.source.is_empty() && tree.has_folder(&bind.source);
            let inside: Vec<&str> = if tree.files.contains(&bind.source) {
                vec![bind.source.as_str()]
            } else if folder {
                tree.below(&bind.source).collect()
            } else {
                Vec::new()
            };
            for path in inside {
                if tree.text(path).is_some_and(|text| holds_word(text, literal) && holds(text, literal)) {
                    found.insert(format!("`{path}`"));
                }
            }
        }
        let service = unit.service;
        // A check reads the variable where it can, so that it knows any password.
        let health = service.health.iter().flat_map(|health| without_passwords(&health.words, unit));
        let words = service.command.iter().chain(&service.entrypoint).flatten().cloned().chain(health);
        let line = words.collect::<Vec<_>>().join(" ");
        if holds(&line, literal) {
            found.insert(format!("a command of `{}` ({})", service.name, service.place));
        }
        for value in &service.environment {
            // `${DATABASE_URL}`: it cannot be written without the password.
            let Some(variable) = value.value.as_ref().and_then(|template| template.whole()) else { continue };
            let address = value.key.to_ascii_uppercase();
            let address = ["URL", "DSN", "URI", "CONNECTION_STRING"].iter().any(|end| address.ends_with(end));
            let open = !matches!(variable.fallback, Fallback::Default(_)) || variable.value.is_some();
            let other = variable.value.as_deref().is_some_and(|given| {
                password(given).is_none()
                    && !host_and_user(given)
                        .is_some_and(|(host, _)| owner.hosts.iter().any(|known| known == host))
            });
            let database = !address_of_something_else(&value.key);
            if address && open && !other && database && is_secret(&variable.name) {
                found.insert(format!("`{}` ({})", variable.name, value.place));
            }
        }
    }
    for (key, value) in &plan.compose.values {
        let secret = is_secret(key) && value == literal;
        if secret || password(value).is_some_and(|(start, end)| decoded(&value[start..end]) == literal) {
            found.insert(format!("`{key}` of `.env`"));
        }
    }
    found.into_iter().collect()
}

/// `WEBHOOK_URL`, `SENTRY_DSN`: addresses of no database.
fn address_of_something_else(key: &str) -> bool {
    let key = key.to_ascii_uppercase();
    ["WEBHOOK", "SENTRY", "FRONTEND", "BACKEND", "API_URL", "CALLBACK", "REDIRECT"]
        .iter()
        .any(|word| key.contains(word))
}

/// Whether an env file has the password: as the value of a secret key, or in a URL that points to the database.
fn env_holds(text: &str, owner: &PasswordOwner, literal: &str) -> bool {
    text.lines().filter_map(|line| line.split_once('=')).any(|(key, value)| {
        let key = key.trim().trim_start_matches("export ").trim();
        let value = value.trim().trim_matches(['"', '\'']);
        let in_url = password(value).is_some_and(|(start, end)| {
            let host = host_and_user(value).map(|(host, _)| host).unwrap_or_default();
            decoded(&value[start..end]) == literal || owner.hosts.iter().any(|known| known == host)
        });
        in_url || (is_secret(key) && value == literal)
    })
}

/// Whether a text has it where a password stands.
fn holds(text: &str, literal: &str) -> bool {
    let forms = [
        format!(":{literal}@"),
        format!("-p{literal}"),
        format!("-p {literal}"),
        format!("-a {literal}"),
        format!("requirepass {literal}"),
        format!("PASSWORD={literal}"),
        format!("PASS={literal}"),
        format!("PGPASSWORD={literal}"),
        format!("password={literal}"),
        format!("password {literal}"),
        format!("password: {literal}"),
        format!("PASSWORD '{literal}'"),
        format!("BY '{literal}'"),
        format!("\"{literal}\""),
        format!("'{literal}'"),
    ];
    forms.iter().any(|form| text.contains(form.as_str()))
}

fn holds_word(text: &str, literal: &str) -> bool {
    text.split(|c: char| c.is_whitespace() || "'\"=:@,;()".contains(c)).any(|word| word == literal)
}

/// Reports why a password is requested instead of generated.
pub(super) fn notes(owners: &[PasswordOwner], used: &BTreeSet<&str>, proposal: &mut Proposal) {
    for owner in owners.iter().filter(|owner| used.contains(owner.key.as_str())) {
        let message = match (owner.elsewhere.is_empty(), owner.unread) {
            (false, _) => {
                let places = owner.elsewhere.join(", ");
                format!("`{}` has to be the password that {places} has, so none is made at random", owner.key)
            }
            (true, true) => format!(
                "compose gives `{}` to no other service: the application has it from elsewhere, so none is made at random",
                owner.key
            ),
            (true, false) => continue,
        };
        proposal.notes.push((message, "write it into `.env`, before `todo up`".to_owned()));
    }
}
