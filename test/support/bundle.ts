/** Bundles the command before its tests, which would be of the sources as they were once otherwise. */
import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))

export default function bundle(): void {
  execFileSync('node_modules/.bin/rolldown', ['-c'], { cwd: ROOT, stdio: ['ignore', 'ignore', 'inherit'] })
}
