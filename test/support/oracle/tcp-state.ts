/**
 * The states of TCP as IPVS keeps them (tcp_states[] of net/netfilter/ipvs/ip_vs_proto_tcp.c, Linux 6.1): what a
 * director makes of a client's segments, of a real's, and of a client's when it never sees the real's.
 */
import { TcpFlag } from '../packet/transport.js'
import type { ConnStateName } from './table.js'

export type Direction = 'input' | 'output' | 'inputOnly'

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

/** The states that the cells of a row are for. */
export const TCP_STATES: readonly ConnStateName[] = [
  ...(['none', 'established', 'synSent', 'synRecv', 'finWait', 'timeWait'] as const),
  ...(['close', 'closeWait', 'lastAck', 'listen', 'synack'] as const),
]

const ROWS: Record<Direction, Record<'syn' | 'fin' | 'ack' | 'rst', string>> = {
  input: {
    syn: 'SR ES ES SR SR SR SR SR SR SR SR',
    fin: 'CL CW SS TW TW TW CL CW LA LI TW',
    ack: 'ES ES SS ES FW TW CL CW CL LI ES',
    rst: 'CL CL CL SR CL CL CL CL LA LI SR',
  },
  output: {
    syn: 'SS ES SS SR SS SS SS SS SS LI SR',
    fin: 'TW FW SS TW FW TW CL TW LA LI TW',
    ack: 'ES ES SS ES FW TW CL CW LA ES ES',
    rst: 'CL CL SS CL CL TW CL CL CL CL CL',
  },
  inputOnly: {
    syn: 'SR ES ES SR SR SR SR SR SR SR SR',
    fin: 'CL FW SS TW FW TW CL CW LA LI TW',
    ack: 'ES ES SS ES FW TW CL CW CL LI ES',
    rst: 'CL CL CL SR CL CL CL CL LA LI CL',
  },
}

/** The state of a TCP conn in `state` after a segment with these flags. */
export function nextTcpState(direction: Direction, state: ConnStateName, flags: number): ConnStateName {
  const event = (['rst', 'syn', 'fin', 'ack'] as const).find((name) => (flags & TcpFlag[name]) !== 0)
  if (event === undefined) return 'close'
  const cell = ROWS[direction][event].split(' ')[TCP_STATES.indexOf(state)]
  const next = cell === undefined ? undefined : SHORT[cell]
  if (next === undefined) throw new Error(`${state} is no state of TCP`)
  return next
}

/** A segment that asks for a new conn. */
export function isSyn(flags: number): boolean {
  return (flags & (TcpFlag.syn | TcpFlag.ack | TcpFlag.rst)) === TcpFlag.syn
}
