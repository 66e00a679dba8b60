import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { ConnQuery, ListedConn } from '../../src/control/conn-list.js'
import { listConns } from '../../src/control/conn-list.js'
import { readTick } from '../../src/dataplane/clock.js'
import { CONN_STATE_NAMES } from '../../src/dataplane/conn-reader.js'
import type { LiveDestination, LiveService, LiveState } from '../../src/dataplane/live-state.js'
import type { Conn, ConnKey } from '../../src/maps/generated.js'
import { ConnFlag, connKeyCodec, ConnState, KeyKind } from '../../src/maps/generated.js'
import { addressToWords, inNetwork } from '../../src/net/address.js'
import { parseEndpointPattern } from '../../src/net/endpoint.js'
import { clearConns, writeConn } from '../support/conn-writer.js'
import type { ServiceFields } from '../unit/control/support.js'
import { configOf } from '../unit/control/support.js'
import { Kernel } from './kernel.js'

const VIP6 = '2001:db8:2::10'
const WEB: ServiceFields = { name: 'web', reals: ['10.0.0.11', '10.0.0.12'] }
const SHOP: ServiceFields = { name: 'shop', port: 443, reals: ['10.0.0.11'], persistence: { timeout: 300, netmask: 24 } }
const DNS: ServiceFields = { name: 'dns', port: 53, protocol: 'udp', reals: ['10.0.0.13'] }
const WEB6: ServiceFields = { name: 'web6', vip: VIP6, reals: ['2001:db8:10::11'] }

/** A conn as a test says it. */
interface Flow {
  service: string
  client: string
  clientPort: number
  state?: keyof typeof ConnState
  flags?: number
  /** Ticks from now. */
  left?: number
  real?: number
}

const LONG = 1000

function lookUp({ services }: LiveState, name: string): LiveService {
  const service = services.find(({ value }) => value.name === name)
  if (service === undefined) throw new Error(`there is no service ${name}`)
  return service
}

function put(kernel: Kernel, { service: name, client, clientPort, ...flow }: Flow, live = kernel.live()): void {
  const { key, destinations } = lookUp(live, name)
  const { vip, port, protocol } = key
  const conn = { client: addressToWords(client), vip, protocol, kind: KeyKind.conn, clientPort, port }
  write(kernel, conn, destinations[flow.real ?? 0], flow)
}

/** A template of a client's network. */
function putTemplate(kernel: Kernel, name: string, network: string, flow: Partial<Flow> & { children?: number } = {}): void {
  const { key, value, destinations } = lookUp(kernel.live(), name)
  const words = { client: addressToWords(network), vip: key.vip, protocol: 0, kind: KeyKind.template }
  const bytes = connKeyCodec.encode({ ...words, clientPort: 0, port: 0 })
  bytes.set(new Uint8Array(Uint32Array.of(value.persistenceScope).buffer), bytes.length - 4)
  write(kernel, connKeyCodec.decode(bytes), destinations[0], { state: 'none', ...flow })
}

function write(
  kernel: Kernel,
  key: ConnKey,
  dest: LiveDestination | undefined,
  flow: Partial<Flow> & { children?: number },
): void {
  if (dest === undefined) throw new Error('the service has no such real')
  const { state = 'established', flags = ConnFlag.live, left = LONG, children = 0 } = flow
  const conn: Conn = {
    key,
    dest: dest.id,
    generation: dest.value.generation,
    expires: (readTick(kernel.instance.clock) + left) >>> 0,
    state: ConnState[state],
    flags,
    seq: 0,
    mac: new Uint8Array(6),
    control: 0,
    reverse: 0,
    children,
  }
  writeConn(kernel.maps, conn)
}

const list = (kernel: Kernel, query: ConnQuery = {}): ListedConn[] => [...listConns(kernel.instance, query)].flat()
const clients = (kernel: Kernel, query: ConnQuery): string[] => list(kernel, query).map(({ client }) => client).sort()
const from = (text: string): ConnQuery => ({ client: parseEndpointPattern(text) })

