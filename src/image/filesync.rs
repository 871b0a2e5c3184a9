//! Files that the builder requests: BuildKit's FileSync, the sending side (`fsutil: send.go`).
//!
//! We send names, modes, sizes and times of everything; the engine compares them with the copy that it kept from the
//! last build, and requests the files that differ. It compares sizes and times only, so the nanoseconds of a file's
//! time are taken from its content: an edit that keeps size and time is still noticed, while the seconds stay real
//! for the build tools that read them.

use crate::image::stat;
use bollard_buildkit_proto::fsutil::types::Packet;
use bollard_buildkit_proto::fsutil::types::Stat;
use bollard_buildkit_proto::fsutil::types::packet::PacketType;
use bollard_buildkit_proto::moby::filesync::packet::file_sync_server::FileSync;
use dockerfile::context::Context;
use dockerfile::context::EntryKind;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Request;
use tonic::Response;
use tonic::Status;
use tonic::Streaming;
use tonic::metadata::MetadataMap;

/// The name under which the Dockerfile is sent, whatever it is called on disk.
pub const DOCKERFILE: &str = "Dockerfile";

/// Bytes of a file in one message.
const CHUNK: usize = 32 * 1024;

/// Go's `os.ModeDir` and `os.ModeSymlink`.
const DIRECTORY: u32 = 1 << 31;
const SYMLINK: u32 = 1 << 27;

/// 1980-01-01, the oldest time that zip files (and so Python wheels made in a build) can hold.
const FOLDER_SECONDS: i64 = 315_532_800;

/// The files that one build may read.
#[derive(Debug, Clone)]
pub struct Files {
    /// The Dockerfile, as the builder shall see it.
    pub dockerfile: Arc<Vec<u8>>,
    /// The context.
    pub context: Arc<Context>,
    /// Notes made while files are sent.
    pub notes: Arc<Notes>,
}

/// Notes made while files were sent, for the caller of the build.
#[derive(Debug, Default)]
pub struct Notes {
    sent: AtomicU64,
    changed: Mutex<Option<String>>,
}

impl Notes {
    /// Bytes of names and contents sent to the engine.
    pub fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    /// The file that has changed since the context was hashed, and how.
    pub fn changed(&self) -> Option<String> {
        self.changed.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn change(&self, what: String) {
        self.changed.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(what);
    }
}

/// Where the bytes of an entry are.
#[derive(Debug, Clone)]
enum Source {
    None,
    Memory(Arc<Vec<u8>>),
    Disk { root: Arc<Path>, path: String, size: u64, seconds: i64, hash: [u8; 32] },
}

#[tonic::async_trait]
impl FileSync for Files {
    type DiffCopyStream = ReceiverStream<Result<Packet, Status>>;
    type TarStreamStream = ReceiverStream<Result<Packet, Status>>;

    async fn diff_copy(
        &self,
        request: Request<Streaming<Packet>>,
    ) -> Result<Response<Self::DiffCopyStream>, Status> {
        let entries = match request.metadata().get("dir-name").and_then(|name| name.to_str().ok()) {
            Some("dockerfile") => self.dockerfile_entries(),
            Some("context") => self.context_entries(&followed(request.metadata())),
            _ => return Err(Status::not_found("no such directory")),
        };
        let (packets, stream) = mpsc::channel(16);
        tokio::spawn(converse(entries, request.into_inner(), packets, Arc::clone(&self.notes)));
        Ok(Response::new(ReceiverStream::new(stream)))
    }

    async fn tar_stream(
        &self,
        _: Request<Streaming<Packet>>,
    ) -> Result<Response<Self::TarStreamStream>, Status> {
        Err(Status::unimplemented("files go by DiffCopy"))
    }
}

impl Files {
    /// The Dockerfile, and its own ignore file: it takes precedence over the context's
    /// (`buildkit: frontend/dockerui/config.go`), whose rules are applied already.
    fn dockerfile_entries(&self) -> Vec<(Stat, Source)> {
        let nothing = Arc::new(b"# what is ignored is not sent\n".to_vec());
        [(DOCKERFILE.to_owned(), &self.dockerfile), (format!("{DOCKERFILE}.dockerignore"), &nothing)]
            .into_iter()
            .map(|(path, bytes)| {
                let stat = Stat {
                    path,
                    mode: 0o644,
                    size: signed(bytes.len() as u64),
                    // Used only for comparison, never stored: it is derived from the content alone.
                    mod_time: i64::from(u32::from_le_bytes(first(blake3::hash(bytes).as_bytes())))
                        * 1_000_003,
                    ..Stat::default()
                };
                (stat, Source::Memory(Arc::clone(bytes)))
            })
            .collect()
    }

