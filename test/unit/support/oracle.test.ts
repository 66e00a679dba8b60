import { describe, expect, it } from 'vitest'
import {
  answer,
  connOf,
  delivered,
  destId,
  INGRESS,
  KINDS,
  knowConn,
  makeNat,
  NOT_A_VIP,
  PORT,
  request,
  serviceId,
  serviceOf,
  VIP,
  world,
} from '../../packet/world.js'
import { judge } from '../../support/oracle.js'
import { updatedChecksum } from '../../support/oracle/frame.js'
import { countsOf } from '../../support/oracle/counts.js'
import { judgeReply } from '../../support/oracle/replies.js'
import { isTemplate } from '../../support/oracle/table.js'
import { nextTcpState } from '../../support/oracle/tcp-state.js'
import { internetChecksum } from '../../support/packet/checksum.js'
import { expectPacket } from '../../support/packet/diff.js'
import { TcpFlag } from '../../support/packet/transport.js'
import { wrongChecksums } from '../../support/packet/verify.js'

describe.each(KINDS)('the oracle on $name', ({ family, protocol }) => {
  it('schedules a new flow, remembers it, and knows it afterwards', () => {
    const table = world()
    const first = judge(request(family, protocol).bytes(), INGRESS, table)
    const second = judge(request(family, protocol, { flags: ['ack'] }).bytes(), INGRESS, table)
    expect([first.verdict, second.verdict]).toEqual(['forwardNew', 'forwardKnown'])
    expectPacket(first.frame).toEqualPacket(delivered(family, protocol, 0))
    expect(table.conns.get(connOf(family, protocol))?.state).toBe(protocol === 'tcp' ? 'established' : 'udp')
    expect(table.serviceCounters.get(serviceId(family, protocol))).toMatchObject({ conns: 1, inPkts: 2 })
    expect(table.cursors.get(serviceId(family, protocol))).toBe(1n)
  })

  it('gives back the frame that it does not forward, and changes nothing', () => {
    const table = world()
    const frame = request(family, protocol, { dst: NOT_A_VIP[family] }).bytes()
    const before = frame.slice()
    expect(judge(frame, INGRESS, table)).toEqual({ verdict: 'passNotVip', action: 'pass', frame: before })
    expect(table.conns.size + table.cursors.size + table.serviceCounters.size).toBe(0)
  })

  it('does not write to the frame that it is given', () => {
    const frame = request(family, protocol).bytes()
    const before = frame.slice()
    judge(frame, INGRESS, world())
    expect(frame).toEqual(before)
  })

  it('believes no conn that has run out', () => {
    const table = world((fresh) => knowConn(fresh, family, protocol, 2, { expires: 1n }))
    const { frame } = judge(request(family, protocol).bytes(), INGRESS, table)
    expectPacket(frame).toEqualPacket(delivered(family, protocol, 0))
  })
})

describe('an updated checksum', () => {
  it('is the one that a new sum would give, for every change of a word', () => {
    const bytes = Uint8Array.of(0x45, 0, 0x12, 0x34, 0, 0, 0xff, 0xff)
    const sum = internetChecksum(bytes)
    for (let word = 0; word < 0x10000; word += 251) {
      const changed = bytes.slice()
      changed.set([word >> 8, word & 0xff], 2)
      expect(updatedChecksum(sum, 0x1234, word)).toBe(internetChecksum(changed))
    }
  })
})

describe('the TCP states of the oracle', () => {
  it('know no state of UDP', () => {
    expect(() => nextTcpState('input', 'udp', TcpFlag.ack)).toThrow('udp is no state of TCP')
  })
})

describe.each(KINDS)('nat in the oracle: $name', ({ family, protocol }) => {
  const serving = () => world((table) => makeNat(table, family, protocol))

  it('makes a request and its reply whose sums are right, and the reply one of the VIP', () => {
    const table = serving()
    const sent = judge(request(family, protocol).bytes(), INGRESS, table)
    expect(sent.verdict).toBe('forwardNew')
    expect(wrongChecksums(sent.frame)).toEqual([])
    const back = judgeReply(answer(family, protocol, 0, { flags: ['syn', 'ack'] }).bytes(), 'ingress', INGRESS, table)
    expect(back).toMatchObject({ verdict: 'forwardReply', action: 'redirect' })
    expect(wrongChecksums(back.frame)).toEqual([])
    const seen = { src: VIP[family], sport: PORT, ttl: 63, flags: ['syn' as const, 'ack' as const] }
    expectPacket(back.frame).toEqualPacket(answer(family, protocol, 0, seen))
  })

  it('knows no reply of a real that was sent nothing', () => {
    const frame = answer(family, protocol, 0).bytes()
    expect(judgeReply(frame, 'ingress', INGRESS, serving())).toEqual({ verdict: 'passNotReply', action: 'ok', frame })
  })
})

describe('persistence in the oracle', () => {
  it('keeps the leading bits of a client, IPv4 behind ::ffff:', () => {
    const persistence = { timeoutNs: 1_000_000_000n, scope: 1, expireQuiescent: true }
    const clientOf = (family: 4 | 6, prefix: number): string | undefined => {
      const table = world((fresh) => (serviceOf(fresh, family, 'tcp').persistence = { ...persistence, prefix }))
      judge(request(family, 'tcp').bytes(), INGRESS, table)
      return [...table.conns.keys()].find(isTemplate)?.split(' ')[1]
    }
    expect([128, 120, 112, 96].map((prefix) => clientOf(4, prefix))).toEqual([
      ...['198.51.100.7', '198.51.100.0', '198.51.0.0', '0.0.0.0'],
    ])
    expect([128, 64, 32, 0].map((prefix) => clientOf(6, prefix))).toEqual([
      ...['2001:db8:1::7', '2001:db8:1::', '2001:db8::', '::'],
    ])
  })
})

describe('counts in the oracle', () => {
  it('tell active conns from others, and follow a conn from state to state', () => {
    const table = world((fresh) => (serviceOf(fresh, 4, 'tcp').ring = [destId(4, 'tcp', 0)]))
    const after = (flags: ('syn' | 'ack' | 'fin')[]) => {
      judge(request(4, 'tcp', { flags }).bytes(), INGRESS, table)
      const { active, inactive } = countsOf(table, destId(4, 'tcp', 0))
      return [active, inactive]
    }
    expect([after(['syn']), after(['ack']), after(['fin', 'ack'])]).toEqual([
      [1, 0],
      [1, 0],
      [0, 1],
    ])
  })
})
