import { describe, expect, it } from 'vitest'
import { parseConfig } from '../../../src/config/parse.js'
import { formatProblem } from '../../../src/config/problem.js'

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

const SIZES = '251, 509, 1021, 2039, 4093, 8191, 16381, 32749, 65521, 131071'

describe('a service', () => {
  it.each<[string, Record<string, string>, string]>([
    ['a VIP that is no address', { vip: '10.0.0' }, 'bad_value services[0].vip: `10.0.0` is no IPv4 or IPv6 address'],
    ['a multicast VIP', { vip: '224.0.0.1' }, 'bad_value services[0].vip: `224.0.0.1` is a multicast address'],
    ['an unspecified VIP', { vip: '"::"' }, 'bad_value services[0].vip: `::` is the unspecified address'],
    ['a loopback VIP', { vip: '127.0.0.1' }, 'bad_value services[0].vip: `127.0.0.1` is a loopback address'],
    ['a link-local VIP', { vip: '169.254.0.1' }, 'bad_value services[0].vip: `169.254.0.1` is a link-local address'],
    ['port 0', { port: '0' }, 'not_supported services[0].port: 0 is not supported yet'],
    ['a port too big', { port: '65536' }, 'bad_value services[0].port: 65536 is out of range: expected at most 65535'],
    ['a port below 1', { port: '-1' }, 'bad_value services[0].port: -1 is out of range: expected at least 1'],
    ['a port that is text', { port: 'http' }, 'wrong_type services[0].port: expected a number, found text (http)'],
    ['a port with a fraction', { port: '80.5' }, 'wrong_type services[0].port: expected a whole number, found 80.5'],
    ['an empty port', { port: '' }, 'wrong_type services[0].port: expected a number, found nothing'],
    ['forward nat', { forward: 'nat' }, 'not_supported services[0].forward: nat is not supported yet'],
    ['forward rubbish', { forward: 'natt' }, 'bad_value services[0].forward: expected dr, found natt'],
    ['protocol sctp', { protocol: 'sctp' }, 'not_supported services[0].protocol: sctp is not supported yet'],
    ['scheduler wlc', { scheduler: 'wlc' }, 'not_supported services[0].scheduler: wlc is not supported yet'],
    [
      'scheduler wlc in a map',
      { scheduler: '{ name: wlc }' },
      'not_supported services[0].scheduler.name: wlc is not supported yet',
    ],
    ['an unknown scheduler', { scheduler: 'x' }, 'bad_value services[0].scheduler: x is not one of mh, rr, wrr, sh, dh'],
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
    ['health', { health: '{ kind: http }' }, 'not_supported services[0].health: not supported yet'],
    ['persistence', { persistence: '{}' }, 'not_supported services[0].persistence: not supported yet'],
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
    ['interfaces[].reply', { interfaces: '[{ name: a, reply: true }]' }, 'not_supported interfaces[0].reply: not supported yet'],
    ['peers', { peers: '[]' }, 'not_supported peers: not supported yet'],
    ['timeouts.preset', { timeouts: '{ preset: datacenter }' }, 'not_supported timeouts.preset: not supported yet'],
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
    ['is that of the value', file({ port: '0' }), 'f.yaml:6:11: services[0].port: 0 is not supported yet'],
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
