/** The documents of the repository as their tests read them. */
import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

export const ROOT = fileURLToPath(new URL('../../../', import.meta.url))

const markdownIn = (directory: string): string[] =>
  readdirSync(`${ROOT}${directory}`)
    .filter((name) => name.endsWith('.md'))
    .map((name) => `${directory}${name}`)

/** Every Markdown file, by its path from the root. */
export const DOCUMENTS: readonly string[] = [...markdownIn(''), ...markdownIn('docs/')]

export function readDocument(path: string): string {
  return readFileSync(`${ROOT}${path}`, 'utf8')
}

const FENCE = /^```(\w*)\n([\s\S]*?)^```$/gm

/** The code blocks of a document that are in one of `languages`. */
export function codeBlocks(path: string, ...languages: string[]): string[] {
  const blocks = [...readDocument(path).matchAll(FENCE)]
  return blocks.flatMap(([, language = '', code = '']) => (languages.includes(language) ? [code] : []))
}

/** A document without its code, of either kind. */
export function proseOf(path: string): string {
  return readDocument(path).replace(FENCE, '').replace(/`[^`\n]*`/g, '')
}

/** The first cell of each row of all tables in a text that holds one name in backticks and nothing else. */
export function tableNames(text: string): string[] {
  return [...text.matchAll(/^\| `(\w+)` \|/gm)].flatMap(([, name]) => name ?? [])
}
