//! Command lines as they are split into calls.

use super::calls;

fn words(text: &str, path: &str) -> Vec<String> {
    calls(text, path).into_iter().map(|call| call.words.join(" ")).collect()
}

#[test]
fn variables_continued_lines_and_quotes_are_understood() {
    let text = "#!/bin/bash\nset -e\nNS=\"${NAMESPACE:-todo}\"\nTAG=latest # newest\nif ! docker build \\\n  -t \"web:$TAG\" ./web; then exit 1; fi\nkubectl apply -f k8s/ -n \"${NS}\" > /dev/null 2>&1\n";
    let words = words(text, "deploy.sh");
    assert!(words.contains(&"docker build -t web:latest ./web".to_owned()), "{words:?}");
    assert!(words.iter().any(|word| word.starts_with("kubectl apply -f k8s/ -n todo")), "{words:?}");
}

#[test]
fn an_apostrophe_in_a_text_swallows_nothing() {
    let text = "echo it's done\nkubectl apply -f k8s\n";
    assert!(words(text, "a.sh").contains(&"kubectl apply -f k8s".to_owned()));
}

#[test]
fn windows_scripts_are_read_alike() {
    let text = "@echo off\r\nset TAG=v1\r\nREM docker build old\r\nif exist x docker build -t web:%TAG% ^\r\n  web\r\n";
    assert!(words(text, "deploy.bat").iter().any(|line| line.ends_with("docker build -t web:v1 web")));
    let text = "$tag = \"v2\"\r\n& docker build -t \"web:$tag\" `\r\n  .\\web\r\n";
    assert!(words(text, "deploy.ps1").contains(&"docker build -t web:v2 .\\web".to_owned()));
}

#[test]
fn whatever_is_written_is_read_to_its_end() {
    for text in [
        "$(",
        "${",
        "`",
        "'",
        "\"",
        "f() {",
        "for a in",
        "case x in",
        "case x in a) b",
        "cat <<E",
        "a <<",
        "(",
        ")",
        "$",
        "%",
        "%~dp0",
        "f(){ f; }\nf",
        "=",
        "a=(",
        "${a[@]",
    ] {
        for path in ["a.sh", "a.bat", "a.ps1"] {
            let _ = calls(text, path);
        }
    }
}
