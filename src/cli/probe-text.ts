/** What came of checking reals once, step by step. */
import type { ProbedReal } from '../control/probe-run.js'
import { formatEndpoint } from '../net/address.js'
import { columns } from './output.js'

export function formatProbed({ target, result, steps }: ProbedReal): string {
  const { service, address, port, destination, destinationPort, source } = target
  const to = formatEndpoint(destination, destinationPort)
  const way = source === undefined ? "from the host's own namespace" : `from ${source}`
  const heading = `${service}: real ${formatEndpoint(address, port)}, ${target.check.kind} to ${to} ${way}`
  const rows = steps.map(({ step, detail, atMs }) => [`${atMs.toFixed(1)} ms`, step, detail])
  const end = result.ok ? 'ok' : `failed: ${result.reason}`
  const lines = rows.length === 0 ? [] : columns(rows, [0]).split('\n')
  return [heading, ...lines, `${end} after ${result.tookMs.toFixed(1)} ms`].join('\n  ')
}

/** One check in `probe --json`. */
export function probedJson({ target, result, steps }: ProbedReal): object {
  const { service, address, port, destination, destinationPort, source } = target
  const way = { destination, destinationPort, source: source ?? null, kind: target.check.kind }
  return { service, address, port, ...way, ...result, steps }
}
