import { readFileSync } from 'node:fs'
import type { CommanderError } from 'commander'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { buildProgram } from '../../../src/cli/program.js'

let printed: { stdout: string; stderr: string }

beforeEach(() => {
  printed = { stdout: '', stderr: '' }
  for (const stream of ['stdout', 'stderr'] as const) {
    vi.spyOn(process[stream], 'write').mockImplementation((text) => {
      printed[stream] += String(text)
      return true
    })
  }
})

afterEach(() => void vi.restoreAllMocks())

/** The exit code that commander asks for. */
async function exitCodeOf(...args: string[]): Promise<number> {
  const program = await buildProgram(args)
  const error = await program.parseAsync(args, { from: 'user' }).catch((thrown: unknown) => thrown)
  return (error as CommanderError).exitCode
}

describe('wrong usage is said in one line', () => {
  it.each([
    [[], 'no command is given'],
    [['--verbose'], 'no command is given'],
    [['lst'], "unknown command 'lst' (Did you mean list?)"],
    [['list', '--fast'], "unknown option '--fast'"],
    [['list', 'web'], "too many arguments for 'list'. Expected 0 arguments but got 1."],
    [['attach'], "required option '-f, --file <file>' not specified"],
    [['attach', '-f'], "option '-f, --file <file>' argument missing"],
  ])('veer %j', async (args, message) => {
    expect(await exitCodeOf(...args)).toBe(1)
    expect(printed).toEqual({ stdout: '', stderr: `veer: ${message}; see veer --help\n` })
  })
})

it('--version prints the version of the package', async () => {
  const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string }
  expect(await exitCodeOf('--version')).toBe(0)
  expect(printed).toEqual({ stdout: `${version}\n`, stderr: '' })
})

it('--help is no error', async () => {
  expect(await exitCodeOf('--help')).toBe(0)
  expect(printed.stdout).toMatch(/^Usage: veer /)
  expect(printed.stderr).toBe('')
})
