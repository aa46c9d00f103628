import { randomUUID } from "node:crypto";

const run = {
  name: "run",
  generateBundle() {
    this.emitFile({ type: "asset", fileName: "run.txt", source: randomUUID() });
  },
};

export default {
  base: "/static/",
  plugins: [run],
  build: {
    outDir: "../shop/dist",
    emptyOutDir: true,
    rollupOptions: { input: "main.js", output: { entryFileNames: "main.js", assetFileNames: "main[extname]" } },
  },
};
