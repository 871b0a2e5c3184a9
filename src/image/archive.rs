//! The files of a container, through the engine's archive API: inspected, read, written and removed.
//!
//! It needs no program in the container except `rm`, and no privileges of its user. Measured with Docker 28: 2 ms for
//! a file. Written files have the owner and mode of the plan; `copyUIDGID` would replace them by the container's
//! user.

mod not_written;
pub mod pack;

use crate::image::engine::Engine;
use crate::image::sync::Plan;
use crate::image::sync::facts::Accounts;
use crate::image::sync::facts::BaseConfig;
use crate::image::sync::facts::PathKind;
use crate::image::sync::process::Process;
use crate::project::Signal;
use bollard::errors::Error;
use bollard::models::ContainerConfig;
use bollard::models::ContainerCreateBody;
use bollard::models::ExecConfig;
use bollard::models::ImageConfig;
use bollard::query_parameters::ContainerArchiveInfoOptionsBuilder;
use bollard::query_parameters::DownloadFromContainerOptionsBuilder;
use bollard::query_parameters::InspectContainerOptions;
use bollard::query_parameters::KillContainerOptionsBuilder;
use bollard::query_parameters::RemoveContainerOptionsBuilder;
use bollard::query_parameters::TopOptions;
use bollard::query_parameters::UploadToContainerOptionsBuilder;
use futures::StreamExt;
use hyper::body::Bytes;
use pack::by_parent;
use pack::pack;
use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::io::Read;
use std::path::Path;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::time::Duration;
use std::time::SystemTime;

pub use not_written::NotWritten;

/// The most that is read out of a container at once.
const MOST: usize = 1 << 20;
/// The time limit for `rm`, and the interval for checking whether it has ended.
const REMOVAL: Duration = Duration::from_secs(10);
const POLL: Duration = Duration::from_millis(10);
/// Arguments of one `rm`.
const AT_ONCE: usize = 200;

/// Go's `os.ModeDir` and `os.ModeSymlink`.
const DIRECTORY: u32 = 1 << 31;
const SYMLINK: u32 = 1 << 27;

/// The time of the last file that was sent. Each file is later than all before it, by a millisecond or more, because
/// programs that watch by time check whether it is later than before, and web servers derive their `ETag` from it.
#[derive(Debug, Default)]
pub struct Stamps(AtomicU64);

impl Stamps {
    /// The time of the next file.
    pub fn next(&self) -> Duration {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        // Nanoseconds since 1970 fit until 2554.
        let now = u64::try_from(now.as_nanos()).unwrap_or(u64::MAX);
        let later = |last: u64| now.max(last.saturating_add(1_000_000));
        let last = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |last| Some(later(last)));
        Duration::from_nanos(later(last.unwrap_or_default()))
    }
}

/// A container and its engine.
#[derive(Debug, Clone, Copy)]
pub struct Container<'a> {
    /// The engine that runs it.
    pub engine: &'a Engine,
    /// Its ID.
    pub id: &'a str,
}

/// The properties that decide whether files can be written into a container, and what its process does with them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Observed {
    /// Where something is mounted.
    pub mounts: Vec<String>,
    /// Whether its root file system is read-only.
    pub read_only: bool,
    /// The process that it runs.
    pub process: Process,
    /// The user and the group that files are written by, if these are not allowed to give files to others.
    pub user: Option<(u32, u32)>,
}

impl Observed {
    /// Whether a plan can be carried out here.
    pub fn check(&self, plan: &Plan) -> Result<(), NotWritten> {
        let written = plan.writes.iter().map(|write| write.destination.as_str());
        for path in written.chain(plan.deletions.iter().map(String::as_str)) {
            if let Some(mount) = self.mounts.iter().find(|mount| is_in(path, mount)) {
                return Err(NotWritten::Mounted { path: path.to_owned(), mount: mount.clone() });
            }
        }
        if self.read_only {
            return Err(NotWritten::ReadOnly);
        }
        let Some((uid, gid)) = self.user else { return Ok(()) };
        match plan.writes.iter().find(|write| (write.uid, write.gid) != (uid, gid)) {
            Some(write) => Err(NotWritten::Owner {
                path: write.destination.clone(),
                owner: (write.uid, write.gid),
                user: (uid, gid),
            }),
            None => Ok(()),
        }
    }
}

