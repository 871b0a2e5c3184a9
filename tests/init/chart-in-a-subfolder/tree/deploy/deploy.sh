#!/usr/bin/env bash
set -euo pipefail
cd "$(dirname "$0")/.."
RELEASE=${RELEASE:-shop}
NAMESPACE="${NAMESPACE:-shop}"
if ! minikube status | grep -q Running; then
  minikube start --cpus=4 --memory=8192 --driver=docker
fi
eval $(minikube docker-env)
docker build -t shop-api:latest ./services/api
docker build -t shop-web:latest -f services/web/Dockerfile.prod \
  --build-arg API_URL=http://localhost:8000 services/web
helm upgrade --install "$RELEASE" deploy/helm/shop \
  --namespace "$NAMESPACE" --create-namespace \
  -f deploy/helm/shop/values-dev.yaml \
  --set api.image.pullPolicy=Never --set api.replicaCount=1 \
  --set secrets.openaiKey="$OPENAI_API_KEY" --wait
minikube service shop-web -n "$NAMESPACE" --url
