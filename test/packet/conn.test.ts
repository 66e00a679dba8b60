import { describe, expect, it } from 'vitest'
import { ConnState } from '../../src/maps/generated.js'
import type { ConnStateName, Destination } from '../support/oracle.js'
import type { TcpFlagName } from '../support/packet/transport.js'
import { Director } from './director.js'
import { connOf, destId, destOf, FAMILIES, KINDS, knowConn, request, serviceOf, world, type Family, type Transport } from './world.js'

type Event = 'syn' | 'fin' | 'ack' | 'rst' | 'none'

/**
 * The INPUT-ONLY rows of tcp_states[] in net/netfilter/ipvs/ip_vs_proto_tcp.c of Linux 6.1, written out: state before,
 * then the state after SYN, FIN, ACK, RST and a segment with none of them.
 */
const TRANSITIONS: [ConnStateName, Record<Event, ConnStateName>][] = [
  ['none', { syn: 'synRecv', fin: 'close', ack: 'established', rst: 'close', none: 'close' }],
  ['established', { syn: 'established', fin: 'finWait', ack: 'established', rst: 'close', none: 'close' }],
  ['synSent', { syn: 'established', fin: 'synSent', ack: 'synSent', rst: 'close', none: 'close' }],
  ['synRecv', { syn: 'synRecv', fin: 'timeWait', ack: 'established', rst: 'synRecv', none: 'close' }],
  ['finWait', { syn: 'synRecv', fin: 'finWait', ack: 'finWait', rst: 'close', none: 'close' }],
  ['timeWait', { syn: 'synRecv', fin: 'timeWait', ack: 'timeWait', rst: 'close', none: 'close' }],
  ['close', { syn: 'synRecv', fin: 'close', ack: 'close', rst: 'close', none: 'close' }],
  ['closeWait', { syn: 'synRecv', fin: 'closeWait', ack: 'closeWait', rst: 'close', none: 'close' }],
  ['lastAck', { syn: 'synRecv', fin: 'lastAck', ack: 'close', rst: 'lastAck', none: 'close' }],
  ['listen', { syn: 'synRecv', fin: 'listen', ack: 'listen', rst: 'listen', none: 'close' }],
  ['synack', { syn: 'synRecv', fin: 'timeWait', ack: 'established', rst: 'close', none: 'close' }],
]

const EVENT_FLAGS: Record<Event, TcpFlagName[]> = {
  syn: ['syn'],
  fin: ['fin'],
  ack: ['ack'],
  rst: ['rst'],
  none: ['psh'],
}

const stateOf = (director: Director, family: Family, protocol: 'tcp' | 'udp' = 'tcp'): ConnStateName | undefined =>
  director.lb.conns().get(connOf(family, protocol))?.state

describe('TCP states of a conn', () => {
  it.each(TRANSITIONS)(
    'go on from %s as IPVS has them for a director that sees requests only',
    async (before, after) => {
      const director = await Director.serving(world())
      for (const [event, flags] of Object.entries(EVENT_FLAGS)) {
        const table = world((fresh) => knowConn(fresh, 4, 'tcp', 1, { state: before }))
        director.restart(table)
        director.send(request(4, 'tcp', { flags }))
        expect(stateOf(director, 4), `after ${event}`).toBe(after[event as Event])
        director.expectSameState()
      }
    },
  )

  it('are chosen by RST before SYN before FIN before ACK', async () => {
    const director = await Director.serving(world())
    const cases: [TcpFlagName[], ConnStateName][] = [
      [['rst', 'syn', 'fin', 'ack'], 'close'],
      [['syn', 'fin', 'ack'], 'established'],
      [['fin', 'ack', 'psh'], 'finWait'],
      [['ack', 'psh', 'urg', 'ece', 'cwr'], 'established'],
    ]
    for (const [flags, state] of cases) {
      director.restart(world((table) => knowConn(table, 4, 'tcp', 1)))
      expect(director.send(request(4, 'tcp', { flags })).verdict).toBe('forwardKnown')
      expect(stateOf(director, 4)).toBe(state)
    }
  })

  it.each(FAMILIES)('follow a whole conversation over IPv%i on one real', async (family) => {
    const director = await Director.serving(world())
    const steps: [TcpFlagName[], string, ConnStateName][] = [
      [['syn'], 'forwardNew', 'synRecv'],
      [['syn'], 'forwardKnown', 'synRecv'],
      [['ack'], 'forwardKnown', 'established'],
      [['psh', 'ack'], 'forwardKnown', 'established'],
      [['fin', 'ack'], 'forwardKnown', 'finWait'],
      [['ack'], 'forwardKnown', 'finWait'],
      [['syn'], 'forwardNew', 'synRecv'],
    ]
    for (const [flags, verdict, state] of steps) {
      expect(director.send(request(family, 'tcp', { flags })).verdict).toBe(verdict)
      expect(stateOf(director, family)).toBe(state)
    }
    director.expectSameState()
  })
})

