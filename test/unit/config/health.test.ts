import { describe, expect, it } from 'vitest'
import { parseConfig } from '../../../src/config/parse.js'

/** A file with one service; `service` and `top` are lines that replace or add to it. */
function file(service: Record<string, string> = {}, top: Record<string, string> = {}): string {
  const lines = (entries: Record<string, string>, indent: string) =>
    Object.entries(entries).map(([key, value]) => `${indent}${key}: ${value}\n`)
  const head = lines({ version: '1', interfaces: '[eth0]', ...top }, '').join('')
  const body = lines({ vip: '203.0.113.10', port: '80', reals: '[10.0.0.11, 10.0.0.12]', ...service }, '    ').join('')
  return `${head}services:\n  - name: web\n${body}`
}

function problemsOf(text: string): string[] {
  return (parseConfig(text).problems ?? []).map(({ path, code, message }) => `${code} ${path}: ${message}`)
}

const serviceOf = (lines: Record<string, string>, top?: Record<string, string>) =>
  parseConfig(file(lines, top)).config?.services[0]

describe('health', () => {
  it('is nothing unless it is said, and has its defaults by kind', () => {
    expect(serviceOf({})?.health).toEqual({ kind: 'none' })
    const usual = { interval: 2000, timeout: 1000, rise: 2, fall: 3, initial: 'up', damping: 60_000 }
    expect(serviceOf({ health: '{ kind: tcp }' })?.health).toEqual({ kind: 'tcp', ...usual })
    expect(serviceOf({ health: '{ kind: http, interval: 500ms, timeout: 0.5 }' })?.health).toEqual({
      kind: 'http',
      ...usual,
      interval: 500,
      timeout: 500,
      path: '/',
      method: 'GET',
      status: '200-299',
    })
  })

  it('of a service replaces that of defaults as a whole', () => {
    const defaults = '{ health: { kind: http, path: /up, fall: 9 } }'
    expect(serviceOf({}, { defaults })?.health).toMatchObject({ kind: 'http', path: '/up', fall: 9 })
    expect(serviceOf({ health: '{ kind: tcp }' }, { defaults })?.health).toMatchObject({ kind: 'tcp', fall: 3 })
    expect(serviceOf({ health: '{ kind: none }' }, { defaults })?.health).toEqual({ kind: 'none' })
  })

  it.each<[string, Record<string, string>, string[]]>([
    ['an unknown kind', { health: '{ kind: ping }' }, ['bad_value services[0].health.kind: ping is not one of tcp, http, https, udp, exec, none']],
    ['no kind', { health: '{}' }, ['missing_key services[0].health.kind: is required']],
    [
      'a key of another kind',
      { health: '{ kind: tcp, path: / }' },
      ['unknown_key services[0].health.path: unknown key `path`'],
    ],
    [
      'a slip of the pen',
      { health: '{ kind: http, intervall: 2s }' },
      ['unknown_key services[0].health.intervall: unknown key `intervall`; did you mean `interval`?'],
    ],
    [
      'a timeout longer than the interval',
      { health: '{ kind: tcp, interval: 1s, timeout: 2s }' },
      ['health_timeout services[0].health.timeout: 2000ms is longer than the interval of 1000ms'],
    ],
    [
      'an interval that is too short',
      { health: '{ kind: tcp, interval: 50ms, timeout: 10ms }' },
      ['bad_value services[0].health.interval: expected 100ms to 1h'],
    ],
    ['port 0', { port: '0', health: '{ kind: tcp }' }, ['health_port services[0].health.port: is required: the service is on every port']],
    ['port 0 and its own', { port: '0', health: '{ kind: tcp, port: 80 }' }, []],
    [
      'icmp',
      { port: '', protocol: 'icmp', health: '{ kind: exec, command: [x] }' },
      ['health_port services[0].health.port: is required: ICMP has no ports'],
    ],
    [
      'tcp of udp',
      { protocol: 'udp', health: '{ kind: tcp }' },
      ['health_port services[0].health.port: is required: a check of kind tcp does not speak udp, which the port of the service is for'],
    ],
    ['http of udp on a port of its own', { protocol: 'udp', health: '{ kind: http, port: 8080 }' }, []],
    [
      'udp of tcp',
      { health: '{ kind: udp }' },
      ['health_port services[0].health.port: is required: a check of kind udp does not speak tcp, which the port of the service is for'],
    ],
    ['exec of udp', { protocol: 'udp', health: '{ kind: exec, command: [/bin/true] }' }, []],
    ['a body of HEAD', { health: '{ kind: http, method: HEAD, body: ok }' }, ['health_body services[0].health.body: an answer to HEAD has no body']],
    ['no expression', { health: '{ kind: http, body: "(" }' }, ['bad_value services[0].health.body: is no regular expression']],
    ['bytes that are none', { health: '{ kind: udp, port: 53, send: "0x123" }' }, ['bad_value services[0].health.send: expected pairs of hexadecimal digits after `0x`']],
  ])('with %s', (_, lines, problems) => {
    const text = lines.port === '' ? file(lines).replace('    port: \n', '') : file(lines)
    expect(problemsOf(text)).toEqual(problems)
  })

  it.each([
    ['204', true],
    ['"200-299,404"', true],
    ['"200-200"', true],
    ['"299-200"', false],
    ['"200-299,"', false],
    ['"099"', false],
    ['600', false],
    ['"200-600"', false],
    ['2xx', false],
  ])('status %s: %s', (status, right) => {
    expect(problemsOf(file({ health: `{ kind: http, status: ${status} }` })).length === 0).toBe(right)
  })
})

