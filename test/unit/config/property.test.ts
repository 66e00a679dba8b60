import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { stringify } from 'yaml'
import { inCanonicalOrder } from '../../../src/config/order.js'
import { parseConfig } from '../../../src/config/parse.js'
import type { Config } from '../../../src/config/schema.js'
import { SCHEDULERS, TABLE_SIZES } from '../../../src/config/scheduler-schema.js'

const weight = fc.integer({ min: 0, max: 65535 })
const scheduler = fc.oneof(
  fc.record({ name: fc.constant('mh' as const), tableSize: fc.constantFrom(...TABLE_SIZES), ports: fc.boolean() }),
  fc.record({ name: fc.constant('sh' as const), ports: fc.boolean() }),
  fc.record({ name: fc.constantFrom('rr' as const, 'wrr' as const, 'dh' as const) }),
)

const service = (index: number) =>
  fc.record({
    scheduler,
    sloppy: fc.boolean(),
    protocol: fc.constantFrom('tcp' as const, 'udp' as const),
    announce: fc.constantFrom('dataplane' as const, 'bind' as const, 'none' as const),
    echo: fc.constantFrom('reply' as const, 'reply-if-up' as const, 'pass' as const, 'drop' as const),
    port: fc.integer({ min: 1, max: 65535 }),
    six: fc.boolean(),
    weights: fc.uniqueArray(fc.tuple(fc.integer({ min: 1, max: 999 }), weight), { maxLength: 8, selector: ([id]) => id }),
  }).map(({ six, weights, ...rest }) => ({
    ...rest,
    name: `service-${index}`,
    vip: six ? `2001:db8::${index + 1}` : `203.0.113.${index + 1}`,
    forward: 'dr' as const,
    reals: inCanonicalOrder(
      weights.map(([id, value]) => ({
        address: six ? `2001:db8:1::${id.toString(16)}` : `10.0.${id >> 8}.${id & 255}`,
        port: rest.port,
        weight: value,
      })),
    ),
  }))

const seconds = fc.integer({ min: 1, max: 2_678_400 })
const anyConfig: fc.Arbitrary<Config> = fc.record({
  version: fc.constant(1 as const),
  interfaces: fc.uniqueArray(
    fc.record({ name: fc.stringMatching(/^[a-z][a-z0-9]{0,14}$/), xdp: fc.constantFrom('native', 'generic', 'auto') }),
    { minLength: 1, maxLength: 5, selector: ({ name }) => name },
  ),
  timeouts: fc.record({ tcp: seconds, tcpFin: seconds, udp: seconds }),
  conns: fc.record({ max: fc.integer({ min: 1, max: 2 ** 26 }) }),
  services: fc.nat(3).chain((count) => fc.tuple(...Array.from({ length: count }, (_, index) => service(index)))),
})

const texts = ['minimal', 'dr', 'schedulers'].map((name) =>
  readFileSync(new URL(`../../../examples/${name}.yaml`, import.meta.url), 'utf8'),
)

describe('parseConfig', () => {
  it('reads back every valid configuration that is written as YAML', () => {
    fc.assert(
      fc.property(anyConfig, (config) => {
        expect(parseConfig(stringify(config))).toEqual({ config })
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
    const top = ['version', 'interfaces', 'services', 'defaults', 'timeouts', 'conns']
    const keys = fc.constantFrom(...top, 'name', 'vip', 'port', 'reals', 'scheduler', 'weight', 'address', 'x')
    const plain = fc.constantFrom(...SCHEDULERS, null, 0, 80, true, '10.0.0.1', '::1', NaN, -1)
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
