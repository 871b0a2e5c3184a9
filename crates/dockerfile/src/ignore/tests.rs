//! What a `.dockerignore` means, as tables; the differential test against the original is tests/dockerignore.

use crate::ignore::Ignore;
use crate::ignore::clean;

fn ignored(rules: &str, path: &str) -> bool {
    Ignore::parse(rules.as_bytes()).unwrap().ignored_by(path).is_some()
}

#[test]
fn rules_hit_what_buildkit_says_they_hit() {
    for (rules, hit, kept) in [
        (
            "node_modules",
            &["node_modules", "node_modules/a/b"][..],
            &["pkg/node_modules", "node_modules2"][..],
        ),
        ("**/node_modules", &["node_modules", "pkg/node_modules/x"], &["pkg/node_modules.js"]),
        ("/abs", &["abs", "abs/x"], &["x/abs"]),
        ("dir/", &["dir", "dir/x"], &["x/dir"]),
        ("./a//b/../c", &["a/c"], &["a/b"]),
        ("*.log", &["x.log"], &["a/x.log", "x.logs"]),
        ("*/*.log", &["a/x.log"], &["x.log", "a/b/x.log"]),
        ("**/*.log", &["x.log", "a/b/x.log"], &["a/x.log.gz"]),
        ("a/**", &["a/b", "a/b/c"], &["a", "ab"]),
        ("a**", &["a", "ab", "ab/c", "a/b"], &["b/a"]),
        ("**file", &["file", "xfile", "a/xfile"], &["file2"]),
        ("**", &["a", "a/b"], &[]),
        ("a/**/b", &["a/b", "a/x/b", "a/x/y/b"], &["a/xb", "b"]),
        ("fil?", &["file", "fil1"], &["fil", "fil/e"]),
        ("f[a-c]", &["fa", "fc"], &["fd", "f-"]),
        ("a[^b]c", &["axc", "a/c"], &["abc"]),
        ("a[!b]", &["a!", "ab"], &["ac"]),
        ("{a,b}*", &["{a,b}c"], &["a", "b"]),
        ("a|b*", &["ax", "xb", "b"], &["xa"]),
        ("a{2}*", &["aa", "aab"], &["a{2}", "ab"]),
        ("\\*", &["*"], &["a"]),
        ("# no", &[], &["# no"]),
        (" # yes", &["# yes"], &[]),
        ("\u{feff}a", &["a"], &[]),
        ("a\r\n\tb  \r\n", &["a", "b"], &[]),
        ("/!a\nb", &["b"], &["a"]),
    ] {
        for path in hit {
            assert!(ignored(rules, path), "{rules:?} must hit {path:?}");
        }
        for path in kept {
            assert!(!ignored(rules, path), "{rules:?} must not hit {path:?}");
        }
    }
}

#[test]
fn the_last_rule_that_hits_decides() {
    let rules = "*\n!src\n!*.toml\nsrc/gen\n!src/gen/keep.rs\n";
    for (path, expected) in [
        ("README", true),
        ("src", false),
        ("src/a/b.rs", false),
        ("Cargo.toml", false),
        ("src/gen", true),
        ("src/gen/x.rs", true),
        ("src/gen/keep.rs", false),
        ("x/Cargo.toml", true),
    ] {
        assert_eq!(ignored(rules, path), expected, "{path}");
    }
    let by = Ignore::parse(rules.as_bytes()).unwrap().ignored_by("src/gen/x.rs").map(|rule| rule.line);
    assert_eq!(by, Some(4));
}

#[test]
fn a_rule_that_was_not_asked_at_the_folder_does_not_count_below_it() {
    // fsutil's walk keeps this file, although `d*` hits its directory: MatchesUsingParentResults.
    assert!(!ignored("dir\n!dir/x\nd*", "dir/x"));
}

#[test]
fn a_folder_is_walked_only_if_something_below_may_be_kept() {
    for (rules, walked, pruned) in [
        ("*\n!src/app/main.rs", &["src", "src/app"][..], &["docs", "src/api", "srcs"][..]),
        ("*\n!docs/*.md", &["docs"], &["src"]),
        ("*\n!**/*.md", &["docs", "a/b"], &[]),
        ("*\n!docs/**", &["docs", "docs/a"], &["doc", "src"]),
        ("*\n!d?c/x", &["dac", "d"], &["a"]),
        ("target", &[], &["target"]),
    ] {
        let ignore = Ignore::parse(rules.as_bytes()).unwrap();
        for path in walked {
            assert!(ignore.may_keep_below(path), "{rules:?}: {path} must be walked");
        }
        for path in pruned {
            assert!(!ignore.may_keep_below(path), "{rules:?}: {path} must be pruned");
        }
    }
}

#[test]
fn every_bad_line_is_named() {
    let bad = Ignore::parse(b"ok\n[\n!\na[]b]\n[b-a]\nx\\\n[-x]\n\\q*\n!/\n").unwrap_err();
    let lines: Vec<usize> = bad.iter().map(|rule| rule.line).collect();
    assert_eq!(lines, [2, 3, 4, 5, 6, 7, 8, 9]);
    assert_eq!(bad[0].pattern, "[");
}

#[test]
fn paths_are_cleaned_as_go_does() {
    for (path, expected) in
        [("", "."), ("/", "/"), ("a/./b//c/", "a/b/c"), ("../a/..", ".."), ("/../a", "/a"), ("a/../..", "..")]
    {
        assert_eq!(clean(path), expected, "{path}");
    }
}
