import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { stringify } from 'yaml'
import { inCanonicalOrder } from '../../../src/config/order.js'
import { parseConfig } from '../../../src/config/parse.js'
import type { Config, PersistenceConfig } from '../../../src/config/schema.js'
import { SCHEDULERS, TABLE_SIZES } from '../../../src/config/scheduler-schema.js'

const weight = fc.integer({ min: 0, max: 65535 })
const seconds = fc.integer({ min: 1, max: 2_678_400 })

const options = { ports: fc.boolean(), fallback: fc.boolean() }
const hashScheduler = fc.oneof(
  fc.record({ name: fc.constant('mh' as const), tableSize: fc.constantFrom(...TABLE_SIZES), ...options }),
  fc.record({ name: fc.constant('sh' as const), ...options }),
  fc.record({ name: fc.constant('dh' as const) }),
)
const plainScheduler = fc.record({
  name: fc.constantFrom('rr', 'wrr', 'lc', 'wlc', 'sed', 'nq', 'fo', 'ovf', 'twos', 'lblc', 'lblcr'),
})

const persistenceFields = {
  timeout: seconds,
  netmask: fc.integer({ min: 1, max: 32 }),
  netmask6: fc.integer({ min: 1, max: 128 }),
  expireQuiescent: fc.boolean(),
}
const persistence = fc.oneof(
  fc.record(persistenceFields),
  fc.record({ ...persistenceFields, group: fc.stringMatching(/^[a-z0-9-]{1,8}$/) }),
)

/** What serves all ports of a client, and what serves one. */
const choice = fc.oneof(
  fc.record({ scheduler: hashScheduler, persistence: fc.oneof(fc.constant(false as const), persistence), port: fc.nat(65535) }),
  fc.record({ scheduler: plainScheduler, persistence, port: fc.nat(65535) }),
  fc.record({ scheduler: plainScheduler, persistence: fc.constant(false as const), port: fc.integer({ min: 1, max: 65535 }) }),
)

const transport = fc.oneof(
  fc.record({
    protocol: fc.constantFrom('tcp' as const, 'udp' as const, 'icmp' as const),
    forward: fc.constantFrom('dr' as const, 'nat' as const),
    onePacket: fc.constant(false),
  }),
  fc.record({ protocol: fc.constant('udp' as const), forward: fc.constant('dr' as const), onePacket: fc.constant(true) }),
)

const common = {
  interval: fc.integer({ min: 100, max: 3_600_000 }),
  timeout: fc.integer({ min: 10, max: 100 }),
  rise: fc.integer({ min: 1, max: 100 }),
  fall: fc.integer({ min: 1, max: 100 }),
  initial: fc.constantFrom('up' as const, 'down' as const),
  damping: fc.nat(3_600_000),
  port: fc.integer({ min: 1, max: 65535 }),
}
const health = fc.oneof(
  fc.constant({ kind: 'none' as const }),
  fc.record({ kind: fc.constant('tcp' as const), ...common }),
  fc.record({
    kind: fc.constant('http' as const),
    ...common,
    path: fc.constant('/up'),
    method: fc.constantFrom('GET' as const, 'POST' as const),
    status: fc.constantFrom(204, '200-299', '200,404-410'),
    body: fc.constant('^ok$'),
  }),
  fc.record({ kind: fc.constant('udp' as const), ...common, send: fc.constantFrom('', 'ping', '0x00ff') }),
  fc.record({
    kind: fc.constant('exec' as const),
    ...common,
    command: fc.constant<string[]>(['/bin/true', '-x']),
    protocol: fc.constantFrom('tcp' as const, 'udp' as const),
  }),
)

const SLOW_STARTERS = new Set<string>(['mh', 'wrr', 'wlc', 'sed', 'nq', 'twos'])

const effects = fc.record({
  health,
  onDown: fc.constantFrom('keep' as const, 'reset' as const),
  allDown: fc.constantFrom('reject' as const, 'serve-all' as const),
  sorry: fc.boolean(),
  slow: fc.integer({ min: 1000, max: 3_600_000 }),
})

