import { describe, expect, it } from 'vitest'
import { parseConfig } from '../../../src/config/parse.js'
import { formatProblem } from '../../../src/config/problem.js'
import { SCHEDULERS } from '../../../src/config/scheduler-schema.js'

/** A file with one service; `service` and `top` are lines that replace or add to it. */
function file(service: Record<string, string> = {}, top: Record<string, string> = {}): string {
  const lines = (entries: Record<string, string>, indent: string) =>
    Object.entries(entries).map(([key, value]) => `${indent}${key}: ${value}\n`)
  const head = lines({ version: '1', interfaces: '[eth0]', ...top }, '').join('')
  const body = lines({ vip: '203.0.113.10', port: '80', reals: '[10.0.0.11]', ...service }, '    ').join('')
  return `${head}services:\n  - name: web\n${body}`
}

function problemsOf(text: string): string[] {
  return (parseConfig(text).problems ?? []).map(({ path, code, message }) => `${code} ${path}: ${message}`)
}

/** Services of their own names on one VIP, each with these lines instead of the usual ones. */
function services(...all: Record<string, string>[]): string {
  const items = all.map((lines, index) => {
    const fields = { name: `s${index}`, vip: '203.0.113.10', port: String(80 + index), reals: '[10.0.0.11]', ...lines }
    return `  - { ${Object.entries(fields).map(([key, value]) => `${key}: ${value}`).join(', ')} }\n`
  })
  return `version: 1\ninterfaces: [eth0]\nservices:\n${items.join('')}`
}

const SIZES = '251, 509, 1021, 2039, 4093, 8191, 16381, 32749, 65521, 131071'

