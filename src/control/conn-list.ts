/** Conns and templates by name: JSON of `conns --json`. */
import { readTick } from '../dataplane/clock.js'
import { ConnNames } from '../dataplane/conn-names.js'
import type { ConnFilter } from '../dataplane/conn-reader.js'
import { connStateName, readConns } from '../dataplane/conn-reader.js'
import type { Instance } from '../dataplane/instance.js'
import { protocolName } from '../dataplane/lb-maps.js'
import { VeerError } from '../errors.js'
import type { Conn } from '../maps/generated.js'
import { KeyKind } from '../maps/generated.js'
import { addressFromWords, addressToWords, familyOf, formatEndpoint } from '../net/address.js'
import type { EndpointPattern } from '../net/endpoint.js'

export interface ListedConn {
  /** `ip`: a template that several services of a VIP share. */
  protocol: string
  state: string
  /** A template: the network's address, and port 0. */
  client: string
  virtual: string
  /** null: taken out of the configuration, and its place given to another. */
  real: string | null
  /** null: there is none any more. */
  service: string | null
  /** Whole seconds left. */
  expiresSeconds: number
  template: boolean
}

/** What to list; undefined excludes nothing. */
export interface ConnQuery {
  /** A service's name. */
  service?: string | undefined
  /** Templates whose network the client is in, or that are in its network, are listed too. */
  client?: EndpointPattern | undefined
  /** A name of IPVS's, in capital letters. */
  state?: string | undefined
}

/**
 * The conns and templates that are alive, slice by slice as the table is read. Throws `LB_ERR_SERVICE_UNKNOWN`.
 *
 * As IPVS does it, conns of a real that was taken out of the configuration are listed until they run out, though the
 * dataplane uses them no more.
 */
export function listConns({ maps, clock }: Instance, query: ConnQuery = {}): Generator<ListedConn[]> {
  const names = new ConnNames(maps)
  const now = readTick(clock)
  return listed(readConns(maps.conns.raw, now, filterOf(query, names)), query, now, names)
}

function* listed(slices: Iterable<Conn[]>, query: ConnQuery, now: number, names: ConnNames): Generator<ListedConn[]> {
  for (const slice of slices) {
    const asked = slice.filter((conn) => isAsked(conn, query, names))
    if (asked.length > 0) yield asked.map((conn) => listedConn(conn, now, names))
  }
}

/** What can be told without the rest of a conn. */
function filterOf({ service, client, state }: ConnQuery, names: ConnNames): ConnFilter {
  if (service === undefined) return { client, state }
  const wanted = names.serviceId(service)
  if (wanted === undefined) {
    throw new VeerError('LB_ERR_SERVICE_UNKNOWN', `there is no service ${service}`, { hint: '`veer list` shows them' })
  }
  return {
    client,
    state,
    dest: (id, generation) => (names.serviceOfDest(id, generation) ?? wanted) === wanted,
  }
}

/** What takes more to tell: the service of a conn without its real, the clients of a template. */
function isAsked(conn: Conn, { service, client }: ConnQuery, names: ConnNames): boolean {
  if (service !== undefined && names.serviceOf(conn)?.name !== service) return false
  return client === undefined || conn.key.kind !== KeyKind.template || sharesNetwork(conn, client, names)
}

function sharesNetwork(template: Conn, { address, prefixLength }: EndpointPattern, names: ConnNames): boolean {
  const asked = familyOf(address) === 4 ? 96 + prefixLength : prefixLength
  const bits = Math.min(asked, names.serviceOf(template)?.persistencePrefix ?? asked)
  const own = template.key.client.word
  if (familyOf(addressFromWords({ word: own })) !== familyOf(address)) return false
  return addressToWords(address).word.every((word, index) => {
    const count = Math.min(Math.max(bits - 32 * index, 0), 32)
    return count === 0 || ((word ^ (own[index] as number)) >>> (32 - count)) === 0
  })
}

function listedConn(conn: Conn, now: number, names: ConnNames): ListedConn {
  const { key } = conn
  const template = key.kind === KeyKind.template
  const { protocol, port } = names.virtualOf(conn)
  const real = names.realOf(conn)
  return {
    protocol: protocol === 0 ? 'ip' : protocolName(protocol),
    state: connStateName(conn),
    client: formatEndpoint(addressFromWords(key.client), template ? 0 : key.clientPort),
    virtual: formatEndpoint(names.vip(key.vip), port),
    real: real === undefined ? null : formatEndpoint(real.address, real.port || port),
    service: names.serviceOf(conn)?.name ?? null,
    expiresSeconds: names.secondsLeft(conn.expires, now),
    template,
  }
}
