//! Any port of a Service on localhost at the user's request, held by this process or by one of its own: a database as
//! well as a page.
//!
//! No request is made through it: without HTTP there is no answer that could be judged. Whether it has pods is looked
//! up instead, and if there are none yet, a connection waits for one.

use super::FaultKind;
use super::Namespace;
use super::ObjectName;
use super::Result;
use super::backend;
use super::candidate::Port;
use super::candidate::best_port;
use super::candidate::port_called;
use super::candidate::ports;
use super::detached;
use super::detached::ForwardOwner;
use super::detached::Spec;
use super::forward::Forward;
use super::opened::Opened;
use super::opened::with_cluster;
use crate::event::Code;
use crate::event::Finding;
use crate::fault::OrFault;
use crate::limit;
use crate::manifest::Object;
use crate::project;
use crate::run::Run;
use k8s_openapi::api::core::v1::Service;
use kube::Api;
use kube::Client;
use kube::api::ListParams;
use nearest::nearest;
use std::net::SocketAddr;

/// Below this, a port of this machine is its administrator's.
const PRIVILEGED: u16 = 1024;

/// Which port of which Service, and where on localhost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForwardSpec {
    /// The Service.
    pub service: ObjectName,
    /// The port's number or name; the most likely one, if not given.
    pub port: Option<String>,
    /// The port of localhost.
    pub local: Option<u16>,
}

impl ForwardSpec {
    /// Reads `web`, `web:8000` or `web:http`, and `ports` as `kubectl port-forward` has them: `8000` or `8080:8000`
    /// after `web` or `svc/web`.
    pub fn parse(text: &str, ports: Option<&str>) -> Result<ForwardSpec> {
        let (name, mut port) = match text.split_once(':') {
            Some((name, port)) => (name, Some(port.to_owned())),
            None => (text, None),
        };
        let bare = name.strip_prefix("svc/").or_else(|| name.strip_prefix("service/")).unwrap_or(name);
        let service = ObjectName::parse(bare).map_err(anyhow::Error::new);
        let service = service.or_fault(Code::ArgumentInvalid, FaultKind::Usage, || {
            format!("`{text}` names no Service and port")
        })?;
        if port.as_ref().is_some_and(String::is_empty) {
            let fault = Code::ArgumentInvalid
                .fault(FaultKind::Usage, format!("`{text}` names no port after the colon"));
            return Err(fault.hint(format!("write `todo forward {name}:8000`, or only `{name}`")));
        }
        let mut local = None;
        if let Some(ports) = ports {
            let (here, there) = match ports.split_once(':') {
                Some((here, there)) => (Some(here), there),
                None => (None, ports),
            };
            local = here.map(str::parse::<u16>).transpose().ok().flatten().filter(|port| *port > 0);
            if (here.is_some() && local.is_none()) || there.is_empty() || port.is_some() {
                let fault = Code::ArgumentInvalid
                    .fault(FaultKind::Usage, format!("`{text} {ports}` does not say which ports"));
                return Err(
                    fault.hint(format!("write `todo forward {name} 8080:80`: here, and of the Service"))
                );
            }
            port = Some(there.to_owned());
        }
        Ok(ForwardSpec { service, port, local })
    }
}

/// A port of a Service, and its requested address on localhost.
#[derive(Debug, Clone)]
pub struct Lead {
    /// The Service.
    pub service: ObjectName,
    /// Its port.
    pub port: Port,
    /// The port of localhost.
    pub local: u16,
    /// The path of its URL.
    pub path: String,
}

impl Lead {
    /// The address to open if it listens at `at`: a URL, or the plain address if the port does not speak HTTP.
    #[must_use]
    pub fn address(&self, at: SocketAddr) -> String {
        match (self.port.web, self.port.tls) {
            (false, _) => at.to_string(),
            (true, tls) => format!("{}://{at}{}", if tls { "https" } else { "http" }, self.path),
        }
    }
}

