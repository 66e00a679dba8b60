/**
 * Writes src/maps/generated.ts from the BTF of build/bpf/xdp_lb.o, tc_reply.o and xdp_ping.o: `npm run gen`.
 * `npm run gen -- --check` changes nothing and fails when the committed file is not what would be written.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { generate } from './lib/generate.js'

const root = new URL('../', import.meta.url)
const object = (name: string) => ({ name, bytes: readFileSync(new URL(`build/bpf/${name}.o`, root)) })
const target = new URL('src/maps/generated.ts', root)

const current = generate(object('xdp_lb'), [object('tc_reply'), object('xdp_ping')])
if (!process.argv.includes('--check')) {
  writeFileSync(target, current)
} else {
  const committed = readFileSync(target, 'utf8').split('\n')
  const line = current.split('\n').findIndex((text, index) => text !== committed[index])
  if (line >= 0 || committed.length !== current.split('\n').length) {
    const place = `${fileURLToPath(target)}:${(line < 0 ? committed.length : line) + 1}`
    process.stderr.write(`stale: ${place} differs from the BTF of build/bpf; run: npm run gen && git diff\n`)
    process.exitCode = 1
  }
}