describe('a service', () => {
  it.each<[string, Record<string, string>, string]>([
    ['a VIP that is no address', { vip: '10.0.0' }, 'bad_value services[0].vip: `10.0.0` is no IPv4 or IPv6 address'],
    ['a multicast VIP', { vip: '224.0.0.1' }, 'bad_value services[0].vip: `224.0.0.1` is a multicast address'],
    ['an unspecified VIP', { vip: '"::"' }, 'bad_value services[0].vip: `::` is the unspecified address'],
    ['a loopback VIP', { vip: '127.0.0.1' }, 'bad_value services[0].vip: `127.0.0.1` is a loopback address'],
    ['a link-local VIP', { vip: '169.254.0.1' }, 'bad_value services[0].vip: `169.254.0.1` is a link-local address'],
    [
      'port 0 with a scheduler that would tear a client apart',
      { port: '0', scheduler: 'wlc' },
      'port_zero services[0].port: wlc would send each port of a client to another real; ' +
        'port 0 needs persistence, or the scheduler mh, sh or dh',
    ],
    [
      "a real's port in a service on every port",
      { port: '0', reals: '[{ address: 10.0.0.1, port: 80 }]' },
      'port_zero services[0].reals[0].port: the service is on every port, and packets keep theirs: leave it out',
    ],
    ['a port of icmp', { protocol: 'icmp' }, 'icmp_port services[0].port: ICMP has no ports: leave it out'],
    ['a port too big', { port: '65536' }, 'bad_value services[0].port: 65536 is out of range: expected at most 65535'],
    ['a port below 0', { port: '-1' }, 'bad_value services[0].port: -1 is out of range: expected at least 0'],
    ['a port that is text', { port: 'http' }, 'wrong_type services[0].port: expected a number, found text (http)'],
    ['a port with a fraction', { port: '80.5' }, 'wrong_type services[0].port: expected a whole number, found 80.5'],
    ['an empty port', { port: '' }, 'wrong_type services[0].port: expected a number, found nothing'],
    ['forward tunnel', { forward: 'tunnel' }, 'not_supported services[0].forward: tunnel is not supported yet'],
    ['forward fullnat', { forward: 'fullnat' }, 'not_supported services[0].forward: fullnat is not supported yet'],
    ['forward rubbish', { forward: 'natt' }, 'bad_value services[0].forward: natt is not one of dr, nat'],
    ['protocol sctp', { protocol: 'sctp' }, 'not_supported services[0].protocol: sctp is not supported yet'],
    ['an unknown scheduler', { scheduler: 'x' }, `bad_value services[0].scheduler: x is not one of ${SCHEDULERS.join(', ')}`],
    [
      'fallback of a scheduler that has none',
      { scheduler: '{ name: wlc, fallback: true }' },
      'unknown_key services[0].scheduler.fallback: unknown key `fallback`',
    ],
    [
      'a table size that is not prime',
      { scheduler: '{ name: mh, tableSize: 4096 }' },
      `bad_value services[0].scheduler.tableSize: 4096 is not one of ${SIZES}`,
    ],
    [
      "another scheduler's option",
      { scheduler: '{ name: rr, tableSize: 251 }' },
      'unknown_key services[0].scheduler.tableSize: unknown key `tableSize`',
    ],
    [
      'persistence that is a number',
      { persistence: '300' },
      'wrong_type services[0].persistence: expected true or false or a map, found 300',
    ],
    [
      'a netmask of nothing',
      { persistence: '{ netmask: 0 }' },
      'bad_value services[0].persistence.netmask: 0 is out of range: expected at least 1',
    ],
    [
      'a netmask that is no IPv6 prefix',
      { persistence: '{ netmask6: 129 }' },
      'bad_value services[0].persistence.netmask6: 129 is out of range: expected at most 128',
    ],
    [
      'a later key within persistence',
      { persistence: '{ health: 1 }' },
      'unknown_key services[0].persistence.health: unknown key `health`',
    ],
    [
      'a group without a name',
      { persistence: '{ group: "" }' },
      'bad_value services[0].persistence.group: : expected 1 to 63 of the characters a-z, 0-9 and `-`',
    ],
    ['the sysctl of connReuse', { conn_reuse: '1' }, 'unknown_key services[0].conn_reuse: unknown key `conn_reuse`; did you mean `connReuse`?'],
    ['onePacket of TCP', { onePacket: 'true' }, 'one_packet services[0].onePacket: tcp needs conns: only udp can do without'],
    [
      'onePacket of nat',
      { onePacket: 'true', protocol: 'udp', forward: 'nat' },
      'one_packet services[0].onePacket: nat needs conns: no reply could be translated without',
    ],
    [
      'a lower threshold alone',
      { reals: '[{ address: 10.0.0.1, lowerThreshold: 5 }]' },
      'thresholds services[0].reals[0].lowerThreshold: without an upperThreshold no real is ever overloaded',
    ],
    [
      'a lower threshold above the upper',
      { reals: '[{ address: 10.0.0.1, lowerThreshold: 5, upperThreshold: 4 }]' },
      'thresholds services[0].reals[0].lowerThreshold: 5 is above the upperThreshold 4',
    ],
    [
      'a nat real that is a VIP',
      { forward: 'nat', reals: '[{ address: 203.0.113.10, port: 8080 }]' },
      'vip_is_real services[0].reals[0]: 203.0.113.10 is the VIP of service `web`',
    ],
    [
      'a nat real twice on one port',
      { forward: 'nat', reals: '[{ address: 10.0.0.1, port: 8080 }, { address: 10.0.0.1, port: 8080 }]' },
      'duplicate_real services[0].reals[1]: 10.0.0.1:8080 is reals[0] already',
    ],
    [
      'a slip of the pen',
      { schedular: 'rr' },
      'unknown_key services[0].schedular: unknown key `schedular`; did you mean `scheduler`?',
    ],
    ['an unknown key', { colour: 'red' }, 'unknown_key services[0].colour: unknown key `colour`'],
    ['reals that are no list', { reals: '{}' }, 'wrong_type services[0].reals: expected a list, found a map'],
    [
      'a weight too big',
      { reals: '[{ address: 10.0.0.1, weight: 65536 }]' },
      'bad_value services[0].reals[0].weight: 65536 is out of range: expected at most 65535',
    ],
    [
      'a weight below 0',
      { reals: '[{ address: 10.0.0.1, weight: -1 }]' },
      'bad_value services[0].reals[0].weight: -1 is out of range: expected at least 0',
    ],
    ['a real that is a number', { reals: '[3]' }, 'wrong_type services[0].reals[0]: expected text or a map, found 3'],
    ['a loopback real', { reals: '[127.0.0.1]' }, 'bad_value services[0].reals[0]: `127.0.0.1` is a loopback address'],
    [
      'a real twice',
      { reals: '[10.0.0.1, { address: 10.0.0.1, weight: 2 }]' },
      'duplicate_real services[0].reals[1]: 10.0.0.1:80 is reals[0] already',
    ],
    [
      'a translated port',
      { reals: '[{ address: 10.0.0.1, port: 8080 }]' },
      "port_translated services[0].reals[0].port: 8080 is not the service's port 80, and dr translates no ports",
    ],
    [
      'mixed families',
      { reals: '[2001:db8::1]' },
      'mixed_families services[0].reals[0]: 2001:db8::1 is IPv6, but the VIP 203.0.113.10 is IPv4',
    ],
    [
      'a real that is the VIP',
      { reals: '[203.0.113.10]' },
      'vip_is_real services[0].reals[0]: 203.0.113.10 is the VIP of service `web`',
    ],
    [
      'more reals than slots',
      { scheduler: '{ name: mh, tableSize: 251 }', reals: `[${Array.from({ length: 252 }, (_, i) => `10.1.0.${i}`).join()}]` },
      'too_many services[0].reals: 252 reals, but the ring has 251 slots; use a larger tableSize',
    ],
  ])('is refused for %s', (_, service, problem) => {
    expect(problemsOf(file(service))).toEqual([problem])
  })

  it.each(['', 'A', 'a_b', 'x'.repeat(64)])('is refused for the name %j', (name) => {
    const text = file().replace('name: web', `name: "${name}"`)
    expect(problemsOf(text)).toEqual([
      `bad_value services[0].name: ${name}: expected 1 to 63 of the characters a-z, 0-9 and \`-\``,
    ])
  })
})

