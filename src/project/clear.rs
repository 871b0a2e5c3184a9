//! Plaintext secrets: recognized by the form of a value, and by its name.
//!
//! Pure, and modest: a name that ends as names of secrets do, a shape that only keys of well-known services have, a
//! password in a URL, a private key. Paths, references and templates are ignored, and what an example left behind is
//! something else again: a placeholder.

/// What a value in clear is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Clear {
    /// A secret.
    Secret,
    /// The value in an example until the user writes the real one.
    Placeholder,
}

/// The kind of secret that `value`, called `name`, is; `None` if it is not a secret.
#[must_use]
pub fn detect(name: &str, value: &str) -> Option<Clear> {
    let password = password(value);
    if is_placeholder(value.as_bytes())
        || password.is_some_and(|password| is_placeholder(password.as_bytes()))
    {
        return Some(Clear::Placeholder);
    }
    let open = is_secret_name(name) && is_literal(value) || password.is_some() || is_known(value);
    open.then_some(Clear::Secret)
}

/// Whether something of that name holds a secret, and not where one is, how long one lasts or what it is called.
fn is_secret_name(name: &str) -> bool {
    const ENDS: [&str; 12] = [
        "PASSWORD",
        "PASSWD",
        "PASSPHRASE",
        "SECRET",
        "TOKEN",
        "API_KEY",
        "APIKEY",
        "ACCESS_KEY",
        "PRIVATE_KEY",
        "SECRET_KEY",
        "ENCRYPTION_KEY",
        "CREDENTIALS",
    ];
    /// Names of the Secrets that hold them.
    const NAMES: [&str; 5] =
        ["EXISTING_SECRET", "PULL_SECRET", "TLS_SECRET", "CERT_SECRET", "EXTERNAL_SECRET"];
    let name = words(name);
    ENDS.iter().any(|end| name.ends_with(end)) && !NAMES.iter().any(|end| name.ends_with(end))
}

/// `llmApiKey`, `llm-api.key` and `LLM_API_KEY` as `LLM_API_KEY`.
fn words(name: &str) -> String {
    let mut words = String::with_capacity(name.len() + 4);
    let mut lower = false;
    for c in name.chars() {
        if c.is_ascii_uppercase() && lower {
            words.push('_');
        }
        lower = c.is_ascii_lowercase() || c.is_ascii_digit();
        words.push(if matches!(c, '-' | '.') { '_' } else { c.to_ascii_uppercase() });
    }
    words
}

/// Whether it is a value, and not a path, a reference to one, or a template that fetches one.
fn is_literal(value: &str) -> bool {
    value.len() > 3
        && !value.starts_with(['/', '.', '$', '<'])
        && !value.contains("{{")
        && !matches!(value.to_ascii_lowercase().as_str(), "true" | "false" | "none" | "null")
}

/// The password in a URL, as in `postgres://user:password@host`; a reference is none.
fn password(value: &str) -> Option<&str> {
    let (_, rest) = value.split_once("://")?;
    let authority = rest.split(['/', '?', '#']).next()?;
    let (_, password) = authority.rsplit_once('@')?.0.split_once(':')?;
    (!password.is_empty() && !password.starts_with(['$', '{'])).then_some(password)
}

/// Whether it has the shape of a key that a well-known service gives out: how it begins, and how much follows.
fn is_known(value: &str) -> bool {
    const BEGINNINGS: [(&str, usize); 20] = [
        ("sk-proj-", 20),
        ("sk-ant-", 20),
        ("sk-", 32),
        ("sk_live_", 16),
        ("rk_live_", 16),
        ("gsk_", 32),
        ("ghp_", 30),
        ("gho_", 30),
        ("ghs_", 30),
        ("github_pat_", 30),
        ("glpat-", 16),
        ("xoxb-", 20),
        ("xoxp-", 20),
        ("npm_", 30),
        ("hf_", 30),
        ("dop_v1_", 40),
        ("AIza", 35),
        ("AKIA", 16),
        ("SG.", 40),
        ("pypi-", 40),
    ];
    let value = value.trim();
    let plain = |rest: &str, least: usize| {
        rest.len() >= least && rest.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
    };
    let begins = |(beginning, least): &(&str, usize)| {
        value.strip_prefix(beginning).is_some_and(|rest| plain(rest, *least))
    };
    // A signed JSON Web Token: three parts, the first two of which are JSON.
    let parts: Vec<&str> = value.split('.').collect();
    let token =
        parts.len() == 3 && parts[0].starts_with("eyJ") && parts[1].starts_with("eyJ") && plain(parts[2], 20);
    BEGINNINGS.iter().any(begins) || token || is_private_key(value)
}

