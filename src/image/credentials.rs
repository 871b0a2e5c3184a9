//! The user's login at a registry: from their Docker configuration and its credential helpers, read when the engine
//! requests it.

use crate::exec;
use crate::exec::Call;
use crate::file;
use crate::project::secret::Secret;
use crate::run::Run;
use anyhow::Context;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// The key that Docker Hub has in a Docker configuration (`docker/cli: registry.IndexServer`).
const HUB: &str = "https://index.docker.io/v1/";

/// The user's Docker configuration, read when it is first needed.
#[derive(Debug, Clone)]
pub struct Credentials {
    run: Run,
}

/// A user at a registry.
#[derive(Debug, Clone)]
pub struct Login {
    /// The name; empty where the secret is an identity token.
    pub username: String,
    /// Password or token.
    pub secret: Secret,
    /// Whether the secret is an identity token, which engines expect in another field.
    pub is_token: bool,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Configuration {
    auths: BTreeMap<String, AuthEntry>,
    creds_store: Option<String>,
    cred_helpers: BTreeMap<String, String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct AuthEntry {
    auth: String,
    username: String,
    password: String,
    identitytoken: String,
}

impl std::fmt::Debug for AuthEntry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Entry(…)")
    }
}

/// The output of a credential helper (`docker/docker-credential-helpers: credentials.Credentials`).
#[derive(Deserialize)]
struct Helped {
    #[serde(rename = "Username")]
    username: String,
    #[serde(rename = "Secret")]
    secret: String,
}

impl Credentials {
    /// The credentials of the user of this run.
    #[must_use]
    pub fn new(run: &Run) -> Credentials {
        Credentials { run: run.clone() }
    }

    /// The login at the registry `host`, if the user has one.
    pub async fn login(&self, host: &str) -> anyhow::Result<Option<Login>> {
        let Some(file) = self.file() else { return Ok(None) };
        let text = match file::read(&file, file::TEXT) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error).with_context(|| format!("cannot read {}", file.display())),
        };
        let configuration: Configuration =
            serde_json::from_slice(&text).with_context(|| format!("{} is not valid", file.display()))?;
        for entry in configuration.auths.values() {
            let AuthEntry { auth, username: _, password, identitytoken } = entry;
            for value in [auth, password, identitytoken] {
                self.run.sink.hide(value.as_bytes());
            }
        }
        let login = self.find_login(&configuration, host).await?;
        if let Some(login) = &login {
            self.run.sink.hide(login.secret.expose());
        }
        Ok(login)
    }

    async fn find_login(&self, configuration: &Configuration, host: &str) -> anyhow::Result<Option<Login>> {
        let key =
            if matches!(host, "docker.io" | "registry-1.docker.io" | "index.docker.io") { HUB } else { host };
        let helper = configuration.cred_helpers.get(key).or(configuration.creds_store.as_ref());
        if let Some(helper) = helper.filter(|helper| !helper.is_empty())
            && let Some(login) = self.helped(helper, key).await?
        {
            return Ok(Some(login));
        }
        let entry = configuration.auths.iter().find(|(name, _)| name.as_str() == key || server(name) == key);
        entry.map_or(Ok(None), |(_, entry)| written(entry))
    }

    fn file(&self) -> Option<PathBuf> {
        let world = &self.run.world;
        let folder = world.var_os("DOCKER_CONFIG").map(PathBuf::from);
        Some(folder.or_else(|| world.home().map(|home| home.join(".docker")))?.join("config.json"))
    }

    async fn helped(&self, helper: &str, key: &str) -> anyhow::Result<Option<Login>> {
        let name = format!("docker-credential-{helper}");
        let program = exec::find(&self.run.world, &name)
            .with_context(|| format!("the Docker configuration names `{name}`, which is not on the PATH"))?;
        let call = Call::new(program).args(["get"]).input(key).read_only();
        let output = match call.output(&self.run).await {
            Ok(output) => output,
            // docker/docker-credential-helpers: credentials/error.go; the only way to report "no login here".
            Err(error) if error.stdout.contains("credentials not found") => return Ok(None),
            // Helpers print the cause of a failure on standard output; one that fails after it printed a login must
            // not be quoted.
            Err(error) if error.stdout.contains("Secret") => anyhow::bail!("{error}"),
            Err(error) => anyhow::bail!("{error}: {}", error.stdout.trim()),
        };
        let Ok(login) = serde_json::from_str::<Helped>(&output.stdout) else {
            anyhow::bail!("`{name} get` printed no login for {key}");
        };
        let is_token = login.username == "<token>";
        let username = if is_token { String::new() } else { login.username };
        Ok(Some(Login { username, secret: Secret::new(login.secret), is_token }))
    }
}