fn is_in(path: &str, directory: &str) -> bool {
    let rest = path.strip_prefix(directory.trim_end_matches('/'));
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

impl Container<'_> {
    /// Looks at its configuration, and reads the scripts of a `package.json` in its working directory.
    pub async fn observe(&self) -> Result<Observed, NotWritten> {
        let found = self.engine.client.inspect_container(self.id, None::<InspectContainerOptions>).await?;
        let host = found.host_config.unwrap_or_default();
        let mounts = found.mounts.unwrap_or_default().into_iter().filter_map(|mount| mount.destination);
        let tmpfs = host.tmpfs.unwrap_or_default().into_keys();
        let mut process = process(found.config.unwrap_or_default());
        let package = format!("{}/package.json", process.working_dir.trim_end_matches('/'));
        if let Some(text) = self.read(&package).await? {
            process.scripts = scripts(&text);
        }
        Ok(Observed {
            mounts: mounts.chain(tmpfs).collect(),
            read_only: host.readonly_rootfs.unwrap_or_default(),
            process,
            user: None,
        })
    }

    /// The type of the file at a path, itself if it is a link.
    pub async fn kind(&self, path: &str) -> Result<PathKind, NotWritten> {
        let options = ContainerArchiveInfoOptionsBuilder::new().path(path).build();
        match self.engine.client.get_container_archive_info(self.id, Some(options)).await {
            Ok(found) if found.file_mode & SYMLINK != 0 => Ok(PathKind::Link),
            Ok(found) if found.file_mode & DIRECTORY != 0 => Ok(PathKind::Directory),
            Ok(_) => Ok(PathKind::File),
            Err(Error::DockerResponseServerError { status_code: 404, .. }) => Ok(PathKind::Missing),
            Err(error) => Err(error.into()),
        }
    }

    /// A small file; `None` if it does not exist, is not a file, or is too large.
    pub async fn read(&self, path: &str) -> Result<Option<Vec<u8>>, NotWritten> {
        let options = DownloadFromContainerOptionsBuilder::new().path(path).build();
        let mut parts = Box::pin(self.engine.client.download_from_container(self.id, Some(options)));
        let mut archive = Vec::new();
        while let Some(part) = parts.next().await {
            match part {
                Ok(part) => archive.extend_from_slice(&part),
                Err(Error::DockerResponseServerError { status_code: 404, .. }) => return Ok(None),
                Err(error) => return Err(error.into()),
            }
            if archive.len() > MOST {
                return Ok(None);
            }
        }
        Ok(first_file(&archive))
    }

    /// Its users and groups.
    pub async fn accounts(&self) -> Result<Accounts, NotWritten> {
        let passwd = self.read("/etc/passwd").await?.unwrap_or_default();
        let group = self.read("/etc/group").await?.unwrap_or_default();
        Ok(Accounts::parse(&String::from_utf8_lossy(&passwd), &String::from_utf8_lossy(&group)))
    }

    /// Writes and removes the files of the plan; `root` is the context's directory.
    pub async fn apply(&self, root: &Path, plan: &Plan, stamps: &Stamps) -> Result<(), NotWritten> {
        for (parent, writes) in by_parent(&plan.writes) {
            let sent = self.send(pack(root, &writes, parent, stamps.next())?, parent).await;
            match sent {
                // The directory is missing, or the container. Missing parent directories are created during
                // extraction, owned by root.
                Err(NotWritten::Gone) => self.send(pack(root, &writes, "/", stamps.next())?, "/").await?,
                sent => sent?,
            }
        }
        for some in plan.deletions.chunks(AT_ONCE) {
            self.remove(some).await?;
        }
        Ok(())
    }

    /// Unpacks an archive in a directory.
    async fn send(&self, archive: Vec<u8>, directory: &str) -> Result<(), NotWritten> {
        let options = UploadToContainerOptionsBuilder::new().path(directory).build();
        let body = bollard::body_full(Bytes::from(archive));
        Ok(self.engine.client.upload_to_container(self.id, Some(options), body).await?)
    }

    /// Sends a signal to process 1.
    pub async fn signal(&self, signal: Signal) -> Result<(), NotWritten> {
        let name = format!("SIG{}", signal.name());
        let options = KillContainerOptionsBuilder::new().signal(&name).build();
        Ok(self.engine.client.kill_container(self.id, Some(options)).await?)
    }

    /// The IDs of its processes.
    pub async fn processes(&self) -> Result<BTreeSet<String>, NotWritten> {
        let found = self.engine.client.top_processes(self.id, None::<TopOptions>).await?;
        let column = found.titles.unwrap_or_default().iter().position(|title| title == "PID");
        let rows = found.processes.unwrap_or_default();
        Ok(column
            .into_iter()
            .flat_map(|at| rows.iter().filter_map(move |row| row.get(at)))
            .cloned()
            .collect())
    }

    /// Removes paths: by `rm` in the container, because the archive API cannot.
    async fn remove(&self, paths: &[String]) -> Result<(), NotWritten> {
        let words = ["rm", "-rf", "--"].map(str::to_owned).into_iter().chain(paths.iter().cloned());
        match self.exec(words.collect(), REMOVAL).await {
            Ok(Some(0)) => Ok(()),
            Ok(_) => Err(NotWritten::NotRemoved),
            Err(error) => Err(error),
        }
    }

    /// Runs a program in the container as root. Returns the exit code; `None` if there is none after `limit`.
    async fn exec(&self, words: Vec<String>, limit: Duration) -> Result<Option<i64>, NotWritten> {
        let config = ExecConfig {
            cmd: Some(words),
            user: Some("0:0".to_owned()),
            attach_stdout: Some(false),
            attach_stderr: Some(false),
            ..ExecConfig::default()
        };
        let exec = self.engine.client.create_exec(self.id, config).await?.id;
        let detached = bollard::exec::StartExecOptions { detach: true, ..Default::default() };
        // The engine answers with an error if there is no such program.
        if self.engine.client.start_exec(&exec, Some(detached)).await.is_err() {
            return Ok(Some(127));
        }
        let ended = async {
            loop {
                let state = self.engine.client.inspect_exec(&exec).await?;
                match (state.running, state.exit_code) {
                    (Some(false), Some(code)) => return Ok(code),
                    _ => tokio::time::sleep(POLL).await,
                }
            }
        };
        tokio::time::timeout(limit, ended).await.ok().transpose()
    }
}