fn is_private_key(value: &str) -> bool {
    value
        .lines()
        .any(|line| line.trim().starts_with("-----BEGIN ") && line.trim().ends_with("PRIVATE KEY-----"))
}

/// Whether a value was left as an example has it: `changeme`, `your-key-here`, `<token>`, `sk-xxxx`.
#[must_use]
pub fn is_placeholder(value: &[u8]) -> bool {
    const WORDS: [&str; 7] =
        ["changeme", "change-me", "change-this", "replaceme", "replace-me", "replace-this", "placeholder"];
    let Ok(value) = std::str::from_utf8(value) else { return false };
    let value = value.trim().to_lowercase().replace('_', "-");
    if value.len() > 120 || value.contains('\n') {
        return false;
    }
    let yours = value.starts_with("your-") || value.starts_with("sk-your-") || value.contains("-your-");
    let blanks = |text: &str| text.len() > 2 && text.bytes().all(|byte| matches!(byte, b'x' | b'*' | b'.'));
    WORDS.iter().any(|word| value.starts_with(word) || value.ends_with(word))
        || (yours && !value.contains(['.', ' ', ',']))
        || value.ends_with("-here")
        || (value.starts_with('<') && value.ends_with('>') && !value.contains(['/', '\'', '"']))
        || blanks(&value)
        || value.strip_prefix("sk-").is_some_and(|key| blanks(key.trim_start_matches("proj-")))
}

#[cfg(test)]
mod tests {
    use super::Clear;
    use super::detect;

    #[test]
    fn a_secret_is_known_by_its_name_its_shape_or_its_url() {
        let long = "abcdefghijklmnopqrstuvwxyz0123456789ABCD";
        for (name, value) in [
            ("DB_PASSWORD", "hunter2"),
            ("llmApiKey", "9f8a7b6c"),
            ("jwt-secret", "correct horse"),
            ("BETTER_AUTH_SECRET", "9f8a7b6c5d"),
            ("django.secret_key", "abcd"),
            ("any", &format!("gsk_{long}")),
            ("any", &format!("ghp_{long}")),
            ("any", &format!("eyJhbGciOi.eyJzdWIi.{long}")),
            ("any", "-----BEGIN RSA PRIVATE KEY-----\nMIIE\n"),
            ("DATABASE_URL", "postgres://u:p4ss@db.example/x"),
        ] {
            assert_eq!(detect(name, value), Some(Clear::Secret), "{name}={value}");
        }
    }

    #[test]
    fn what_is_no_secret_raises_no_alarm() {
        for (name, value) in [
            ("secretName", "todo-secrets"),
            ("existingSecret", "todo-secrets"),
            ("imagePullSecret", "registry"),
            ("tokenReview", "true"),
            ("useToken", "false"),
            ("MAX_TOKENS", "4096"),
            ("ACCESS_TOKEN_EXPIRE_MINUTES", "30"),
            ("PASSWORD_FILE", "/run/secrets/password"),
            ("DB_PASSWORD", "/run/secrets/password"),
            ("DB_PASSWORD", "$(OTHER)"),
            ("DB_PASSWORD", "{{ .Values.password }}"),
            ("password", ""),
            ("URL", "postgres://u:$(DB_PASSWORD)@db/x"),
            ("URL", "http://todo-backend:8000"),
            ("skill", "sk-learn"),
            ("publicKey", "-----BEGIN PUBLIC KEY-----\nMIIB\n"),
            ("keyboard", "qwerty"),
        ] {
            assert_eq!(detect(name, value), None, "{name}={value}");
        }
        assert_eq!(detect("OPENAI_API_KEY", "sk-your-key-here"), Some(Clear::Placeholder));
        assert_eq!(detect("DATABASE_URL", "postgres://u:changeme@db/x"), Some(Clear::Placeholder));
    }
}