describe('what follows from health', () => {
  it('is as little as can be unless it is said', () => {
    expect(serviceOf({})).toMatchObject({
      onDown: 'keep',
      allDown: 'reject',
      quorum: 1,
      hysteresis: 0,
      sorryServer: false,
      slowStart: 0,
    })
  })

  it('knows a sorry server by address, or by address and port', () => {
    expect(serviceOf({ sorryServer: '10.0.0.99' })?.sorryServer).toEqual({ address: '10.0.0.99', port: 80 })
    const nat = { forward: 'nat', sorryServer: '{ address: 10.0.0.11, port: 8080 }' }
    expect(serviceOf(nat)?.sorryServer).toEqual({ address: '10.0.0.11', port: 8080 })
    const defaults = '{ sorryServer: 10.0.0.99 }'
    expect(serviceOf({ port: '0' }, { defaults })?.sorryServer).toEqual({ address: '10.0.0.99', port: 0 })
    expect(serviceOf({ sorryServer: 'false' }, { defaults })?.sorryServer).toBe(false)
  })

  it.each<[string, Record<string, string>, string[]]>([
    ['a quorum out of reach', { quorum: '3' }, ['quorum services[0].quorum: 3 is more than the sum of all weights, 2']],
    ['a quorum of reals that are drained', { quorum: '2', reals: '[{ address: 10.0.0.1, weight: 0 }]' }, ['quorum services[0].quorum: 2 is more than the sum of all weights, 0']],
    ['the usual quorum of no real', { reals: '[]' }, []],
    ['a quorum that is never lost', { quorum: '2', hysteresis: '2' }, ['quorum services[0].hysteresis: 2 is not below the quorum of 2']],
    [
      'a quorum that never comes again',
      { quorum: '2', hysteresis: '1' },
      ['quorum services[0].hysteresis: a quorum that was lost would need 3, more than the sum of all weights, 2'],
    ],
    ['a hysteresis', { quorum: '2', hysteresis: '1', reals: '[{ address: 10.0.0.1, weight: 3 }]' }, []],
    ['a sorry server that is a real', { sorryServer: '10.0.0.12' }, ['sorry_server services[0].sorryServer: 10.0.0.12:80 is reals[1]']],
    ['a sorry server that is the VIP', { sorryServer: '203.0.113.10' }, ['vip_is_real services[0].sorryServer: 203.0.113.10 is the VIP of service `web`']],
    [
      'a sorry server of the other family',
      { sorryServer: '2001:db8::9' },
      ['mixed_families services[0].sorryServer: 2001:db8::9 is IPv6, but the VIP 203.0.113.10 is IPv4'],
    ],
    [
      'a sorry server on another port',
      { sorryServer: '{ address: 10.0.0.99, port: 8080 }' },
      ["port_translated services[0].sorryServer.port: 8080 is not the service's port 80, and dr translates no ports"],
    ],
    [
      'a sorry server with a port where there is none',
      { port: '0', sorryServer: '{ address: 10.0.0.99, port: 80 }' },
      ['port_zero services[0].sorryServer.port: the service is on every port, and packets keep theirs: leave it out'],
    ],
    [
      'a sorry server that never serves',
      { sorryServer: '10.0.0.99', allDown: 'serve-all' },
      ['sorry_server services[0].sorryServer: with `allDown: serve-all` the reals serve when none is up: say one of the two'],
    ],
    ['a sorry server that is no address', { sorryServer: 'true' }, ['bad_value services[0].sorryServer: expected false, found true']],
    ['a slow start that is none', { slowStart: '0' }, []],
    ['a slow start too fast', { slowStart: '500ms' }, ['bad_value services[0].slowStart: expected 0, or 1s to 1h']],
  ])('is right or refused: %s', (_, lines, problems) => {
    expect(problemsOf(file(lines))).toEqual(problems)
  })

  it.each([
    ['mh', true],
    ['wrr', true],
    ['wlc', true],
    ['sed', true],
    ['nq', true],
    ['twos', true],
    ['rr', false],
    ['lc', false],
    ['dh', false],
    ['sh', false],
    ['fo', false],
    ['ovf', false],
    ['lblc', false],
    ['lblcr', false],
  ])('starts slowly with %s: %s', (scheduler, right) => {
    const codes = problemsOf(file({ scheduler, slowStart: '30s' })).map((problem) => problem.split(':')[0])
    expect(codes).toEqual(right ? [] : ['slow_start services[0].slowStart'])
  })
})