describe('a port', () => {
  const portless = (rest: string) =>
    `version: 1\ninterfaces: [eth0]\nservices:\n  - { name: web, vip: 203.0.113.10, reals: [10.0.0.1]${rest} }\n`

  it('is required but for icmp', () => {
    expect(problemsOf(portless(''))).toEqual(['missing_key services[0].port: is required'])
    expect(problemsOf(portless(', protocol: sctp'))).toEqual([
      'not_supported services[0].protocol: sctp is not supported yet',
    ])
    const [ping] = parseConfig(portless(', protocol: icmp')).config?.services ?? []
    expect([ping?.port, ping?.reals[0]?.port]).toEqual([0, 0])
  })

  it('of a real of icmp is refused', () => {
    const text = portless(', protocol: icmp').replace('10.0.0.1]', '{ address: 10.0.0.1, port: 1 }]')
    expect(problemsOf(text)).toEqual(['icmp_port services[0].reals[0].port: ICMP has no ports: leave it out'])
  })

  it.each(['mh', 'sh', 'dh', '{ name: mh, ports: true }'])('may be 0 with %s', (scheduler) => {
    expect(problemsOf(file({ port: '0', scheduler }))).toEqual([])
  })

  it.each(['rr', 'wrr', 'lc', 'wlc', 'sed', 'nq', 'fo', 'ovf', 'twos', 'lblc', 'lblcr'])(
    'may be 0 with %s and persistence only',
    (scheduler) => {
      expect(problemsOf(file({ port: '0', scheduler })).map((each) => each.split(' ')[0])).toEqual(['port_zero'])
      expect(problemsOf(file({ port: '0', scheduler, persistence: 'true' }))).toEqual([])
    },
  )

  it('may be translated by nat, to two ports of one real also', () => {
    const reals = '[{ address: 10.0.0.1, port: 8080 }, { address: 10.0.0.1, port: 8081 }]'
    expect(problemsOf(file({ forward: 'nat', reals }))).toEqual([])
  })

  it('does not tell services of icmp apart, and does tell icmp from the others', () => {
    const icmp = 'name: a, vip: 203.0.113.10, protocol: icmp, reals: []'
    const text = `version: 1\ninterfaces: [eth0]\nservices: [{ ${icmp} }, { ${icmp.replace('a,', 'b,')} }]\n`
    expect(problemsOf(text)).toEqual(['duplicate_service services[1]: 203.0.113.10 icmp is service `a` already'])
    const other = text.replace('name: b, vip: 203.0.113.10, protocol: icmp', 'name: b, vip: 203.0.113.10, port: 0')
    expect(problemsOf(other)).toEqual([])
  })
})