describe('conns', () => {
  it('are listed by the names of VIP, real and service', async () => {
    const kernel = await Kernel.open(configOf([WEB, DNS, WEB6]))
    put(kernel, { service: 'web', client: '192.0.2.2', clientPort: 40000, real: 1 })
    put(kernel, { service: 'dns', client: '192.0.2.2', clientPort: 40000, state: 'udp' })
    put(kernel, { service: 'web6', client: '2001:db8:1::2', clientPort: 40000, state: 'synRecv' })
    const { hz } = kernel.live().settings
    const seconds = Math.floor((LONG * 16) / hz)
    const found = list(kernel).sort((a, b) => (a.service ?? '').localeCompare(b.service ?? ''))
    for (const { expiresSeconds } of found) expect([seconds - 1, seconds]).toContain(expiresSeconds)
    expect(found.map(({ expiresSeconds: _, ...rest }) => rest)).toEqual([
      {
        protocol: 'udp',
        state: 'UDP',
        client: '192.0.2.2:40000',
        virtual: '203.0.113.10:53',
        real: '10.0.0.13:53',
        service: 'dns',
        template: false,
      },
      {
        protocol: 'tcp',
        state: 'ESTABLISHED',
        client: '192.0.2.2:40000',
        virtual: '203.0.113.10:80',
        real: '10.0.0.12:80',
        service: 'web',
        template: false,
      },
      {
        protocol: 'tcp',
        state: 'SYN_RECV',
        client: '[2001:db8:1::2]:40000',
        virtual: `[${VIP6}]:80`,
        real: '[2001:db8:10::11]:80',
        service: 'web6',
        template: false,
      },
    ])
  })

  it('past their time, or not counted, are not listed', async () => {
    const kernel = await Kernel.open(configOf([WEB]))
    put(kernel, { service: 'web', client: '192.0.2.1', clientPort: 1, left: 0 })
    put(kernel, { service: 'web', client: '192.0.2.1', clientPort: 2, left: -1 })
    put(kernel, { service: 'web', client: '192.0.2.1', clientPort: 3, flags: 0 })
    put(kernel, { service: 'web', client: '192.0.2.1', clientPort: 4 })
    expect(clients(kernel, {})).toEqual(['192.0.2.1:4'])
  })

  it('of a removed real are listed with it until its id has a new owner, and then without', async () => {
    const kernel = await Kernel.open(configOf([WEB]))
    put(kernel, { service: 'web', client: '192.0.2.1', clientPort: 1, real: 0 })
    const real = list(kernel)[0]?.real
    const reals = ['10.0.0.11', '10.0.0.12'].filter((address) => `${address}:80` !== real)
    kernel.become(configOf([{ ...WEB, reals }]))
    expect(list(kernel)).toMatchObject([{ real, service: 'web', state: 'ESTABLISHED' }])
    kernel.become(configOf([{ ...WEB, reals: [...reals, '10.0.0.14'] }]))
    expect(list(kernel)).toMatchObject([{ real: null, service: 'web' }])
    expect(list(kernel, { service: 'web' })).toHaveLength(1)
    kernel.become(configOf([DNS]))
    expect(list(kernel)).toMatchObject([{ real: null, service: null }])
  })

  it('of a service that is not there are an error', async () => {
    const kernel = await Kernel.open(configOf([WEB]))
    expect(() => list(kernel, { service: 'wbe' })).toThrow(expect.objectContaining({ code: 'LB_ERR_SERVICE_UNKNOWN' }))
  })
})

