//! The keys of `.env` files, and which of them guard something. Never a value but those of examples that guard nothing.

use super::tree::Tree;
use super::tree::file_name;
use super::tree::parent;
use crate::project::dotenv;
use std::collections::BTreeMap;

/// The keys of a `.env` file, of all lines that can be parsed.
#[must_use]
pub fn keys(text: &str) -> Vec<String> {
    dotenv::entries(text, None).into_iter().map(|entry| entry.key.to_string()).collect()
}

/// File names of the example next to a `.env`.
pub(super) const EXAMPLES: [&str; 8] = [
    ".env.example",
    ".env.sample",
    ".env.template",
    ".env.dist",
    "example.env",
    "env.example",
    "sample.env",
    ".env-example",
];

/// A `.env` file that people fill in, and the keys that it or its example has.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EnvFile {
    /// Its path; it may not be there yet.
    pub path: String,
    /// Whether it is there.
    pub there: bool,
    /// The example next to it.
    pub example: Option<String>,
    /// The keys of the file, and of the example where there is no file.
    pub keys: Vec<String>,
    /// The keys of the example that have no value there.
    pub blank: Vec<String>,
}

/// Every directory's `.env` or its example, the nearest first.
#[must_use]
pub fn files(tree: &Tree) -> Vec<EnvFile> {
    let mut found: Vec<EnvFile> = Vec::new();
    let named = |path: &&String| file_name(path) == ".env" || EXAMPLES.contains(&file_name(path));
    for path in tree.texts.keys().filter(named) {
        let own = super::tree::join(parent(path), ".env");
        if !found.iter().any(|file| file.path == own) {
            found.extend(file(tree, &own));
        }
    }
    found.sort_by_key(|file| (file.path.matches('/').count(), file.path.clone()));
    found
}

/// The env file of that path, if it or its example is there.
#[must_use]
pub fn file(tree: &Tree, own: &str) -> Option<EnvFile> {
    let (folder, name) = (parent(own), file_name(own));
    let there = tree.files.contains(own);
    let of_dot_env = EXAMPLES.iter().filter(|_| name == ".env").map(|name| (*name).to_owned());
    let of_others = ["example", "sample", "template", "dist"].iter().map(|word| format!("{name}.{word}"));
    let example = of_dot_env
        .chain(of_others)
        .map(|name| super::tree::join(folder, &name))
        .find(|path| tree.files.contains(path));
    if !there && example.is_none() {
        return None;
    }
    let text = |path: &str| tree.text(path).unwrap_or_default();
    let mut all = keys(text(own));
    let blank = example.as_deref().map(|path| blanks(text(path))).unwrap_or_default();
    for key in example.as_deref().map(|path| keys(text(path))).unwrap_or_default() {
        if !all.contains(&key) {
            all.push(key);
        }
    }
    Some(EnvFile { path: own.to_owned(), there, example, keys: all, blank })
}

/// What an example gives to keys that guard nothing.
#[must_use]
pub fn harmless(text: &str) -> BTreeMap<String, String> {
    let open = dotenv::entries(text, None).into_iter().filter(|entry| !is_secret(entry.key.as_str()));
    open.map(|entry| (entry.key.to_string(), String::from_utf8_lossy(entry.value.expose()).into_owned()))
        .collect()
}

fn blanks(text: &str) -> Vec<String> {
    let empty = |line: &&str| line.trim().ends_with('=') && !line.trim().starts_with('#');
    text.lines().filter(empty).flat_map(keys).collect()
}

/// Whether a variable, or a path in a chart's values, of that name guards something.
///
/// The name decides by its words, never the value by being equal to another one. In doubt it does: that costs a line in
/// `.env`, and the contrary a credential in git.
#[must_use]
pub fn is_secret(key: &str) -> bool {
    const WORDS: [&str; 17] = [
        "password",
        "passwd",
        "pass",
        "pwd",
        "passphrase",
        "secret",
        "secrets",
        "token",
        "credential",
        "credentials",
        "apikey",
        "jwt",
        "salt",
        "pepper",
        "dsn",
        "htpasswd",
        "key",
    ];
    // Names of metadata of a secret, or of public values.
    const ENDS: [&str; 33] = [
        "file",
        "path",
        "dir",
        "host",
        "port",
        "name",
        "user",
        "username",
        "id",
        "ttl",
        "length",
        "min",
        "max",
        "count",
        "policy",
        "regex",
        "rounds",
        "algorithm",
        "header",
        "prefix",
        "type",
        "enabled",
        "required",
        "field",
        "issuer",
        "audience",
        "timeout",
        "minutes",
        "seconds",
        "days",
        "hours",
        "url",
        "create",
    ];
    const BEGINS: [&str; 8] = ["allow", "enable", "disable", "no", "require", "is", "use", "public"];
    // Their values are addresses, and these addresses have passwords in them.
    const ADDRESSES: [&str; 13] = [
        "database",
        "db",
        "mongo",
        "mongodb",
        "postgres",
        "postgresql",
        "mysql",
        "redis",
        "amqp",
        "rabbitmq",
        "webhook",
        "broker",
        "connection",
    ];
    let words = words(key);
    let last = words.last().map_or("", String::as_str);
    let has = |word: &str| words.iter().any(|known| known == word);
    if key == "PWD"
        || has("public")
        || words.starts_with(&["vite".to_owned()])
        || key.starts_with("REACT_APP_")
    {
        return false;
    }
    if matches!(last, "url" | "uri" | "string" | "dsn") {
        return last == "dsn" || words.iter().any(|word| ADDRESSES.contains(&word.as_str()));
    }
    if key.to_ascii_uppercase().ends_with("ACCESS_KEY_ID") {
        return true;
    }
    let lasts = ["expire", "expires", "expiry", "expiration", "lifetime", "min", "max"];
    // `MYSQL_ALLOW_EMPTY_PASSWORD`, `MYSQL_RANDOM_ROOT_PASSWORD`.
    let switch = has("allow") || has("random");
    let is_setting = switch
        || ENDS.contains(&last)
        || words.first().is_some_and(|word| BEGINS.contains(&word.as_str()))
        || lasts.iter().any(|word| has(word));
    let secret = |word: &String| WORDS.contains(&word.as_str()) || word.ends_with("password");
    !is_setting && words.iter().any(secret)
}