/// The parts of an image's configuration that affect images based on it; `None` if the engine does not have it.
pub async fn base_config(engine: &Engine, reference: &str) -> Result<Option<BaseConfig>, Error> {
    let config = match engine.client.inspect_image(reference).await {
        Ok(image) => image.config.unwrap_or_default(),
        Err(Error::DockerResponseServerError { status_code: 404, .. }) => return Ok(None),
        Err(error) => return Err(error),
    };
    let ImageConfig { working_dir, env, volumes, on_build, .. } = config;
    Ok(Some(BaseConfig {
        working_dir: working_dir.unwrap_or_default(),
        env: variables(env),
        volumes: volumes.unwrap_or_default().into_iter().collect(),
        has_triggers: on_build.is_some_and(|triggers| !triggers.is_empty()),
    }))
}

/// The default process of an image's container, and the image's volumes; `None` if the engine does not have the
/// image.
pub async fn image_process(
    engine: &Engine,
    reference: &str,
) -> Result<Option<(Process, Vec<String>)>, NotWritten> {
    let config = match engine.client.inspect_image(reference).await {
        Ok(image) => image.config.unwrap_or_default(),
        Err(Error::DockerResponseServerError { status_code: 404, .. }) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let ImageConfig { working_dir, env, volumes, entrypoint, cmd, .. } = config;
    let process =
        process(ContainerConfig { working_dir, env, entrypoint, cmd, ..ContainerConfig::default() });
    Ok(Some((process, volumes.unwrap_or_default().into_iter().collect())))
}

/// Which of the paths an image has: read from a container of it that is never started, and then removed.
pub async fn paths_of_image(
    engine: &Engine,
    image: &str,
    paths: &[String],
) -> Result<BTreeMap<String, bool>, NotWritten> {
    let body = ContainerCreateBody {
        image: Some(image.to_owned()),
        cmd: Some(vec!["true".to_owned()]),
        ..ContainerCreateBody::default()
    };
    let created = engine.client.create_container(None, body).await?;
    let container = Container { engine, id: &created.id };
    let mut found = Ok(BTreeMap::new());
    for path in paths {
        match (container.kind(path).await, &mut found) {
            (Ok(kind), Ok(found)) => drop(found.insert(path.clone(), kind != PathKind::Missing)),
            (Err(error), _) => {
                found = Err(error);
                break;
            }
            (Ok(_), Err(_)) => {}
        }
    }
    let options = RemoveContainerOptionsBuilder::new().v(true).build();
    engine.client.remove_container(&created.id, Some(options)).await?;
    found
}

fn process(config: ContainerConfig) -> Process {
    Process {
        entrypoint: config.entrypoint.unwrap_or_default(),
        arguments: config.cmd.unwrap_or_default(),
        env: variables(config.env),
        working_dir: config.working_dir.filter(|path| !path.is_empty()).unwrap_or_else(|| "/".to_owned()),
        scripts: BTreeMap::new(),
    }
}

fn variables(env: Option<Vec<String>>) -> BTreeMap<String, String> {
    let split = |line: String| line.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned()));
    env.unwrap_or_default().into_iter().filter_map(split).collect()
}

/// The scripts of a `package.json`.
pub fn scripts(package: &[u8]) -> BTreeMap<String, String> {
    let package: serde_json::Value = serde_json::from_slice(package).unwrap_or_default();
    let scripts = package["scripts"].as_object().cloned().unwrap_or_default();
    let text = |(name, script): (String, serde_json::Value)| Some((name, script.as_str()?.to_owned()));
    scripts.into_iter().filter_map(text).collect()
}

/// The content of the first entry of an archive, if it is a file.
fn first_file(archive: &[u8]) -> Option<Vec<u8>> {
    let mut archive = tar::Archive::new(archive);
    let mut entry = archive.entries().ok()?.next()?.ok()?;
    let mut content = Vec::new();
    let is_file = entry.header().entry_type().is_file();
    entry.read_to_end(&mut content).ok().filter(|_| is_file)?;
    Some(content)
}

#[cfg(test)]
mod tests;
