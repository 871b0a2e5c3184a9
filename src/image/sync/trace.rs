//! Where a file of the context ends up in the image, followed through the instructions; and which rule that breaks.

use crate::image::sync::FileWrite;
use crate::image::sync::WriteKind;
use crate::image::sync::copy::Copy;
use crate::image::sync::copy::Origin;
use crate::image::sync::copy::Taken;
use crate::image::sync::copy::Writes;
use crate::image::sync::copy::below;
use crate::image::sync::copy::is_in;
use crate::image::sync::copy::is_wild;
use crate::image::sync::copy::taken;
use crate::image::sync::facts::Accounts;
use crate::image::sync::facts::PathKind;
use crate::image::sync::facts::Question;
use crate::image::sync::facts::SyncFacts;
use crate::image::sync::facts::is_numeric;
use crate::image::sync::layout::Layout;
use crate::image::sync::layout::Stage;
use crate::image::sync::layout::Step;
use crate::image::sync::reason::InstructionLine;
use crate::image::sync::reason::Reason;
use crate::image::sync::stop::Stop;
use dockerfile::context::Context;
use dockerfile::context::EntryKind;

/// The inputs of following files through the stages.
pub(super) struct Tracer<'a> {
    pub(super) layout: &'a Layout,
    /// The context as it is now.
    pub(super) context: &'a Context,
    pub(super) facts: &'a SyncFacts,
    /// Whether a `RUN` after the `COPY` does not matter, because a command is run in its place.
    pub(super) past_runs: bool,
}

/// A file in a stage.
#[derive(Debug, Clone)]
struct Placed {
    path: String,
    copy: InstructionLine,
    owner: (u32, u32),
    /// Of `--chmod`.
    mode: Option<u32>,
    /// Whether it was copied straight from the context, as part of a directory.
    direct: bool,
}

/// A `COPY` in its stage.
#[derive(Clone, Copy)]
struct Here<'a> {
    copy: &'a Copy,
    stage: &'a Stage,
    /// The stage's.
    index: usize,
    /// The steps before it in the stage.
    before: &'a [Step],
}

/// Directories that container runtimes mount over a container's own files.
const RUNTIME: [&str; 7] = [
    "/proc",
    "/sys",
    "/dev",
    "/etc/hosts",
    "/etc/hostname",
    "/etc/resolv.conf",
    "/var/run/secrets/kubernetes.io",
];

