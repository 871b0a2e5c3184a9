docker build -t orders-service:latest .
kubectl apply -f k8s/orders.yaml
