//! The files of the image's program that a mount would hide, if the Dockerfile shows their place.

use crate::Dockerfile;
use crate::Instruction;

/// What the target has, of all stages that it starts from.
#[derive(Default)]
struct Layout {
    folder: Option<String>,
    /// Where a COPY puts something, and its line.
    copied: Vec<(String, usize)>,
    entrypoint: Vec<String>,
    command: Vec<String>,
}

impl Dockerfile {
    /// The path of the program that a volume at `mount` hides, and the line that puts it there. `command` is what a pod
    /// starts instead of the image's own.
    #[must_use]
    pub fn hidden_by(&self, mount: &str, command: &[&str]) -> Option<(String, usize)> {
        let layout = self.layout();
        let own = layout.entrypoint.iter().chain(&layout.command).map(String::as_str);
        let words: Vec<&str> = if command.is_empty() { own.collect() } else { command.to_vec() };
        let copied = |path: &str| layout.copied.iter().rfind(|(to, _)| covers(to, path));
        let paths = words.iter().filter(|word| word.contains(['/', '.']) && !word.starts_with('-'));
        let programs: Vec<(String, usize)> = paths
            .filter_map(|word| {
                let path = absolute(layout.folder.as_deref(), word)?;
                let line = copied(&path)?.1;
                Some((path, line))
            })
            .collect();
        if programs.is_empty() {
            let folder = layout.folder.as_ref()?;
            let (_, line) = layout.copied.iter().find(|(to, _)| covers(folder, to))?;
            return covers(mount, folder).then(|| (folder.clone(), *line));
        }
        programs.into_iter().find(|(path, _)| covers(mount, path))
    }

    fn layout(&self) -> Layout {
        let mut chain = Vec::new();
        let mut stage = self.stages.get(self.target);
        while let Some(at) = stage {
            chain.push(at);
            stage = at.parent.and_then(|parent| self.stages.get(parent));
        }
        let mut layout = Layout::default();
        let bodies = chain.iter().rev().map(|stage| &self.instructions[stage.body.clone()]);
        bodies.flatten().for_each(|instruction| layout.read(instruction));
        layout
    }
}

impl Layout {
    fn read(&mut self, instruction: &Instruction) {
        match instruction.keyword.as_str() {
            "WORKDIR" => self.folder = absolute(self.folder.as_deref(), instruction.rest.trim()),
            "COPY" | "ADD" => {
                let to = instruction.list().pop();
                let to = to.and_then(|to| absolute(self.folder.as_deref(), &to));
                self.copied.extend(to.map(|to| (to, instruction.first)));
            }
            "ENTRYPOINT" => {
                self.entrypoint = instruction.list();
                self.command.clear();
            }
            "CMD" => self.command = instruction.list(),
            _ => {}
        }
    }
}

/// A path of the image; `None` where it depends on a variable or on what the base has set.
fn absolute(folder: Option<&str>, path: &str) -> Option<String> {
    if path.contains('$') {
        return None;
    }
    let whole = if path.starts_with('/') { path.to_owned() } else { format!("{}/{path}", folder?) };
    let parts = whole.split('/').filter(|part| !part.is_empty() && *part != ".");
    Some(format!("/{}", parts.collect::<Vec<_>>().join("/")))
}

/// Whether `path` is `folder` or inside of it.
fn covers(folder: &str, path: &str) -> bool {
    let folder = folder.trim_end_matches('/');
    path.strip_prefix(folder).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}