/// The words of a name in lower case: `llmApiKey`, `LLM_API_KEY` and `llm-api.key` have the same.
pub(super) fn words(key: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut lower = false;
    for letter in key.chars() {
        let separates = !letter.is_ascii_alphanumeric();
        if (separates || letter.is_ascii_uppercase() && lower)
            && words.last().is_some_and(|word| !word.is_empty())
        {
            words.push(String::new());
        }
        lower = letter.is_ascii_lowercase() || letter.is_ascii_digit();
        if let Some(word) = words.last_mut().filter(|_| !separates) {
            word.push(letter.to_ascii_lowercase());
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

/// Whether any random value would do, because only the application uses it.
#[must_use]
pub fn is_ours(key: &str) -> bool {
    let key = key.to_ascii_uppercase();
    let signs = ["JWT", "SESSION", "AUTH", "COOKIE", "CSRF", "ENCRYPTION", "SIGNING", "HASH"];
    (key.contains("SECRET") || key.ends_with("_KEY") || key.ends_with("_SALT"))
        && (signs.iter().any(|sign| key.contains(sign))
            || key == "SECRET_KEY"
            || key == "SECRET_KEY_BASE"
            || key == "APP_SECRET")
        && !key.contains("CLIENT")
        && !key.contains("GOOGLE")
        && !key.contains("GITHUB")
        && !key.contains("API_KEY")
        // A pair of keys belongs together, and no random value is half of one.
        && !key.contains("PUBLIC")
        && !key.contains("PRIVATE")
}

/// How many keys are named one by one.
const MOST_NAMED: usize = 4;

/// The lines that a file lacks: `A=…`, `B=…`.
#[must_use]
pub fn lines<K: AsRef<str>>(keys: &[K]) -> String {
    let named = keys.iter().take(MOST_NAMED).map(|key| format!("`{}=…`", key.as_ref()));
    let mut all: Vec<String> = named.collect();
    if keys.len() > MOST_NAMED {
        all.push(format!("and {} more lines", keys.len() - MOST_NAMED));
    }
    all.join(", ")
}

#[cfg(test)]
mod tests {
    use super::files;
    use super::is_ours;
    use super::is_secret;
    use crate::discover::tree::Tree;

    #[test]
    fn what_guards_something_is_told_by_its_name() {
        for key in [
            "OPENAI_API_KEY",
            "DATABASE_URL",
            "JWT_SECRET",
            "DB_PASSWORD",
            "GITHUB_TOKEN",
            "SECRET_KEY",
            "secrets.databaseUrl",
            "llm.apiKey",
            "AWS_ACCESS_KEY_ID",
            "SENTRY_DSN",
            "MONGO_URI",
            "PGPASSWORD",
            "SLACK_WEBHOOK_URL",
        ] {
            assert!(is_secret(key), "{key}");
        }
        for key in [
            "LOG_LEVEL",
            "ACCESS_TOKEN_EXPIRE_MINUTES",
            "PORT",
            "NEXT_PUBLIC_API_URL",
            "JWT_ALGORITHM",
            "POSTGRES_USER",
            "MIN_PASSWORD_LENGTH",
            "ALLOW_EMPTY_PASSWORD",
            "BYPASS",
            "MONKEY",
            "PASSENGERS",
            "API_URL",
            "SECRET_NAME",
            "MYSQL_ALLOW_EMPTY_PASSWORD",
            "POSTGRES_HOST_AUTH_METHOD",
            "API_KEY_FILE",
            "SECRET_DIR",
        ] {
            assert!(!is_secret(key), "{key}");
        }
        for key in ["JWT_SECRET", "BETTER_AUTH_SECRET", "SECRET_KEY", "SESSION_SECRET"] {
            assert!(is_ours(key), "{key}");
        }
        for key in [
            "OPENAI_API_KEY",
            "GOOGLE_AUTH_CLIENT_SECRET",
            "DB_PASSWORD",
            "AWS_SECRET_ACCESS_KEY",
            "JWT_PRIVATE_KEY",
        ] {
            assert!(!is_ours(key), "{key}");
        }
    }

    #[test]
    fn an_example_stands_for_the_file_that_git_does_not_have() {
        let tree = Tree::from_texts("x", &[("api/.env.example", "A=1\r\nB=\r\n"), (".env", "C=hunter2\n")]);
        let found = files(&tree);
        assert_eq!(
            (found[0].path.as_str(), found[0].there, &found[0].keys[..]),
            (".env", true, &["C".to_owned()][..])
        );
        assert_eq!((found[1].path.as_str(), found[1].there), ("api/.env", false));
        assert_eq!(
            (&found[1].keys[..], &found[1].blank[..]),
            (&["A".to_owned(), "B".to_owned()][..], &["B".to_owned()][..])
        );
    }
}
