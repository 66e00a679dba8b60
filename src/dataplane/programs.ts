/** The programs of a dataplane, and their pins. */
import { tcReply, xdpLb, xdpPing } from '../maps/generated.js'
import type { HasRaw } from '../maps/map-of-maps.js'
import type { PinDirectory } from '../loader/pin.js'
import type { Program } from '../loader/program.js'
import type { HookKind } from './hooks.js'
import type { LbMaps } from './lb-maps.js'

/** By the hook that each is for; `clock` tells jiffies, see clock.ts, and `ringIds` maps, see ring-ids.ts. */
export type Programs = Readonly<Record<HookKind | 'clock' | 'ringIds', Program>>

/** The names that they are pinned by. */
export const PROGRAM_PINS: Readonly<Record<keyof Programs, string>> = {
  xdp: xdpLb.programs.xdpLb.name,
  clock: xdpLb.programs.lbClock.name,
  ringIds: xdpLb.programs.lbRingIds.name,
  ingress: tcReply.programs.tcReplyIngress.name,
  egress: tcReply.programs.tcReplyEgress.name,
  probe: xdpPing.programs.xdpPingTx.name,
}

/** The pinned programs. Throws `LB_ERR_PIN_MISSING`; nothing stays open then. */
export function openPrograms(pins: PinDirectory): Programs {
  const opened: [string, Program][] = []
  try {
    for (const [name, pin] of Object.entries(PROGRAM_PINS)) opened.push([name, pins.openProgram(pin)])
  } catch (error) {
    for (const [, program] of opened) program.close()
    throw error
  }
  return Object.fromEntries(opened) as unknown as Programs
}

export function closePrograms(programs: Programs): void {
  for (const program of Object.values(programs)) program.close()
}

export function closeMaps(maps: LbMaps): void {
  for (const map of Object.values<HasRaw>(maps)) map.close()
}
