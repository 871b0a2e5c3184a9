//! Command lines, each with a file that its process notices or does not.

use crate::image::sync::process::NotNoticed;
use crate::image::sync::process::Noticed;
use crate::image::sync::process::Process;
use crate::image::sync::process::noticed;
use std::collections::BTreeMap;

fn words(line: &str) -> Vec<String> {
    // A shell's script is one word.
    match line.split_once(" -c ") {
        Some((shell, script)) => vec![shell.to_owned(), "-c".to_owned(), script.to_owned()],
        None => line.split_whitespace().map(str::to_owned).collect(),
    }
}

fn process(line: &str) -> Process {
    let scripts = [
        ("dev", "vite --host 0.0.0.0"),
        ("start", "node server.js"),
        ("watch", "NODE_ENV=development nodemon server.js"),
        ("both", "tsc && node server.js"),
    ];
    Process {
        arguments: words(line),
        working_dir: "/app".to_owned(),
        scripts: scripts.map(|(name, script)| (name.to_owned(), script.to_owned())).into(),
        ..Process::default()
    }
}

const SERVED: Noticed = Noticed::Served;
const RELOADED: Noticed = Noticed::Reloaded;
const RESTARTED: Noticed = Noticed::Restarted;
const COMMAND: Noticed = Noticed::Not(NotNoticed::Command);
const FILE: Noticed = Noticed::Not(NotNoticed::File);
const INODE: Noticed = Noticed::Not(NotNoticed::Inode);

#[test]
fn commands_are_classified_for_each_file() {
    for (line, path, expected) in [
        ("nginx -g daemon", "/usr/share/nginx/html/index.html", SERVED),
        ("/docker-entrypoint.sh nginx", "/usr/share/nginx/html/a/b.css", SERVED),
        ("nginx", "/etc/nginx/conf.d/default.conf", FILE),
        ("nginx", "/app/settings.json", FILE),
        ("httpd-foreground", "/usr/local/apache2/htdocs/x.html", SERVED),
        ("httpd-foreground", "/usr/local/apache2/conf/httpd.conf", FILE),
        ("apache2-foreground", "/var/www/html/index.php", FILE),
        ("python -m http.server 8000", "/app/index.html", SERVED),
        ("python3 -u -m http.server", "/app/a.py", FILE),
        ("python main.py", "/app/main.py", COMMAND),
        ("uvicorn main:app --reload", "/app/main.py", RESTARTED),
        ("uvicorn main:app --reload", "/app/templates/x.html", FILE),
        ("uvicorn main:app --reload", "/lib/x.py", FILE),
        ("uvicorn main:app --reload --reload-dir lib", "/app/main.py", FILE),
        ("uvicorn main:app", "/app/main.py", COMMAND),
        ("poetry run uvicorn main:app --reload", "/app/main.py", RESTARTED),
        ("tini -- uvicorn main:app --reload", "/app/main.py", RESTARTED),
        ("gunicorn app --reload", "/app/main.py", RESTARTED),
        ("gunicorn app --reload --preload", "/app/main.py", COMMAND),
        ("gunicorn app", "/app/main.py", COMMAND),
        ("flask run --debug", "/app/main.py", RESTARTED),
        ("flask --app main run --debug", "/app/templates/x.html", SERVED),
        ("flask run", "/app/main.py", COMMAND),
        ("flask run --debug --no-reload", "/app/main.py", COMMAND),
        ("python manage.py runserver 0.0.0.0:8000", "/app/a/views.py", RESTARTED),
        ("python manage.py runserver --noreload", "/app/a/views.py", COMMAND),
        ("python manage.py migrate", "/app/a/views.py", COMMAND),
        ("npm run dev", "/app/src/main.ts", RELOADED),
        ("npm run dev", "/app/vite.config.ts", FILE),
        ("npm run dev", "/app/package.json", FILE),
        ("npm start", "/app/server.js", COMMAND),
        ("npm run watch", "/app/server.js", RESTARTED),
        ("npm run both", "/app/server.js", COMMAND),
        ("npm run none", "/app/server.js", COMMAND),
        ("yarn dev", "/app/src/main.ts", RELOADED),
        ("npx vite build", "/app/src/main.ts", COMMAND),
        ("vite preview", "/app/src/main.ts", COMMAND),
        ("node --watch server.js", "/app/server.js", INODE),
        ("node server.js", "/app/server.js", COMMAND),
        ("nodemon server.js", "/app/server.js", RESTARTED),
        ("nodemon server.js", "/app/views/x.html", FILE),
        ("nodemon -e html server.js", "/app/server.js", COMMAND),
        ("sh -c exec uvicorn main:app --reload --port $PORT", "/app/main.py", RESTARTED),
        ("sh -c MODE=x uvicorn main:app --reload", "/app/main.py", RESTARTED),
        ("sh -c python prepare.py && uvicorn main:app --reload", "/app/main.py", COMMAND),
        ("sh -c uvicorn main:app --reload | tee log", "/app/main.py", COMMAND),
        ("sh -c $SERVER main:app --reload", "/app/main.py", COMMAND),
        ("sh start.sh", "/app/main.py", COMMAND),
        ("air", "/app/main.go", RELOADED),
        ("air", "/app/index.html", FILE),
        ("/server", "/app/index.html", COMMAND),
        ("", "/app/index.html", COMMAND),
    ] {
        assert_eq!(noticed(&process(line), path), expected, "{line} {path}");
    }
}

#[test]
fn a_variable_turns_the_reloader_of_flask_on() {
    for (value, expected) in [("1", RESTARTED), ("0", COMMAND), ("", COMMAND)] {
        let env = BTreeMap::from([("FLASK_DEBUG".to_owned(), value.to_owned())]);
        let process = Process { env, ..process("flask run") };
        assert_eq!(noticed(&process, "/app/main.py"), expected, "{value:?}");
    }
}

#[test]
fn a_containers_command_replaces_that_of_its_image() {
    let image = Process {
        entrypoint: words("uvicorn"),
        arguments: words("main:app --reload"),
        working_dir: "/app".to_owned(),
        ..Process::default()
    };
    for (command, args, expected) in [
        (None, None, RESTARTED),
        (None, Some("main:app"), COMMAND),
        (Some("uvicorn main:app"), None, COMMAND),
        (Some("uvicorn"), Some("main:app --reload"), RESTARTED),
    ] {
        let process = image.clone().with_container(command.map(words), args.map(words));
        assert_eq!(noticed(&process, "/app/main.py"), expected, "{command:?} {args:?}");
    }
}
