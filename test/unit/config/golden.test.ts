import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { loadConfig } from '../../../src/config/load.js'
import { parseConfig } from '../../../src/config/parse.js'

const TESTDATA = new URL('../../testdata/config/', import.meta.url)
const EXAMPLES = new URL('../../../examples/', import.meta.url)

const yamlFiles = (directory: URL) => readdirSync(directory).filter((name) => name.endsWith('.yaml'))

describe('a golden file', () => {
  it.each(yamlFiles(TESTDATA))('%s means what its JSON says', async (name) => {
    const result = parseConfig(readFileSync(new URL(name, TESTDATA), 'utf8'))
    const golden = new URL(name.replace('.yaml', '.json'), TESTDATA)
    await expect(`${JSON.stringify(result, null, 2)}\n`).toMatchFileSnapshot(golden.pathname)
  })
})

describe('an example', () => {
  it.each(yamlFiles(EXAMPLES))('%s is valid', (name) => {
    expect(parseConfig(readFileSync(new URL(name, EXAMPLES), 'utf8')).problems).toBeUndefined()
  })
})

describe('loadConfig', () => {
  function inDirectory(use: (directory: string) => void): void {
    const directory = mkdtempSync(join(tmpdir(), 'veer-config-'))
    try {
      use(directory)
    } finally {
      rmSync(directory, { recursive: true })
    }
  }

  it('says that a file is missing, a directory, or not UTF-8', () => {
    inDirectory((directory) => {
      const missing = join(directory, 'missing.yaml')
      const binary = join(directory, 'binary.yaml')
      writeFileSync(binary, Buffer.of(0xff, 0xfe, 0x80))
      const unreadable = (path: string, reason: string) =>
        expect.objectContaining({
          code: 'LB_ERR_CONFIG_UNREADABLE',
          message: `cannot read configuration ${path}: ${reason}`,
        }) as Error
      expect(() => loadConfig(missing)).toThrow(unreadable(missing, 'there is no such file'))
      expect(() => loadConfig(directory)).toThrow(unreadable(directory, 'it is a directory'))
      expect(() => loadConfig(binary)).toThrow(unreadable(binary, 'it is not UTF-8 text'))
    })
  })

  it('throws every problem of an invalid file, the first in its message', () => {
    inDirectory((directory) => {
      const path = join(directory, 'veer.yaml')
      writeFileSync(path, 'version: 2\n')
      let thrown: unknown
      try {
        loadConfig(path)
      } catch (error) {
        thrown = error
      }
      expect(thrown).toMatchObject({
        code: 'LB_ERR_CONFIG_INVALID',
        message: `${path}:1:1: interfaces: is required (and 2 more)`,
        problems: [{ path: 'interfaces' }, { path: 'services' }, { path: 'version' }],
      })
    })
  })
})