describe('templates', () => {
  it("are listed as ipvsadm does: the network, port 0, the service's protocol and port", async () => {
    const kernel = await Kernel.open(configOf([SHOP]))
    putTemplate(kernel, 'shop', '192.0.2.0')
    putTemplate(kernel, 'shop', '198.51.100.0', { flags: ConnFlag.live | ConnFlag.assured })
    const common = { protocol: 'tcp', virtual: '203.0.113.10:443', real: '10.0.0.11:443', service: 'shop', template: true }
    expect(list(kernel).sort((a, b) => a.client.localeCompare(b.client))).toMatchObject([
      { ...common, client: '192.0.2.0:0', state: 'NONE' },
      { ...common, client: '198.51.100.0:0', state: 'ASSURED' },
    ])
  })

  it('of a group of services have no port', async () => {
    const persistence = { timeout: 300, group: 'both' }
    const kernel = await Kernel.open(configOf([{ ...SHOP, persistence }, { ...WEB, persistence }]))
    putTemplate(kernel, 'shop', '192.0.2.7')
    expect(list(kernel)).toMatchObject([{ protocol: 'ip', client: '192.0.2.7:0', virtual: '203.0.113.10:0', template: true }])
  })

  it('that ran out while conns of theirs live go on, a minute at a time', async () => {
    const kernel = await Kernel.open(configOf([SHOP]))
    const { hz, rearmTicks } = kernel.live().settings
    putTemplate(kernel, 'shop', '192.0.2.0', { left: -1, children: 1 })
    putTemplate(kernel, 'shop', '198.51.100.0', { left: -1 - rearmTicks, children: 1 })
    putTemplate(kernel, 'shop', '203.0.113.0', { left: -1, children: 0 })
    const found = list(kernel)
    expect(found.map(({ client }) => client).sort()).toEqual(['192.0.2.0:0', '198.51.100.0:0'])
    for (const { expiresSeconds } of found) {
      expect(expiresSeconds).toBeGreaterThanOrEqual(Math.floor((rearmTicks * 16) / hz) - 2)
      expect(expiresSeconds).toBeLessThanOrEqual(60)
    }
  })

  it('are found by any client that they are for', async () => {
    const kernel = await Kernel.open(configOf([SHOP]))
    putTemplate(kernel, 'shop', '192.0.2.0')
    put(kernel, { service: 'shop', client: '192.0.2.9', clientPort: 7 })
    expect(clients(kernel, from('192.0.2.9'))).toEqual(['192.0.2.0:0', '192.0.2.9:7'])
    expect(clients(kernel, from('192.0.2.8'))).toEqual(['192.0.2.0:0'])
    expect(clients(kernel, from('192.0.0.0/16'))).toEqual(['192.0.2.0:0', '192.0.2.9:7'])
    expect(clients(kernel, from('192.0.2.9:7'))).toEqual(['192.0.2.9:7'])
    expect(clients(kernel, from('192.0.2.9:0'))).toEqual(['192.0.2.0:0'])
    expect(clients(kernel, from('192.0.3.0'))).toEqual([])
  })
})

/** What a query lets through, by the text that is listed. */
function matches({ client, state, service }: ConnQuery, listed: ListedConn): boolean {
  const [, address = '', port = ''] = /^\[?([^\]]+?)\]?:(\d+)$/.exec(listed.client) ?? []
  const clientFits =
    client === undefined ||
    ((client.port === undefined || client.port === Number(port)) && inNetwork(address, client.address, client.prefixLength))
  return clientFits && (state ?? listed.state) === listed.state && (service ?? listed.service) === listed.service
}

describe('filters', () => {
  it('let through what they name and nothing else, in the order of the table', async () => {
    const kernel = await Kernel.open(configOf([WEB, DNS, WEB6]))
    const live = kernel.live()
    const last = fc.integer({ min: 0, max: 3 })
    const flows = fc.uniqueArray(
      fc.record({
        service: fc.constantFrom('web', 'dns', 'web6'),
        host: last,
        clientPort: fc.integer({ min: 1, max: 3 }),
        state: fc.constantFrom(...(Object.keys(ConnState) as (keyof typeof ConnState)[])),
      }),
      { maxLength: 40, selector: ({ service, host, clientPort }) => `${service} ${host} ${clientPort}` },
    )
    const network = fc.oneof(
      fc.tuple(last, fc.integer({ min: 0, max: 32 })).map(([host, bits]) => `10.1.${host}.${host}/${bits}`),
      fc.tuple(last, fc.integer({ min: 0, max: 128 })).map(([host, bits]) => `2001:db8:${host}::${host}/${bits}`),
      fc.tuple(last, last).map(([host, port]) => `10.1.${host}.${host}:${port}`),
      fc.tuple(last, last).map(([host, port]) => `[2001:db8:${host}::${host}]:${port}`),
    )
    const query = fc.record({
      service: fc.option(fc.constantFrom('web', 'dns', 'web6'), { nil: undefined }),
      state: fc.option(fc.constantFrom(...CONN_STATE_NAMES), { nil: undefined }),
      client: fc.option(network.map(parseEndpointPattern), { nil: undefined }),
    })
    fc.assert(
      fc.property(flows, fc.array(query, { maxLength: 8 }), (table, queries) => {
        clearConns(kernel.maps)
        for (const { host, ...flow } of table) {
          const client = flow.service === 'web6' ? `2001:db8:${host}::${host}` : `10.1.${host}.${host}`
          put(kernel, { ...flow, client }, live)
        }
        const all = list(kernel)
        expect(all).toHaveLength(table.length)
        const timeless = (conns: ListedConn[]) => conns.map(({ expiresSeconds: _, ...rest }) => rest)
        for (const each of queries) {
          expect(timeless(list(kernel, each))).toEqual(timeless(all.filter((conn) => matches(each, conn))))
        }
      }),
      { numRuns: 30 },
    )
  })
})
