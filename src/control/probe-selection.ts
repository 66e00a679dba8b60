/** Which of the destinations that have a check somebody means. */
import type { Config, ServiceConfig } from '../config/schema.js'
import { VeerError } from '../errors.js'
import type { ProbeTarget } from '../health/protocol.js'
import { formatEndpoint } from '../net/address.js'
import { parseEndpointPattern } from '../net/endpoint.js'

/**
 * The targets of one service, or of one real of it.
 *
 * @param real - its address, with or without port; undefined: all of them
 * @throws VeerError `LB_ERR_SERVICE_UNKNOWN`, `LB_ERR_PROBE_NO_CHECK`, `LB_ERR_REAL_UNKNOWN`
 */
export function selectTargets(
  config: Config,
  targets: readonly ProbeTarget[],
  name: string,
  real?: string,
): readonly ProbeTarget[] {
  const service = config.services.find((each) => each.name === name)
  if (service === undefined) {
    const known = config.services.map((each) => each.name).join(', ')
    throw new VeerError('LB_ERR_SERVICE_UNKNOWN', `the configuration has no service ${name}`, { hint: `there are: ${known}` })
  }
  if (service.health.kind === 'none') {
    throw new VeerError('LB_ERR_PROBE_NO_CHECK', `service ${name} has no health check`, {
      hint: `give it one, such as \`health: { kind: tcp }\`, and apply it`,
    })
  }
  const ours = targets.filter((target) => target.service === name)
  const found = real === undefined ? ours : ours.filter(matcherOf(real))
  if (found.length === 0) throw unknownReal(service, real)
  return found
}

function matcherOf(real: string): (target: ProbeTarget) => boolean {
  const wanted = parseEndpointPattern(real)
  return ({ address, port }) => address === wanted?.address && (wanted.port === undefined || wanted.port === port)
}

function unknownReal({ name, reals }: ServiceConfig, real: string | undefined): VeerError {
  const isConfigured = real === undefined || reals.some((each) => each.address === parseEndpointPattern(real)?.address)
  if (isConfigured) {
    const what = real === undefined ? 'no real' : `no real ${real}`
    return new VeerError('LB_ERR_REAL_UNKNOWN', `the live service ${name} has ${what} to check`, {
      hint: 'make the live state equal to the file: veer apply -f FILE',
    })
  }
  const known = reals.map(({ address, port }) => formatEndpoint(address, port)).join(', ')
  return new VeerError('LB_ERR_REAL_UNKNOWN', `service ${name} has no real ${real}`, { hint: `there are: ${known}` })
}