describe('the timer of a conn', () => {
  it.each(Object.keys(ConnState).filter((name) => name !== 'none' && name !== 'udp' && name !== 'icmp') as ConnStateName[])(
    'is set by every packet to the timeout of the new state, from %s',
    async (state) => {
      const director = await Director.serving(world((table) => knowConn(table, 4, 'tcp', 0, { state })))
      director.send(request(4, 'tcp', { flags: ['ack'] }))
      director.expectSameState()
    },
  )

  it.each(FAMILIES)('of UDP over IPv%i starts again with each packet', async (family) => {
    const director = await Director.serving(world())
    const key = connOf(family, 'udp')
    director.send(request(family, 'udp'))
    const soon = process.hrtime.bigint() + 1_000_000_000n
    const conn = director.table.conns.get(key)
    if (conn !== undefined) conn.expires = soon
    director.lb.writeFlows(director.table)
    director.send(request(family, 'udp'))
    expect((director.lb.conns().get(key)?.expires ?? 0n) > soon + 200_000_000_000n).toBe(true)
  })
})

describe.each(KINDS)('a conn that has run out: $name', ({ family, protocol }) => {
  it('is dead before anybody has swept it: a new flow is scheduled', async () => {
    const director = await Director.serving(world((table) => knowConn(table, family, protocol, 2, { expires: 1n })))
    expect(director.send(request(family, protocol)).verdict).toBe('forwardNew')
    expect(director.lb.conns().get(connOf(family, protocol))?.dest).toBe(destId(family, protocol, 0))
    director.expectSameState()
  })

  it('does not revive by TCP without SYN', async () => {
    const director = await Director.serving(world((table) => knowConn(table, family, protocol, 2, { expires: 1n })))
    const verdict = protocol === 'tcp' ? 'passNoConn' : 'forwardNew'
    expect(director.send(request(family, protocol, { flags: ['ack'] })).verdict).toBe(verdict)
    director.expectSameState()
  })
})

const isDown = (dest: Destination): object => Object.assign(dest, { effectiveWeight: 0, down: true })

