//! The room against a fake engine, a fake API server and a fake minikube.