/// The host in a configuration's key, which older versions wrote with scheme and path.
fn server(key: &str) -> &str {
    let rest = key.split_once("://").map_or(key, |(_, rest)| rest);
    rest.split('/').next().unwrap_or(rest)
}

fn written(entry: &AuthEntry) -> anyhow::Result<Option<Login>> {
    if !entry.identitytoken.is_empty() {
        let secret = Secret::new(entry.identitytoken.as_str());
        return Ok(Some(Login { username: String::new(), secret, is_token: true }));
    }
    if !entry.username.is_empty() {
        let secret = Secret::new(entry.password.as_str());
        return Ok(Some(Login { username: entry.username.clone(), secret, is_token: false }));
    }
    if entry.auth.is_empty() {
        return Ok(None);
    }
    let pair = STANDARD.decode(&entry.auth).ok().and_then(|pair| String::from_utf8(pair).ok());
    let pair = pair.context("a login in the Docker configuration is not base64")?;
    let (username, secret) =
        pair.split_once(':').context("a login in the Docker configuration has no password")?;
    let secret = Secret::new(secret.trim_end_matches('\0'));
    Ok(Some(Login { username: username.to_owned(), secret, is_token: false }))
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::Credentials;
    use crate::run::Run;
    use crate::world::World;
    use std::os::unix::fs::PermissionsExt;

    fn user(folder: &std::path::Path, configuration: &str) -> Credentials {
        std::fs::write(folder.join("config.json"), configuration).unwrap();
        let helper = folder.join("docker-credential-fake");
        let script = "#!/bin/sh\nread host\n[ \"$host\" = bad.example ] && { echo '{\"Secret\":\"t0ken\"'; exit 2; }\n[ \"$host\" = ghcr.io ] || { echo credentials not found in native keychain; exit 1; }\n\
            echo '{\"ServerURL\":\"ghcr.io\",\"Username\":\"<token>\",\"Secret\":\"t0ken\"}'\n";
        std::fs::write(&helper, script).unwrap();
        std::fs::set_permissions(&helper, std::fs::Permissions::from_mode(0o755)).unwrap();
        let world = World::fake(folder, [("DOCKER_CONFIG", folder), ("PATH", folder)]);
        let run = Run::fake(world).0;
        Credentials::new(&run)
    }

    #[tokio::test]
    async fn logins_come_from_the_file_and_from_helpers() {
        let folder = tempfile::tempdir().unwrap();
        let hub = r#"{"auths":{"https://index.docker.io/v1/":{"auth":"bWU6cGFzczp3b3Jk"},"http://old.example/v2/":{"username":"u","password":"p"}},
            "credHelpers":{"ghcr.io":"fake","quay.io":"fake","bad.example":"fake","gone.io":"not-there"}}"#;
        let user = user(folder.path(), hub);
        for (host, username, secret) in
            [("docker.io", "me", "pass:word"), ("old.example", "u", "p"), ("ghcr.io", "", "t0ken")]
        {
            let login = user.login(host).await.unwrap().unwrap();
            assert_eq!(
                (login.username.as_str(), login.secret.expose()),
                (username, secret.as_bytes()),
                "{host}"
            );
            assert_eq!(login.is_token, host == "ghcr.io");
            assert!(!format!("{login:?}").contains(secret));
        }
        assert!(user.login("quay.io").await.unwrap().is_none());
        assert!(user.login("nobody.example").await.unwrap().is_none());
        let error = format!("{:#}", user.login("bad.example").await.unwrap_err());
        assert!(error.contains("exit code 2") && !error.contains("t0ken"), "{error}");
        let error = user.login("gone.io").await.unwrap_err().to_string();
        assert!(error.contains("`docker-credential-not-there`, which is not on the PATH"), "{error}");
    }
}