describe('probe', () => {
  const probeOf = (probe: string) => parseConfig(file({}, { probe })).config?.probe

  it('has ports above those of the system', () => {
    expect(parseConfig(file()).config?.probe).toEqual({ first: 61_000, count: 4536, maxInFlight: 2048 })
    expect(probeOf('{ ports: 20000-21023, maxInFlight: 7 }')).toEqual({ first: 20_000, count: 1024, maxInFlight: 7 })
    expect(probeOf('{ ports: 30000-46383 }')).toEqual({ first: 30_000, count: 16_384, maxInFlight: 2048 })
  })

  it.each([
    ['61000', 'is no range such as `61000-65535`'],
    ['61000-65536', 'is not within 1024 to 65535'],
    ['1000-3000', 'is not within 1024 to 65535'],
    ['61000-62022', 'has 1023 ports: expected 1024 to 16384'],
    ['30000-46384', 'has 16385 ports: expected 1024 to 16384'],
    ['62000-61000', 'has 0 ports: expected 1024 to 16384'],
  ])('refuses the ports %s', (ports, reason) => {
    expect(problemsOf(file({}, { probe: `{ ports: "${ports}" }` }))).toEqual([`bad_value probe.ports: \`${ports}\` ${reason}`])
  })
})

describe('ping', () => {
  it('has networks in canonical form', () => {
    expect(parseConfig(file()).config?.ping).toEqual({ sources: [] })
    const sources = '[192.0.2.77/24, 198.51.100.1, 2001:DB8::1/33, "::/0", 10.0.0.129/25]'
    expect(parseConfig(file({}, { ping: `{ sources: ${sources} }` })).config?.ping.sources).toEqual([
      '192.0.2.0/24',
      '198.51.100.1/32',
      '2001:db8::/33',
      '::/0',
      '10.0.0.128/25',
    ])
  })

  it.each([
    ['10.0.0.0/33', ['bad_value ping.sources[0]: `10.0.0.0/33` is no network such as `192.0.2.0/24`']],
    ['10.0.0/24', ['bad_value ping.sources[0]: `10.0.0/24` is no network such as `192.0.2.0/24`']],
    ['10.0.0.1/24, 10.0.0.2/24', ['duplicate_source ping.sources[1]: 10.0.0.0/24 is ping.sources[0] already']],
  ])('refuses %s', (sources, problems) => {
    expect(problemsOf(file({}, { ping: `{ sources: [${sources}] }` }))).toEqual(problems)
  })

  it('fits into the map', () => {
    const many = Array.from({ length: 257 }, (_, index) => `10.0.${index >> 8}.${index & 255}`).join()
    expect(problemsOf(file({}, { ping: `{ sources: [${many}] }` }))).toEqual([
      'too_many ping: 257 networks of ping sources, but the maps hold 256',
    ])
  })
})