describe('persistence', () => {
  const of = (persistence: string, rest = {}) => parseConfig(file({ persistence, ...rest })).config?.services[0]?.persistence

  it("has ipvsadm's defaults", () => {
    const usual = { timeout: 360, netmask: 32, netmask6: 128, expireQuiescent: true }
    expect(of('true')).toEqual(usual)
    expect(of('{}')).toEqual(usual)
    expect(of('{ timeout: 5m, group: web, netmask: 24 }')).toEqual({ ...usual, timeout: 300, group: 'web', netmask: 24 })
    expect(of('false')).toBe(false)
  })

  it('may be given for all services, and taken from one', () => {
    const text = services({}, { persistence: 'false' }).replace('services:', 'defaults: { persistence: { timeout: 1h } }\nservices:')
    const found = parseConfig(text).config?.services.map((service) => service.persistence && service.persistence.timeout)
    expect(found).toEqual([3600, false])
  })

  it.each<[string, Record<string, string>[], string[]]>([
    ['services that agree', [{ persistence: '{ group: a }' }, { persistence: '{ group: a }' }], []],
    ['services of different groups', [{ persistence: '{ group: a }' }, { persistence: '{ group: b, netmask: 24 }' }], []],
    [
      'services of different VIPs',
      [{ persistence: '{ group: a }' }, { persistence: '{ group: a }', vip: '203.0.113.11' }],
      [
        'group_disagreement services[1].vip: 203.0.113.11 is not 203.0.113.10, ' +
          'and service `s1` and service `s0` are both in the group a',
      ],
    ],
    [
      'different timeouts and masks',
      [{ persistence: '{ group: a }' }, { persistence: '{ group: a, timeout: 60, netmask: 24, netmask6: 64 }' }],
      [
        'timeout: 60s is not 360s',
        'netmask: 24 is not 32',
        'netmask6: 64 is not 128',
      ].map((each) => {
        const [key, rest] = each.split(': ')
        return (
          `group_disagreement services[1].persistence.${key ?? ''}: ${rest ?? ''}, ` +
          'and service `s1` and service `s0` are both in the group a'
        )
      }),
    ],
    [
      'names of one CRC-32',
      [{ persistence: '{ group: plumless }' }, { persistence: '{ group: buckeroo }' }],
      [
        'group_disagreement services[1].persistence.group: buckeroo and plumless have the same CRC-32: ' +
          'rename one of the groups',
      ],
    ],
    [
      'the same on two VIPs',
      [{ persistence: '{ group: plumless }' }, { persistence: '{ group: buckeroo }', vip: '203.0.113.11' }],
      [],
    ],
  ])('of a group: %s', (_, all, problems) => {
    expect(problemsOf(services(...all))).toEqual(problems)
  })
})

describe('a service under a VIP', () => {
  it('must agree with the others on unmatched', () => {
    expect(problemsOf(services({ unmatched: 'drop' }, {}))).toEqual([
      'vip_disagreement services[1].unmatched: service `s1` says pass, but service `s0` says drop, ' +
        'and both are on the VIP 203.0.113.10',
    ])
  })
})

describe('sloppy', () => {
  it.each(SCHEDULERS)('of %s is true for a hash of the flow', (scheduler) => {
    const sloppy = (forward: string) => parseConfig(file({ scheduler, forward })).config?.services[0]?.sloppy
    const hash = ['mh', 'sh', 'dh'].includes(scheduler)
    expect([sloppy('dr'), sloppy('nat')]).toEqual([hash, hash])
  })
})

