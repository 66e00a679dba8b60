/** Gateway pings in the shape of ping(8). */
import type { NumberedResult, PingedDirector, PingReport } from '../control/ping-run.js'
import { type PingRoute, pingServiceText } from '../control/ping-route.js'

const milliseconds = (value: number): string => `${value.toFixed(3)} ms`

/** One ping, when it has ended. */
export function formatPing({ director }: PingRoute, { number, answer, real, rttMs, meaning }: NumberedResult): string {
  const from = real === null ? '' : ` from ${real.address === null ? real.mac : `${real.address} (${real.mac})`}`
  const heard = { 'syn-ack': `SYN-ACK${from}`, reset: `reset${from}`, error: 'ICMP error', none: 'lost' }[answer]
  const time = rttMs === null ? '' : ` in ${milliseconds(rttMs)}`
  return `${director} #${number}: ${heard}${time}${meaning === null ? '' : `: ${meaning}`}`
}

/** What came of all. */
export function formatPingReport({ service, directors }: PingReport): string {
  return [`--- ${pingServiceText(service)} ---`, ...directors.map(formatDirector)].join('\n')
}

function formatDirector({ director, sent, answered, ok, rttMs }: PingedDirector): string {
  const loss = sent === 0 ? 0 : Math.round(((sent - answered) / sent) * 100)
  const counts = `${sent} sent, ${answered} answered, ${ok} ok, ${loss} % lost`
  const times = rttMs === null ? [] : [rttMs.min, rttMs.avg, rttMs.max].map((each) => each.toFixed(3))
  return `${director}: ${counts}${times.length === 0 ? '' : `, rtt min/avg/max ${times.join('/')} ms`}`
}
