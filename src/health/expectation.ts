/** What the answer to a check must be, compiled once for each check of a configuration. */
import { payloadBytes } from '../config/payload.js'
import type { ActiveHealthConfig } from '../config/health-schema.js'

type Kind<K extends ActiveHealthConfig['kind']> = Extract<ActiveHealthConfig, { kind: K }>

export type HttpCheck = Kind<'http' | 'https'>
export type HttpsCheck = Kind<'https'>
export type UdpCheck = Kind<'udp'>
export type ExecCheck = Kind<'exec'>

export interface HttpExpectation {
  status: (code: number) => boolean
  body: RegExp | undefined
}

export interface UdpExpectation {
  payload: Buffer
  answer: RegExp | undefined
}

export const httpExpectation = cached(
  (check: HttpCheck): HttpExpectation => ({ status: statusTest(check.status), body: pattern(check.body) }),
)

export const udpExpectation = cached(
  (check: UdpCheck): UdpExpectation => ({
    payload: payloadBytes(check.send) ?? Buffer.alloc(0),
    answer: pattern(check.expect),
  }),
)

function cached<C extends object, E>(compile: (check: C) => E): (check: C) => E {
  const known = new WeakMap<C, E>()
  return (check) => {
    const found = known.get(check) ?? compile(check)
    known.set(check, found)
    return found
  }
}

function pattern(source: string | undefined): RegExp | undefined {
  return source === undefined ? undefined : new RegExp(source)
}

/** Of one code, or of ranges as `200-299,404`. */
function statusTest(status: number | string): (code: number) => boolean {
  const ranges = String(status)
    .split(',')
    .map((range) => range.split('-').map(Number))
  return (code) => ranges.some(([first = NaN, last = first]) => code >= first && code <= last)
}
