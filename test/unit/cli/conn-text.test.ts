import { expect, it } from 'vitest'
import { CONN_HEADING, formatConn } from '../../../src/cli/conn-text.js'
import type { ListedConn } from '../../../src/control/conn-list.js'

const conn = (fields: Partial<ListedConn>): ListedConn => ({
  protocol: 'tcp',
  state: 'ESTABLISHED',
  client: '192.0.2.2:40000',
  virtual: '203.0.113.10:80',
  real: '10.0.0.11:80',
  service: 'web',
  expiresSeconds: 899,
  template: false,
  ...fields,
})

it('conns as text are in the shape of ipvsadm -Lnc', () => {
  const conns = [
    conn({}),
    conn({ state: 'TIME_WAIT', expiresSeconds: 5, client: '192.0.2.2:1' }),
    conn({ protocol: 'udp', state: 'UDP', expiresSeconds: 100 * 60 }),
    conn({ state: 'NONE', client: '192.0.2.0:0', template: true }),
    conn({ protocol: 'ip', state: 'ASSURED', client: '192.0.2.0:0', virtual: '203.0.113.10:0', template: true }),
    conn({ client: '[2001:db8:1::2]:40000', virtual: '[2001:db8:2::100]:80', real: '[2001:db8:2::11]:80' }),
    conn({ real: null, service: null }),
  ]
  expect([CONN_HEADING, ...conns.map(formatConn)].join('\n')).toMatchInlineSnapshot(`
    "pro expire state       source             virtual            destination
    TCP 14:59  ESTABLISHED 192.0.2.2:40000    203.0.113.10:80    10.0.0.11:80
    TCP 00:05  TIME_WAIT   192.0.2.2:1        203.0.113.10:80    10.0.0.11:80
    UDP 100:00 UDP         192.0.2.2:40000    203.0.113.10:80    10.0.0.11:80
    TCP 14:59  NONE        192.0.2.0:0        203.0.113.10:80    10.0.0.11:80
    IP  14:59  ASSURED     192.0.2.0:0        203.0.113.10:0     10.0.0.11:80
    TCP 14:59  ESTABLISHED [2001:db8:1::2]:40000 [2001:db8:2::100]:80 [2001:db8:2::11]:80
    TCP 14:59  ESTABLISHED 192.0.2.2:40000    203.0.113.10:80    -"
  `)
})
