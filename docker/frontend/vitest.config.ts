import { mergeConfig } from "vite";
import { defineConfig } from "vitest/config";

import viteConfig from "./vite.config.ts";

export default mergeConfig(
  viteConfig,
  defineConfig({
    test: { environment: "jsdom", globals: true, include: ["tests/**/*.test.tsx"], setupFiles: ["tests/setup.ts"], testTimeout: 30_000 },
  }),
);
