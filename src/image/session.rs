//! A BuildKit session: the connection through which a running build requests files, secrets and credentials from us.
//!
//! Not bollard's, which serves neither files on demand nor secrets. The engine upgrades `POST /session` to HTTP/2 and
//! then is its client (`moby: api/server/backend/build`, `buildkit: session/grpc.go`); dropping the [`Session`]
//! closes it.

use crate::docker::dial::Call;
use crate::docker::dial::Dialer;
use crate::image::build_secrets::SecretStore;
use crate::image::credentials::Credentials;
use crate::image::filesync::Files;
use crate::random;
use bollard_buildkit_proto::health::HealthCheckRequest;
use bollard_buildkit_proto::health::HealthCheckResponse;
use bollard_buildkit_proto::health::HealthListRequest;
use bollard_buildkit_proto::health::HealthListResponse;
use bollard_buildkit_proto::health::health_check_response::ServingStatus;
use bollard_buildkit_proto::health::health_server::Health;
use bollard_buildkit_proto::health::health_server::HealthServer;
use bollard_buildkit_proto::moby::buildkit::secrets::v1::secrets_server::SecretsServer;
use bollard_buildkit_proto::moby::filesync::packet::file_sync_server::FileSyncServer;
use bollard_buildkit_proto::moby::filesync::v1::CredentialsRequest;
use bollard_buildkit_proto::moby::filesync::v1::CredentialsResponse;
use bollard_buildkit_proto::moby::filesync::v1::FetchTokenRequest;
use bollard_buildkit_proto::moby::filesync::v1::FetchTokenResponse;
use bollard_buildkit_proto::moby::filesync::v1::GetTokenAuthorityRequest;
use bollard_buildkit_proto::moby::filesync::v1::GetTokenAuthorityResponse;
use bollard_buildkit_proto::moby::filesync::v1::VerifyTokenAuthorityRequest;
use bollard_buildkit_proto::moby::filesync::v1::VerifyTokenAuthorityResponse;
use bollard_buildkit_proto::moby::filesync::v1::auth_server::Auth;
use bollard_buildkit_proto::moby::filesync::v1::auth_server::AuthServer;
use http::Request;
use http::StatusCode;
use http_body_util::BodyExt;
use http_body_util::Empty;
use hyper::body::Bytes;
use hyper::body::Incoming;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::TokioExecutor;
use tokio::task::JoinHandle;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Response;
use tonic::Status;
use tonic::codegen::Service;

/// The methods that the engine may call; it calls only announced ones.
const METHODS: [&str; 5] = [
    "/moby.filesync.v1.FileSync/DiffCopy",
    "/moby.buildkit.secrets.v1.Secrets/GetSecret",
    "/moby.filesync.v1.Auth/Credentials",
    "/moby.filesync.v1.Auth/FetchToken",
    "/grpc.health.v1.Health/Check",
];

/// The services of a session.
#[derive(Debug, Clone)]
pub struct Served {
    /// Dockerfile and context.
    pub files: Files,
    /// Build secrets by id.
    pub secrets: SecretStore,
    /// The user's logins at registries.
    pub credentials: Credentials,
}

/// Why there is no session.
#[derive(Debug)]
pub enum Refused {
    /// The engine has no BuildKit: it does not know `/session`.
    Unknown,
    /// It could not be reached, or answered something unexpected.
    Failed(anyhow::Error),
}

/// An open session.
#[derive(Debug)]
pub struct Session {
    /// The id by which builds refer to it.
    pub id: String,
    serving: JoinHandle<()>,
    _connection: Call,
}