describe('timeouts', () => {
  it.each([
    ['{}', { preset: 'ipvs', tcp: 900, tcpFin: 120, udp: 300, icmp: 30 }],
    ['{ preset: datacenter }', { preset: 'datacenter', tcp: 90, tcpFin: 7, udp: 300, icmp: 30 }],
    ['{ preset: datacenter, tcp: 5m, icmp: 5 }', { preset: 'datacenter', tcp: 300, tcpFin: 7, udp: 300, icmp: 5 }],
  ])('of %s', (timeouts, expected) => {
    expect(parseConfig(file({}, { timeouts })).config?.timeouts).toEqual(expected)
  })
})

describe('a file', () => {
  it.each<[string, Record<string, string>, string]>([
    ['another version', { version: '2' }, 'bad_value version: expected 1, found 2'],
    ['no interface', { interfaces: '[]' }, 'bad_value interfaces: expected at least 1 in the list'],
    ['an interface twice', { interfaces: '[a, { name: a }]' }, 'duplicate_interface interfaces[1]: a is interfaces[0] already'],
    [
      'an interface name that Linux cannot have',
      { interfaces: '[sixteen-letters-]' },
      'bad_value interfaces[0]: longer than the 15 characters that Linux allows in an interface name',
    ],
    [
      'interfaces[].reply that is no boolean',
      { interfaces: '[{ name: a, reply: 1 }]' },
      'wrong_type interfaces[0].reply: expected true or false, found 1',
    ],
    ['a peer that is no MAC', { peers: '[10.0.0.1]' }, 'bad_value peers[0]: `10.0.0.1` is no MAC address of one host'],
    [
      'a peer that is a group',
      { peers: '["01:00:5e:00:00:01"]' },
      'bad_value peers[0]: `01:00:5e:00:00:01` is no MAC address of one host',
    ],
    [
      'a peer that is nobody',
      { peers: '["00:00:00:00:00:00"]' },
      'bad_value peers[0]: `00:00:00:00:00:00` is no MAC address of one host',
    ],
    [
      'a peer twice',
      { peers: '["02:00:00:00:00:0A", "02:00:00:00:00:0a"]' },
      'duplicate_peer peers[1]: 02:00:00:00:00:0a is peers[0] already',
    ],
    [
      'more peers than the map holds',
      { peers: `[${Array.from({ length: 65 }, (_, i) => `"02:00:00:00:00:${i.toString(16).padStart(2, '0')}"`).join()}]` },
      'too_many peers: 65 peers, but the maps hold 64',
    ],
    ['a service key in the file itself', { noReal: 'drop' }, 'unknown_key noReal: unknown key `noReal`'],
    ['an API', { api: '{}' }, 'not_supported api: not supported yet'],
    ['pings from nowhere said', { ping: '{}' }, 'missing_key ping.sources: is required'],
    [
      'an unknown preset',
      { timeouts: '{ preset: lan }' },
      'bad_value timeouts.preset: lan is not one of ipvs, datacenter',
    ],
    ['a timeout of sctp', { timeouts: '{ sctp: 1s }' }, 'not_supported timeouts.sctp: not supported yet'],
    ['a timeout under a second', { timeouts: '{ tcp: 500ms }' }, 'bad_value timeouts.tcp: expected whole seconds'],
    ['a timeout of nothing', { timeouts: '{ tcp: 0 }' }, 'bad_value timeouts.tcp: expected 1s to 744h'],
    [
      'a timeout that is no duration',
      { timeouts: '{ udp: 5 minutes }' },
      'bad_value timeouts.udp: 5 minutes: expected a duration such as `900s`, `5m` or `1h`',
    ],
    ['a conn table too big', { conns: '{ max: 1e9 }' }, 'bad_value conns.max: 1000000000 is out of range: expected at most 67108864'],
    ['a default name', { defaults: '{ vip: 10.0.0.1 }' }, 'unknown_key defaults.vip: unknown key `vip`'],
    ['a default of a later version', { defaults: '{ forward: tunnel }' }, 'not_supported defaults.forward: tunnel is not supported yet'],
  ])('is refused for %s', (_, top, problem) => {
    expect(problemsOf(file({}, top))).toEqual([problem])
  })

  it.each<[string, string, string]>([
    ['is empty', '', 'empty_file : the file is empty'],
    ['holds comments only', '# later\n', 'empty_file : the file is empty'],
    ['is a list', '- a\n', 'wrong_type : expected a map, found a list'],
    ['has an unknown anchor', 'a: *b\n', 'yaml_syntax : Unresolved alias (the anchor must be set before the alias): b'],
    ['nests too deeply', '['.repeat(20_000), 'yaml_syntax : nested too deeply'],
  ])('is refused when it %s', (_, text, problem) => {
    expect(problemsOf(text)).toEqual([problem])
  })

  it('is refused when two services disagree about their VIP, with both names', () => {
    const text = `${file()}  - { name: dns, vip: 203.0.113.10, port: 53, echo: drop, reals: [] }\n`
    expect(problemsOf(text)).toEqual([
      'vip_disagreement services[1].echo: service `dns` says drop, but service `web` says reply-if-up, ' +
        'and both are on the VIP 203.0.113.10',
    ])
  })

  it('is refused when two services have one name, or one VIP, port and protocol', () => {
    const text = `${file()}  - { name: web, vip: 203.0.113.10, port: 80, protocol: tcp, reals: [] }\n`
    expect(problemsOf(text)).toEqual([
      'duplicate_service services[1]: 203.0.113.10:80 tcp is service `web` already',
      'duplicate_name services[1].name: `web` is the name of services[0] already',
    ])
  })

  it('is refused when it has more than the maps hold', () => {
    const interfaces = `[${Array.from({ length: 65 }, (_, i) => `eth${i}`).join(', ')}]`
    expect(problemsOf(file({}, { interfaces }))).toEqual(['too_many interfaces: 65 interfaces, but the maps hold 64'])
  })

  it('may name a service key once in defaults, and use anchors and merge keys', () => {
    const text =
      'version: 1\ninterfaces: [eth0]\ndefaults: { scheduler: rr }\nservices:\n' +
      '  - &a { name: a, vip: 203.0.113.1, port: 80, reals: [10.0.0.1] }\n  - { <<: *a, name: b, port: 81 }\n'
    const services = parseConfig(text).config?.services
    expect(services?.map(({ name, port, scheduler, sloppy }) => ({ name, port, scheduler, sloppy }))).toEqual([
      { name: 'a', port: 80, scheduler: { name: 'rr' }, sloppy: false },
      { name: 'b', port: 81, scheduler: { name: 'rr' }, sloppy: false },
    ])
  })

  it('gives a configuration that cannot be changed', () => {
    const { config } = parseConfig(file())
    expect(() => Object.assign(config?.services[0]?.reals[0] ?? {}, { weight: 2 })).toThrow(TypeError)
  })
})

