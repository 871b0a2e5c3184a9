docker build -t menu-service:latest .
kubectl apply -f k8s/menu.yaml
