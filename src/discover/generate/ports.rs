//! On which ports a service listens, from all evidence.

use super::names::uses;
use super::stage::Stage;
use crate::discover::compose::Protocol;
use crate::discover::compose::Service;
use crate::manifest::bind::repository;

/// A port of a container.
pub(super) type Listened = (u16, Protocol);

/// The ports in compose, else in the Dockerfile, in other services' addresses, a reverse proxy's label, the health
/// check, its own `PORT`, else the image's well-known port. `texts` are the values in which others may address it by
/// one of `names`.
pub(super) fn listened(
    service: &Service,
    stage: Option<&Stage>,
    image: &str,
    names: &[&str],
    texts: &[String],
) -> Vec<Listened> {
    let mut ports: Vec<Listened> = service.ports.iter().map(|port| (port.target, port.protocol)).collect();
    let tcp = |port: u16| (port, Protocol::Tcp);
    ports.extend(names.iter().flat_map(|name| texts.iter().flat_map(|text| addressed(text, name))).map(tcp));
    ports.extend(service.labelled_port.iter().map(|(port, _)| tcp(*port)));
    // A worker out of the server's image does not listen where the server does.
    let another = service.command.is_some() || service.entrypoint.is_some();
    if ports.is_empty() && !another {
        ports.extend(stage.into_iter().flat_map(|stage| stage.ports.clone()));
    }
    if ports.is_empty() {
        ports.extend(checked(service, stage).map(tcp));
    }
    if ports.is_empty() {
        ports.extend(own(service).map(tcp));
    }
    if ports.is_empty() && stage.is_none() {
        ports.extend(known(image).map(tcp));
    }
    if ports.is_empty() && another && service.after.is_empty() && service.restart.as_deref() != Some("no") {
        ports.extend(
            stage.into_iter().filter(|_| started_as_server(service)).flat_map(|stage| stage.ports.clone()),
        );
    }
    // In compose every port is reached by the others, published or not.
    if !another {
        ports.extend(stage.into_iter().flat_map(|stage| stage.ports.clone()));
        ports.extend(known(image).filter(|_| stage.is_none() && is_store(image)).map(tcp));
    }
    let mut seen = std::collections::BTreeSet::new();
    ports.retain(|port| seen.insert(*port));
    ports
}

/// `name:8000` in a text. Images are written alike: `FROM nginx:1.27`, `image: postgres:16`.
fn addressed(text: &str, name: &str) -> Vec<u16> {
    if !uses(text, name) {
        return Vec::new();
    }
    let is_image = |line: &str| {
        let small = line.trim_start().to_ascii_lowercase();
        small.starts_with("from ") || small.trim_start_matches("- ").starts_with("image:")
    };
    text.lines().filter(|line| !is_image(line)).flat_map(|line| addressed_in_line(line, name)).collect()
}

fn addressed_in_line(text: &str, name: &str) -> Vec<u16> {
    let after = text.match_indices(name).filter_map(|(at, _)| {
        let before = &text[..at];
        let whole = !before.ends_with(|c: char| c.is_alphanumeric() || "-_.".contains(c));
        let rest = text[at + name.len()..].strip_prefix(':').filter(|_| whole)?;
        let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let mut more = rest[digits..].chars();
        let is_tag = match more.next() {
            Some('.') => more.next().is_some_and(|c| c.is_ascii_digit()),
            Some(next) => next == '-' || next.is_ascii_alphabetic(),
            None => false,
        };
        if is_tag {
            return None;
        }
        rest[..digits].parse::<u16>().ok().filter(|port| *port > 0)
    });
    after.collect()
}

/// The port of localhost that a health check calls.
fn checked(service: &Service, stage: Option<&Stage>) -> Option<u16> {
    let own = service.health.as_ref().filter(|health| !health.words.is_empty());
    let health = own.or_else(|| stage.and_then(|stage| stage.health.as_ref()))?;
    let text = health.words.join(" ");
    let hosts = ["localhost", "127.0.0.1", "0.0.0.0", service.name.as_str()];
    if let Some(port) = hosts.iter().find_map(|host| addressed(&text, host).first().copied()) {
        return Some(port);
    }
    let bare = |scheme: &str| hosts.iter().any(|host| text.contains(&format!("{scheme}://{host}")));
    if bare("http") {
        return Some(80);
    }
    bare("https").then_some(443)
}