    fn context_entries(&self, wanted: &Selection) -> Vec<(Stat, Source)> {
        let everything = Selection::All;
        let through_link =
            self.context.entries.iter().any(|entry| {
                matches!(entry.kind, EntryKind::Link { .. }) && wanted.leads_through(&entry.path)
            });
        let wanted = if through_link { &everything } else { wanted };
        let root: Arc<Path> = self.context.root.as_path().into();
        self.context
            .entries
            .iter()
            .filter(|entry| wanted.includes(&entry.path))
            .map(|entry| {
                let path = entry.path.clone();
                match &entry.kind {
                    EntryKind::Folder => {
                        let mod_time = FOLDER_SECONDS * 1_000_000_000;
                        (Stat { path, mode: DIRECTORY | 0o755, mod_time, ..Stat::default() }, Source::None)
                    }
                    EntryKind::Link { target } => {
                        let stat = Stat {
                            path,
                            mode: SYMLINK | 0o777,
                            size: signed(target.len() as u64),
                            mod_time: time(FOLDER_SECONDS, blake3::hash(target.as_bytes()).as_bytes()),
                            linkname: target.clone(),
                            ..Stat::default()
                        };
                        (stat, Source::None)
                    }
                    EntryKind::File { size, executable, hash, modified_secs } => {
                        let stat = Stat {
                            path: path.clone(),
                            mode: if *executable { 0o755 } else { 0o644 },
                            size: signed(*size),
                            mod_time: time(*modified_secs, hash),
                            ..Stat::default()
                        };
                        let (root, size, seconds, hash) = (Arc::clone(&root), *size, *modified_secs, *hash);
                        (stat, Source::Disk { root, path, size, seconds, hash })
                    }
                }
            })
            .collect()
    }
}

/// Which part of the context a request needs. Sending more than requested is always correct, only slower.
#[derive(Debug, PartialEq, Eq)]
enum Selection {
    All,
    Below(Vec<String>),
}

impl Selection {
    fn includes(&self, path: &str) -> bool {
        match self {
            Selection::All => true,
            Selection::Below(roots) => roots.iter().any(|root| is_below(path, root) || is_below(root, path)),
        }
    }

