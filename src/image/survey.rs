//! Every image of a project from its files, before any engine is queried.
//!
//! Neither builds nor reads existing images: Dockerfiles are parsed, contexts hashed, and all problems with any of
//! them are reported at once. Blocking: it reads files, in threads of its own.

pub(in crate::image) mod findings;

use crate::event::Code;
use crate::event::Finding;
use crate::event::Severity;
use crate::fault::FaultKind;
use crate::fault::Result;
use crate::file;
use crate::image::context::names;
use crate::image::context::walk;
use crate::image::graph;
use crate::image::graph::needed;
use crate::image::stat_cache::StatCache;
use crate::image::surveyed::Surveyed;
use crate::image::warn::warnings;
use crate::project::BuildSecret;
use crate::project::Image;
use crate::project::Project;
use crate::project::name::ImageName;
use crate::relative::relative;
use crate::replace::private_folder;
use crate::run::Run;
use dockerfile::Ask;
use dockerfile::Dockerfile;
use dockerfile::ignore::Ignore;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::path::PathBuf;
use std::thread;

/// The files that are read for one image, whether or not they can be read now.
#[derive(Debug)]
pub struct ImageInputs {
    /// Its context.
    pub context: PathBuf,
    /// The ignore rules of the context; empty, if they cannot be read.
    pub ignore: Ignore,
    /// Files that decide, wherever they are: the Dockerfile, the ignore files, build secrets. Not all of them exist.
    pub files: Vec<PathBuf>,
}

/// The files that [`survey`] reads for an image.
#[must_use]
pub fn inputs(image: &Image) -> ImageInputs {
    let (dockerfile, _) = find_dockerfile(image);
    let secrets = image.secrets.values().filter_map(|secret| match secret {
        BuildSecret::File(path) => Some(path.clone()),
        BuildSecret::Env(_) => None,
    });
    let rules = [ignore_beside(&dockerfile), image.context.join(IGNORE)];
    let (_, ignore) = find_ignore(image, &dockerfile);
    ImageInputs {
        context: image.context.clone(),
        ignore: ignore.unwrap_or_default(),
        files: secrets.chain(rules).chain([image.dockerfile.clone(), dockerfile]).collect(),
    }
}

/// How many images are read at the same time; each is read by several threads.
const AT_ONCE: usize = 4;

/// Reads every image of the project. A fault has the findings of all of them.
pub fn survey(run: &Run, project: &Project) -> Result<Vec<Surveyed>> {
    read_all(run, project, Reading::Contents)
}

/// Likewise without opening the files of the contexts, which is enough to find what is wrong. The hashes mean nothing.
pub fn survey_names(run: &Run, project: &Project) -> Result<Vec<Surveyed>> {
    read_all(run, project, Reading::Names)
}

/// What is read of the files of a context.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reading {
    Contents,
    Names,
}

fn read_all(run: &Run, project: &Project, reading: Reading) -> Result<Vec<Surveyed>> {
    let (mut surveyed, mut wrong) = (Vec::new(), findings::same_names(&project.images));
    for some in project.images.chunks(AT_ONCE) {
        let Some((last, others)) = some.split_last() else { continue };
        let all: Vec<ReadImage> = thread::scope(|scope| {
            let threads: Vec<_> =
                others.iter().map(|image| scope.spawn(|| read_image(run, project, image, reading))).collect();
            let last = read_image(run, project, last, reading);
            let joined = threads.into_iter().map(|thread| match thread.join() {
                Ok(read) => read,
                Err(panic) => std::panic::resume_unwind(panic),
            });
            joined.chain([last]).collect()
        });
        if let Some(fault) = run.stopped() {
            return Err(fault);
        }
        for ReadImage { image, findings } in all {
            surveyed.extend(image);
            wrong.extend(findings);
        }
    }
    wrong.extend(graph::cycle(&surveyed));
    if wrong.is_empty() {
        return Ok(surveyed);
    }
    let images: BTreeSet<&str> = wrong.iter().filter_map(|finding| finding.subject.as_deref()).collect();
    let message = match images.iter().next() {
        Some(only) if images.len() == 1 => format!("{only} has errors"),
        _ => format!("{} images have errors", images.len()),
    };
    // Warnings would obscure the errors that end the run.
    Err(Code::ProjectInvalid.fault(FaultKind::Usage, message).findings(wrong))
}

/// The result of one image: either it was read, or there are findings.
struct ReadImage {
    image: Option<Surveyed>,
    findings: Vec<Finding>,
}

/// The files of an image other than its context.
struct Rules {
    path: PathBuf,
    dockerfile: Option<Dockerfile>,
    is_understood: bool,
    ignore_path: PathBuf,
    ignore: Option<Ignore>,
    context_is_there: bool,
    wrong: Vec<Finding>,
}

