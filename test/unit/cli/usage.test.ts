import { readFileSync } from 'node:fs'
import type { CommanderError } from 'commander'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { buildProgram } from '../../../src/cli/program.js'
import { CONN_STATE_NAMES } from '../../../src/dataplane/conn-reader.js'

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

const explain = (from: string, to: string): string[] => ['explain', '--from', from, '--to', to, '--proto', 'tcp']

describe('wrong usage is said in one line', () => {
  it.each([
    [[], 'no command is given'],
    [['--verbose'], 'no command is given'],
    [['lst'], "unknown command 'lst' (Did you mean list?)"],
    [['list', '--fast'], "unknown option '--fast'"],
    [['list', 'web'], "too many arguments for 'list'. Expected 0 arguments but got 1."],
    [['attach'], "required option '-f, --file <file>' not specified"],
    [['attach', '-f'], "option '-f, --file <file>' argument missing"],
    [['conns', '--client', 'web'], "option '--client <address>' argument 'web' is invalid. Write 10.0.0.1, 10.0.0.0/24, 10.0.0.1:4711 or [2001:db8::1]:4711"],
    [['conns', '--state', 'open'], `option '--state <name>' argument 'open' is invalid. Known are ${CONN_STATE_NAMES.join(', ')}`],
    [['explain', '--from', '192.0.2.2:1', '--to', '10.0.0.100:80'], "required option '--proto <protocol>' not specified"],
    [explain('192.0.2.2:1', '[2001:db8::1]:80'), '--from and --to are of different families'],
    [[...explain('192.0.2.2:1', '10.0.0.100:80'), '--ping', '--proto', 'udp'], '--ping is of tcp'],
    [explain('192.0.2.2', '10.0.0.100:80'), 'tcp needs a port behind both addresses'],
    [explain('192.0.2.0/24:1', '10.0.0.100:80'), "option '--from <endpoint>' argument '192.0.2.0/24:1' is invalid. Write 10.0.0.1:80 or [2001:db8::1]:80"],
    [[...explain('192.0.2.2:1', '10.0.0.100:80'), '--flags', 'SYN|HUH'], "option '--flags <flags>' argument 'SYN|HUH' is invalid. Known are SYN, ACK, FIN, RST, PSH, URG, ECE, CWR, joined by |"],
    [[...explain('192.0.2.2:1', '10.0.0.100:80'), '--from-mac', 'me'], "option '--from-mac <mac>' argument 'me' is invalid. Write 02:00:00:00:00:01"],
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
