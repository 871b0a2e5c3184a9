//! Which script starts which: what a script does that another one calls is a part of what that one does.

use super::ScriptReader;
use super::path;
use super::texts::Text;
use crate::discover::evidence::Rank;
use crate::discover::shell::Call;
use crate::discover::tree::Tree;
use crate::discover::tree::ends;
use std::collections::BTreeMap;

/// Each script that exactly one other calls, with that one. A README that names several scripts is not a script that
/// calls them.
pub(super) fn callers(tree: &Tree, texts: &[(Text, Vec<Call>)]) -> BTreeMap<String, String> {
    let mut callers: BTreeMap<String, Option<String>> = BTreeMap::new();
    for (text, calls) in texts.iter().filter(|(text, _)| text.rank == Rank::Script) {
        for call in calls {
            let Some(script) = started(&ScriptReader::new(tree, text, calls, call, &text.path)) else {
                continue;
            };
            let known = callers.entry(script).or_insert_with(|| Some(text.path.clone()));
            if known.as_ref() != Some(&text.path) {
                *known = None;
            }
        }
    }
    callers.into_iter().filter_map(|(script, caller)| Some((script, caller?))).collect()
}

/// The script from which `script` is started in the end; itself where none calls it.
pub(super) fn entry<'t>(script: &'t str, callers: &'t BTreeMap<String, String>) -> &'t str {
    let mut entry = script;
    for _ in 0..callers.len() {
        match callers.get(entry) {
            Some(caller) if caller != script => entry = caller,
            _ => break,
        }
    }
    entry
}

/// The script of the tree that a command starts: `./deploy.sh`, `sh deploy.sh`, `powershell -File deploy.ps1`.
fn started(reader: &ScriptReader<'_>) -> Option<String> {
    const SHELLS: [&str; 9] =
        ["sh", "bash", "zsh", "source", ".", "pwsh", "powershell", "powershell.exe", "cmd"];
    let words = &reader.call.words;
    let script = |word: &&String| ends(word, &["sh", "bash", "bat", "cmd", "ps1"]);
    let named = if SHELLS.contains(&words.first()?.as_str()) {
        words.iter().skip(1).find(script)
    } else {
        words.first().filter(script)
    };
    let named = named?.replace('\\', "/");
    let mut found = reader.bases().into_iter().map(|base| path(&base, &named));
    found.find(|path| reader.tree.files.contains(path) && *path != reader.text.path)
}

#[cfg(test)]
mod tests {
    use crate::discover::readers::read;
    use crate::discover::tree::Tree;

    #[test]
    fn what_a_called_script_says_is_said_by_the_one_that_calls_it() {
        for (caller, entry) in [
            ("for s in api web; do\n  cd $s\n  sh up.sh\n  cd ..\ndone\n", "all.sh"),
            ("./api/up.sh\n", "all.sh"),
            ("bash \"$(dirname \"$0\")/api/up.sh\" now\n", "all.sh"),
            ("echo api/up.sh\n", "api/up.sh"),
        ] {
            let files = [("all.sh", caller), ("api/up.sh", "kubectl apply -f k8s\n"), ("api/k8s/a.yaml", "")];
            let read = read(&Tree::from_texts("x", &files));
            let provenance = &read.applied[0].provenance;
            assert_eq!(
                (provenance.entry.to_str(), provenance.place.to_string().as_str()),
                (Some(entry), "api/up.sh:1")
            );
        }
        let two =
            [("a.sh", "./c.sh"), ("b.sh", "./c.sh"), ("c.sh", "kubectl apply -f k8s"), ("k8s/a.yaml", "")];
        assert_eq!(
            read(&Tree::from_texts("x", &two)).applied[0].provenance.entry.to_str(),
            Some("c.sh"),
            "of neither"
        );
    }
}
