/** The dataplane's clock: jiffies, which cost an instruction to read where a time in nanoseconds costs a call. */
import type { Program } from '../loader/program.js'
import { Limit } from '../maps/generated.js'

/** What kernels are built with (kernel/Kconfig.hz; 1024 and 1200 on Alpha alone). */
const FREQUENCIES = [100, 250, 300, 1000] as const

const MEASURE_MS = 60
const PACKET_BYTES = 14

/** Jiffies now, by way of the program lb_clock. */
export function readJiffies(clock: Program): bigint {
  const { data } = clock.run({ data: new Uint8Array(PACKET_BYTES) })
  return new BigUint64Array(Uint8Array.from(data.subarray(0, 8)).buffer)[0] as bigint
}

/** The tick of now, as conns have it in `expires`: 32 bits. */
export function readTick(clock: Program): number {
  return Number(BigInt.asUintN(32, readJiffies(clock) / BigInt(Limit.tickJiffies)))
}

/**
 * Jiffies a second. No interface tells CONFIG_HZ on every system, so it is measured, in 60 ms, and taken as the
 * nearest that kernels are built with.
 */
export async function measureHz(clock: Program): Promise<number> {
  const start = process.hrtime.bigint()
  const first = readJiffies(clock)
  await new Promise((resolve) => setTimeout(resolve, MEASURE_MS))
  const jiffies = Number(readJiffies(clock) - first)
  const seconds = Number(process.hrtime.bigint() - start) / 1e9
  return nearestHz(jiffies / seconds)
}

/** The frequency whose ratio to `measured` is nearest to one. */
export function nearestHz(measured: number): number {
  const distance = (hz: number): number => Math.abs(Math.log(hz / measured))
  return [...FREQUENCIES].sort((a, b) => distance(a) - distance(b))[0] as number
}

/** Whole ticks that are at least `seconds`. */
export function ticksOf(seconds: number, hz: number): number {
  return Math.ceil((seconds * hz) / Limit.tickJiffies)
}

/** Seconds until a tick; negative when it has passed. */
export function secondsUntil(tick: number, now: number, hz: number): number {
  return (((tick - now) | 0) * Limit.tickJiffies) / hz
}
