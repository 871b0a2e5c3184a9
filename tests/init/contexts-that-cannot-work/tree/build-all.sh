docker build -f build/gateway.Dockerfile -t mesh/gateway attic/gateway
docker build -f build/pages.Dockerfile -t mesh/pages pages
