docker build -t acme/billing billing
docker build -t acme/api api
kubectl apply -f k8s
