/** The BPF objects that a dataplane is made of, as files. */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { errnoOf, VeerError } from '../errors.js'
import { PACKAGE_ROOT } from '../package-root.js'

/** The bytes of `build/bpf/NAME.o`. Throws `LB_ERR_OBJECT_MISSING`. */
export function readObject(name: string): Buffer {
  const path = fileURLToPath(new URL(`build/bpf/${name}.o`, PACKAGE_ROOT))
  try {
    return readFileSync(path)
  } catch (cause) {
    throw new VeerError('LB_ERR_OBJECT_MISSING', `cannot read the BPF object ${path}: ${errnoOf(cause)}`, {
      hint: 'build it with scripts/setup',
      cause,
    })
  }
}

/** SHA-256 over objects in this order, hex: another one means another version. */
export function digestOf(objects: readonly Uint8Array[]): string {
  const hash = createHash('sha256')
  for (const bytes of objects) hash.update(bytes)
  return hash.digest('hex')
}
