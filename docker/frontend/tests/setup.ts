import "@testing-library/jest-dom/vitest";
import { configure } from "@testing-library/react";

// One second, the default, is too short on a machine that is busy with other builds.
configure({ asyncUtilTimeout: 10_000 });
