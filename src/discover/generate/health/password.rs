//! A password in a health check → the variable of the container that holds it: a manifest is for Git, and a check that has
//! the password of compose fails with any other one.

use super::Unit;
use crate::discover::keys::is_secret;

/// The text before a password in a command.
const BEFORE: [&str; 9] =
    ["--password=", "--password ", "PASSWORD=", "--passwd=", "--pass=", "--pass ", "-a ", "-a", "-p"];

/// The words of a check with `$NAME` in the place of the value of the variable NAME, where that is a password.
pub(in crate::discover::generate) fn without_passwords(words: &[String], unit: &Unit<'_>) -> Vec<String> {
    let secrets: Vec<(&str, String)> = unit
        .service
        .environment
        .iter()
        .filter(|item| is_secret(&item.key))
        .filter_map(|item| Some((item.key.as_str(), item.value.as_ref()?.text())))
        .filter(|(_, text)| !text.is_empty())
        .collect();
    replaced(words, &secrets).unwrap_or_else(|| words.to_vec())
}

/// `None` where there is none, or where a shell would not put a variable in.
fn replaced(words: &[String], secrets: &[(&str, String)]) -> Option<Vec<String>> {
    let (form, rest) = words.split_first()?;
    let line = if form == "CMD" {
        rest.iter().map(|word| quoted(word)).collect::<Option<Vec<String>>>()?.join(" ")
    } else {
        rest.join(" ")
    };
    if line.contains('\'') {
        return None;
    }
    let (mut now, mut any) = (line, false);
    for (key, text) in secrets {
        if let Some(next) = put(&now, text, key) {
            (now, any) = (next, true);
        }
    }
    let line = Some(now).filter(|_| any)?;
    Some(vec!["CMD-SHELL".to_owned(), line])
}

/// A word as a shell reads it back; `None` for what would need escapes.
fn quoted(word: &str) -> Option<String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:@,%+".contains(c);
    if word.contains(['"', '$', '`', '\\', '\'']) {
        return None;
    }
    Some(if !word.is_empty() && word.chars().all(plain) { word.to_owned() } else { format!("\"{word}\"") })
}

fn put(line: &str, text: &str, key: &str) -> Option<String> {
    let (mut whole, mut rest, mut any) = (String::new(), line, false);
    while let Some(at) = rest.find(text) {
        let (before, after) = (&rest[..at], &rest[at + text.len()..]);
        let so_far = format!("{whole}{before}");
        let bare = so_far.trim_end_matches('"');
        let ends = !after.starts_with(|c: char| c.is_ascii_alphanumeric());
        let is_flag = BEFORE.iter().any(|flag| bare.ends_with(flag));
        let in_address = bare.ends_with(':') && after.starts_with('@');
        whole = if ends && (is_flag || in_address) {
            any = true;
            format!("{so_far}${{{key}}}")
        } else {
            format!("{so_far}{text}")
        };
        rest = after;
    }
    any.then(|| whole + rest)
}

#[cfg(test)]
mod tests {
    use super::replaced;

    #[test]
    fn a_password_is_replaced_where_a_command_takes_one() {
        let secrets = [("ROOT_PASSWORD", "root".to_owned())];
        for (words, line) in [
            (
                &["CMD", "mysqladmin", "ping", "-u", "root", "-proot"][..],
                Some("mysqladmin ping -u root -p${ROOT_PASSWORD}"),
            ),
            (
                &["CMD-SHELL", "mysql --user=root --password=root -e \"SELECT 1\""],
                Some("mysql --user=root --password=${ROOT_PASSWORD} -e \"SELECT 1\""),
            ),
            (&["CMD-SHELL", "redis-cli -a \"root\" ping"], Some("redis-cli -a \"${ROOT_PASSWORD}\" ping")),
            (
                &["CMD-SHELL", "psql postgres://root:root@localhost/root"],
                Some("psql postgres://root:${ROOT_PASSWORD}@localhost/root"),
            ),
            (&["CMD-SHELL", "pg_isready -U root"], None),
            (&["CMD-SHELL", "mysql -prooted"], None),
            (&["CMD-SHELL", "bash -c 'mysql -proot'"], None),
        ] {
            let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
            let got = replaced(&words, &secrets).map(|words| words[1].clone());
            assert_eq!(got.as_deref(), line, "{words:?}");
        }
    }
}
