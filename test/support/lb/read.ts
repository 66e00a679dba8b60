/** Reads the maps of a dataplane back in the oracle's words. */
import { addressFromWords } from '../../../src/net/address.js'
import type { LbMaps } from '../../../src/dataplane/lb-maps.js'
import * as abi from '../../../src/maps/generated.js'
import { placedConns } from '../conn-writer.js'
import { fragmentKey, type Conn, type Counters, type DestState, type FragmentTrack } from '../oracle/table.js'
import { toHex } from '../packet/bytes.js'
import type { TestClock } from './clock.js'
import { decodeKey, nameOf } from './names.js'

export function readCounters(counters: abi.Counters | undefined): Counters {
  return {
    conns: Number(counters?.conns),
    inPkts: Number(counters?.inPkts),
    inBytes: Number(counters?.inBytes),
    outPkts: Number(counters?.outPkts),
    outBytes: Number(counters?.outBytes),
  }
}

export function readDestState(state: abi.DestState | undefined): DestState {
  if (state === undefined) throw new Error('no such destination')
  return {
    active: Number(state.conns >> 32n),
    inactive: Number(state.conns & 0xffff_ffffn),
    persistent: state.persistent,
    overloaded: state.overloaded !== 0,
  }
}

const has = (flags: number, bit: number): boolean => (flags & bit) !== 0

/** All conns and templates, dead ones too, by the oracle's key. */
export function readFlows(maps: LbMaps, clock: TestClock): Map<string, Conn> {
  const places = new Map(placedConns(maps).map(({ place, conn }) => [place, conn]))
  const liveLast = [...places.values()].sort((a, b) => (a.flags & abi.ConnFlag.live) - (b.flags & abi.ConnFlag.live))
  const keyAt = (place: number): string => {
    const conn = places.get(place)
    return conn === undefined ? 'nothing' : decodeKey(conn.key)
  }
  return new Map(
    liveLast.map(({ key, dest, generation, state, expires, flags, control }) => [
      decodeKey(key),
      {
        expires: clock.nsAt(expires),
        dest,
        generation,
        state: nameOf(abi.ConnState, state),
        live: has(flags, abi.ConnFlag.live),
        nooutput: has(flags, abi.ConnFlag.nooutput),
        noReuse: has(flags, abi.ConnFlag.noReuse),
        assured: has(flags, abi.ConnFlag.assured),
        control: control === 0 ? undefined : keyAt(control - 1),
      },
    ]),
  )
}

/** All datagrams whose first fragment was seen, by the oracle's key. */
export function readFragments(maps: LbMaps, clock: TestClock): Map<string, FragmentTrack> {
  return new Map(
    [...maps.fragments.entries()].map(([key, { dest, generation, expires, way, vip }]) => [
      fragmentKey(
        addressFromWords(key.src),
        addressFromWords(key.dst),
        key.protocol,
        toHex(Uint8Array.from(Buffer.from(Uint32Array.of(key.id).buffer))),
      ),
      { dest, generation, expires: clock.nsAt(expires), way: nameOf(abi.FragmentWay, way), vip },
    ]),
  )
}