const network = fc.oneof(
  fc.tuple(fc.nat(255), fc.integer({ min: 24, max: 32 })).map(([last, bits]) => {
    return `192.0.2.${last & (0xff << (32 - bits))}/${bits}`
  }),
  fc.constantFrom('::/0', '2001:db8::/32', '2001:db8::1/128'),
)

const thresholds = fc.tuple(fc.nat(2 ** 26), fc.nat(2 ** 26)).map(([a, b]) => ({
  upperThreshold: Math.max(a, b),
  lowerThreshold: Math.min(a, b),
}))

const real = fc.record({ id: fc.integer({ min: 1, max: 999 }), weight, thresholds, port: fc.integer({ min: 1, max: 65535 }) })

const service = (index: number) =>
  fc
    .record({
      choice,
      transport,
      rest: fc.record({
        sloppy: fc.boolean(),
        connReuse: fc.boolean(),
        noReal: fc.constantFrom('reject' as const, 'drop' as const, 'pass' as const),
        announce: fc.constantFrom('dataplane' as const, 'bind' as const, 'none' as const),
        echo: fc.constantFrom('reply' as const, 'reply-if-up' as const, 'pass' as const, 'drop' as const),
        unmatched: fc.constantFrom('pass' as const, 'drop' as const),
      }),
      effects,
      six: fc.boolean(),
      reals: fc.uniqueArray(real, { maxLength: 8, selector: ({ id }) => id }),
    })
    .map(({ choice: { port: chosen, ...chosenRest }, transport: wire, rest, effects: { sorry, slow, ...wanted }, six, reals }) => {
      const port = wire.protocol === 'icmp' ? 0 : chosen
      const own = port !== 0 && wire.forward === 'nat'
      const sorryServer = sorry && wanted.allDown === 'reject' && { address: six ? '2001:db8:2::1' : '10.1.0.1', port }
      const sum = reals.reduce((total, { weight: share }) => total + share, 0)
      return {
        ...rest,
        ...wire,
        ...chosenRest,
        ...wanted,
        sorryServer,
        quorum: Math.max(sum >> 1, 1),
        hysteresis: sum >> 2 > 0 ? (sum >> 2) - 1 : 0,
        slowStart: SLOW_STARTERS.has(chosenRest.scheduler.name) ? slow : 0,
        port,
        name: `service-${index}`,
        vip: six ? `2001:db8::${index + 1}` : `203.0.113.${index + 1}`,
        reals: inCanonicalOrder(
          reals.map(({ id, weight: share, thresholds: limits, port: translated }) => ({
            address: six ? `2001:db8:1::${id.toString(16)}` : `10.0.${id >> 8}.${id & 255}`,
            port: own ? translated : port,
            weight: share,
            ...limits,
          })),
        ),
      }
    })

const anyConfig: fc.Arbitrary<Config> = fc.record({
  version: fc.constant(1 as const),
  interfaces: fc.uniqueArray(
    fc.record({
      name: fc.stringMatching(/^[a-z][a-z0-9]{0,14}$/),
      xdp: fc.constantFrom('native', 'generic', 'auto'),
      reply: fc.boolean(),
    }),
    { minLength: 1, maxLength: 5, selector: ({ name }) => name },
  ),
  peers: fc.uniqueArray(fc.nat(255).map((last) => `02:00:00:00:00:${last.toString(16).padStart(2, '0')}`), { maxLength: 5 }),
  timeouts: fc.record({
    preset: fc.constantFrom('ipvs', 'datacenter'),
    tcp: seconds,
    tcpFin: seconds,
    udp: seconds,
    icmp: seconds,
  }),
  conns: fc.record({ max: fc.integer({ min: 1, max: 2 ** 26 }) }),
  probe: fc.record({
    first: fc.integer({ min: 1024, max: 49_152 }),
    count: fc.integer({ min: 1024, max: 16_384 }),
    maxInFlight: fc.integer({ min: 1, max: 4096 }),
  }),
  ping: fc.record({ sources: fc.uniqueArray(network, { maxLength: 5 }) }),
  services: fc
    .nat(3)
    .chain((count) => fc.tuple(...Array.from({ length: count }, (_, index) => service(index))))
    .filter(groupsOnce),
})

