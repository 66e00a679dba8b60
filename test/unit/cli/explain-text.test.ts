import { describe, expect, it } from 'vitest'
import { formatExplained } from '../../../src/cli/explain-text.js'
import { verdictMeaning } from '../../../src/cli/verdict-text.js'
import type { Decision, Explained } from '../../../src/control/explain.js'
import { verdictNames } from '../../../src/maps/generated.js'
import type { PacketSummary } from '../../../src/net/packet.js'

const BEFORE: PacketSummary = {
  sourceMac: '02:00:5e:00:00:01',
  destinationMac: '02:00:00:00:00:01',
  source: '192.0.2.2',
  destination: '203.0.113.10',
  ttl: 64,
  protocol: 'tcp',
  sourcePort: 40000,
  destinationPort: 80,
  flags: ['SYN'],
}

const explained = (fields: Partial<Explained>): Explained => ({
  interface: 'eth0',
  decisions: [{ step: 'vip', vip: '203.0.113.10' }],
  verdict: 'forward_new',
  before: BEFORE,
  after: BEFORE,
  ...fields,
})

describe('an explanation as text', () => {
  it('of a new flow of nat', () => {
    const text = formatExplained(
      explained({
        decisions: [
          { step: 'vip', vip: '203.0.113.10' },
          { step: 'no_conn' },
          { step: 'service', service: 'web', scheduler: 'wlc', forward: 'nat' },
          { step: 'no_template' },
          { step: 'scheduled', scheduler: 'wlc' },
          { step: 'clash' },
          { step: 'dest', real: '10.0.0.11:8080', mac: '02:00:00:00:01:01' },
        ],
        after: {
          ...BEFORE,
          sourceMac: '02:00:00:00:00:01',
          destinationMac: '02:00:00:00:01:01',
          destination: '10.0.0.11',
          destinationPort: 8080,
          ttl: 63,
        },
      }),
    )
    expect(text).toMatchInlineSnapshot(`
      "tcp 192.0.2.2:40000 -> 203.0.113.10:80 SYN, by eth0
      1. 203.0.113.10 is a VIP
      2. no conn is known
      3. service web, nat (destination address and port become the real's)
      4. no persistence template of the client
      5. scheduler wlc chooses
      6. nat: the choice's replies would belong to another conn; the next one is taken
      7. real 10.0.0.11:8080, MAC 02:00:00:00:01:01
      verdict forward_new (scheduled and sent to the real; a conn is made)
      packet
        source MAC       02:00:5e:00:00:01  -> 02:00:00:00:00:01
        destination MAC  02:00:00:00:00:01  -> 02:00:00:00:01:01
        source           192.0.2.2:40000
        destination      203.0.113.10:80    -> 10.0.0.11:8080
        TTL              64                 -> 63
        carries          tcp SYN"
    `)
  })

  it('of a flow whose real was removed', () => {
    const decisions: Decision[] = [
      { step: 'vip', vip: '203.0.113.10' },
      { step: 'conn', state: 'ESTABLISHED', expiresSeconds: 812 },
      { step: 'real_gone' },
    ]
    expect(formatExplained(explained({ decisions, verdict: 'drop_real_gone', after: null }))).toMatchInlineSnapshot(`
      "tcp 192.0.2.2:40000 -> 203.0.113.10:80 SYN, by eth0
      1. 203.0.113.10 is a VIP
      2. its conn is known: ESTABLISHED, 812 s left
      3. the conn's real is not configured any more
      verdict drop_real_gone (dropped: its conn's real was removed, and it is no SYN)"
    `)
  })

  it('of an echo request', () => {
    const { sourcePort: _, destinationPort: __, flags: ___, ...rest } = BEFORE
    const before = { ...rest, protocol: 'icmp', type: 8, code: 0 }
    const after = { ...before, source: before.destination, destination: before.source, type: 0 }
    expect(formatExplained(explained({ before, after, verdict: 'reply_echo' }))).toMatchInlineSnapshot(`
      "icmp 192.0.2.2 -> 203.0.113.10 type 8 code 0, by eth0
      1. 203.0.113.10 is a VIP
      verdict reply_echo (an echo request to the VIP, answered from here)
      packet
        source MAC       02:00:5e:00:00:01
        destination MAC  02:00:00:00:00:01
        source           192.0.2.2           -> 203.0.113.10
        destination      203.0.113.10        -> 192.0.2.2
        TTL              64
        carries          icmp type 8 code 0  -> icmp type 0 code 0"
    `)
  })

  it('of what is left to the host', () => {
    expect(formatExplained(explained({ verdict: 'pass_unmatched' })).split('\n').slice(-2)).toEqual([
      'verdict pass_unmatched (no service on that port: left to the host)',
      'packet unchanged',
    ])
  })

  it('has a sentence for each decision', () => {
    const bare = ['expired', 'reused', 'real_gone', 'template_bad', 'no_template', 'clash', 'quoted', 'no_conn'] as const
    const sentences = bare.map((step) => formatExplained(explained({ decisions: [{ step }] })).split('\n')[1])
    expect(new Set(sentences).size).toBe(bare.length)
  })
})

it('each verdict has a meaning of its own', () => {
  const meanings = Object.values(verdictNames).map(verdictMeaning)
  expect(meanings).not.toContain('')
  expect(new Set(meanings).size).toBe(meanings.length)
})
