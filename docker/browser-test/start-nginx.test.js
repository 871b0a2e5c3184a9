/** What start-nginx finds out: the name server and the backend's full name. A stand-in for nginx ends at once. */

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const program = fileURLToPath(new URL("../frontend/nginx/start-nginx", import.meta.url));
const IN_A_CLUSTER = "search shop.svc.cluster.local svc.cluster.local cluster.local\nnameserver 10.96.0.10\noptions ndots:5\n";

function settings(resolvConf, variables = {}) {
  const folder = mkdtempSync(join(tmpdir(), "start-nginx-"));
  try {
    writeFileSync(join(folder, "resolv.conf"), resolvConf);
    writeFileSync(join(folder, "nginx"), "#!/bin/sh\n");
    chmodSync(join(folder, "nginx"), 0o755);
    const env = { PATH: `${folder}:${process.env.PATH}`, RUN_FOLDER: join(folder, "run"), ...variables };
    execFileSync(program, { env: { ...env, RESOLV_CONF: join(folder, "resolv.conf") } });
    return readFileSync(join(folder, "run/nginx.conf"), "utf8");
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const resolver = (text) => /^\s*resolver (.*?)\s+valid/m.exec(text)[1];
const backend = (text) => /map \$server_port \$backend \{\s*default (.*);/.exec(text)[1];

test("in a cluster the backend is sought in the pod's namespace, at the cluster's name server", () => {
  const text = settings(IN_A_CLUSTER);
  assert.equal(resolver(text), "10.96.0.10");
  assert.equal(backend(text), "http://todo-backend.shop.svc.cluster.local:8000");
});

test("a full name, an address and a slash at the end are left alone", () => {
  const of = (url) => backend(settings(IN_A_CLUSTER, { BACKEND_URL: url }));
  assert.equal(of("http://api.example.org"), "http://api.example.org");
  assert.equal(of("http://10.1.2.3:99/"), "http://10.1.2.3:99");
  assert.equal(of("http://api/"), "http://api.shop.svc.cluster.local");
});

test("outside a cluster search domains are not for the backend", () => {
  const text = settings("search corp.example\nnameserver 127.0.0.11\nnameserver fe80::1%eth0\n");
  assert.equal(resolver(text), "127.0.0.11 [fe80::1]");
  assert.equal(backend(text), "http://todo-backend:8000");
});

test("everything is filled in", () => {
  assert.doesNotMatch(settings(IN_A_CLUSTER), /@[A-Z]+@/);
});
