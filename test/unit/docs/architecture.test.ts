import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { xdpLb } from '../../../src/maps/generated.js'
import { codeBlocks, readDocument, ROOT } from './documents.js'

const [tree = '', layerList = ''] = codeBlocks('ARCHITECTURE.md', '')
const layers = layerList.trim().split('\n').map((line) => line.split(', '))

/** The place of a layer in ARCHITECTURE.md's list, from the lowest. */
const heightOf = (layer: string): number => layers.findIndex((names) => names.includes(layer))

/** `maps` of `maps/codec.ts`, `errors` of `errors.ts`. */
const layerOf = (file: string): string => file.replace(/\.[jt]s$/, '').split('/')[0] ?? ''

function importsOf(file: string): string[] {
  const source = readFileSync(join(ROOT, 'src', file), 'utf8')
  const paths = [...source.matchAll(/(?:from|import) '(\.[^']+)'/g)].flatMap(([, path]) => path ?? [])
  return paths.map((path) => join(file, '..', path)).filter((path) => !path.startsWith('..'))
}

const sources = readdirSync(join(ROOT, 'src'), { recursive: true, encoding: 'utf8' }).filter((file) =>
  statSync(join(ROOT, 'src', file)).isFile(),
)

describe('ARCHITECTURE.md', () => {
  it('names no file that is not there', () => {
    const paths = tree.trim().split('\n').map((line) => line.split(' ')[0] ?? '')
    expect(paths.length).toBeGreaterThan(10)
    expect(paths.filter((path) => !existsSync(join(ROOT, path)))).toEqual([])
  })

  it('has a row for each map', () => {
    const rows = [...readDocument('ARCHITECTURE.md').matchAll(/^\| (`[^|]+`) \|/gm)].map(([, cell = '']) => cell)
    const named = rows.flatMap((cell) => [...cell.matchAll(/`(\w+)`/g)].map(([, name]) => name))
    expect(named.sort()).toEqual(Object.values(xdpLb.maps).map(({ name }) => name).sort())
  })

  it('knows each layer of src', () => {
    const found = [...new Set(sources.map(layerOf))].filter((layer) => layer !== 'index')
    expect(found.sort()).toEqual(layers.flat().sort())
  })

  it('has layers that hold: none imports from one above', () => {
    const wrong = sources
      .filter((file) => file !== 'index.ts')
      .flatMap((file) => importsOf(file).map((path) => ({ file, path })))
      .filter(({ file, path }) => heightOf(layerOf(path)) > heightOf(layerOf(file)))
    expect(wrong).toEqual([])
  })
})