/// Finds the port that is `wanted`, else that of the Service which people open; at `local` of 127.0.0.1, else at the
/// `local-port` that deploy.toml declares, else at a port of the same number (8000 more where that is privileged).
pub async fn find(
    client: &Client,
    namespace: &Namespace,
    wanted: Option<ForwardSpec>,
    local: Option<u16>,
    declared: &[project::Service],
    objects: &[Object],
) -> Result<Lead> {
    let wanted = match wanted {
        Some(wanted) => wanted,
        None => opened(client, namespace, declared, objects).await?,
    };
    let (service, port) = resolve(client, namespace, &wanted).await?;
    let declared = declared.iter().find(|item| item.name == service);
    let usual = if port.number < PRIVILEGED { port.number + 8000 } else { port.number };
    let local = local.or(wanted.local).or_else(|| declared.and_then(|item| item.local_port)).unwrap_or(usual);
    let path = declared.map_or("/", |item| item.path.as_str()).to_owned();
    Ok(Lead { service, port, local, path })
}

/// Holds it in this process; returns the notes about it, too.
pub async fn hold(client: &Client, namespace: &Namespace, lead: &Lead) -> Result<(Opened, Vec<Finding>)> {
    let name = lead.port.name.as_deref();
    let forward = Forward::open(client, namespace, &lead.service, name, Some(lead.local)).await;
    let forward =
        forward.map_err(anyhow::Error::new).or_fault(Code::PortForwardFailed, FaultKind::Service, || {
            "cannot listen on 127.0.0.1".to_owned()
        })?;
    with_notes(client, namespace, lead, Opened::Here(forward)).await
}

/// Starts a process of its own for it, or reuses the one that has it already.
pub async fn detach(
    run: &Run,
    client: &Client,
    owner: &ForwardOwner,
    lead: &Lead,
) -> Result<(Opened, Vec<Finding>)> {
    let doing = || format!("cannot start a port-forward to the Service `{}`", lead.service);
    let owner =
        with_cluster(client, owner).await.or_fault(Code::PortForwardFailed, FaultKind::Service, doing)?;
    let namespace = owner.home.clone();
    let spec = Spec {
        owner,
        opens: lead.service.clone(),
        namespace: namespace.clone(),
        service: lead.service.clone(),
        port: lead.port.number,
        port_name: lead.port.name.clone(),
        local_port: Some(lead.local),
        by_up: false,
    };
    let detached =
        detached::open(run, &spec).await.or_fault(Code::PortForwardFailed, FaultKind::Service, doing)?;
    with_notes(client, &namespace, lead, Opened::Detached(Box::new(detached))).await
}

/// Adds the notes about a forward.
async fn with_notes(
    client: &Client,
    namespace: &Namespace,
    lead: &Lead,
    forward: Opened,
) -> Result<(Opened, Vec<Finding>)> {
    let mut notes = Vec::new();
    let mut note = |code: Code, words: String| {
        let note = code.note(words);
        notes.push(note.about(format!("Service/{}", lead.service)));
    };
    if let Some(missed) = forward.missed() {
        note(Code::LocalPortTaken, format!("port {missed} is taken, so it is {}", forward.address().port()));
    }
    let backends = backend::inspect(client, namespace, &lead.service, lead.port.name.as_deref()).await;
    if let Ok(backends) = backends
        && backends.pods.is_empty()
    {
        note(Code::EndpointsNotReady, format!("{}: connections wait a while for one", backends.why_none()));
    }
    Ok((forward, notes))
}

/// The Services to open.
async fn opened(
    client: &Client,
    namespace: &Namespace,
    declared: &[project::Service],
    objects: &[Object],
) -> Result<ForwardSpec> {
    let first = super::find(client, namespace, declared, objects).await?.into_iter().next();
    let first = first.ok_or_else(|| {
        Code::ServiceNotDeclared
            .fault(FaultKind::Service, "the project has no Service to open")
            .hint("name one: `todo forward NAME`, or `[service.NAME]` in deploy.toml")
    })?;
    Ok(ForwardSpec { service: first.service, port: Some(first.port.number.to_string()), local: None })
}

