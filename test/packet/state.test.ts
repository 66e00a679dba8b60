import { describe, expect, it } from 'vitest'
import type { ConnStateName } from '../support/oracle.js'
import { TCP_STATES } from '../support/oracle/tcp-state.js'
import type { TcpFlagName } from '../support/packet/transport.js'
import { Director } from './director.js'
import { answer, connOf, FAMILIES, knowConn, makeNat, request, world, type Family } from './world.js'

/** What `ipvsadm -Lnc` shows in the column state, and the timer that runs in it, in seconds (Linux 6.1, defaults). */
const SHOWN: Record<string, [ConnStateName, number]> = {
  ESTABLISHED: ['established', 900],
  SYN_RECV: ['synRecv', 60],
  SYN_SENT: ['synSent', 120],
  FIN_WAIT: ['finWait', 120],
  TIME_WAIT: ['timeWait', 120],
  CLOSE: ['close', 10],
  CLOSE_WAIT: ['closeWait', 60],
  LAST_ACK: ['lastAck', 30],
  UDP: ['udp', 300],
}

const SECOND = 1_000_000_000n
const TOLERANCE = 4n * SECOND

/** Who sends (c: client, r: real), which flags, the state afterwards, and `new` where the packet starts a conn. */
type Step = [who: 'c' | 'r', flags: string, shown: string, made?: 'new']

const DR: [string, Step[]][] = [
  [
    'opened and closed by the client',
    [
      ['c', 'syn', 'SYN_RECV', 'new'],
      ['c', 'ack', 'ESTABLISHED'],
      ['c', 'psh ack', 'ESTABLISHED'],
      ['c', 'fin ack', 'FIN_WAIT'],
      ['c', 'ack', 'FIN_WAIT'],
    ],
  ],
  [
    'opened again from the same port at once',
    [
      ['c', 'syn', 'SYN_RECV', 'new'],
      ['c', 'ack', 'ESTABLISHED'],
      ['c', 'fin ack', 'FIN_WAIT'],
      ['c', 'syn', 'SYN_RECV', 'new'],
      ['c', 'ack', 'ESTABLISHED'],
    ],
  ],
  [
    'with a SYN that is sent again, also when it is late',
    [
      ['c', 'syn', 'SYN_RECV', 'new'],
      ['c', 'syn', 'SYN_RECV'],
      ['c', 'ack', 'ESTABLISHED'],
      ['c', 'syn', 'ESTABLISHED'],
    ],
  ],
  [
    'reset by the client',
    [
      ['c', 'syn', 'SYN_RECV', 'new'],
      ['c', 'rst', 'SYN_RECV'],
      ['c', 'ack', 'ESTABLISHED'],
      ['c', 'rst ack', 'CLOSE'],
      ['c', 'ack', 'CLOSE'],
      ['c', 'syn', 'SYN_RECV', 'new'],
    ],
  ],
  [
    'given up before it was open',
    [
      ['c', 'syn', 'SYN_RECV', 'new'],
      ['c', 'fin', 'TIME_WAIT'],
      ['c', 'ack', 'TIME_WAIT'],
      ['c', 'syn', 'SYN_RECV', 'new'],
    ],
  ],
]

const NAT: [string, Step[]][] = [
  [
    'opened, and closed by the client',
    [
      ['c', 'syn', 'SYN_RECV', 'new'],
      ['r', 'syn ack', 'SYN_RECV'],
      ['c', 'ack', 'ESTABLISHED'],
      ['r', 'psh ack', 'ESTABLISHED'],
      ['c', 'fin ack', 'CLOSE_WAIT'],
      ['r', 'ack', 'CLOSE_WAIT'],
      ['r', 'fin ack', 'TIME_WAIT'],
      ['c', 'ack', 'TIME_WAIT'],
    ],
  ],
  [
    'closed by the real',
    [
      ['c', 'syn', 'SYN_RECV', 'new'],
      ['r', 'syn ack', 'SYN_RECV'],
      ['c', 'ack', 'ESTABLISHED'],
      ['r', 'fin ack', 'FIN_WAIT'],
      ['c', 'ack', 'FIN_WAIT'],
      ['c', 'fin ack', 'TIME_WAIT'],
      ['r', 'ack', 'TIME_WAIT'],
    ],
  ],
  [
    'closed by both at once',
    [
      ['c', 'syn', 'SYN_RECV', 'new'],
      ['r', 'syn ack', 'SYN_RECV'],
      ['c', 'ack', 'ESTABLISHED'],
      ['c', 'fin ack', 'CLOSE_WAIT'],
      ['r', 'fin ack', 'TIME_WAIT'],
      ['c', 'ack', 'TIME_WAIT'],
      ['r', 'ack', 'TIME_WAIT'],
    ],
  ],
  [
    'refused by the real, and tried again',
    [
      ['c', 'syn', 'SYN_RECV', 'new'],
      ['r', 'rst ack', 'CLOSE'],
      ['c', 'syn', 'SYN_RECV', 'new'],
    ],
  ],
  [
    'reset by either side',
    [
      ['c', 'syn', 'SYN_RECV', 'new'],
      ['r', 'syn ack', 'SYN_RECV'],
      ['c', 'ack', 'ESTABLISHED'],
      ['r', 'rst', 'CLOSE'],
      ['c', 'syn', 'SYN_RECV', 'new'],
      ['c', 'ack', 'ESTABLISHED'],
      ['c', 'rst', 'CLOSE'],
    ],
  ],
  [
    'opened again from the same port at once',
    [
      ['c', 'syn', 'SYN_RECV', 'new'],
      ['c', 'ack', 'ESTABLISHED'],
      ['c', 'fin ack', 'CLOSE_WAIT'],
      ['r', 'fin ack', 'TIME_WAIT'],
      ['c', 'syn', 'SYN_RECV', 'new'],
    ],
  ],
  [
    'met by a SYN while the real has closed its half only: both halves are seen, so it goes on',
    [
      ['c', 'syn', 'SYN_RECV', 'new'],
      ['c', 'ack', 'ESTABLISHED'],
      ['r', 'fin ack', 'FIN_WAIT'],
      ['c', 'syn', 'SYN_RECV'],
    ],
  ],
]

