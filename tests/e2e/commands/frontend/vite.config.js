export default { base: "/static/", build: { outDir: "../shop/dist", emptyOutDir: true, rollupOptions: { input: "main.js", output: { entryFileNames: "main.js", assetFileNames: "main[extname]" } } } }
