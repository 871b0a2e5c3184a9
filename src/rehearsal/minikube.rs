//! The simulated minikube in the place of the program.

use crate::world::programs::Called;
use crate::world::programs::Playing;
use crate::world::programs::Printed;
use crate::world::programs::ProgramPath;
use crate::world::programs::Programs;
use simulator::minikube::Minikube;
use simulator::minikube::Stream;
use std::path::Path;
use std::path::PathBuf;
use tokio::sync::mpsc;
use tokio::sync::oneshot;

/// Plays `minikube`; it calls docker and ssh, so that these are there as well.
#[derive(Debug)]
pub(super) struct Simulated(pub(super) Minikube);

impl Programs for Simulated {
    fn find(&self, name: &str) -> ProgramPath {
        match name {
            "minikube" | "docker" => ProgramPath::Played(PathBuf::from("/usr/local/bin").join(name)),
            "ssh" => ProgramPath::Played(PathBuf::from("/usr/bin/ssh")),
            _ if name.starts_with("docker-credential-") => ProgramPath::Nowhere,
            _ => ProgramPath::Path,
        }
    }

    fn play(&self, called: &Called) -> Option<Playing> {
        if called.program.file_stem().is_none_or(|name| name != "minikube") {
            return None;
        }
        let (printed, lines) = mpsc::unbounded_channel();
        let (ended, code) = oneshot::channel();
        let (stop, stopped) = oneshot::channel();
        // The code is there before the lines end.
        let last = printed.clone();
        let (minikube, arguments) = (self.0.clone(), called.arguments.clone());
        tokio::spawn(async move {
            let print = move |stream, line| {
                let line = match stream {
                    Stream::Out => Printed::Out(line),
                    Stream::Err => Printed::Err(line),
                };
                let _ = printed.send(line);
            };
            let code = tokio::select! {
                code = minikube.call(&arguments, Box::new(print)) => Some(code),
                // Asked to end; or abandoned with a run that was killed, and killed with it.
                asked = stopped => asked.ok().map(|()| 130),
            };
            if let Some(code) = code {
                let _ = ended.send(code);
            }
            drop(last);
        });
        Some(Playing { lines, code, stop: Some(stop) })
    }

    fn real_time(&self, _program: &Path) -> Box<dyn Send> {
        Box::new(self.0.real_time())
    }
}
