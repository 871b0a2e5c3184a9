#!/usr/bin/env bash
HERE="$(dirname "$0")"
NS=library
prepare() {
  minikube addons enable "$1"
}
cat > /tmp/readme.txt <<TXT
helm upgrade --install books chart -f chart/values-prod.yaml -n production
TXT
prepare ingress
prepare metrics-server
kubectl create namespace monitoring
helm install prom prometheus-community/prometheus --namespace monitoring
kubectl apply -f https://example.org/operator.yaml
docker build -t library/server:dev "$HERE/../server"
helm upgrade --install books "$HERE/../chart" \
  --namespace "$NS" --set replicas=2 --set auth.sessionSecret="$SESSION_SECRET"
