import { describe, expect, it } from 'vitest'
import type { ProbesMap } from '../../../src/health/port-pool.js'
import { COMMAND_PORTS, PortPool, portsOf } from '../../../src/health/port-pool.js'
import type { Probe } from '../../../src/maps/generated.js'
import { ProbeKind } from '../../../src/maps/generated.js'
import { addressToWords } from '../../../src/net/address.js'
import { targetOf } from './targets.js'

const RANGE = { first: 61_000, count: COMMAND_PORTS + 10 }

/** What the pool writes, by index. */
function world(range = RANGE, user: 'checker' | 'command' = 'checker'): { pool: PortPool; entries: Map<number, Probe> } {
  const entries = new Map<number, Probe>()
  return { pool: new PortPool(entries as unknown as ProbesMap, range, user), entries }
}

const target = targetOf({ kind: 'tcp' }, 80, { destination: '203.0.113.10', destinationPort: 8080 })
const claimAll = (pool: PortPool): number[] => Array.from({ length: pool.free }, () => pool.claim(target))

describe('ports of probes', () => {
  it('are divided: the last ones are for commands', () => {
    expect(portsOf('checker', RANGE)).toEqual({ first: 61_000, count: 10 })
    expect(portsOf('command', RANGE)).toEqual({ first: 61_010, count: COMMAND_PORTS })
    expect(portsOf('checker', { first: 61_000, count: 100 })).toEqual({ first: 61_000, count: 0 })
    expect(portsOf('command', { first: 61_000, count: 100 })).toEqual({ first: 61_000, count: 100 })
  })

  it.each([
    ['checker', 61_000, 61_009],
    ['command', 61_010, 61_010 + COMMAND_PORTS - 1],
  ] as const)('the pool of a %s has all of its part and no other', (user, first, last) => {
    const { pool, entries } = world(RANGE, user)
    const ports = claimAll(pool).sort((a, b) => a - b)
    expect([ports[0], ports.at(-1), new Set(ports).size]).toEqual([first, last, last - first + 1])
    expect([...entries.keys()].sort((a, b) => a - b)).toEqual(ports.map((port) => port - RANGE.first))
  })

  it('are claimed in the order in which they were released', () => {
    const { pool } = world()
    const ports = claimAll(pool)
    const released = [ports[3]!, ports[0]!, ports[9]!]
    released.forEach((port) => pool.release(port))
    expect(claimAll(pool)).toEqual(released)
  })

  it('run out with an error that says what to do', () => {
    const { pool } = world()
    claimAll(pool)
    expect(() => pool.claim(target)).toThrow(expect.objectContaining({ code: 'LB_ERR_PROBE_PORTS' }))
    expect(() => world({ first: 61_000, count: 0 }).pool.claim(target)).toThrow('all ports for probes are in use')
  })

  it('say where their packets go, also when they have been released', () => {
    const { pool, entries } = world()
    const port = pool.claim(target)
    pool.release(port)
    expect(entries.get(port - RANGE.first)).toEqual({
      dst: addressToWords('203.0.113.10'),
      dest: 7,
      generation: 3,
      port: 8080,
      protocol: 6,
      kind: ProbeKind.real,
      ifindex: 0,
      mac: new Uint8Array(6),
    })
  })

  it.each([
    [{ kind: 'https' }, 6],
    [{ kind: 'udp' }, 17],
    [{ kind: 'exec', command: ['x'] }, 6],
    [{ kind: 'exec', command: ['x'], protocol: 'udp' }, 17],
  ])('the protocol of %j is %i', (check, protocol) => {
    const { pool, entries } = world()
    const port = pool.claim(targetOf(check, 80))
    expect(entries.get(port - RANGE.first)?.protocol).toBe(protocol)
  })
})
