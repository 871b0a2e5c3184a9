//! Which programs read or watch which files.

use crate::image::sync::process::NotNoticed;
use crate::image::sync::process::Noticed;
use crate::image::sync::process::Process;
use crate::image::sync::process::command::name;

/// How the program with these words notices a file.
pub(super) fn noticed(words: &[String], process: &Process, path: &str) -> Noticed {
    let Some((program, rest)) = words.split_first() else { return Noticed::Not(NotNoticed::Command) };
    let has = |flag: &str| rest.iter().any(|word| word == flag);
    // A word after an option may be its value.
    let first = rest.first().filter(|word| !word.starts_with('-')).map_or("", String::as_str);
    let in_working_dir = is_in(path, &process.working_dir);
    let python = ends(path, &[".py"]) && in_working_dir;
    let option = |names: &[&str]| option(rest, names);
    match name(program) {
        "nginx" | "httpd-foreground" | "apache2-foreground" | "httpd" | "caddy" | "lighttpd" => {
            when(Noticed::Served, is_page(path))
        }
        "http-server" | "serve" | "http.server" | "live-server" => {
            when(Noticed::Served, is_page(path) || in_working_dir && !is_program(path))
        }
        "uvicorn" if has("--reload") => {
            let elsewhere = option(&["--reload-dir", "--reload-exclude"]).is_some();
            when(Noticed::Restarted, python && !elsewhere)
        }
        "fastapi" if first == "dev" => when(Noticed::Restarted, python),
        "hypercorn" if has("--reload") => when(Noticed::Restarted, python),
        "gunicorn" if has("--reload") && !has("--preload") => when(Noticed::Restarted, python),
        "flask" if is_debug(rest, process) && has("run") => {
            // Templates are read again and files under `static` served in debug mode.
            let read = in_working_dir && ["/templates/", "/static/"].iter().any(|part| path.contains(part));
            if read { Noticed::Served } else { when(Noticed::Restarted, python) }
        }
        "manage.py" if first == "runserver" && !has("--noreload") => when(Noticed::Restarted, python),
        "nodemon" if option(&["-w", "--watch", "-e", "--ext", "-i", "--ignore", "--config"]).is_none() => {
            let watched = ends(path, &[".js", ".mjs", ".cjs", ".json"]);
            when(Noticed::Restarted, watched && in_working_dir && !is_node_setup(path))
        }
        "node" if rest.iter().any(|word| word == "--watch" || word.starts_with("--watch-")) => {
            Noticed::Not(NotNoticed::Inode)
        }
        "vite" if matches!(first, "" | "dev" | "serve") => bundled(path, in_working_dir),
        "next" | "nuxt" | "nuxi" | "astro" if first == "dev" => bundled(path, in_working_dir),
        "react-scripts" if first == "start" => bundled(path, in_working_dir),
        "webpack" | "ng" if first == "serve" => bundled(path, in_working_dir),
        "air" => when(Noticed::Reloaded, ends(path, &[".go"]) && in_working_dir),
        _ => Noticed::Not(NotNoticed::Command),
    }
}

fn ends(path: &str, endings: &[&str]) -> bool {
    endings.iter().any(|end| path.ends_with(end))
}

fn when(noticed: Noticed, holds: bool) -> Noticed {
    if holds { noticed } else { Noticed::Not(NotNoticed::File) }
}

/// A development server that follows the imports of the served files: sources, not its own settings.
fn bundled(path: &str, in_working_dir: bool) -> Noticed {
    when(Noticed::Reloaded, in_working_dir && !is_node_setup(path) && !path.contains("/node_modules/"))
}

/// Files that are read once, when a program of Node.js starts.
fn is_node_setup(path: &str) -> bool {
    let name = name(path);
    let known = ["package.json", "package-lock.json", "yarn.lock", "pnpm-lock.yaml", "nodemon.json"];
    known.contains(&name)
        || name.contains(".config.")
        || name.starts_with(".env")
        || name.contains("tsconfig")
}

/// `--debug`, or the environment variable of it.
fn is_debug(rest: &[String], process: &Process) -> bool {
    let set =
        || process.env.get("FLASK_DEBUG").is_some_and(|value| !matches!(value.as_str(), "" | "0" | "false"));
    !rest.iter().any(|word| word == "--no-debug" || word == "--no-reload")
        && (rest.iter().any(|word| word == "--debug" || word == "--reload") || set())
}

/// The value of an option, written with `=` or as the next word.
fn option<'a>(rest: &'a [String], names: &[&str]) -> Option<&'a str> {
    rest.iter().enumerate().find_map(|(at, word)| match word.split_once('=') {
        Some((name, value)) if names.contains(&name) => Some(value),
        None if names.contains(&word.as_str()) => Some(rest.get(at + 1).map_or("", String::as_str)),
        _ => None,
    })
}

/// The directories of web servers with served files. Their configuration is elsewhere, and is read once.
const PAGES: [&str; 7] = [
    "/usr/share/nginx/html",
    "/usr/share/nginx",
    "/usr/local/apache2/htdocs",
    "/usr/share/caddy",
    "/var/www",
    "/srv",
    "/www",
];

/// A file that a web server with its image's configuration reads for each request. PHP does not count: its bytecode
/// may be cached without checking the file.
fn is_page(path: &str) -> bool {
    PAGES.iter().any(|directory| is_in(path, directory)) && !is_program(path)
}

/// Files that a server runs or reads as its own settings, instead of sending them.
fn is_program(path: &str) -> bool {
    let endings = [".php", ".conf", ".py", ".rb", ".pl", ".cgi", ".lua", ".njs", "/serve.json", "/.htpasswd"];
    ends(path, &endings)
}

fn is_in(path: &str, directory: &str) -> bool {
    let directory = directory.trim_end_matches('/');
    path.strip_prefix(directory).is_some_and(|rest| rest.starts_with('/'))
}