async fn resolve(client: &Client, namespace: &Namespace, wanted: &ForwardSpec) -> Result<(ObjectName, Port)> {
    let services: Api<Service> = Api::namespaced(client.clone(), namespace.as_str());
    let found = limit::with_timeout(services.list(&ListParams::default())).await;
    let found = found.map_err(|error| anyhow::anyhow!(backend::words(&error)));
    let doing = || format!("cannot list the Services of namespace `{namespace}`");
    let all = found.or_fault(Code::ClusterRequestFailed, FaultKind::Service, doing)?.items;
    let name = wanted.service.as_str();
    let names = || all.iter().filter_map(|service| service.metadata.name.as_deref());
    let Some(service) = all.iter().find(|service| service.metadata.name.as_deref() == Some(name)) else {
        let fault = Code::ServiceNotFound
            .fault(FaultKind::Service, format!("there is no Service `{name}` in namespace `{namespace}`"));
        return Err(match nearest(name, names()) {
            Some(meant) => fault.hint(format!("did you mean `todo forward {meant}`?")),
            None if names().next().is_none() => fault.hint("`todo up` creates the project's Services"),
            None => fault.hint(format!("there are {}", names().collect::<Vec<_>>().join(", "))),
        });
    };
    let port = match &wanted.port {
        Some(called) => port_called(service, called),
        None => best_port(service),
    };
    let port = port.ok_or_else(|| {
        let fault = match &wanted.port {
            Some(called) => Code::ServicePortNotFound
                .fault(FaultKind::Service, format!("the Service `{name}` has no TCP port `{called}`")),
            None => Code::ServicePortNotFound
                .fault(FaultKind::Service, format!("the Service `{name}` has no TCP port")),
        };
        let has: Vec<String> = ports(service)
            .map(|(_, port)| match &port.name {
                Some(called) => format!("{} ({called})", port.port),
                None => port.port.to_string(),
            })
            .collect();
        match has.as_slice() {
            [] => fault.hint("forward to a Service that has pods and a TCP port"),
            _ => fault.hint(format!("it has {}", has.join(", "))),
        }
    })?;
    Ok((wanted.service.clone(), port))
}

#[cfg(test)]
mod tests {
    use super::ForwardSpec;
    use super::find;
    use super::hold;
    use crate::fault::Result;
    use crate::project;
    use crate::project::Expect;
    use crate::project::name::Namespace;
    use crate::project::name::ObjectName;
    use crate::service::Opened;
    use crate::service::fake;
    use crate::service::tests::client;
    use kube::Client;
    use serde_json::json;

    fn wanted(text: &str) -> ForwardSpec {
        ForwardSpec::parse(text, None).unwrap()
    }

    fn namespace() -> Namespace {
        Namespace::parse("todo").unwrap()
    }

    /// A page and a database, with a ready pod behind both.
    async fn cluster() -> Client {
        let service = |name: &str, ports: serde_json::Value| json!({"metadata": {"name": name}, "spec": {"ports": ports}});
        let services = json!([
            service("web", json!([{"name": "metrics", "port": 9000}, {"name": "http", "port": 80}])),
            service("db", json!([{"port": 5432}])),
            json!({"metadata": {"name": "elsewhere"}, "spec": {"type": "ExternalName", "ports": [{"port": 80}]}}),
        ]);
        let at = fake::server(move |_, path| {
            let items = if path.contains("endpointslices") {
                let ports = json!([{"name": "http", "port": 80}, {"name": "metrics", "port": 9000}]);
                let pod = json!({"addresses": ["10.0.0.1"], "targetRef": {"kind": "Pod", "name": "web-1"}});
                json!([{"addressType": "IPv4", "metadata": {"name": "s"}, "ports": ports, "endpoints": [pod]}])
            } else {
                services.clone()
            };
            fake::json(&json!({"metadata": {}, "items": items}))
        })
        .await;
        client(at)
    }