fn rules(run: &Run, project: &Project, image: &Image) -> Rules {
    let mut wrong = findings::missing_build_secrets(image, &run.world);
    let shown = |path: &Path| relative(&project.root, path);
    let context = fs::metadata(&image.context);
    let context_is_there = context.as_ref().is_ok_and(fs::Metadata::is_dir);
    if !context_is_there {
        wrong.push(findings::no_context(image, &shown(&image.context), context.err()));
    }

    let (path, text) = find_dockerfile(image);
    let mut is_understood = true;
    let dockerfile = match text {
        // The finding about the missing context is enough.
        Err(_) if !context_is_there && path.starts_with(&image.context) => None,
        Err(error) => {
            wrong.push(findings::no_dockerfile(image, &path, &shown(&path), &error));
            None
        }
        Ok(text) => {
            let platform = image.platform.clone().unwrap_or_else(host_platform);
            let ask = Ask { target: image.target.as_deref(), args: &image.args, platform: &platform };
            let (read, mistakes) = Dockerfile::parse_lenient(path.clone(), text, ask);
            is_understood = mistakes.is_empty();
            wrong.extend(findings::dockerfile(&shown(&path), mistakes));
            Some(read)
        }
    };

    let (ignore_path, ignore) = find_ignore(image, &path);
    let ignore = ignore.map_err(|bad| wrong.extend(findings::ignore(&shown(&ignore_path), bad))).ok();
    Rules { path, dockerfile, is_understood, ignore_path, ignore, context_is_there, wrong }
}

fn read_image(run: &Run, project: &Project, image: &Image, reading: Reading) -> ReadImage {
    let shown = |path: &Path| relative(&project.root, path);
    let Rules { path, dockerfile, is_understood, ignore_path, ignore, context_is_there, mut wrong } =
        rules(run, project, image);
    let mut warned = Vec::new();
    let context = ignore.as_ref().filter(|_| context_is_there).map(|ignore| {
        let stop = || run.stopped().is_some();
        let walked = if reading == Reading::Names {
            names(&image.context, ignore, &stop)
        } else {
            let folder = run.world.cache_folder();
            // Names and hashes of a context are private; without the directory nothing is remembered.
            let _ = folder.as_deref().map(private_folder);
            let cache = StatCache::open(folder.as_deref(), &image.context, ignore);
            walk(&image.context, ignore, &cache, &stop)
        };
        let problems = findings::problems(image, &shown(&ignore_path), &walked.problems);
        let (errors, warnings) = problems.into_iter().partition(|found| found.severity == Severity::Error);
        wrong.extend::<Vec<Finding>>(errors);
        warned = warnings;
        walked.context
    });

    let mut surveyed = None;
    if let (Some(context), Some(dockerfile), Some(ignore)) = (context, dockerfile, ignore) {
        let names: Vec<&ImageName> = project.images.iter().map(|image| &image.name).collect();
        let bases = dockerfile.bases.iter();
        let needs = bases.filter_map(|base| needed(&base.reference, &image.name, names.iter().copied()));
        let needs: BTreeSet<ImageName> = needs.cloned().collect();
        let mut image = Surveyed {
            image: image.clone(),
            context,
            dockerfile,
            needs: needs.into_iter().collect(),
            ignore,
            ignore_path: shown(&ignore_path),
            dockerfile_path: shown(&path),
            warnings: Vec::new(),
        };
        wrong.extend(findings::missing_sources(&image, &project.root));
        wrong.extend(findings::required_secrets(&image));
        wrong.extend(findings::required_agents(&image));
        if is_understood {
            warned.extend(warnings(&image));
        }
        if project.elsewhere.is_none() {
            warned.extend(findings::other_platform(&image.image, &host_platform()));
        }
        let subject = image.subject();
        image.warnings = warned.into_iter().map(|finding| finding.about(&subject)).collect();
        surveyed = Some(image);
    }
    let subject = format!("image {}", image.name);
    ReadImage {
        image: surveyed,
        findings: wrong.into_iter().map(|finding| finding.about(&subject)).collect(),
    }
}

/// Where the Dockerfile is, and its text; `dockerfile` in lower case will do, as with BuildKit.
fn find_dockerfile(image: &Image) -> (PathBuf, std::io::Result<Vec<u8>>) {
    let text = file::read_utf8(&image.dockerfile, file::TEXT);
    let default = image.dockerfile.file_name().is_some_and(|name| name == "Dockerfile");
    if default && text.as_ref().is_err_and(|error| error.kind() == std::io::ErrorKind::NotFound) {
        let small = image.dockerfile.with_file_name("dockerfile");
        if let Ok(text) = file::read_utf8(&small, file::TEXT) {
            return (small, Ok(text));
        }
    }
    (image.dockerfile.clone(), text)
}

/// The ignore file of a context.
const IGNORE: &str = ".dockerignore";

/// The ignore file of one Dockerfile.
fn ignore_beside(dockerfile: &Path) -> PathBuf {
    let mut beside = dockerfile.as_os_str().to_owned();
    beside.push(IGNORE);
    beside.into()
}

/// The rules next to the Dockerfile replace those of the context.
fn find_ignore(
    image: &Image,
    dockerfile: &Path,
) -> (PathBuf, std::result::Result<Ignore, findings::BadIgnore>) {
    let beside = ignore_beside(dockerfile);
    let path = if beside.is_file() { beside } else { image.context.join(IGNORE) };
    let ignore = match file::read_utf8(&path, file::TEXT) {
        Ok(text) => Ignore::parse(&text).map_err(findings::BadIgnore::Rules),
        // BuildKit reads no rules from a directory of that name, or from a missing file.
        Err(error) if error.kind() != std::io::ErrorKind::InvalidInput && !path.is_file() => {
            Ok(Ignore::default())
        }
        Err(error) => Err(findings::BadIgnore::Unreadable(error)),
    };
    (path, ignore)
}

/// The platform of an engine on this machine, which is where minikube's node is.
fn host_platform() -> String {
    let arch = match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    };
    format!("linux/{arch}")
}

#[cfg(test)]
pub(crate) mod tests;
