/** Gateway pings: a SYN whose TCP timestamp (RFC 7323 section 3.2) says that it is one. */
import { inNetwork } from '../../../src/net/address.js'
import { readU32, u32 } from '../packet/bytes.js'
import type { Flow } from './decision.js'
import { withBytes } from './frame.js'
import { isSyn } from './tcp-state.js'
import type { Table } from './table.js'

export const PING_MAGIC = 0x76656572

const OPTION = { end: 0, nop: 1, timestamp: 8 } as const
const TIMESTAMP_LENGTH = 10

/** Where in the frame a segment's timestamp value is; undefined: it has none. */
function timestampAt({ frame, l4 }: Pick<Flow, 'frame' | 'l4'>): number | undefined {
  const end = l4 + ((frame[l4 + 12] ?? 0) >> 4) * 4
  for (let at = l4 + 20; at + TIMESTAMP_LENGTH <= end; ) {
    const [kind = 0, length = 0] = frame.subarray(at, at + 2)
    if (kind === OPTION.timestamp) return length === TIMESTAMP_LENGTH ? at + 2 : undefined
    if (kind === OPTION.end || (kind !== OPTION.nop && length < 2)) return undefined
    at += kind === OPTION.nop ? 1 : length
  }
  return undefined
}

const mayPing = (table: Table, client: string): boolean =>
  table.pingSources.some(({ network, prefix }) => inNetwork(client, network, prefix))

/** What the packet of a flow without a conn is as a ping; undefined: it is none. */
export function pingOf(table: Table, flow: Flow): 'forwardPing' | 'passPing' | 'dropPing' | undefined {
  if (table.pingSources.length === 0 || flow.transport !== 'tcp' || !isSyn(flow.flags)) return undefined
  const at = timestampAt(flow)
  const number = at === undefined ? undefined : readU32(flow.frame, at)
  if (number !== PING_MAGIC && number !== PING_MAGIC - 1) return undefined
  if (!mayPing(table, flow.client)) return 'dropPing'
  return number === PING_MAGIC ? 'forwardPing' : 'passPing'
}

/** The ping with its number one less, and the checksum after it. */
export function countedDown(flow: Flow): Uint8Array {
  const { frame, l4 } = flow
  const at = timestampAt(flow)
  if (at === undefined) throw new Error('this is no ping')
  // A checksum is over words: those that the number lies in, one byte more on either side where it lies across them.
  const start = at - ((at - l4) & 1)
  const words = frame.slice(start, start + (start === at ? 4 : 6))
  words.set(u32(PING_MAGIC - 1), at - start)
  return withBytes(frame, start, words, [l4 + 16])
}
