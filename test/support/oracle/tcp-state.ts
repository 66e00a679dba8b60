/**
 * The INPUT-ONLY table of IPVS (tcp_states[] of net/netfilter/ipvs/ip_vs_proto_tcp.c, Linux 6.1): what a
 * director that never sees the reals' answers makes of a client's segments.
 */
import { TcpFlag } from '../packet/transport.js'
import type { ConnStateName } from './table.js'

const SHORT: Record<string, ConnStateName> = {
  ES: 'established',
  SS: 'synSent',
  SR: 'synRecv',
  FW: 'finWait',
  TW: 'timeWait',
  CL: 'close',
  CW: 'closeWait',
  LA: 'lastAck',
  LI: 'listen',
}

const COLUMNS: readonly ConnStateName[] = [
  'none',
  'established',
  'synSent',
  'synRecv',
  'finWait',
  'timeWait',
  'close',
  'closeWait',
  'lastAck',
  'listen',
  'synack',
]

const ROWS = {
  syn: 'SR ES ES SR SR SR SR SR SR SR SR',
  fin: 'CL FW SS TW FW TW CL CW LA LI TW',
  ack: 'ES ES SS ES FW TW CL CW CL LI ES',
  rst: 'CL CL CL SR CL CL CL CL LA LI CL',
}

/** The state of a TCP conn in `state` after a segment with these flags. */
export function nextTcpState(state: ConnStateName, flags: number): ConnStateName {
  const event = (['rst', 'syn', 'fin', 'ack'] as const).find((name) => (flags & TcpFlag[name]) !== 0)
  if (event === undefined) return 'close'
  const cell = ROWS[event].split(' ')[COLUMNS.indexOf(state)]
  const next = cell === undefined ? undefined : SHORT[cell]
  if (next === undefined) throw new Error(`${state} is no state of TCP`)
  return next
}

/** A segment that asks for a new conn. */
export function isSyn(flags: number): boolean {
  return (flags & (TcpFlag.syn | TcpFlag.ack | TcpFlag.rst)) === TcpFlag.syn
}
