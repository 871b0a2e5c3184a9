/** The whole application on this machine: the backend as its process, the page behind nginx with its real settings. */

import { execFileSync, spawn } from "node:child_process";
import { chmodSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync, writeSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const docker = fileURLToPath(new URL("..", import.meta.url));
const START_MS = 20_000;

export class Application {
  #folder = mkdtempSync(join(tmpdir(), "todo-browser-test-"));
  #log = openSync(join(this.#folder, "log"), "a");
  #runFolder = join(this.#folder, "nginx");
  #running = [];

  async start() {
    chmodSync(this.#folder, 0o755); // started by root, nginx works as another user
    this.backendPort = await freePort();
    const frontendPort = await freePort();
    this.url = `http://127.0.0.1:${frontendPort}`;
    const resolvConf = join(this.#folder, "resolv.conf");
    writeFileSync(resolvConf, "nameserver 127.0.0.1\n");
    this.#run(join(docker, "frontend/nginx/start-nginx"), [], docker, {
      RUN_FOLDER: this.#runFolder,
      RESOLV_CONF: resolvConf,
      BACKEND_URL: `http://127.0.0.1:${this.backendPort}`,
      LISTEN: `127.0.0.1:${frontendPort}`,
      PAGES_FOLDER: join(docker, "frontend/dist"),
    });
    await this.#answers(`${this.url}/healthz`);
    await this.startBackend();
  }

  /** What the cluster runs in a frontend pod before it ends. */
  drain() {
    execFileSync(join(docker, "frontend/nginx/drain"), ["0"], { env: { ...process.env, RUN_FOLDER: this.#runFolder } });
  }

  async startBackend() {
    this.backend = this.#run(process.env.PYTHON ?? "python3", ["-m", "app"], join(docker, "backend"), {
      DATABASE_PATH: join(this.#folder, "todo.db"),
      HOST: "127.0.0.1",
      PORT: String(this.backendPort),
      OPENAI_API_KEY: "",
      OPENAI_BASE_URL: "",
    });
    await this.#answers(`http://127.0.0.1:${this.backendPort}/ready`);
  }

  async stopBackend() {
    await ended(this.backend);
  }

  async stop() {
    await Promise.all(this.#running.map(ended));
    rmSync(this.#folder, { recursive: true });
  }

  #run(program, args, cwd, variables) {
    const child = spawn(program, args, { cwd, env: { ...process.env, ...variables }, stdio: ["ignore", this.#log, this.#log] });
    child.on("error", (error) => writeSync(this.#log, String(error)));
    this.#running.push(child);
    return child;
  }

  async #answers(url) {
    const deadline = Date.now() + START_MS;
    while (Date.now() < deadline) {
      const response = await fetch(url).catch(() => undefined);
      if (response?.ok) return;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    throw new Error(`${url} does not answer:\n${readFileSync(join(this.#folder, "log"), "utf8")}`);
  }
}

function ended(child) {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
  return new Promise((resolve) => {
    child.once("exit", resolve);
    child.kill("SIGTERM");
  });
}

function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer().on("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}
