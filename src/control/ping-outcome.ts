/** What an answer to a gateway ping means. */
import { Limit } from '../maps/generated.js'
import type { PingAnswer } from '../net/ping.js'
import type { PingRoute, PingService } from './ping-route.js'

/** The real that answered. */
export interface AnsweringReal {
  /** null: a MAC that the maps do not know. */
  address: string | null
  mac: string
}

export interface PingOutcome {
  ok: boolean
  /** What was answered: a TCP flag, an ICMP message, or nothing. */
  answer: 'syn-ack' | 'reset' | 'error' | 'none'
  real: AnsweringReal | null
  /** What it means; null: all is as it should be, and there is no more to say. */
  meaning: string | null
}

/** A director that forwards a ping makes its number one less. */
const FORWARDED = Limit.pingMagic - 1

const REFUSED_BY_HOST = "refused by the director's own host: its dataplane has no such service, or the real on it is closed"

const PORT_UNREACHABLE = { 4: { type: 3, code: 3 }, 6: { type: 1, code: 4 } } as const
const TIME_EXCEEDED = { 4: 11, 6: 3 } as const

/** @param addressOfMac - the real of the service with this MAC */
export function outcomeOf(
  answer: PingAnswer,
  route: PingRoute,
  service: PingService,
  addressOfMac: (mac: string) => string | undefined,
): PingOutcome {
  const { kind, mac, address } = answer
  const isOwn = address !== service.vip
  const real = { mac, address: isOwn ? address : (addressOfMac(mac) ?? null) }
  switch (kind) {
    case 'syn-ack': {
      const meaning = unforwarded(answer.echo)
      if (meaning !== undefined) return { ok: false, answer: kind, real, meaning }
      return { ok: true, answer: kind, real, meaning: remark(answer.echo, isOwn) }
    }
    case 'reset':
      if (mac === route.mac && address === service.vip) {
        return { ok: false, answer: kind, real: null, meaning: REFUSED_BY_HOST }
      }
      return { ok: false, answer: kind, real, meaning: 'the path is fine, but the real refuses: the service is closed there' }
    case 'error':
      return { ok: false, answer: kind, real: null, meaning: errorMeaning(answer) }
  }
}

/** Nothing came in time. */
export function noAnswer({ mac, director, source }: PingRoute): PingOutcome {
  const meaning =
    mac === undefined
      ? `${director} does not answer ARP or ND: it is not there`
      : `no answer: nothing attached at the director, pings from ${source} not allowed there, or the real or its way back is silent`
  return { ok: false, answer: 'none', real: null, meaning }
}

/** Why an answer does not prove the director's dataplane. */
function unforwarded(echo: number | undefined): string | undefined {
  if (echo === undefined || echo === FORWARDED) return undefined
  return echo === Limit.pingMagic
    ? 'answered, but no director took notice of the mark: it has no `ping:`, or does not run veer'
    : `answered, but somebody on the way changed the timestamp to ${echo}`
}

function remark(echo: number | undefined, isOwn: boolean): string | null {
  if (echo === undefined) return 'the real sends no TCP timestamps, so who forwarded it is not proven'
  return isOwn ? "answered under the real's own address: a ping of nat has no conn that would translate it" : null
}

function errorMeaning({ family, type, code, address }: PingAnswer & { kind: 'error' }): string {
  const unreachable = PORT_UNREACHABLE[family]
  if (type === unreachable.type && code === unreachable.code) return 'the director answers, but has no real that could'
  if (type === TIME_EXCEEDED[family]) return `the number of hops was used up at ${address}: directors may forward to each other`
  return `refused by ${address}: ICMP type ${type}, code ${code}`
}