impl Drop for Session {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Session {
    /// Opens a session. `shared_key` identifies the copy of earlier files to compare with: the same for each build of
    /// one image, different for any other.
    pub async fn open(dialer: &Dialer, shared_key: &str, served: Served) -> Result<Session, Refused> {
        let id = fresh_id().map_err(Refused::Failed)?;
        let mut request = Request::post("/session")
            .header("Host", dialer.host())
            .header("Connection", "Upgrade")
            .header("Upgrade", "h2c")
            .header("X-Docker-Expose-Session-Uuid", &id)
            .header("X-Docker-Expose-Session-Name", "todo")
            .header("X-Docker-Expose-Session-Sharedkey", shared_key);
        for method in METHODS {
            request = request.header("X-Docker-Expose-Session-Grpc-Method", method);
        }
        let request = request.body(Empty::<Bytes>::new()).map_err(|error| Refused::Failed(error.into()))?;
        let (answer, connection) = dialer.send(request).await.map_err(Refused::Failed)?;
        match answer.status() {
            StatusCode::SWITCHING_PROTOCOLS => {}
            StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED | StatusCode::NOT_IMPLEMENTED => {
                return Err(Refused::Unknown);
            }
            status => {
                let body = answer.into_body().collect().await.map(http_body_util::Collected::to_bytes);
                let body = body.unwrap_or_default();
                let text = String::from_utf8_lossy(&body);
                return Err(Refused::Failed(anyhow::anyhow!("{status}: {}", text.trim())));
            }
        }
        let upgraded = hyper::upgrade::on(answer).await.map_err(|error| Refused::Failed(error.into()))?;
        let serving = tokio::spawn(async move {
            let router = Router::new(served);
            let service = service_fn(move |request| {
                let router = router.clone();
                async move { Ok::<_, std::convert::Infallible>(router.handle(request).await) }
            });
            // The build reports when its session is lost; the engine closes it when the build is done.
            let _ = http2::Builder::new(TokioExecutor::new()).serve_connection(upgraded, service).await;
        });
        Ok(Session { id, serving, _connection: connection })
    }
}

#[derive(Debug, Clone)]
struct Router {
    files: FileSyncServer<Files>,
    secrets: SecretsServer<SecretStore>,
    credentials: AuthServer<Credentials>,
    health: HealthServer<Serving>,
}

impl Router {
    fn new(served: Served) -> Router {
        Router {
            files: FileSyncServer::new(served.files),
            secrets: SecretsServer::new(served.secrets),
            credentials: AuthServer::new(served.credentials),
            health: HealthServer::new(Serving),
        }
    }

    async fn handle(mut self, request: Request<Incoming>) -> http::Response<tonic::body::Body> {
        let service = request.uri().path().split('/').nth(1).unwrap_or_default();
        let answer = match service {
            "moby.filesync.v1.FileSync" => self.files.call(request).await,
            "moby.buildkit.secrets.v1.Secrets" => self.secrets.call(request).await,
            "moby.filesync.v1.Auth" => self.credentials.call(request).await,
            "grpc.health.v1.Health" => self.health.call(request).await,
            _ => Ok(Status::unimplemented("not served").into_http()),
        };
        answer.unwrap_or_else(|never| match never {})
    }
}

#[tonic::async_trait]
impl Auth for Credentials {
    async fn credentials(
        &self,
        request: tonic::Request<CredentialsRequest>,
    ) -> Result<Response<CredentialsResponse>, Status> {
        let host = request.into_inner().host;
        match self.login(&host).await {
            Ok(Some(login)) => {
                let secret = String::from_utf8_lossy(login.secret.expose()).into_owned();
                Ok(Response::new(CredentialsResponse { username: login.username, secret }))
            }
            Ok(None) => Ok(Response::new(CredentialsResponse::default())),
            Err(error) => Err(Status::internal(format!("{error:#}"))),
        }
    }

    async fn fetch_token(
        &self,
        _: tonic::Request<FetchTokenRequest>,
    ) -> Result<Response<FetchTokenResponse>, Status> {
        Err(Status::unimplemented("the engine fetches its tokens itself"))
    }

    async fn get_token_authority(
        &self,
        _: tonic::Request<GetTokenAuthorityRequest>,
    ) -> Result<Response<GetTokenAuthorityResponse>, Status> {
        Err(Status::unimplemented("the engine fetches its tokens itself"))
    }

    async fn verify_token_authority(
        &self,
        _: tonic::Request<VerifyTokenAuthorityRequest>,
    ) -> Result<Response<VerifyTokenAuthorityResponse>, Status> {
        Err(Status::unimplemented("the engine fetches its tokens itself"))
    }
}

/// The health service that the engine calls every few seconds; without an answer it ends the session.
#[derive(Debug, Clone, Copy)]
struct Serving;

#[tonic::async_trait]
impl Health for Serving {
    type WatchStream = ReceiverStream<Result<HealthCheckResponse, Status>>;

    async fn check(
        &self,
        _: tonic::Request<HealthCheckRequest>,
    ) -> Result<Response<HealthCheckResponse>, Status> {
        Ok(Response::new(HealthCheckResponse { status: ServingStatus::Serving.into() }))
    }

    async fn list(
        &self,
        _: tonic::Request<HealthListRequest>,
    ) -> Result<Response<HealthListResponse>, Status> {
        Err(Status::unimplemented("ask for one service"))
    }

    async fn watch(
        &self,
        _: tonic::Request<HealthCheckRequest>,
    ) -> Result<Response<Self::WatchStream>, Status> {
        Err(Status::unimplemented("ask again"))
    }
}

/// An id that no other session has, since engines refuse one that is in use; and that cannot be guessed: a build that
/// names it can read our files.
fn fresh_id() -> anyhow::Result<String> {
    let mut bytes = [0; 16];
    random::fill(&mut bytes)?;
    Ok(format!("{:032x}", u128::from_le_bytes(bytes)))
}
