import { readdirSync } from 'node:fs'
import { Command } from 'commander'
import { beforeAll, describe, expect, it } from 'vitest'
import { addGlobalOptions } from '../../../src/cli/options.js'
import { parseConfig } from '../../../src/config/parse.js'
import { codeBlocks, DOCUMENTS, readDocument, ROOT } from './documents.js'

const program = addGlobalOptions(new Command('veer'))

/** Every `veer …` in a document: in backticks, and at the beginning of a line of shell or console code. */
function shownCommands(path: string): string[] {
  const inline = [...readDocument(path).matchAll(/`(?:bin\/)?veer ([^`\n]+)`/g)].flatMap(([, command]) => command ?? [])
  const lines = codeBlocks(path, 'sh', 'console', 'ini').flatMap((code) => code.split('\n'))
  const typed = lines.flatMap((line) => /^(?:# |ExecStart=\S*\/)?veer (.+)$/.exec(line)?.[1] ?? [])
  return [...inline, ...typed].map((command) => command.replace(/ {2,}.*/, ''))
}

/** What of a shown command the command line does not know. */
function unknownParts(shown: string): string[] {
  const words = shown.split(/\s+/)
  const [verb = ''] = words.filter((word) => !word.startsWith('-') && word === word.toLowerCase())
  const command = program.commands.find((each) => each.name() === verb)
  if (command === undefined) return words.every((word) => word.startsWith('-')) ? [] : [verb]
  const known = [...program.options, ...command.options].flatMap(({ short, long }) => [short, long])
  return words.filter((word) => word.startsWith('-') && !known.includes(word))
}

beforeAll(async () => {
  for (const file of readdirSync(`${ROOT}src/cli/commands`)) {
    const verbs = (await import(`../../../src/cli/commands/${file}`)) as Record<string, (to: Command) => void>
    for (const addVerb of Object.values(verbs)) addVerb(program)
  }
})

describe('commands in documents', () => {
  it.each(DOCUMENTS)('of %s exist, with their options', (path) => {
    const unknown = shownCommands(path).flatMap((shown) => unknownParts(shown).map((part) => `${part} in: ${shown}`))
    expect(unknown).toEqual([])
  })

  it('README.md has a row for each', () => {
    const rows = [...readDocument('README.md').matchAll(/^\| `veer (\w+)/gm)].map(([, verb]) => verb)
    expect(rows.sort()).toEqual(program.commands.map((command) => command.name()).sort())
  })
})

describe('configurations in documents', () => {
  const shown = DOCUMENTS.flatMap((path) => codeBlocks(path, 'yaml').map((code) => ({ path, code })))

  it('are there', () => {
    expect(shown.map(({ path }) => path)).toContain('README.md')
  })

  it.each(shown)('of $path are valid', ({ code }) => {
    expect(parseConfig(code).problems).toBeUndefined()
  })
})