describe.each(FAMILIES)('a SYN that meets a conn over IPv%i', (family) => {
  it.each(['timeWait', 'close', 'finWait'] as const)('in %s is scheduled anew at once', async (state) => {
    const director = await Director.serving(world((table) => knowConn(table, family, 'tcp', 2, { state })))
    expect(director.send(request(family, 'tcp')).verdict).toBe('forwardNew')
    expect(director.lb.conns().get(connOf(family, 'tcp'))).toMatchObject({
      dest: destId(family, 'tcp', 0),
      state: 'synRecv',
    })
    director.expectSameState()
  })

  it.each(['established', 'synRecv', 'closeWait', 'lastAck'] as const)('in %s stays on its real', async (state) => {
    const director = await Director.serving(world((table) => knowConn(table, family, 'tcp', 2, { state })))
    expect(director.send(request(family, 'tcp')).verdict).toBe('forwardKnown')
    director.expectSameState()
  })

  it.each(['established', 'synRecv', 'finWait', 'closeWait'] as const)('in %s of a real that is down is scheduled anew', async (state) => {
    const director = await Director.serving(
      world((table) => {
        knowConn(table, family, 'tcp', 2, { state })
        isDown(destOf(table, family, 'tcp', 2))
      }),
    )
    expect(director.send(request(family, 'tcp', { flags: ['ack'] })).verdict).toBe('forwardKnown')
    expect(director.send(request(family, 'tcp')).verdict).toBe('forwardNew')
    expect(director.lb.conns().get(connOf(family, 'tcp'))?.dest).toBe(destId(family, 'tcp', 0))
    director.expectSameState()
  })

  it.each([
    ['is quiesced', { weight: 0, effectiveWeight: 0 }],
    ['is held back by the quorum', { effectiveWeight: 0 }],
    ['is down and serves all the same (allDown: serve-all)', { down: true }],
  ])('of a real that %s stays on it', async (_, fields) => {
    const director = await Director.serving(
      world((table) => {
        knowConn(table, family, 'tcp', 2, { state: 'synRecv' })
        Object.assign(destOf(table, family, 'tcp', 2), fields)
      }),
    )
    expect(director.send(request(family, 'tcp')).verdict).toBe('forwardKnown')
    director.expectSameState()
  })

  it('of a real that is down is scheduled anew with connReuse: false too', async () => {
    const director = await Director.serving(
      world((table) => {
        serviceOf(table, family, 'tcp').connReuse = false
        knowConn(table, family, 'tcp', 2, { state: 'synRecv', noReuse: true })
        isDown(destOf(table, family, 'tcp', 2))
      }),
    )
    expect(director.send(request(family, 'tcp')).verdict).toBe('forwardNew')
    director.expectSameState()
  })

  it.each([['syn', 'ack'], ['syn', 'rst'], ['ack']] as TcpFlagName[][])(
    'starts nothing as %s %s',
    async (...flags) => {
      const director = await Director.serving(
        world((table) => knowConn(table, family, 'tcp', 2, { state: 'timeWait' })),
      )
      expect(director.send(request(family, 'tcp', { flags })).verdict).toBe('forwardKnown')
      director.expectSameState()
    },
  )
})

const GONE: [string, (dest: Destination) => void][] = [
  ['whose id was given to another', (dest) => (dest.generation += 1)],
  ['which is out of the configuration', (dest) => (dest.live = false)],
]

/** A director with a conn of a destination that was taken away since, and another destination in the ring. */
function orphaned(family: Family, protocol: Transport, remove: (dest: Destination) => void): Promise<Director> {
  return Director.serving(
    world((table) => {
      knowConn(table, family, protocol, 2)
      remove(destOf(table, family, protocol, 2))
      serviceOf(table, family, protocol).ring = [destId(family, protocol, 0)]
    }),
  )
}

describe.each(KINDS)('a conn of a destination that is gone: $name', ({ family, protocol }) => {
  describe.each(GONE)('%s', (_, remove) => {
    it('is scheduled anew by what may start a flow', async () => {
      const director = await orphaned(family, protocol, remove)
      expect(director.send(request(family, protocol)).verdict).toBe('forwardNew')
      expect(director.lb.conns().get(connOf(family, protocol))?.dest).toBe(destId(family, protocol, 0))
      director.expectSameState()
    })
  })
})

describe.each(FAMILIES)('a TCP conn over IPv%i of a destination that is gone', (family) => {
  it.each(GONE)('%s: drops all that starts no flow, and keeps the conn as it is', async (_, remove) => {
    const director = await orphaned(family, 'tcp', remove)
    for (const flags of [['ack'], ['fin', 'ack'], ['rst'], ['syn', 'ack'], []] as TcpFlagName[][]) {
      expect(director.send(request(family, 'tcp', { flags })).verdict).toBe('dropRealGone')
    }
    director.expectSameState()
  })
})

describe('conns', () => {
  it('of the same client and port to different VIPs, ports and protocols are different', async () => {
    const director = await Director.serving(world())
    for (const { family, protocol } of KINDS)
      expect(director.send(request(family, protocol)).verdict).toBe('forwardNew')
    expect(director.lb.conns().size).toBe(KINDS.length)
    director.expectSameState()
  })

  it('outlive their service: only new flows look for it', async () => {
    const director = await Director.serving(
      world((table) => {
        knowConn(table, 4, 'tcp', 1)
        table.services.clear()
      }),
    )
    expect(director.send(request(4, 'tcp', { flags: ['ack'] })).verdict).toBe('forwardKnown')
    expect(director.send(request(4, 'tcp', { sport: 41000 })).verdict).toBe('passUnmatched')
  })
})
