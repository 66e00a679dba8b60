import { existsSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { describe, expect, it } from 'vitest'
import { DOCUMENTS, proseOf, readDocument, ROOT } from './documents.js'

/** Anchors as GitHub makes them of headings. */
function anchorsOf(path: string): string[] {
  const headings = readDocument(path).matchAll(/^#+ (.+)$/gm)
  return [...headings].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replace(/[^\w\- ]/g, '')
      .replaceAll(' ', '-'),
  )
}

/** Links of a document that lead nowhere; those to other sites are left alone. */
function brokenLinks(path: string): string[] {
  const links = [...proseOf(path).matchAll(/\]\(([^)\s]+)\)/g)].flatMap(([, link]) => link ?? [])
  return links.filter((link) => {
    if (/^\w+:/.test(link)) return false
    const [file = '', anchor] = link.split('#')
    const target = file === '' ? path : relative(ROOT, join(ROOT, dirname(path), file))
    if (!existsSync(join(ROOT, target))) return true
    return anchor !== undefined && !anchorsOf(target).includes(anchor)
  })
}

describe('links between documents', () => {
  it.each(DOCUMENTS)('of %s lead somewhere', (path) => {
    expect(brokenLinks(path)).toEqual([])
  })
})