impl Tracer<'_> {
    /// The files that result from a new or changed entry of the context; none if no instruction leaves it in the
    /// image.
    pub(super) fn written(&self, path: &str, entry: &EntryKind) -> Result<Vec<FileWrite>, Stop> {
        let is_folder = matches!(entry, EntryKind::Folder);
        let placed = self.places(self.layout.target, path, is_folder)?;
        let mut writes = Vec::new();
        for Placed { path: destination, owner, mode, .. } in placed {
            check_destination(&destination, self.layout.volumes())?;
            writes.push(write(path, destination, entry, owner, mode));
        }
        Ok(writes)
    }

    /// The paths to remove because an entry of the context was deleted.
    pub(super) fn removed(&self, path: &str) -> Result<Vec<String>, Stop> {
        let placed = self.places(self.layout.target, path, false)?;
        let Some(stage) = self.stage(self.layout.target) else { return Ok(Vec::new()) };
        for Placed { path: destination, direct, copy, .. } in &placed {
            check_destination(destination, self.layout.volumes())?;
            if !direct {
                return Err(Reason::SourceGone(copy.clone()).into());
            }
            for step in &stage.steps {
                let uncovers = match step {
                    Step::Run { .. } => !self.past_runs,
                    Step::Directory(there) => is_in(there, destination),
                    Step::Copy(copy) => {
                        is_in(&copy.destination, destination)
                            || copy.writes(destination, self.context) != Writes::No
                    }
                };
                if uncovers {
                    return Err(Reason::Below(destination.clone()).into());
                }
            }
            if let Some(base) = &stage.base {
                match self.facts.below.get(destination) {
                    Some(false) => {}
                    Some(true) => return Err(Reason::Below(destination.clone()).into()),
                    None => {
                        return Err(Stop::Ask(vec![Question::Below {
                            base: base.clone(),
                            path: destination.clone(),
                        }]));
                    }
                }
            }
        }
        Ok(placed.into_iter().map(|placed| placed.path).collect())
    }

    fn stage(&self, index: usize) -> Option<&Stage> {
        self.layout.stages.get(index)?.as_ref()
    }

    /// Where a path of the context is in a stage, after its last instruction.
    fn places(&self, index: usize, path: &str, is_folder: bool) -> Result<Vec<Placed>, Stop> {
        let Some(stage) = self.stage(index) else { return Ok(Vec::new()) };
        // In the target stage, and in stages without a base, equal names are equal paths.
        let exact = index == self.layout.target || stage.base.is_none();
        let mut live: Vec<Placed> = Vec::new();
        for (number, step) in stage.steps.iter().enumerate() {
            match step {
                Step::Directory(_) => {}
                Step::Run { .. } if self.past_runs => {}
                Step::Run { at, binds } => {
                    if let Some(placed) = live.first() {
                        return Err(Reason::RunFollows { copy: placed.copy.clone(), run: at.clone() }.into());
                    }
                    for bind in binds {
                        let mounts = match bind.origin {
                            Origin::Context => {
                                taken(&bind.source, path).is_some() || is_in(&bind.source, path)
                            }
                            Origin::Stage(other) => !self.places(other, path, is_folder)?.is_empty(),
                            Origin::Outside => false,
                        };
                        if mounts {
                            return Err(Reason::Mounted(at.clone()).into());
                        }
                    }
                }
                Step::Copy(copy) => {
                    let here = Here { copy, stage, index, before: &stage.steps[..number] };
                    let landed = match copy.origin {
                        Origin::Context => self.landed_from_context(here, path, is_folder)?,
                        Origin::Stage(other) => {
                            let there = self.places(other, path, is_folder)?;
                            let exact = self.stage(other).is_some_and(|other| other.base.is_none());
                            self.landed_from_stage(here, there, exact)?
                        }
                        Origin::Outside => Vec::new(),
                    };
                    if index == self.layout.target && !live.is_empty() {
                        self.check_links(copy, &below(&copy.destination, ""))?;
                    }
                    let hidden = self.hide(&mut live, &landed, copy, exact, is_folder);
                    hidden.map_err(|reason| self.surest(reason, &stage.steps[number..]))?;
                    live.extend(landed);
                }
            }
        }
        Ok(live)
    }

    /// A later `RUN` is a better reason than an instruction that may only replace the file.
    fn surest(&self, reason: Reason, later: &[Step]) -> Reason {
        let run = later.iter().find_map(|step| match step {
            Step::Run { at, .. } if !self.past_runs => Some(at.clone()),
            _ => None,
        });
        match (reason, run) {
            (Reason::Overwritten { copy, .. }, Some(run)) => Reason::RunFollows { copy, run },
            (reason, _) => reason,
        }
    }

    /// Removes the places that a later instruction overwrites.
    fn hide(
        &self,
        live: &mut Vec<Placed>,
        landed: &[Placed],
        by: &Copy,
        exact: bool,
        is_folder: bool,
    ) -> Result<(), Reason> {
        live.retain(|placed| landed.iter().all(|new| new.path != placed.path));
        if is_folder {
            return Ok(());
        }
        let mut kept = Vec::new();
        for placed in live.drain(..) {
            let writes = if exact { by.writes(&placed.path, self.context) } else { Writes::Maybe };
            match writes {
                Writes::No => kept.push(placed),
                Writes::Yes => {}
                Writes::Maybe => {
                    return Err(Reason::Overwritten { copy: placed.copy, by: by.at.clone() });
                }
            }
        }
        *live = kept;
        Ok(())
    }

    fn landed_from_context(&self, here: Here<'_>, path: &str, is_folder: bool) -> Result<Vec<Placed>, Stop> {
        let copy = here.copy;
        if copy.may_take_through_link(path, self.context) {
            return Err(Reason::SourceLink(copy.at.clone()).into());
        }
        let mut landed = Vec::new();
        for source in &copy.sources {
            let Some(taken) = taken(source, path) else { continue };
            check_flags(copy, source)?;
            let (destination, direct) = match taken {
                Taken::Below(rest) => (below(&copy.destination, rest), true),
                // The contents of the directory are copied, into an existing directory.
                Taken::Itself if is_folder => continue,
                Taken::Itself if copy.add => return Err(Reason::Add(copy.at.clone()).into()),
                Taken::Itself => (self.of_file(here, path)?, false),
            };
            landed.push(self.placed(here, destination, direct, None)?);
        }
        Ok(landed)
    }

    fn landed_from_stage(
        &self,
        here: Here<'_>,
        there: Vec<Placed>,
        exact: bool,
    ) -> Result<Vec<Placed>, Stop> {
        let copy = here.copy;
        let mut landed = Vec::new();
        for inner in there {
            let path = &inner.path[1..];
            let mut taken_by_none = true;
            for source in &copy.sources {
                let Some(taken) = taken(source, path) else { continue };
                taken_by_none = false;
                check_flags(copy, source)?;
                let destination = match taken {
                    Taken::Below(rest) => below(&copy.destination, rest),
                    Taken::Itself => self.of_file(here, path)?,
                };
                landed.push(self.placed(here, destination, false, Some(&inner))?);
            }
            // Without links no other path refers to it.
            if taken_by_none && !exact {
                return Err(Reason::ThroughStage(copy.at.clone()).into());
            }
        }
        Ok(landed)
    }

    /// Where a file lands that a source names itself: in the destination if that is a directory, else at it.
    fn of_file(&self, here: Here<'_>, path: &str) -> Result<String, Stop> {
        let Here { copy, stage, index, before } = here;
        let inside = below(&copy.destination, path.rsplit('/').next().unwrap_or(path));
        if copy.directory {
            return Ok(inside);
        }
        let one = matches!(&copy.sources[..], [source] if !is_wild(source)) && !copy.adds_others;
        if !one || copy.link {
            return Err(Reason::Destination(copy.at.clone()).into());
        }
        let made = |step: &Step| matches!(step, Step::Directory(there) if is_in(there, &copy.destination));
        if before.iter().any(made) {
            return Ok(inside);
        }
        if index != self.layout.target {
            return match stage.base {
                None if before.is_empty() => Ok(copy.destination.clone()),
                _ => Err(Reason::Destination(copy.at.clone()).into()),
            };
        }
        match self.facts.paths.get(&copy.destination) {
            None => Err(Stop::Ask(vec![Question::Path(copy.destination.clone())])),
            Some(PathKind::Directory) => Ok(inside),
            Some(PathKind::Link) => Err(Reason::Destination(copy.at.clone()).into()),
            Some(PathKind::File | PathKind::Missing) => Ok(copy.destination.clone()),
        }
    }

    fn placed(
        &self,
        here: Here<'_>,
        path: String,
        direct: bool,
        inner: Option<&Placed>,
    ) -> Result<Placed, Stop> {
        let Here { copy, index, .. } = here;
        if index == self.layout.target {
            self.check_links(copy, &path)?;
        }
        let owner = match &copy.owner {
            None => inner.map_or((0, 0), |inner| inner.owner),
            Some(spec) => self.owner(copy, index, spec)?,
        };
        let mode = match &copy.mode {
            None => inner.and_then(|inner| inner.mode),
            Some(text) => match u32::from_str_radix(text, 8) {
                Ok(mode) if mode <= 0o7777 => Some(mode),
                _ => return Err(Reason::Mode(copy.at.clone()).into()),
            },
        };
        Ok(Placed { path, copy: copy.at.clone(), owner, mode, direct })
    }

    /// Names are looked up in the stage at that point, whose files the container still has unless they were replaced.
    fn owner(&self, copy: &Copy, index: usize, spec: &str) -> Result<(u32, u32), Stop> {
        let not_known = || Stop::from(Reason::Owner(copy.at.clone()));
        if !is_numeric(spec) {
            let replaced = |step: &Step| match step {
                Step::Copy(copy) => ["/etc/passwd", "/etc/group"]
                    .iter()
                    .any(|file| copy.writes(file, self.context) != Writes::No),
                _ => false,
            };
            let stage = self.stage(index).ok_or_else(not_known)?;
            if index != self.layout.target || copy.link || stage.steps.iter().any(replaced) {
                return Err(not_known());
            }
            if self.facts.accounts.is_none() {
                return Err(Stop::Ask(vec![Question::Accounts]));
            }
        }
        let none = Accounts::default();
        self.facts.accounts.as_ref().unwrap_or(&none).owner(spec).ok_or_else(not_known)
    }

    /// With a link in its path, two names may refer to one path.
    fn check_links(&self, copy: &Copy, path: &str) -> Result<(), Stop> {
        let parents = path.match_indices('/').skip(1).map(|(end, _)| &path[..end]);
        let known = |parent: &&str| self.facts.paths.get(*parent).copied();
        if parents.clone().any(|parent| known(&parent) == Some(PathKind::Link)) {
            return Err(Reason::Destination(copy.at.clone()).into());
        }
        let asked: Vec<Question> = parents
            .filter(|parent| known(parent).is_none())
            .map(|parent| Question::Path(parent.to_owned()))
            .collect();
        if asked.is_empty() { Ok(()) } else { Err(Stop::Ask(asked)) }
    }
}

