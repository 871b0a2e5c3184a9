//! Whom the program believes to be the profile's engine and its API server: a server with a certificate of the
//! profile's own CA, for that address, today. To anybody else nothing is sent.

use rcgen::BasicConstraints;
use rcgen::CertificateParams;
use rcgen::IsCa;
use rcgen::Issuer;
use rcgen::KeyPair;
use rcgen::SanType;
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::PrivatePkcs8KeyDer;
use std::net::Ipv4Addr;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use todo::cluster::Target;
use todo::docker;
use todo::docker::Address;
use todo::docker::dial::Dialer;
use todo::event::Sink;
use todo::project::name::Namespace;
use todo::project::name::ProjectName;
use todo::project::origin::Origin;
use todo::run::Run;
use todo::signal::Cancel;
use todo::world::World;
use tokio::io::AsyncRead;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWrite;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

/// Who answers at the address of an engine or an API server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Who {
    Itself,
    OfAnotherAuthority,
    OfAnotherAddress,
    OfLastYear,
    WithoutTls,
}

const ALL: [Who; 5] =
    [Who::Itself, Who::OfAnotherAuthority, Who::OfAnotherAddress, Who::OfLastYear, Who::WithoutTls];

struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

impl Authority {
    fn new() -> Authority {
        let mut parameters = CertificateParams::new(Vec::new()).unwrap();
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let pem = parameters.self_signed(&key).unwrap().pem();
        Authority { issuer: Issuer::new(parameters, key), pem }
    }

    /// What proves to be `address` until the year `until`.
    fn signed(&self, address: Ipv4Addr, until: i32) -> (rcgen::Certificate, KeyPair) {
        let mut parameters = CertificateParams::new(Vec::new()).unwrap();
        parameters.subject_alt_names = vec![SanType::IpAddress(address.into())];
        parameters.not_after = rcgen::date_time_ymd(until, 1, 1);
        let key = KeyPair::generate().unwrap();
        (parameters.signed_by(&key, &self.issuer).unwrap(), key)
    }
}

/// A server that counts its requests, and accepts everything.
async fn serve(who: Who, ours: &Authority) -> (SocketAddr, Arc<AtomicUsize>) {
    let other = Authority::new();
    let (certificate, key) = match who {
        Who::OfAnotherAuthority => other.signed(Ipv4Addr::LOCALHOST, 4000),
        Who::OfAnotherAddress => ours.signed(Ipv4Addr::new(127, 0, 0, 2), 4000),
        Who::OfLastYear => ours.signed(Ipv4Addr::LOCALHOST, 2020),
        Who::Itself | Who::WithoutTls => ours.signed(Ipv4Addr::LOCALHOST, 4000),
    };
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)
        .unwrap();
    let acceptor = (who != Who::WithoutTls).then(|| TlsAcceptor::from(Arc::new(config)));
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (acceptor, count) = (acceptor.clone(), Arc::clone(&count));
            tokio::spawn(async move {
                match acceptor {
                    None => respond(stream, &count).await,
                    Some(acceptor) => {
                        if let Ok(stream) = acceptor.accept(stream).await {
                            respond(stream, &count).await;
                        }
                    }
                }
            });
        }
    });
    (address, asked)
}

async fn respond(mut stream: impl AsyncRead + AsyncWrite + Unpin, asked: &AtomicUsize) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => return,
        }
        // A client hello is not a request.
        if head.first() == Some(&0x16) {
            return;
        }
    }
    asked.fetch_add(1, Ordering::SeqCst);
    let body = "{\"major\":\"1\",\"minor\":\"33\",\"gitVersion\":\"v1\",\"gitCommit\":\"\",\"gitTreeState\":\"\",\"buildDate\":\"\",\"goVersion\":\"\",\"compiler\":\"\",\"platform\":\"\"}";
    let answer = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    );
    let _ = stream.write_all(answer.as_bytes()).await;
    let _ = stream.shutdown().await;
}

/// The CA, and a certificate of the user's, where minikube has them for Docker.
fn certificates(folder: &Path, ours: &Authority) {
    let (certificate, key) = ours.signed(Ipv4Addr::LOCALHOST, 4000);
    for (name, text) in
        [("ca.pem", ours.pem.clone()), ("cert.pem", certificate.pem()), ("key.pem", key.serialize_pem())]
    {
        std::fs::write(folder.join(name), text).unwrap();
    }
}

#[tokio::test]
async fn only_the_profiles_own_engine_is_spoken_to() {
    for who in ALL {
        let (folder, ours) = (tempfile::tempdir().unwrap(), Authority::new());
        certificates(folder.path(), &ours);
        let (address, asked) = serve(who, &ours).await;
        let engine = Address::Tls(address.to_string(), folder.path().to_owned());
        let pooled = docker::connect(&engine).unwrap().ping().await;
        let request = http::Request::get("/_ping").header("host", "x");
        let request = request.body(http_body_util::Empty::<hyper::body::Bytes>::new()).unwrap();
        let raw = Dialer::new(&engine).unwrap().send(request).await;
        let right = who == Who::Itself;
        assert_eq!((pooled.is_ok(), raw.is_ok()), (right, right), "{who:?}: {pooled:?} {:?}", raw.err());
        assert_eq!(asked.load(Ordering::SeqCst), if right { 2 } else { 0 }, "{who:?}");
    }
}

#[tokio::test]
async fn only_the_profiles_own_api_server_is_spoken_to() {
    for who in ALL {
        let (folder, ours) = (tempfile::tempdir().unwrap(), Authority::new());
        certificates(folder.path(), &ours);
        let (address, asked) = serve(who, &ours).await;
        let file = folder.path().join("config");
        let path = |name: &str| folder.path().join(name).display().to_string();
        let text = format!(
            "apiVersion: v1\nkind: Config\nclusters:\n- name: c\n  cluster: {{server: 'https://{address}', certificate-authority: '{}'}}\n\
             contexts:\n- name: mini\n  context: {{cluster: c, user: u}}\n\
             users:\n- name: u\n  user: {{client-certificate: '{}', client-key: '{}'}}\n",
            path("ca.pem"),
            path("cert.pem"),
            path("key.pem"),
        );
        std::fs::write(&file, text).unwrap();
        let world = World::fake(folder.path(), [("HOME", folder.path())]);
        let (_asker, cancel) = Cancel::new();
        let run = Run::new(Sink::new().0, cancel, world);
        let (namespace, project) = (Namespace::parse("shop").unwrap(), ProjectName::parse("shop").unwrap());
        let origin = Arc::new(Origin::locate(&run.world, &folder.path().join("deploy.toml")));
        let target = Target::connect(&run, &file, "mini", namespace, project, origin).await.unwrap();
        let answered = target.client.apiserver_version().await;
        assert_eq!(answered.is_ok(), who == Who::Itself, "{who:?}: {answered:?}");
        assert_eq!(asked.load(Ordering::SeqCst), usize::from(who == Who::Itself), "{who:?}");
    }
}