    /// The parts of a forward: the port of the Service, the address that is shown, and the forward.
    async fn held(
        cluster: &Client,
        wanted: Option<ForwardSpec>,
        local: Option<u16>,
        declared: &[project::Service],
    ) -> Result<(u16, String, Opened, Vec<String>)> {
        let lead = find(cluster, &namespace(), wanted, local, declared, &[]).await?;
        let (forward, notes) = hold(cluster, &namespace(), &lead).await?;
        let notes = notes.into_iter().map(|note| note.message).collect();
        Ok((lead.port.number, lead.address(forward.address()), forward, notes))
    }

    #[test]
    fn a_service_is_named_with_or_without_its_port() {
        for (text, ports, service, port, local) in [
            ("web", None, "web", None, None),
            ("web:8000", None, "web", Some("8000"), None),
            ("svc/web", Some("http"), "web", Some("http"), None),
            ("service/web", Some("18080:80"), "web", Some("80"), Some(18080)),
        ] {
            let (service, port) = (ObjectName::parse(service).unwrap(), port.map(str::to_owned));
            assert_eq!(
                ForwardSpec::parse(text, ports).unwrap(),
                ForwardSpec { service, port, local },
                "{text} {ports:?}"
            );
        }
        for (text, ports) in [
            ("web:", None),
            (":80", None),
            ("Web!", None),
            ("", None),
            ("deployment/web", None),
            ("web", Some(":80")),
            ("web", Some("80:")),
            ("web", Some("http:80")),
            ("web", Some("70000:80")),
            ("web:80", Some("80")),
        ] {
            assert_eq!(ForwardSpec::parse(text, ports).unwrap_err().kind.exit_code(), 2, "{text} {ports:?}");
        }
    }

    #[tokio::test]
    async fn a_page_is_told_as_a_url_and_anything_else_as_an_address() {
        let cluster = cluster().await;
        let hold = async |text: &str| held(&cluster, Some(wanted(text)), None, &[]).await.unwrap();
        let (port, address, forward, _) = hold("web").await;
        assert_eq!((port, address), (80, format!("http://{}/", forward.address())));
        assert!(forward.address().port() >= 8080, "not the administrator's port");
        assert_eq!(hold("web:metrics").await.0, 9000);
        let (_, address, forward, notes) = hold("db").await;
        assert_eq!(address, forward.address().to_string());
        assert!(notes.iter().any(|note| note.contains("connections wait")), "no pod by that port");
    }

    #[tokio::test]
    async fn the_declared_local_port_and_path_hold_here_too_unless_another_is_asked_for() {
        let free = || async { fake::closed_port().await.port() };
        let (declared, asked) = (free().await, free().await);
        let service = project::Service {
            name: ObjectName::parse("web").unwrap(),
            place: crate::event::Place::file("deploy.toml"),
            path: "/app".to_owned(),
            expect: Expect { status: None, contains: None },
            local_port: Some(declared),
        };
        let (cluster, services) = (cluster().await, [service]);
        let (_, address, ..) = held(&cluster, None, None, &services).await.unwrap();
        assert_eq!(address, format!("http://127.0.0.1:{declared}/app"));
        let (_, address, ..) = held(&cluster, None, Some(asked), &services).await.unwrap();
        assert_eq!(address, format!("http://127.0.0.1:{asked}/app"));
    }

    #[tokio::test]
    async fn what_is_not_there_is_told_with_what_is() {
        let cluster = cluster().await;
        for (text, message, hint) in [
            ("wep", "there is no Service `wep` in namespace `todo`", "did you mean `todo forward web`?"),
            ("web:81", "the Service `web` has no TCP port `81`", "it has 9000 (metrics), 80 (http)"),
            ("elsewhere", "the Service `elsewhere` has no TCP port", "forward to a Service that has pods"),
        ] {
            let fault = held(&cluster, Some(wanted(text)), None, &[]).await.unwrap_err();
            assert_eq!((fault.kind.exit_code(), fault.causes()[0].as_str()), (60, message));
            assert!(fault.hints[0].starts_with(hint), "{:?}", fault.hints);
        }
    }
}
