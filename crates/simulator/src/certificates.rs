//! Certificates of a rehearsal, made when it begins and gone when it ends: a CA of its own, one certificate for all of its
//! servers, one for its only user.

use rcgen::BasicConstraints;
use rcgen::CertificateParams;
use rcgen::DnType;
use rcgen::ExtendedKeyUsagePurpose;
use rcgen::IsCa;
use rcgen::Issuer;
use rcgen::KeyPair;
use rcgen::KeyUsagePurpose;
use rcgen::SanType;
use rustls::RootCertStore;
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::server::WebPkiClientVerifier;
use std::io;
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;
use tokio_rustls::TlsAcceptor;

/// The certificates.
#[derive(Clone)]
pub(crate) struct Seal {
    authority: String,
    certificate: String,
    key: String,
    acceptor: TlsAcceptor,
}

impl Seal {
    /// Makes certificates of servers that are reached at `addresses` and as `localhost`.
    pub(crate) fn make(addresses: &[IpAddr]) -> io::Result<Seal> {
        made(addresses).map_err(io::Error::other)
    }

    /// Accepts connections of clients that present the user's certificate.
    pub(crate) fn acceptor(&self) -> TlsAcceptor {
        self.acceptor.clone()
    }

    /// Writes the CA's certificate, the user's and its key where minikube has them for Docker.
    pub(crate) fn write(&self, folder: &Path, names: [&str; 3]) -> io::Result<()> {
        std::fs::create_dir_all(folder)?;
        let texts = [&self.authority, &self.certificate, &self.key];
        names.iter().zip(texts).try_for_each(|(name, text)| std::fs::write(folder.join(name), text))
    }
}

fn made(addresses: &[IpAddr]) -> anyhow::Result<Seal> {
    let mut authority = CertificateParams::new(Vec::new())?;
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    authority.distinguished_name.push(DnType::CommonName, "a rehearsal of todo");
    let key = KeyPair::generate()?;
    let root = authority.self_signed(&key)?;
    let issuer = Issuer::new(authority, key);

    let mut server = CertificateParams::new(vec!["localhost".to_owned()])?;
    server.subject_alt_names.extend(addresses.iter().map(|address| SanType::IpAddress(*address)));
    server.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    server.distinguished_name.push(DnType::CommonName, "minikube");
    let server_key = KeyPair::generate()?;
    let server = server.signed_by(&server_key, &issuer)?;

    let mut user = CertificateParams::new(Vec::new())?;
    user.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    user.distinguished_name.push(DnType::CommonName, "minikube-user");
    user.distinguished_name.push(DnType::OrganizationName, "system:masters");
    let user_key = KeyPair::generate()?;
    let user = user.signed_by(&user_key, &issuer)?;

    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut trusted = RootCertStore::empty();
    trusted.add(root.der().clone())?;
    let verifier =
        WebPkiClientVerifier::builder_with_provider(Arc::new(trusted), Arc::clone(&provider)).build()?;
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_client_cert_verifier(verifier)
        .with_single_cert(
            vec![server.der().clone()],
            PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(server_key.serialize_der())),
        )?;
    Ok(Seal {
        authority: root.pem(),
        certificate: user.pem(),
        key: user_key.serialize_pem(),
        acceptor: TlsAcceptor::from(Arc::new(config)),
    })
}
