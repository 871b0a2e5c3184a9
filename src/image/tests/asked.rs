//! The responses to a builder that requests more than it was offered.

use crate::docker::Address;
use crate::docker::dial::Dialer;
use crate::image::build_secrets::SecretStore;
use crate::image::credentials::Credentials;
use crate::image::filesync::Files;
use crate::image::filesync::Notes;
use crate::image::session::Served;
use crate::image::session::Session;
use crate::image::tests::fake::Fake;
use crate::image::tests::sample::Sample;
use crate::project::secret::Secret;
use bollard_buildkit_proto::fsutil::types::Packet;
use bollard_buildkit_proto::fsutil::types::packet::PacketType;
use bollard_buildkit_proto::moby::buildkit::secrets::v1::GetSecretRequest;
use bollard_buildkit_proto::moby::buildkit::secrets::v1::secrets_client::SecretsClient;
use bollard_buildkit_proto::moby::filesync::packet::file_sync_client::FileSyncClient;
use http::Request;
use http::Response;
use http::Uri;
use hyper::body::Incoming;
use hyper::client::conn::http2;
use hyper_util::rt::TokioExecutor;
use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Context;
use std::task::Poll;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Code;
use tonic::Status;
use tonic::body::Body;
use tonic::codegen::Service;

fn origin() -> Uri {
    Uri::from_static("http://session")
}

/// The engine's end of a session.
#[derive(Clone)]
struct Builder(http2::SendRequest<Body>);

impl Service<Request<Body>> for Builder {
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

impl Builder {
    /// Requests a directory, and the entry of that number in it; returns the listing, and the response for the entry.
    async fn fetch(
        &self,
        folder: Option<&str>,
        follow: &str,
        entry: u32,
    ) -> Result<(Vec<String>, Packet), Status> {
        let (ask, asked) = mpsc::channel(4);
        let mut request = tonic::Request::new(ReceiverStream::new(asked));
        if let Some(folder) = folder {
            request.metadata_mut().insert("dir-name", folder.parse().unwrap());
        }
        request.metadata_mut().insert("followpaths", follow.parse().unwrap());
        let mut packet =
            FileSyncClient::with_origin(self.clone(), origin()).diff_copy(request).await?.into_inner();
        let mut named = Vec::new();
        while let Some(stat) = packet.message().await?.unwrap().stat {
            named.push(stat.path);
        }
        let wanted = Packet { r#type: PacketType::PacketReq.into(), id: entry, ..Packet::default() };
        ask.send(wanted).await.unwrap();
        Ok((named, packet.message().await?.unwrap()))
    }

    /// Calls a method without parameters and results; returns how it ended.
    async fn call(&self, method: &str) -> String {
        let request = Request::post(format!("http://session{method}"))
            .header("content-type", "application/grpc")
            .body(Body::empty())
            .unwrap();
        let answer = self.0.clone().send_request(request).await.unwrap();
        answer.headers().get("grpc-status").map_or(String::new(), |code| code.to_str().unwrap().to_owned())
    }
}

async fn open(sample: &Sample) -> (Builder, Session) {
    let mut fake = Fake::start(sample.folder.path(), |_| (101, String::new()));
    let surveyed = sample.survey(&["web"]).remove(0);
    let served = Served {
        files: Files {
            dockerfile: Arc::new(surveyed.dockerfile.text.clone()),
            context: Arc::new(surveyed.context),
            notes: Arc::new(Notes::default()),
        },
        secrets: SecretStore::new(BTreeMap::from([("npm".to_owned(), Secret::new("t0ken"))])),
        credentials: Credentials::new(&sample.run),
    };
    let dialer = Dialer::new(&Address::Unix(fake.socket.clone())).unwrap();
    let session = Session::open(&dialer, "key", served).await.unwrap();
    let connection = fake.session().await;
    let (builder, driver) = http2::handshake(TokioExecutor::new(), connection).await.unwrap();
    tokio::spawn(driver);
    (Builder(builder), session)
}

#[tokio::test]
async fn a_builder_gets_no_file_that_is_not_of_the_context() {
    let sample = Sample::new("shop");
    sample.write(
        "web",
        &[("Dockerfile", "FROM debian:12\n"), ("a", "1"), ("secret/x", ""), (".dockerignore", "secret\n")],
    );
    sample.write("", &[("beside", "no business of the builder's")]);
    let (builder, _session) = open(&sample).await;
    for folder in [Some("../../etc"), Some("/etc"), Some("context/.."), Some(""), None] {
        let refused = builder.fetch(folder, "a", 0).await.unwrap_err();
        assert_eq!(refused.code(), Code::NotFound, "{folder:?}");
    }
    for follow in ["../../../etc/passwd", "/etc/passwd", "..", "secret/x", "../beside", "a"] {
        let (named, _) = builder.fetch(Some("context"), follow, 0).await.unwrap();
        let mine = |path: &String| [".dockerignore", "Dockerfile", "a"].contains(&path.as_str());
        assert!(named.iter().all(mine), "{follow}: {named:?}");
    }
    // Numbers of a missing entry, and of one that is not a file.
    for entry in [3, 4, u32::MAX] {
        let (_, packet) = builder.fetch(Some("context"), "..", entry).await.unwrap();
        assert_eq!(packet.r#type(), PacketType::PacketErr, "{packet:?}");
    }
    let (_, packet) = builder.fetch(Some("context"), "..", 2).await.unwrap();
    assert_eq!(packet.data, b"1", "what is offered does come");
}

#[tokio::test]
async fn a_builder_gets_no_secret_that_is_not_declared_and_no_other_service() {
    let sample = Sample::new("shop");
    sample.write("web", &[("Dockerfile", "FROM debian:12\n")]);
    let (builder, session) = open(&sample).await;
    let mut secrets = SecretsClient::with_origin(builder.clone(), origin());
    let mut secret = async |id: &str| {
        let request = GetSecretRequest { id: id.to_owned(), ..GetSecretRequest::default() };
        secrets.get_secret(request).await.map(|given| given.into_inner().data)
    };
    assert_eq!(secret("npm").await.unwrap(), b"t0ken");
    for id in ["SOME_TOKEN", "../npm", "/etc/passwd", ""] {
        assert_eq!(secret(id).await.unwrap_err().code(), Code::NotFound, "{id}");
    }
    for method in [
        "/moby.filesync.v1.FileSend/DiffCopy",
        "/moby.filesync.v1.FileSync/TarStream",
        "/moby.upload.v1.Upload/Pull",
        "/moby.sshforward.v1.SSH/ForwardAgent",
        "/moby.exporter.v1.Exporter/FindExporters",
        "/containerd.services.content.v1.Content/Read",
        "/",
    ] {
        assert_eq!(builder.call(method).await, "12", "{method} is not served");
    }
    assert!(session.id.len() >= 25 && session.id.bytes().all(|byte| byte.is_ascii_hexdigit()));
}