    /// Whether a requested path is this link or lies behind it, so that its target is needed as well.
    fn leads_through(&self, link: &str) -> bool {
        matches!(self, Selection::Below(roots) if roots.iter().any(|root| is_below(root, link)))
    }
}

fn is_below(path: &str, root: &str) -> bool {
    path.strip_prefix(root).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// The sources of the Dockerfile's COPY and ADD as the builder sends them, each up to its first wildcard.
fn followed(metadata: &MetadataMap) -> Selection {
    let mut roots = Vec::new();
    if metadata.contains_key("followpaths-encoded") {
        return Selection::All;
    }
    for value in &metadata.get_all("followpaths") {
        let Ok(path) = value.to_str() else { return Selection::All };
        let mut root: Vec<&str> = Vec::new();
        for part in path.split('/').filter(|part| !part.is_empty() && *part != ".") {
            if part.contains(['*', '?', '[', '\\']) {
                break;
            }
            if part == ".." {
                return Selection::All;
            }
            root.push(part);
        }
        if root.is_empty() {
            return Selection::All;
        }
        roots.push(root.join("/"));
    }
    if roots.is_empty() { Selection::All } else { Selection::Below(roots) }
}

/// One DiffCopy: all entries are sent, then the requested files, in the order of the requests.
async fn converse(
    entries: Vec<(Stat, Source)>,
    mut asked: Streaming<Packet>,
    packets: mpsc::Sender<Result<Packet, Status>>,
    notes: Arc<Notes>,
) {
    let (stats, sources): (Vec<Stat>, Vec<Source>) = entries.into_iter().unzip();
    let (wanted, queue) = mpsc::unbounded_channel();
    let reader = {
        let (packets, notes) = (packets.clone(), Arc::clone(&notes));
        tokio::task::spawn_blocking(move || send_files(&sources, queue, &packets, &notes))
    };
    let naming = {
        let packets = packets.clone();
        async move {
            for stat in stats.into_iter().map(Some).chain([None]) {
                let named = stat.as_ref().map_or(0, |stat| stat.path.len() + stat.linkname.len() + 24);
                notes.sent.fetch_add(named as u64, Ordering::Relaxed);
                let packet = Packet { r#type: PacketType::PacketStat.into(), stat, ..Packet::default() };
                if packets.send(Ok(packet)).await.is_err() {
                    return;
                }
            }
        }
    };
    let answering = async move {
        while let Ok(Some(packet)) = asked.message().await {
            match packet.r#type() {
                PacketType::PacketReq if wanted.send(packet.id).is_err() => return,
                PacketType::PacketFin => {
                    let fin = Packet { r#type: PacketType::PacketFin.into(), ..Packet::default() };
                    let _ = packets.send(Ok(fin)).await;
                    return;
                }
                PacketType::PacketErr => return,
                _ => {}
            }
        }
    };
    tokio::join!(naming, answering);
    let _ = reader.await;
}

fn send_files(
    sources: &[Source],
    mut queue: mpsc::UnboundedReceiver<u32>,
    packets: &mpsc::Sender<Result<Packet, Status>>,
    notes: &Notes,
) {
    while let Some(id) = queue.blocking_recv() {
        let mut tell = |data: Vec<u8>| {
            notes.sent.fetch_add(data.len() as u64, Ordering::Relaxed);
            let packet = Packet { r#type: PacketType::PacketData.into(), id, data, ..Packet::default() };
            packets.blocking_send(Ok(packet)).is_ok()
        };
        let sent = match sources.get(id as usize) {
            Some(Source::Memory(bytes)) => Ok(bytes.chunks(CHUNK).all(|chunk| tell(chunk.to_vec()))),
            Some(Source::Disk { root, path, size, seconds, hash }) => {
                send_file((root, path), *size, *seconds, hash, &mut tell)
                    .map_err(|how| format!("{}: {how}", root.join(path).display()))
            }
            Some(Source::None) | None => Err(format!("entry {id} is not a file")),
        };
        match sent {
            Ok(true) if tell(Vec::new()) => {}
            Ok(_) => return,
            Err(message) => {
                notes.change(message.clone());
                let data = message.into_bytes();
                let packet = Packet { r#type: PacketType::PacketErr.into(), data, ..Packet::default() };
                let _ = packets.blocking_send(Ok(packet));
                return;
            }
        }
    }
}

/// Sends a file if it is unchanged since it was hashed, and not a link to another. `Ok(false)`: the receiver is gone.
fn send_file(
    (root, path): (&Path, &str),
    size: u64,
    seconds: i64,
    hash: &[u8; 32],
    send: &mut impl FnMut(Vec<u8>) -> bool,
) -> Result<bool, String> {
    const CHANGED: &str = "changed while building";
    let mut file = stat::open_below(root, path).map_err(|error| error.to_string())?;
    let metadata = file.metadata().map_err(|error| error.to_string())?;
    if !metadata.is_file() || metadata.len() != size || modified_seconds(&metadata) != seconds {
        return Err(CHANGED.to_owned());
    }
    let mut hasher = blake3::Hasher::new();
    loop {
        let mut chunk = vec![0; CHUNK];
        let read = file.read(&mut chunk).map_err(|error| error.to_string())?;
        if read == 0 {
            break;
        }
        chunk.truncate(read);
        hasher.update(&chunk);
        if !send(chunk) {
            return Ok(false);
        }
    }
    if hasher.finalize().as_bytes() == hash { Ok(true) } else { Err(CHANGED.to_owned()) }
}

/// Whole seconds since 1970, rounded down, negative before it.
fn modified_seconds(metadata: &std::fs::Metadata) -> i64 {
    let Ok(modified) = metadata.modified() else { return 0 };
    match modified.duration_since(std::time::UNIX_EPOCH) {
        Ok(after) => signed(after.as_secs()),
        Err(before) => {
            let before = before.duration();
            -signed(before.as_secs()) - i64::from(before.subsec_nanos() > 0)
        }
    }
}

/// A time with the file's real seconds, and nanoseconds derived from the content.
fn time(seconds: i64, hash: &[u8; 32]) -> i64 {
    let nanoseconds = u32::from_le_bytes(first(hash)) % 1_000_000_000;
    seconds.saturating_mul(1_000_000_000).saturating_add(i64::from(nanoseconds))
}

fn first(hash: &[u8; 32]) -> [u8; 4] {
    [hash[0], hash[1], hash[2], hash[3]]
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
