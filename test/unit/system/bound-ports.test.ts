import { describe, expect, it } from 'vitest'
import { parseSockets } from '../../../src/system/bound-ports.js'

const HEAD = '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode'
const line = (local: string, state: string): string =>
  `   0: ${local} 00000000:0000 ${state} 00000000:00000000 00:00000000 00000000     0        0 12345 1 0000000000000000`

const LISTENING = line('00000000:EE48', '0A')
const ESTABLISHED = line('0100007F:EE49', '01')
const UDP = line('00000000000000000000000001000000:EE4A', '07')

describe('the sockets that /proc/net lists', () => {
  it('are those of TCP that listen', () => {
    expect(parseSockets([HEAD, LISTENING, ESTABLISHED, ''].join('\n'), 'tcp')).toEqual([{ protocol: 'tcp', port: 61_000 }])
  })

  it('are all of UDP, of IPv6 too', () => {
    expect(parseSockets([HEAD, UDP, line('00000000:0035', '01'), ''].join('\n'), 'udp')).toEqual([
      { protocol: 'udp', port: 61_002 },
      { protocol: 'udp', port: 53 },
    ])
  })

  it.each([['no socket', `${HEAD}\n`], ['nothing at all', '']])('are none in %s', (_, text) => {
    expect(parseSockets(text, 'tcp')).toEqual([])
  })
})
