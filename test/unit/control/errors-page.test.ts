import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'

const ROOT = fileURLToPath(new URL('../../..', import.meta.url))

const sources = readdirSync(join(ROOT, 'src'), { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.ts'))
  .map((name) => readFileSync(join(ROOT, 'src', name), 'utf8'))

const inSource = new Set(sources.flatMap((text) => text.match(/LB_ERR_[A-Z]+_[A-Z_]+/g) ?? []))

const rows = readFileSync(join(ROOT, 'docs/errors.md'), 'utf8')
  .split('\n')
  .filter((line) => line.startsWith('| `'))
  .map((line) => line.split('|').map((cell) => cell.trim()))

describe('docs/errors.md', () => {
  it('has the codes of the source, all of them, once, in order', () => {
    expect(rows.map(([, code]) => code)).toEqual([...inSource].sort().map((code) => `\`${code}\``))
  })

  it.each(rows)('says of %s%s what it means and how to solve it', (...cells) => {
    expect(cells.slice(2, 4).every((cell) => cell.length > 10)).toBe(true)
    expect(cells.length).toBe(5)
  })
})
