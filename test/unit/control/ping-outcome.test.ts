import { describe, expect, it } from 'vitest'
import { formatPing, formatPingReport } from '../../../src/cli/ping-text.js'
import { noAnswer, outcomeOf, type PingOutcome } from '../../../src/control/ping-outcome.js'
import type { PingRoute, PingService } from '../../../src/control/ping-route.js'
import { Limit } from '../../../src/maps/generated.js'
import type { PingAnswer } from '../../../src/net/ping.js'

const DIRECTOR = '02:00:00:00:00:02'
const REAL = '02:00:00:00:00:11'
const SERVICE: PingService = { name: 'web', vip: '10.0.0.100', port: 80 }
const ROUTE: PingRoute = { director: '10.0.0.2', mac: DIRECTOR, ifindex: 2, sourceMac: '02:00:00:00:00:01', source: '10.0.0.1' }

const outcome = (answer: PingAnswer): PingOutcome =>
  outcomeOf(answer, ROUTE, SERVICE, (mac) => (mac === REAL ? '10.0.0.11' : undefined))

const synAck = (echo: number | undefined, from: { mac?: string; address?: string } = {}): PingAnswer => ({
  kind: 'syn-ack', mac: REAL, address: SERVICE.vip, port: 80, echo, sequence: 1, ...from,
})

const error = (type: number, code: number, family: 4 | 6 = 4): PingAnswer => ({
  kind: 'error', mac: DIRECTOR, address: SERVICE.vip, family, type, code,
})

describe('what an answer to a ping means', () => {
  const forwarded = Limit.pingMagic - 1

  it('all is well when a real got the number that the director made', () => {
    const real = { address: '10.0.0.11', mac: REAL }
    expect(outcome(synAck(forwarded))).toEqual({ ok: true, answer: 'syn-ack', real, meaning: null })
    expect(outcome(synAck(forwarded, { mac: DIRECTOR })).real).toEqual({ address: null, mac: DIRECTOR })
  })

  it.each([
    { what: 'a real of nat', answer: synAck(forwarded, { address: '10.1.0.11' }), ok: true, meaning: /no conn that would translate/ },
    { what: 'a real without timestamps', answer: synAck(undefined), ok: true, meaning: /not proven/ },
    { what: 'a host behind no director', answer: synAck(Limit.pingMagic), ok: false, meaning: /took notice of the mark/ },
    { what: 'somebody who changes timestamps', answer: synAck(5), ok: false, meaning: /changed the timestamp to 5/ },
  ])('$what', ({ answer, ok, meaning }) => {
    expect(outcome(answer)).toMatchObject({ ok, answer: 'syn-ack', meaning: expect.stringMatching(meaning) })
  })

  it('tells a closed service from a director without it', () => {
    const reset = { kind: 'reset', address: SERVICE.vip, port: 80 } as const
    expect(outcome({ ...reset, mac: REAL })).toMatchObject({ ok: false, real: { mac: REAL }, meaning: expect.stringMatching(/path is fine/) })
    expect(outcome({ ...reset, mac: DIRECTOR })).toMatchObject({ ok: false, real: null, meaning: expect.stringMatching(/own host/) })
  })

  it.each([
    { answer: error(3, 3), meaning: /no real/ },
    { answer: error(1, 4, 6), meaning: /no real/ },
    { answer: error(11, 0), meaning: /number of hops/ },
    { answer: error(3, 0, 6), meaning: /number of hops/ },
    { answer: error(3, 1), meaning: /ICMP type 3, code 1/ },
  ])('$answer.type/$answer.code of IPv$answer.family', ({ answer, meaning }) => {
    expect(outcome(answer)).toMatchObject({ ok: false, answer: 'error', meaning: expect.stringMatching(meaning) })
  })

  it('nothing may have many reasons, unless nobody is there', () => {
    expect(noAnswer(ROUTE).meaning).toMatch(/not allowed/)
    expect(noAnswer({ ...ROUTE, mac: undefined }).meaning).toBe('10.0.0.2 does not answer ARP or ND: it is not there')
  })
})

describe('as text', () => {
  const ping = { number: 1, rttMs: 0.25, ...outcome(synAck(Limit.pingMagic - 1)) }

  it('has who answered, when, and what it means', () => {
    expect(formatPing(ROUTE, ping)).toBe(`10.0.0.2 #1: SYN-ACK from 10.0.0.11 (${REAL}) in 0.250 ms`)
    expect(formatPing(ROUTE, { number: 2, rttMs: null, ...noAnswer(ROUTE) })).toMatch(/^10.0.0.2 #2: lost: no answer: /)
  })

  it('sums up', () => {
    const all = { director: '10.0.0.2', mac: DIRECTOR, source: '10.0.0.1', pings: [] }
    const some = { ...all, sent: 4, answered: 3, ok: 2, rttMs: { min: 0.1, avg: 0.2, max: 0.35 } }
    const none = { ...all, sent: 1, answered: 0, ok: 0, rttMs: null }
    expect(formatPingReport({ service: SERVICE, directors: [some, none] }).split('\n')).toEqual([
      '--- web (10.0.0.100:80) ---',
      '10.0.0.2: 4 sent, 3 answered, 2 ok, 25 % lost, rtt min/avg/max 0.100/0.200/0.350 ms',
      '10.0.0.2: 1 sent, 0 answered, 0 ok, 100 % lost',
    ])
  })
})
