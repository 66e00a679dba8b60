import { describe, expect, it } from 'vitest'
import { addressToWords } from '../../src/net/address.js'
import { SCHEDULERS, schedulerSchema } from '../../src/config/scheduler-schema.js'
import type { SchedulerConfig } from '../../src/config/schema.js'
import { BUCKETS, bucketOf, flowHash } from '../../src/scheduler/hash.js'
import { buildRing } from '../../src/scheduler/ring.js'
import type { SchedulerName, Service, Table } from '../support/oracle.js'
import { Director } from './director.js'
import {
  CLIENT,
  connOf,
  destId,
  FAMILIES,
  KINDS,
  request,
  serviceId,
  serviceOf,
  VIP,
  world,
  type Family,
} from './world.js'

/** Above the ids of the world. */
const FIRST_DEST = 4000

/** A ring in which every slot tells itself apart: slot n holds a destination of its own. */
function numberedRing(table: Table, family: Family, protocol: 'tcp' | 'udp', size: number): number[] {
  const first = table.dests.get(destId(family, protocol, 0))
  if (first === undefined) throw new Error('the world has no such destination')
  const ids = Array.from({ length: size }, (_, slot) => FIRST_DEST + slot)
  for (const id of ids) table.dests.set(id, { ...first })
  return ids
}

function scheduling(
  family: Family,
  protocol: 'tcp' | 'udp',
  size: number,
  service: Partial<Service>,
): Promise<Director> {
  return Director.serving(
    world((table) => {
      const ring = numberedRing(table, family, protocol, size)
      Object.assign(serviceOf(table, family, protocol), { ...service, ring })
    }),
  )
}

/** The slots that the flows from these client ports took. */
function slotsOf(director: Director, family: Family, protocol: 'tcp' | 'udp', clientPorts: number[]): number[] {
  return clientPorts.map((sport) => {
    expect(director.send(request(family, protocol, { sport })).verdict).toBe('forwardNew')
    return (director.lb.conns().get(connOf(family, protocol, sport))?.dest ?? 0) - FIRST_DEST
  })
}

const PORTS = Array.from({ length: 24 }, (_, index) => 50_000 + index * 617)

describe.each(KINDS)('scheduling of new flows: $name', ({ family, protocol }) => {
  it.each(['rr', 'wrr'] as SchedulerName[])(
    '%s takes the slots in their order, round and round',
    async (scheduler) => {
      const director = await scheduling(family, protocol, 5, { scheduler })
      expect(slotsOf(director, family, protocol, PORTS)).toEqual(PORTS.map((_, index) => index % 5))
      expect(director.lb.cursor(serviceId(family, protocol))).toBe(BigInt(PORTS.length))
      director.expectSameState()
    },
  )

  it.each([
    [251, true],
    [251, false],
    [4093, true],
    [1, true],
  ])('mh takes the slot of the hash in a ring of %i, with the port: %s', async (size, ports) => {
    const director = await scheduling(family, protocol, size, { scheduler: 'mh', ports })
    const client = addressToWords(CLIENT[family])
    const expected = PORTS.map((port) => Math.floor((flowHash(client, ports ? port : 0) * size) / 2 ** 32))
    expect(slotsOf(director, family, protocol, PORTS)).toEqual(expected)
    expect(new Set(expected).size > 1).toBe(ports && size > 1)
    director.expectSameState()
  })

  it.each([true, false])('sh takes the bucket of the client, with the port: %s', async (ports) => {
    const director = await scheduling(family, protocol, BUCKETS, { scheduler: 'sh', ports })
    const client = addressToWords(CLIENT[family])
    const expected = PORTS.map((port) => bucketOf(client, ports ? port : 0))
    expect(slotsOf(director, family, protocol, PORTS)).toEqual(expected)
    director.expectSameState()
  })

  it('dh takes the bucket of the VIP for every client', async () => {
    const director = await scheduling(family, protocol, BUCKETS, { scheduler: 'dh', ports: true })
    const bucket = bucketOf(addressToWords(VIP[family]), 0)
    expect(slotsOf(director, family, protocol, PORTS)).toEqual(PORTS.map(() => bucket))
  })
})

