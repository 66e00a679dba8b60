import type { Command } from 'commander'
import { InvalidArgumentError } from 'commander'
import type { ConnQuery, ListedConn } from '../../control/conn-list.js'
import { listConns } from '../../control/conn-list.js'
import { CONN_STATE_NAMES } from '../../dataplane/conn-reader.js'
import type { EndpointPattern } from '../../net/endpoint.js'
import { parseEndpointPattern } from '../../net/endpoint.js'
import { CONN_HEADING, formatConn } from '../conn-text.js'
import { globalOptions, openInstance } from '../options.js'
import { stream } from '../stream.js'

export function addConns(program: Command): void {
  program
    .command('conns')
    .description('conns and persistence templates')
    .option('--service <name>', 'only those of this service')
    .option('--client <address>', 'only those of ADDRESS[/PREFIX][:PORT]; IPv6 with a port in brackets', clientOf)
    .option('--state <name>', 'only those in this state', stateOf)
    .option('--json', 'print JSON, one object a line', false)
    .action(async ({ json, ...query }: ConnQuery & { json: boolean }, command: Command) => {
      using instance = openInstance(globalOptions(command))
      const conns = listConns(instance, query)
      await stream(json ? lines(conns, (conn) => JSON.stringify(conn)) : table(conns))
    })
}

function* lines(slices: Iterable<ListedConn[]>, format: (conn: ListedConn) => string): Generator<string> {
  for (const slice of slices) yield slice.map((conn) => `${format(conn)}\n`).join('')
}

function* table(slices: Iterable<ListedConn[]>): Generator<string> {
  yield `${CONN_HEADING}\n`
  yield* lines(slices, formatConn)
}

function clientOf(text: string): EndpointPattern {
  const pattern = parseEndpointPattern(text)
  if (pattern !== undefined) return pattern
  throw new InvalidArgumentError('Write 10.0.0.1, 10.0.0.0/24, 10.0.0.1:4711 or [2001:db8::1]:4711')
}

function stateOf(text: string): string {
  const name = text.toUpperCase()
  if (CONN_STATE_NAMES.includes(name)) return name
  throw new InvalidArgumentError(`Known are ${CONN_STATE_NAMES.join(', ')}`)
}