describe('the position of a problem', () => {
  it.each<[string, string, string]>([
    ['is that of the value', file({ port: 'x' }), 'f.yaml:6:11: services[0].port: expected a number, found text (x)'],
    ['is that of an unknown key', file({ colour: 'x' }), 'f.yaml:8:13: services[0].colour: unknown key `colour`'],
    [
      'is that of the map when the key is missing',
      'version: 1\ninterfaces: [eth0]\nservices:\n  - { name: a, vip: 203.0.113.1, port: 1 }\n',
      'f.yaml:4:5: services[0].reals: is required',
    ],
    [
      'is that of the merged value behind an alias',
      'version: 1\ninterfaces: [eth0]\nservices:\n' +
        '  - &a { name: a, vip: 203.0.113.1, port: 1, reals: [10.0.0.1] }\n  - { <<: *a, name: b, port: 2, reals: [x] }\n',
      'f.yaml:5:41: services[1].reals[0]: `x` is no IPv4 or IPv6 address',
    ],
    ['is that of a repeated key', `${file()}    port: 80\n`, 'f.yaml:8:5: key `port` is there twice'],
  ])('%s', (_, text, line) => {
    expect(parseConfig(text).problems?.map((problem) => formatProblem('f.yaml', problem))).toEqual([line])
  })
})
