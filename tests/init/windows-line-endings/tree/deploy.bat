@echo off
set NAMESPACE=notes
REM docker build -t old .
minikube start --driver=docker
FOR /f "tokens=*" %%i IN ('minikube docker-env --shell cmd') DO %%i
docker build -t notes-server:latest ^
  -f server\Dockerfile server
if %ERRORLEVEL% NEQ 0 exit /b 1
kubectl create secret generic notes-secrets --from-literal=API_KEY=%API_KEY% -n %NAMESPACE%
kubectl apply -f k8s\ -n %NAMESPACE%
pause
