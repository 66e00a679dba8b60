/** What `veer probe` and the process that checks for it tell each other, as JSON over the channel of fork(). */
import type { CheckResult, ProbeTarget } from './protocol.js'

/** To the process: what to check, all of it at once. */
export interface ProbeOrder {
  targets: ProbeTarget[]
}

/** One step of a check, when it began, or what came of it. */
export interface ProbeStep {
  step: string
  detail: string
  /** Milliseconds since the check began. */
  atMs: number
}

/** From the process. */
export type ProbeNews =
  | ({ type: 'step'; key: string } & ProbeStep)
  | { type: 'result'; key: string; result: CheckResult }
  /** The check could not be made, which says nothing of the real. */
  | { type: 'fault'; key: string; code: string | undefined; reason: string; hint: string | undefined }
