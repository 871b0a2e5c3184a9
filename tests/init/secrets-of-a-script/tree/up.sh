kubectl create configmap sites --from-file=default.conf=conf/site.conf
kubectl create configmap levels --from-literal=LEVEL=info
kubectl create secret generic ca --from-file=conf/ca.pem
kubectl apply -f k8s
