/** What an oracle decides about a frame. */
import type { Upper } from './parse.js'
import type { Family } from './frame.js'
import type { Protocol, Table, VerdictName, Vip, XdpAction } from './table.js'

/** A verdict with the frame that it makes; without one the frame stays as it came. */
export interface Decision {
  verdict: VerdictName
  frame?: Uint8Array
  /** Forwarded: the interface that it leaves by, this host's own stack, or the probes' namespace. */
  out?: number | 'host' | 'probes'
}

export interface Outcome<Action = XdpAction> {
  verdict: VerdictName
  action: Action
  /** The frame afterwards; equal to the one given unless it was forwarded or answered. */
  frame: Uint8Array
}

/** An IP packet to a VIP, in a frame that is addressed to us. */
export interface Addressed {
  frame: Uint8Array
  l3: number
  family: Family
  ingress: number
  client: string
  vipAddress: string
  vip: Vip
  /** The MAC of the interface that it came in by. */
  our: string
}

/** A packet whose headers are understood. */
export type ToVip = Addressed & Upper

/** A packet of what has conns: TCP, UDP, ICMP queries. */
export interface Flow extends ToVip {
  transport: Protocol
  clientPort: number
  port: number
  /** TCP's flag byte, else 0. */
  flags: number
  key: string
}

/** Whether we may make an answer: an ICMP error or a reset. */
export const mayAnswer = (table: Table): boolean => table.answerTokens > 0
