//! What a build outside of Docker leaves behind: which command makes it.

use crate::discover::tree::Tree;
use crate::discover::tree::ends;
use crate::discover::tree::file_name;
use crate::discover::tree::join;
use crate::discover::tree::upwards;

/// The command that makes what a Dockerfile copies, where it is what a build leaves behind and that build's file is there.
pub(super) fn made_by(tree: &Tree, context: &str, source: &str) -> Option<String> {
    let first = source.split('/').next().unwrap_or_default();
    let above: Vec<&str> = upwards(context).filter(|folder| !folder.starts_with("..")).collect();
    let beside = |name: &str| above.iter().find(|folder| tree.files.contains(&join(folder, name))).copied();
    let run = |folder: &str, command: &str| match folder {
        "" => command.to_owned(),
        folder => format!("cd {folder} && {command}"),
    };
    // The directory within the context that contains the path: `web/dist` is made where `web/package.json` is.
    let inner = source.split('/').position(|part| {
        matches!(
            part,
            "dist"
                | "build"
                | "out"
                | ".next"
                | "target"
                | "publish"
                | "bin"
                | "vendor"
                | "node_modules"
                | "_build"
        )
    });
    let parts: Vec<&str> = source.split('/').collect();
    let home = join(context, &parts[..inner.unwrap_or(0)].join("/"));
    let has = |name: &str| tree.files.contains(&join(&home, name));
    let archive = ends(source, &["jar", "war", "ear"]);
    if archive || inner.is_some_and(|at| parts[at] == "target") && beside("pom.xml").is_some() {
        let wrapped = above.iter().rev().find(|folder| tree.files.contains(&join(folder, "mvnw")));
        let gradle = above.iter().rev().find(|folder| tree.files.contains(&join(folder, "gradlew")));
        let of_gradle = source.contains("libs/") || source.contains("install/");
        return match (wrapped, gradle) {
            (Some(folder), _) if !of_gradle => Some(run(folder, "./mvnw -DskipTests package")),
            (_, Some(folder)) => Some(run(folder, "./gradlew build")),
            _ => beside("pom.xml").map(|folder| run(folder, "mvn -DskipTests package")).or_else(|| {
                beside("build.gradle")
                    .or(beside("build.gradle.kts"))
                    .map(|folder| run(folder, "gradle build"))
            }),
        };
    }
    match inner.map(|at| parts[at]) {
        Some("node_modules") if has("package.json") => Some(run(&home, "npm ci")),
        Some("vendor") if has("composer.json") => Some(run(&home, "composer install")),
        Some("vendor") if has("go.mod") => Some(run(&home, "go mod vendor")),
        Some("dist" | "build" | "out" | ".next") if has("package.json") => {
            Some(run(&home, &format!("{} run build", manager(tree, &home))))
        }
        Some("publish" | "bin" | "out") if tree.inside(&home).any(|file| ends(file, &["csproj", "sln"])) => {
            Some(run(&home, "dotnet publish -c Release"))
        }
        Some("build") if has("build.gradle") || has("build.gradle.kts") => {
            Some(run(&home, if has("gradlew") { "./gradlew build" } else { "gradle build" }))
        }
        Some("target") if has("Cargo.toml") => Some(run(&home, "cargo build --release")),
        Some("_build") if has("mix.exs") => Some(run(&home, "MIX_ENV=prod mix release")),
        _ if !first.contains('.') && parts.len() == 1 && has("go.mod") && has("main.go") => {
            Some(run(&home, &format!("CGO_ENABLED=0 go build -o {} .", file_name(source))))
        }
        _ => None,
    }
}

fn manager(tree: &Tree, folder: &str) -> &'static str {
    let has = |name: &str| tree.files.contains(&join(folder, name));
    match () {
        () if has("pnpm-lock.yaml") => "pnpm",
        () if has("yarn.lock") => "yarn",
        () if has("bun.lockb") || has("bun.lock") => "bun",
        () => "npm",
    }
}
