//! Images that are published by others, recognized by their names.

/// Registries, and parts of them, that hold published software.
const HOSTS: [&str; 22] = [
    "registry.k8s.io/",
    "k8s.gcr.io/",
    "quay.io/",
    "mcr.microsoft.com/",
    "gcr.io/google",
    "gcr.io/cloud",
    "gcr.io/distroless/",
    "gcr.io/kaniko-project/",
    "gcr.io/cadvisor/",
    "nvcr.io/",
    "lscr.io/",
    "docker.elastic.co/",
    "docker.n8n.io/",
    "container-registry.oracle.com/",
    "public.ecr.aws/docker/",
    "public.ecr.aws/bitnami/",
    "registry.access.redhat.com/",
    "registry.redhat.io/",
    "registry.gitlab.com/gitlab-org/",
    "ghcr.io/linuxserver/",
    "ghcr.io/external-secrets/",
    "ghcr.io/dexidp/",
];

/// Docker Official Images (`docker-library/official-images: library/`), and what other software is called alone.
const NAMES: &str = "\
    adminer aerospike alpine amazoncorretto amazonlinux api-firewall arangodb archlinux \
    backdrop bash bonita buildpack-deps busybox caddy cassandra centos chronograf cirros \
    clearlinux clefos clickhouse clojure composer consul convertigo couchbase couchdb crate \
    curlimages dart debian docker drupal eclipse-mosquitto eclipse-temurin eggdrop \
    elasticsearch elixir emqx erlang express-gateway fedora flink fluentd friendica gazebo gcc \
    geonetwork ghost golang gradle grafana groovy haproxy haskell haxe hello-world hitch httpd \
    hylang influxdb irssi jenkins jetty jobber joomla jruby julia kafka kapacitor keycloak \
    kibana kong krakend lightstreamer liquibase logstash mageia mailhog mariadb matomo maven \
    mediawiki memcached minio mongo mongo-express mongodb monica mono mysql nats \
    nats-streaming neo4j neurodebian nextcloud nginx node nuxeo odoo ollama open-liberty \
    openjdk opensearch oraclelinux orientdb percona perl pgadmin photon php php-zendserver \
    phpmyadmin plone postfixadmin postgres postgresql prometheus pypy python r-base rabbitmq \
    rakudo-star redis redmine registry rethinkdb rocket.chat rockylinux ros ruby rust \
    sapmachine satosa silverpeas solr sonarqube spark spiped storm swift swipl teamspeak \
    telegraf tomcat tomee traefik ubuntu unit valkey varnish vault websphere-liberty wordpress \
    xwiki yourls znc zookeeper";

/// Publishers of software on Docker Hub.
const OWNERS: &str = "\
    adguard amazon apache apachepulsar aquasec argoproj arm64v8 atlassian axllent bitnami \
    bitnamilegacy calico certbot cilium clickhouse cloudflare cockroachdb confluentinc \
    containous coredns curlimages cypress datadog datalust debezium directus dpage drone \
    edoburu elastic envoyproxy fluent gitea gitlab goharbor grafana graphiteapp hashicorp \
    hasura influxdata istio itzg jaegertracing jenkins jetstack jupyter justwatchcom kindest \
    kubernetesui langgenius linuxserver localstack louislam maildev mailhog martinhelmich \
    mattermost mendhak metabase minio mongodb mongodb-community n8nio natsio neilpang nginxinc \
    nvidia oamdev obsidiandynamics ollama openpolicyagent openresty opensearchproject \
    opentelemetry openzipkin oryd otel otelcol pgadmin pgvector portainer postgis prom \
    prometheus provectuslabs pytorch qdrant rancher rediscommander redislabs roundcube sclorg \
    selenium semitechnologies sonatype stakater supabase swaggerapi tecnativa temporalio \
    tensorflow timberio timescale timescaledev twistlock tykio typesense unleashorg valkey \
    vaultwarden verdaccio victoriametrics wazuh wiremock wurstmeister yandex zabbix \
    zricethezav";

/// Whether an image is published by others: of a registry of software, or known by its short name or its owner.
#[must_use]
pub(super) fn is_public(repository: &str) -> bool {
    let hub = ["docker.io/library/", "docker.io/", "index.docker.io/", "library/"];
    let plain = hub.iter().find_map(|host| repository.strip_prefix(host)).unwrap_or(repository);
    let has = |list: &str, name: &str| list.split_ascii_whitespace().any(|known| known == name);
    HOSTS.iter().any(|host| repository.starts_with(host))
        || match plain.split_once('/') {
            // `grafana/loki`, and `postgres/x` of a registry that copies what is published.
            Some((owner, _)) => has(OWNERS, owner) || has(NAMES, owner),
            None => has(NAMES, plain),
        }
}

#[cfg(test)]
mod tests {
    use super::is_public;

    #[test]
    fn published_software_is_known_by_registry_owner_or_name() {
        for name in [
            "postgres",
            "docker.io/library/redis",
            "docker.io/bitnami/kafka",
            "nvidia/cuda",
            "gcr.io/cloud-sql-connectors/cloud-sql-proxy",
            "registry.k8s.io/pause",
            "kong",
        ] {
            assert!(is_public(name), "{name}");
        }
        for name in
            ["shop", "acme/postgres-backup", "ghcr.io/acme/web", "web-nginx", "localhost:5000/redis-ui"]
        {
            assert!(!is_public(name), "{name}");
        }
    }
}