/** Destinations with weights of their own and thresholds that a few flows reach. */
function thresholds(table: Table, family: Family, count: number): number[] {
  const ids = numberedRing(table, family, 'tcp', count)
  ids.forEach((id, index) => {
    const dest = table.dests.get(id)
    if (dest === undefined) throw new Error('no such destination')
    const weight = 1 + ((index * 5) % 4)
    const mac = `02:00:00:00:02:${(16 + index).toString(16)}`
    Object.assign(dest, { mac, weight, effectiveWeight: weight, upper: 3 + index, lower: 2 })
  })
  return ids
}

describe.each(FAMILIES)('flow after flow over IPv%i', (family) => {
  it.each(SCHEDULERS)('%s goes by the conns that the flows before have made, until none is left', async (name) => {
    const scheduler: SchedulerConfig = schedulerSchema.parse(['mh', 'sh'].includes(name) ? { name, fallback: true } : name)
    const director = await Director.serving(
      world((table) => {
        const ids = thresholds(table, family, 6)
        const weights = ids.map((id) => table.dests.get(id)?.weight ?? 0)
        const destinations = weights.map((weight, index) => ({ address: `10.0.0.${index}`, port: 80, weight }))
        const ring = [...buildRing(scheduler, destinations)].map((index) => FIRST_DEST + index)
        Object.assign(serviceOf(table, family, 'tcp'), { scheduler: name, ring, ports: true, fallback: true })
      }),
    )
    const verdicts = PORTS.concat(PORTS.map((port) => port + 1)).map(
      (sport) => director.send(request(family, 'tcp', { sport })).verdict,
    )
    expect(verdicts[0]).toBe('forwardNew')
    expect(verdicts.at(-1)).toBe('dropNoReal')
    director.expectSameState()
  })
})

describe('a cursor', () => {
  it('goes on where it was, and wraps with the ring and not with 2^32', async () => {
    const start = 2n ** 32n - 1n
    const director = await Director.serving(
      world((table) => {
        serviceOf(table, 4, 'tcp').ring = numberedRing(table, 4, 'tcp', 7)
        table.cursors.set(serviceId(4, 'tcp'), start)
      }),
    )
    const expected = [0n, 1n, 2n].map((step) => Number((start + step) % 7n))
    expect(slotsOf(director, 4, 'tcp', [50_001, 50_002, 50_003])).toEqual(expected)
  })

  it("is each service's own", async () => {
    const director = await Director.serving(world())
    for (const { family, protocol } of KINDS) director.send(request(family, protocol))
    for (const { family, protocol } of KINDS) expect(director.lb.cursor(serviceId(family, protocol))).toBe(1n)
  })

  it('does not move for known flows', async () => {
    const director = await Director.serving(world())
    for (let count = 0; count < 3; count += 1) director.send(request(4, 'udp'))
    expect(director.lb.cursor(serviceId(4, 'udp'))).toBe(1n)
  })
})

describe.each(FAMILIES)('which TCP segments over IPv%i start a flow', (family) => {
  const verdict = async (sloppy: boolean, flags: ('syn' | 'ack' | 'fin' | 'rst' | 'psh')[]): Promise<string> => {
    const director = await Director.serving(world((table) => (serviceOf(table, family, 'tcp').sloppy = sloppy)))
    const out = director.send(request(family, 'tcp', { flags }))
    director.expectSameState()
    return out.verdict
  }

  it.each([[['ack']], [['syn', 'ack']], [['fin', 'ack']], [['rst']], [['syn', 'rst']], [[]]] as const)(
    'passes %j to the host without a conn',
    async (flags) => {
      expect(await verdict(false, [...flags])).toBe('passNoConn')
    },
  )

  it.each([[['syn']], [['syn', 'psh']], [['syn', 'fin']]] as const)('schedules %j', async (flags) => {
    expect(await verdict(false, [...flags])).toBe('forwardNew')
  })

  it.each([[['ack']], [['syn', 'ack']], [['fin', 'ack']], [[]]] as const)(
    'schedules %j when the service is sloppy',
    async (flags) => {
      expect(await verdict(true, [...flags])).toBe('forwardNew')
    },
  )

  it.each([[['rst']], [['rst', 'ack']], [['syn', 'rst']]] as const)('never schedules %j', async (flags) => {
    expect(await verdict(true, [...flags])).toBe('passNoConn')
  })
})
