//! Images that are somebody else's, by their names.

/// Whether an image is somebody else's: of a registry of software, or known by its short name.
#[must_use]
pub fn is_public(repository: &str) -> bool {
    const HOSTS: [&str; 10] = [
        "registry.k8s.io/",
        "k8s.gcr.io/",
        "quay.io/",
        "mcr.microsoft.com/",
        "gcr.io/google",
        "bitnami/",
        "docker.elastic.co/",
        "docker.io/library/",
        "library/",
        "docker.io/bitnami/",
    ];
    const KNOWN: [&str; 34] = [
        "postgres",
        "postgresql",
        "redis",
        "valkey",
        "mysql",
        "mariadb",
        "mongo",
        "mongodb",
        "nginx",
        "traefik",
        "rabbitmq",
        "kafka",
        "zookeeper",
        "memcached",
        "busybox",
        "alpine",
        "node",
        "python",
        "httpd",
        "caddy",
        "adminer",
        "mailhog",
        "minio",
        "vault",
        "consul",
        "elasticsearch",
        "kibana",
        "grafana",
        "prometheus",
        "debian",
        "ubuntu",
        "golang",
        "curlimages",
        "ollama",
    ];
    HOSTS.iter().any(|host| repository.starts_with(host))
        || KNOWN.contains(&repository.split('/').next().unwrap_or_default())
}