/// A path that a container does not have from its image.
pub(super) fn check_destination(path: &str, volumes: &[String]) -> Result<(), Reason> {
    let covers = |volume: &&str| is_in(path, volume);
    match volumes.iter().map(String::as_str).chain(RUNTIME).find(covers) {
        Some(volume) => Err(Reason::Volume { path: path.to_owned(), volume: volume.to_owned() }),
        None => Ok(()),
    }
}

/// An entry of the context as it is in the container. `mode` is that of `--chmod`.
pub(super) fn write(
    source: &str,
    destination: String,
    entry: &EntryKind,
    (uid, gid): (u32, u32),
    mode: Option<u32>,
) -> FileWrite {
    let (kind, own_mode) = match entry {
        EntryKind::Folder => (WriteKind::Directory, 0o755),
        EntryKind::Link { target } => (WriteKind::Link(target.clone()), 0o777),
        EntryKind::File { size, executable, hash, .. } => {
            (WriteKind::File { size: *size, hash: *hash }, if *executable { 0o755 } else { 0o644 })
        }
    };
    let forced = mode.filter(|_| !matches!(kind, WriteKind::Link(_)));
    let mode = forced.unwrap_or(own_mode);
    FileWrite { source: source.to_owned(), destination, uid, gid, mode, kind }
}

/// Whether the instruction's flags are understood.
fn check_flags(copy: &Copy, source: &str) -> Result<(), Reason> {
    if copy.unknown_flag || source.contains('\\') {
        return Err(Reason::NotUnderstood(copy.at.clone()));
    }
    Ok(())
}
