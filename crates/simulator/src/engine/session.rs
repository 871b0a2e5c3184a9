//! The builder's end of a BuildKit session: it requests missing files, secrets and logins.
//!
//! The other end is what the program implements. Files are compared as BuildKit does: by name, mode, size
//! and time, never by content.

use crate::engine::store::Kept;
use crate::engine::store::digest;
use bollard_buildkit_proto::fsutil::types::Packet;
use bollard_buildkit_proto::fsutil::types::Stat;
use bollard_buildkit_proto::fsutil::types::packet::PacketType;
use bollard_buildkit_proto::moby::buildkit::secrets::v1::GetSecretRequest;
use bollard_buildkit_proto::moby::buildkit::secrets::v1::secrets_client::SecretsClient;
use bollard_buildkit_proto::moby::filesync::packet::file_sync_client::FileSyncClient;
use bollard_buildkit_proto::moby::filesync::v1::CredentialsRequest;
use bollard_buildkit_proto::moby::filesync::v1::auth_client::AuthClient;
use http::Request;
use http::Response;
use http::Uri;
use hyper::body::Incoming;
use hyper::client::conn::http2::SendRequest;
use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::task::Context;
use std::task::Poll;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;
use tonic::body::Body;
use tonic::codegen::Service;

/// Go's `os.ModeDir` and `os.ModeSymlink`.
const NO_FILE: u32 = 1 << 31 | 1 << 27;

/// An open session, as the builder uses it. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Asking(pub(crate) SendRequest<Body>);

/// A transferred directory: all its entries, and the contents of the requested files.
#[derive(Debug, Default)]
pub(crate) struct Fetched {
    pub(crate) files: BTreeMap<String, Kept>,
    pub(crate) contents: BTreeMap<String, Vec<u8>>,
}

impl Service<Request<Body>> for Asking {
    type Response = Response<Incoming>;
    type Error = hyper::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Incoming>, hyper::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), hyper::Error>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        Box::pin(self.0.send_request(request))
    }
}

fn origin() -> Uri {
    Uri::from_static("http://session")
}

impl Asking {
    /// The directory of that name: its entries, and the contents of the files that differ from `kept`.
    pub(crate) async fn folder(
        &self,
        name: &'static str,
        follow: &[String],
        kept: &BTreeMap<String, Kept>,
    ) -> Result<Fetched, Status> {
        let (ask, asked) = mpsc::channel(64);
        let mut request = tonic::Request::new(ReceiverStream::new(asked));
        request.metadata_mut().insert("dir-name", tonic::metadata::MetadataValue::from_static(name));
        for path in follow {
            if let Ok(path) = path.parse() {
                request.metadata_mut().append("followpaths", path);
            }
        }
        let mut client = FileSyncClient::with_origin(self.clone(), origin());
        let mut packets = client.diff_copy(request).await?.into_inner();
        let mut fetched = Fetched::default();
        let mut open: BTreeMap<u32, (Stat, Vec<u8>)> = BTreeMap::new();
        let (mut number, mut named) = (0_u32, false);
        let gone = |_| Status::aborted("the session is gone");
        loop {
            if named && open.is_empty() {
                let fin = Packet { r#type: PacketType::PacketFin.into(), ..Packet::default() };
                ask.send(fin).await.map_err(gone)?;
                named = false;
            }
            let Some(packet) = packets.message().await? else {
                return Err(Status::aborted("the session ended in the middle of a directory"));
            };
            match packet.r#type() {
                PacketType::PacketStat => match packet.stat {
                    None => named = true,
                    Some(stat) => {
                        let id = number;
                        number += 1;
                        match kept.get(&stat.path).filter(|kept| kept.is_like(&stat)) {
                            Some(kept) => {
                                fetched.files.insert(stat.path, kept.clone());
                            }
                            None if stat.mode & NO_FILE != 0 => {
                                fetched.files.insert(stat.path.clone(), Kept::new(&stat, &[]));
                            }
                            None => {
                                open.insert(id, (stat, Vec::new()));
                                let r#type = PacketType::PacketReq.into();
                                ask.send(Packet { r#type, id, ..Packet::default() }).await.map_err(gone)?;
                            }
                        }
                    }
                },
                PacketType::PacketData if packet.data.is_empty() => {
                    if let Some((stat, data)) = open.remove(&packet.id) {
                        fetched.files.insert(stat.path.clone(), Kept::new(&stat, &data));
                        fetched.contents.insert(stat.path, data);
                    }
                }
                PacketType::PacketData => {
                    if let Some((_, data)) = open.get_mut(&packet.id) {
                        data.extend_from_slice(&packet.data);
                    }
                }
                PacketType::PacketErr => {
                    return Err(Status::unknown(String::from_utf8_lossy(&packet.data).into_owned()));
                }
                PacketType::PacketFin => return Ok(fetched),
                PacketType::PacketReq => {}
            }
        }
    }

    /// The secret of that id, if there is one.
    pub(crate) async fn secret(&self, id: &str) -> Result<Option<Vec<u8>>, Status> {
        let request = GetSecretRequest { id: id.to_owned(), ..GetSecretRequest::default() };
        match SecretsClient::with_origin(self.clone(), origin()).get_secret(request).await {
            Ok(answer) => Ok(Some(answer.into_inner().data)),
            Err(status) if status.code() == tonic::Code::NotFound => Ok(None),
            Err(status) => Err(status),
        }
    }

    /// Requests the user's login at a registry; it is not used.
    pub(crate) async fn login(&self, host: &str) -> Result<(), Status> {
        let request = CredentialsRequest { host: host.to_owned() };
        AuthClient::with_origin(self.clone(), origin()).credentials(request).await.map(drop)
    }
}

impl Kept {
    fn new(stat: &Stat, data: &[u8]) -> Kept {
        Kept {
            mode: stat.mode,
            size: stat.size,
            modified: stat.mod_time,
            link: stat.linkname.clone(),
            digest: digest([data]),
        }
    }

    fn is_like(&self, stat: &Stat) -> bool {
        (self.mode, self.size, self.modified, &self.link)
            == (stat.mode, stat.size, stat.mod_time, &stat.linkname)
    }
}
