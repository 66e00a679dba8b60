/** ICMP errors as they come in and as they must go on, both from the packet builder. */
import {
  eth,
  icmp4Echo,
  icmp4Error,
  icmp6Echo,
  icmp6Error,
  ipv4,
  ipv6,
  packet,
  payload,
  tcp,
  udp,
  type Layer,
  type Packet,
} from '../support/packet/build.js'
import { concat } from '../support/packet/bytes.js'
import type { Rewrite } from '../support/icmp-lib.js'
import { CLIENT, CLIENT_PORT, OUR_MAC, PORT, ROUTER_MAC, VIP, type Family } from './world.js'

const REAL = { 4: '10.0.0.11', 6: '2001:db8:10::11' } as const
export const ROUTER = { 4: '192.0.2.1', 6: '2001:db8:ff::1' } as const
const REAL_PORT = 8080

/** Least and most that a quote holds of the transport header here. */
export const LEAST = 8
export const ALL = 1000
export const HALF_OF_CHECKSUM = 17

interface ErrorFields {
  type: number
  code: number
  rest: number
}

const FRAGMENTATION_NEEDED: Record<Family, ErrorFields> = {
  4: { type: 3, code: 4, rest: 1400 },
  6: { type: 2, code: 0, rest: 1280 },
}

/** Types and codes of the errors that are brought to whom they concern. */
export const ERRORS: Record<Family, ErrorFields[]> = {
  4: [
    { type: 3, code: 0, rest: 0 },
    FRAGMENTATION_NEEDED[4],
    { type: 4, code: 0, rest: 0 },
    { type: 11, code: 0, rest: 0 },
    { type: 11, code: 1, rest: 0 },
    { type: 12, code: 0, rest: 0x14000000 },
  ],
  6: [
    { type: 1, code: 4, rest: 0 },
    FRAGMENTATION_NEEDED[6],
    { type: 3, code: 0, rest: 0 },
    { type: 4, code: 1, rest: 6 },
  ],
}

export type Transport = 'tcp' | 'udp' | 'udpZero' | 'icmp'
export const TRANSPORTS: readonly Transport[] = ['tcp', 'udp', 'udpZero', 'icmp']

export interface Ends {
  src: string
  dst: string
  sport: number
  dport: number
}

/** One error, and the flow that it is about; the same function makes what goes in and what must come out. */
export interface Case {
  family: Family
  transport: Transport
  /** Bytes of the transport header and its data that are quoted. */
  quotedL4: number
  error?: ErrorFields
  tags?: Layer[]
  /** Between the quoted IP header and the transport. */
  chain?: Layer[]
  quotedOptions?: Uint8Array
  outerOptions?: Uint8Array
  outerChain?: Layer[]
  /** What RFC 4884 allows behind the quote. */
  behind?: Uint8Array
}

export const IDENTIFIER = 0x4321

function transportOf({ family, transport }: Case, { sport, dport }: Ends): Layer[] {
  switch (transport) {
    case 'tcp':
      return [tcp({ sport, dport, flags: ['ack'], seq: 77, ack: 88 }), payload('some data')]
    case 'udp':
      return [udp({ sport, dport }), payload('some data')]
    case 'udpZero':
      return [udp({ sport, dport, checksum: 0 }), payload('some data')]
    case 'icmp':
      return [(family === 4 ? icmp4Echo : icmp6Echo)({ id: IDENTIFIER, reply: true }), payload('ping')]
  }
}

function quoted(one: Case, ends: Ends): Uint8Array {
  const { src, dst } = ends
  const options = one.quotedOptions ?? new Uint8Array(0)
  const header = one.family === 4 ? ipv4({ src, dst, ttl: 5, id: 99, options }) : ipv6({ src, dst, hopLimit: 5 })
  const headers = packet(header, one.chain ?? []).bytes().length
  const whole = packet(header, one.chain ?? [], transportOf(one, ends)).bytes()
  return whole.subarray(0, headers + one.quotedL4)
}

export function errorAbout(one: Case, outer: { src: string; dst: string }, about: Ends): Packet {
  const { family } = one
  const quote = concat(quoted(one, about), one.behind ?? new Uint8Array(0))
  const error = one.error ?? FRAGMENTATION_NEEDED[family]
  const options = one.outerOptions ?? new Uint8Array(0)
  return packet(
    eth({ src: ROUTER_MAC, dst: OUR_MAC }),
    one.tags ?? [],
    family === 4 ? ipv4({ ...outer, options }) : ipv6(outer),
    one.outerChain ?? [],
    family === 4 ? icmp4Error(error, quote) : icmp6Error(error, quote),
  )
}

export interface Direction {
  name: string
  /** The error as it comes in, and as it goes on. */
  before(one: Case): Packet
  after(one: Case): Packet
  rewrite(family: Family): Rewrite
}

/** About a reply of the VIP: to the real. */
export const inward: Direction = {
  name: 'about a reply',
  before: (one) =>
    errorAbout(
      one,
      { src: ROUTER[one.family], dst: VIP[one.family] },
      { src: VIP[one.family], dst: CLIENT[one.family], sport: PORT, dport: CLIENT_PORT },
    ),
  after: (one) =>
    errorAbout(
      one,
      { src: ROUTER[one.family], dst: REAL[one.family] },
      { src: REAL[one.family], dst: CLIENT[one.family], sport: REAL_PORT, dport: CLIENT_PORT },
    ),
  rewrite: (family) => ({
    outer: { end: 'dst', address: REAL[family] },
    quoted: { end: 'src', address: REAL[family], port: REAL_PORT },
  }),
}

/** About a request, from the real itself: to the client. */
const outward: Direction = {
  name: 'about a request, from the real',
  before: (one) =>
    errorAbout(
      one,
      { src: REAL[one.family], dst: CLIENT[one.family] },
      { src: CLIENT[one.family], dst: REAL[one.family], sport: CLIENT_PORT, dport: REAL_PORT },
    ),
  after: (one) =>
    errorAbout(
      one,
      { src: VIP[one.family], dst: CLIENT[one.family] },
      { src: CLIENT[one.family], dst: VIP[one.family], sport: CLIENT_PORT, dport: PORT },
    ),
  rewrite: (family) => ({
    outer: { end: 'src', address: VIP[family] },
    quoted: { end: 'dst', address: VIP[family], port: PORT },
  }),
}

/** About a request, from a router before the real: its own address stays. */
const fromRouter: Direction = {
  name: 'about a request, from a router',
  before: (one) =>
    errorAbout(
      one,
      { src: ROUTER[one.family], dst: CLIENT[one.family] },
      { src: CLIENT[one.family], dst: REAL[one.family], sport: CLIENT_PORT, dport: REAL_PORT },
    ),
  after: (one) =>
    errorAbout(
      one,
      { src: ROUTER[one.family], dst: CLIENT[one.family] },
      { src: CLIENT[one.family], dst: VIP[one.family], sport: CLIENT_PORT, dport: PORT },
    ),
  rewrite: (family) => ({ quoted: { end: 'dst', address: VIP[family], port: PORT } }),
}

export const DIRECTIONS = [inward, outward, fromRouter]
