/** What `struct lb_settings` says of probes. */
import type { Config } from '../config/schema.js'
import type { Settings } from '../maps/generated.js'
import { macBytes } from '../net/mac.js'
import { wantsProbePath } from './probe-sources.js'

export type ProbeSettings = Pick<Settings, 'probeFirst' | 'probeCount' | 'probeMac'>

/** @param links - the attached interfaces; the veth in the probes' namespace has the MAC of the first */
export function probeSettings(
  config: Pick<Config, 'services' | 'ping' | 'probe'>,
  [first]: readonly { mac: string }[],
): ProbeSettings {
  if (first === undefined || !wantsProbePath(config)) return { probeFirst: 0, probeCount: 0, probeMac: new Uint8Array(6) }
  return { probeFirst: config.probe.first, probeCount: config.probe.count, probeMac: macBytes(first.mac) }
}