const UDP: Step[] = [
  ['c', '', 'UDP', 'new'],
  ['c', '', 'UDP'],
]

const flagsOf = (text: string): TcpFlagName[] => text.split(' ').filter((name) => name !== '') as TcpFlagName[]

/** Timers as ipvsadm shows them by default. */
const defaults = (): Partial<Record<ConnStateName, bigint>> =>
  Object.fromEntries(Object.values(SHOWN).map(([state, seconds]) => [state, BigInt(seconds) * SECOND]))

function take(director: Director, family: Family, protocol: 'tcp' | 'udp', [who, flags, shown, made]: Step): void {
  const fields = { flags: flagsOf(flags) }
  const { verdict } =
    who === 'c'
      ? director.send(request(family, protocol, fields))
      : director.reply(answer(family, protocol, 0, fields))
  const known = who === 'c' ? 'forwardKnown' : 'forwardReply'
  expect(verdict, `${who} ${flags}`).toBe(made === 'new' ? 'forwardNew' : known)
  const [state, seconds] = SHOWN[shown] ?? ['none', 0]
  const conn = director.lb.conns().get(connOf(family, protocol))
  expect(conn?.state, `after ${who} ${flags}`).toBe(state)
  const left = (conn?.expires ?? 0n) - process.hrtime.bigint() - BigInt(seconds) * SECOND
  expect(left > -TOLERANCE && left < TOLERANCE, `timer of ${shown} after ${who} ${flags}`).toBe(true)
}

/** One real, so that each conn of an exchange is with it. */
const single = (family: Family, protocol: 'tcp' | 'udp', forward: 'dr' | 'nat') =>
  world((table) => {
    Object.assign(table.timeoutsNs, defaults())
    if (forward === 'nat') makeNat(table, family, protocol)
    for (const service of table.services.values()) service.ring = service.ring.slice(0, 1)
  })

describe.each(FAMILIES)('what IPVS would show of a TCP conn over IPv%i', (family) => {
  it.each(DR)('dr, %s', async (_, steps) => {
    const director = await Director.serving(single(family, 'tcp', 'dr'))
    for (const step of steps) take(director, family, 'tcp', step)
    director.expectSameState()
  })

  it.each(NAT)('nat, %s', async (_, steps) => {
    const director = await Director.withReplies(single(family, 'tcp', 'nat'))
    for (const step of steps) take(director, family, 'tcp', step)
    director.expectSameState()
  })
})

describe.each(FAMILIES)('what IPVS would show of UDP over IPv%i', (family) => {
  it.each(['dr', 'nat'] as const)('%s: one state, whose timer every packet restarts', async (forward) => {
    const director = await Director.serving(single(family, 'udp', forward))
    for (const step of UDP) take(director, family, 'udp', step)
    director.expectSameState()
  })

  it('nat: the timer is restarted by replies too', async () => {
    const director = await Director.withReplies(single(family, 'udp', 'nat'))
    for (const step of [...UDP, ['r', '', 'UDP'] as Step]) take(director, family, 'udp', step)
    expect(director.lb.conns().get(connOf(family, 'udp'))?.assured).toBe(true)
    director.expectSameState()
  })
})

const EVENTS: TcpFlagName[][] = [['syn'], ['fin'], ['ack'], ['rst'], ['psh'], ['rst', 'syn', 'fin', 'ack'], ['syn', 'fin']]

describe('the tables of nat', () => {
  it.each(TCP_STATES)('are IPVS\'s for every event in %s, from both sides', async (state) => {
    const director = await Director.withReplies(single(4, 'tcp', 'nat'))
    const restart = (): void => {
      const table = single(4, 'tcp', 'nat')
      knowConn(table, 4, 'tcp', 0, { state })
      director.restart(table)
    }
    for (const flags of EVENTS) {
      restart()
      director.send(request(4, 'tcp', { flags }))
      director.expectSameState()
      restart()
      director.reply(answer(4, 'tcp', 0, { flags }))
      director.expectSameState()
    }
  })
})