/// Its own `PORT`.
fn own(service: &Service) -> Option<u16> {
    let named = |key: &str| service.environment.iter().find(|value| value.key == key);
    let value = named("PORT").or_else(|| named("HTTP_PORT")).or_else(|| named("SERVER_PORT"))?;
    value.value.as_ref()?.text().parse().ok()
}

fn started_as_server(service: &Service) -> bool {
    const SERVERS: [&str; 14] = [
        "uvicorn",
        "gunicorn",
        "runserver",
        "flask run",
        "fastapi",
        "npm start",
        "npm run start",
        "npm run dev",
        "yarn start",
        "yarn dev",
        "yarn run",
        "rails s",
        "serve",
        "hypercorn",
    ];
    let line =
        service.command.iter().chain(&service.entrypoint).flatten().cloned().collect::<Vec<_>>().join(" ");
    SERVERS.iter().any(|server| line.contains(server))
}

/// The port of programs that listen on one by nature.
pub(super) fn known(image: &str) -> Option<u16> {
    const KNOWN: [(&str, u16); 37] = [
        ("postgres", 5432),
        ("postgis", 5432),
        ("pgvector", 5432),
        ("timescaledb", 5432),
        ("redis", 6379),
        ("valkey", 6379),
        ("keydb", 6379),
        ("mysql", 3306),
        ("mariadb", 3306),
        ("mongo-express", 8081),
        ("mongo", 27017),
        ("rabbitmq", 5672),
        ("memcached", 11211),
        ("cassandra", 9042),
        ("clickhouse", 8123),
        ("elasticsearch", 9200),
        ("opensearch", 9200),
        ("zookeeper", 2181),
        ("kafka", 9092),
        ("cp-kafka", 9092),
        ("nats", 4222),
        ("minio", 9000),
        ("influxdb", 8086),
        ("neo4j", 7687),
        ("mssql/server", 1433),
        ("mssql-server", 1433),
        ("azure-sql-edge", 1433),
        ("couchdb", 5984),
        ("etcd", 2379),
        ("eclipse-mosquitto", 1883),
        ("nginx", 80),
        ("httpd", 80),
        ("caddy", 80),
        ("adminer", 8080),
        ("phpmyadmin", 80),
        ("wordpress", 80),
        ("grafana", 3000),
    ];
    // nginx-exporter is not nginx.
    if short(image).contains("exporter") {
        return None;
    }
    KNOWN.iter().find(|(known, _)| is_called(image, known)).map(|(_, port)| *port)
}

/// Whether an image is `known`, by the last part of its name; `mssql/server` is known by its last two.
pub(super) fn is_called(image: &str, known: &str) -> bool {
    if known.contains('/') { repository(image).ends_with(known) } else { short(image).starts_with(known) }
}

/// Whether only programs of the application speak with it.
pub(super) fn is_store(image: &str) -> bool {
    const OTHER: [u16; 4] = [80, 3000, 8080, 8081];
    known(image).is_some_and(|port| !OTHER.contains(&port))
}

/// The last part of a repository.
pub(super) fn short(image: &str) -> &str {
    let repository = repository(image);
    repository.rsplit('/').next().unwrap_or(repository)
}

#[cfg(test)]
mod tests {
    use super::addressed;
    use super::known;

    #[test]
    fn images_are_known_by_the_end_of_their_names() {
        for (image, port) in [
            ("postgres:17", Some(5432)),
            ("ghcr.io/acme/mysql:8", Some(3306)),
            ("mcr.microsoft.com/mssql/server:2022-latest", Some(1433)),
            ("acme/server", None),
            ("nginx/nginx-prometheus-exporter", None),
        ] {
            assert_eq!(known(image), port, "{image}");
        }
    }

    #[test]
    fn tags_of_images_are_no_ports() {
        for (text, ports) in [
            ("http://nginx:8080/x", &[8080][..]),
            ("nginx:80,nginx:81", &[80, 81]),
            ("see nginx:8080.", &[8080]),
            ("FROM nginx:1\nRUN curl nginx:9000", &[9000]),
            ("  image: nginx:27", &[]),
            ("docker run nginx:1.27-alpine", &[]),
            ("docker run nginx:27-alpine", &[]),
        ] {
            assert_eq!(addressed(text, "nginx"), ports, "{text}");
        }
    }
}
