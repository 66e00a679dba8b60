/** The compilers that are at hand: each must make programs that the verifier takes. */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Collection } from '../../src/loader/collection.js'
import { CollectionSpec } from '../../src/loader/collection-spec.js'
import type { ObjectDescriptor } from '../../src/maps/descriptor.js'
import { xdpLb, xdpPing } from '../../src/maps/generated.js'
import { tcReply } from '../support/lb-fixture.js'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))

/** One path for each, however many names it has. */
function compilersOf(directories: readonly string[]): string[] {
  const names = directories.flatMap((directory) =>
    readdirSync(directory)
      .filter((name) => /^clang(-\d+)?$/.test(name))
      .map((name) => realpathSync(join(directory, name))),
  )
  return [...new Set(names)]
}

const COMPILERS = compilersOf(['/usr/bin', '/usr/local/bin'])

it('there is one', () => {
  expect(COMPILERS).not.toEqual([])
})

describe.each(COMPILERS)('%s', { timeout: 120_000 }, (compiler) => {
  let directory: string
  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), 'veer-compiler-'))
    execFileSync(join(ROOT, 'scripts/build-bpf'), { env: { ...process.env, CLANG: compiler, OUT: directory }, stdio: 'pipe' })
  }, 120_000)
  afterAll(() => rmSync(directory, { recursive: true }))

  it.each([xdpLb, tcReply, xdpPing])('makes a $name that the verifier takes', async (descriptor: ObjectDescriptor) => {
    const { name } = descriptor
    const spec = CollectionSpec.parse(readFileSync(join(directory, `${name}.o`)), name)
    using collection = await Collection.load(spec, descriptor)
    expect(Object.keys(collection.programs)).toEqual(Object.keys(descriptor.programs))
  })
})