/** A group belongs to one VIP, and here each service has its own. */
function groupsOnce(services: readonly { persistence: PersistenceConfig }[]): boolean {
  const groups = services.flatMap(({ persistence: each }) => (each === false ? [] : (each.group ?? [])))
  return new Set(groups).size === groups.length
}

/** As a file says it: no port where there can be none, times with their unit. */
function asFile({ services, probe: { first, count, maxInFlight }, ...rest }: Config): object {
  const portless = (port: number) => (port === 0 ? {} : { port })
  const withUnits = (times: object) =>
    Object.fromEntries(
      Object.entries(times).map(([key, value]) => [key, MILLISECONDS.has(key) ? `${value as number}ms` : (value as unknown)]),
    )
  return {
    ...rest,
    probe: { ports: `${first}-${first + count - 1}`, maxInFlight },
    services: services.map(({ port, reals, health: check, sorryServer, ...service }) => ({
      ...withUnits(service),
      health: withUnits(check),
      sorryServer: sorryServer && { address: sorryServer.address, ...portless(sorryServer.port) },
      ...(service.protocol === 'icmp' ? {} : { port }),
      reals: reals.map(({ port: own, ...each }) => ({ ...each, ...portless(own) })),
    })),
  }
}

const MILLISECONDS = new Set(['interval', 'timeout', 'damping', 'slowStart'])

const texts = ['minimal', 'dr', 'nat', 'persistence', 'schedulers', 'health'].map((name) =>
  readFileSync(new URL(`../../../examples/${name}.yaml`, import.meta.url), 'utf8'),
)

/** Hundreds of files; on a busy machine more than the five seconds of a usual test. */
const TIMEOUT_MS = 60_000

describe('parseConfig', { timeout: TIMEOUT_MS }, () => {
  it('reads back every valid configuration that is written as YAML', () => {
    fc.assert(
      fc.property(anyConfig, (config) => {
        expect(parseConfig(stringify(asFile(config)))).toEqual({ config })
      }),
    )
  })

  it('gives a configuration or problems with positions for any text, and never throws', () => {
    const noise = ['null', '-', '[', '{', ': ', '\n', '*a', '&a ', '<<: ', '__proto__: 1\n', '!!set ']
    const inserted = fc.oneof(fc.string({ unit: 'binary', maxLength: 8 }), fc.constantFrom(...noise))
    const splices = fc.array(fc.tuple(fc.nat(), fc.nat(8), inserted), { minLength: 1, maxLength: 4 })
    fc.assert(
      fc.property(fc.constantFrom(...texts), splices, (original, edits) => {
        const text = edits.reduce((whole, [at, cut, insert]) => {
          const start = at % (whole.length + 1)
          return whole.slice(0, start) + insert + whole.slice(start + cut)
        }, original)
        const { config: parsed, problems } = parseConfig(text)
        expect(parsed === undefined).toBe(problems !== undefined && problems.length > 0)
        expect(problems?.every(({ line, column }) => line >= 1 && column >= 1) ?? true).toBe(true)
      }),
      { numRuns: 60 },
    )
  })

  it('gives problems for any value in any place, and never throws', () => {
    const top = ['version', 'interfaces', 'services', 'defaults', 'timeouts', 'conns', 'peers', 'persistence', 'protocol', 'health', 'kind', 'sorryServer', 'probe', 'ping', 'sources']
    const keys = fc.constantFrom(...top, 'name', 'vip', 'port', 'reals', 'scheduler', 'weight', 'address', 'x')
    const plain = fc.constantFrom(...SCHEDULERS, 'icmp', null, 0, 80, true, '10.0.0.1', '::1', NaN, -1)
    const { value } = fc.letrec((tie) => ({
      value: fc.oneof(
        { maxDepth: 4 },
        plain,
        fc.array(tie('value'), { maxLength: 3 }),
        fc.dictionary(keys, tie('value'), { maxKeys: 6 }),
      ),
    }))
    fc.assert(
      fc.property(value, (anything) => {
        const { config, problems } = parseConfig(stringify(anything))
        expect(config).toBeUndefined()
        expect(problems?.length).toBeGreaterThan(0)
      }),
      { numRuns: 60 },
    )
  })
})
