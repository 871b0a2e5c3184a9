import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

const backend = process.env.BACKEND_URL ?? "http://127.0.0.1:8000";

// One script and one style sheet: a page that has loaded needs nothing more from the version it came from.
export default defineConfig({
  plugins: [react()],
  build: { cssCodeSplit: false, modulePreload: { polyfill: false } },
  server: { proxy: { "/api": backend } },
});
