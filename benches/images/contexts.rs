//! The sources that are built.

use std::fs;
use std::fs::File;
use std::io::Write;
use std::path::Path;
use tempfile::TempDir;

/// A project of one image `web`, with a cache directory of its own.
pub(crate) struct Sources {
    pub(crate) folder: TempDir,
}

impl Sources {
    fn new(dockerfile: &str) -> Sources {
        let sources = Sources { folder: tempfile::tempdir().unwrap() };
        let name = format!("bench-{}", std::process::id());
        sources.write(
            "deploy.toml",
            format!("name = '{name}'\n[image.web]\ncontext = 'web'\n[[manifests]]\npath = 'k8s'\n"),
        );
        sources.write("web/Dockerfile", dockerfile);
        sources
    }

    /// A usual image: dependencies first, sources last; `count` files of `size` bytes, ten a directory.
    pub(crate) fn usual(base: &str, count: usize, size: usize) -> Sources {
        let sources = Sources::new(&format!(
            "FROM {base}\nCOPY package.json /srv/\nRUN cp /srv/package.json /srv/installed\nWORKDIR /srv\nCOPY src src\nUSER 1000\nCMD [\"true\"]\n"
        ));
        sources.write("web/package.json", "{}\n");
        for number in 0..count {
            let (one, other) = (number / 100, number / 10 % 10);
            let line = format!("// {number}\n");
            let text = line.repeat(size / line.len() + 1);
            sources.write(&format!("web/src/{one}/{other}/{number}.js"), &text.as_bytes()[..size]);
        }
        sources
    }

    /// Big files that no compression makes small, all of them copied.
    pub(crate) fn big(base: &str, files: u32, mib: usize) -> Sources {
        let sources = Sources::new(&format!("FROM {base}\nCOPY data /data\nUSER 1000\n"));
        fs::create_dir(sources.path("web/data")).unwrap();
        for number in 0..files {
            let mut file = File::create(sources.path(&format!("web/data/{number}.bin"))).unwrap();
            let mut random = std::io::Read::take(File::open("/dev/urandom").unwrap(), (mib as u64) << 20);
            std::io::copy(&mut random, &mut file).unwrap();
        }
        sources
    }

    /// The images of this repository, whose dependencies are installed again each time `mark` changes.
    pub(crate) fn chatbot(mark: &str) -> Sources {
        let sources = Sources::new("");
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let files = super::engine::output(
            std::process::Command::new("git").args(["ls-files", "docker"]).current_dir(root),
        );
        for file in files.lines().filter(|file| root.join(file).is_file()) {
            sources.write(file, fs::read(root.join(file)).unwrap());
            let mode = fs::metadata(root.join(file)).unwrap().permissions();
            fs::set_permissions(sources.path(file), mode).unwrap();
        }
        for image in ["backend", "frontend"] {
            let file = format!("docker/{image}/Dockerfile");
            let text = fs::read_to_string(sources.path(&file)).unwrap();
            let marked: Vec<String> = text
                .lines()
                .map(|line| {
                    if line.starts_with("FROM ") {
                        format!("{line}\nENV MARK={mark}")
                    } else {
                        line.to_owned()
                    }
                })
                .collect();
            sources.write(&file, marked.join("\n") + "\n");
        }
        sources.write(
            "deploy.toml",
            format!(
                "name = 'bench-{}'\n[image.backend]\ncontext = 'docker/backend'\n[image.frontend]\ncontext = 'docker/frontend'\n[[manifests]]\npath = 'k8s'\n",
                std::process::id()
            ),
        );
        sources
    }

    pub(crate) fn path(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        File::create(path).unwrap().write_all(content.as_ref()).unwrap();
    }
}
