import { describe, expect, it } from 'vitest'
import {
  delivered,
  connOf,
  INGRESS,
  KINDS,
  knowConn,
  NOT_A_VIP,
  request,
  serviceId,
  world,
} from '../../packet/world.js'
import { judge } from '../../support/oracle.js'
import { updatedChecksum } from '../../support/oracle/frame.js'
import { nextTcpState } from '../../support/oracle/tcp-state.js'
import { internetChecksum } from '../../support/packet/checksum.js'
import { expectPacket } from '../../support/packet/diff.js'
import { TcpFlag } from '../../support/packet/transport.js'

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
