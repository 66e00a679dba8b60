/**
 * The command in a few CommonJS files: of some sixty modules node finds, reads and links each by itself, which takes
 * longer than what most commands do. Each verb is a file that is loaded when it is asked for.
 */
import { defineConfig } from 'rolldown'

export default defineConfig({
  input: { veer: 'src/cli/main.ts' },
  platform: 'node',
  // The sources require it, for node's sake; here it can be in the bundle.
  resolve: { alias: { './ipaddr.js': 'ipaddr.js' } },
  transform: { target: 'es2022' },
  output: { dir: 'dist', format: 'cjs', entryFileNames: '[name].cjs', chunkFileNames: 'veer-[name].cjs' },
})
