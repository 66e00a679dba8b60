/** A request by the path that probes take, as the checker would make it. */
import { spawnSync } from 'node:child_process'
import type { InstanceLocation } from '../src/dataplane/instance.js'
import { Instance } from '../src/dataplane/instance.js'
import type { ProbeTarget } from '../src/health/protocol.js'
import { ProbeKind } from '../src/maps/generated.js'
import { addressToWords, formatEndpoint } from '../src/net/address.js'
import { openProbeNamespace } from '../src/system/probe-namespace.js'

export interface ProbeRequest {
  /** Of the ports that are probes' own; a connection needs one that is not in TIME_WAIT. */
  port: number
  /** For an answer; default 5. */
  seconds?: number
}

/** Which real answered a request over HTTP that is the probe of `target`; what curl says if none did. */
export function askByProbePath(location: InstanceLocation, target: ProbeTarget, { port, seconds = 5 }: ProbeRequest): string {
  claim(location, target, port)
  const url = `http://${formatEndpoint(target.destination, target.destinationPort)}/`
  const from = ['--interface', target.source ?? '', '--local-port', `${port}`]
  const { stdout, stderr } = openProbeNamespace(location.name).run(() =>
    spawnSync('curl', ['--silent', '--show-error', '--globoff', '--max-time', `${seconds}`, ...from, url], { encoding: 'utf8' }),
  )
  return stdout === '' ? stderr : (JSON.parse(stdout) as { real: string }).real
}

function claim(location: InstanceLocation, target: ProbeTarget, port: number): void {
  using instance = Instance.open(location)
  const { probeFirst = 0 } = instance.maps.settings.get(0) ?? {}
  instance.maps.probes.set(port - probeFirst, {
    dst: addressToWords(target.destination),
    dest: target.destId,
    generation: target.generation,
    port: target.destinationPort,
    protocol: 6,
    kind: ProbeKind.real,
    ifindex: 0,
    mac: new Uint8Array(6),
  })
}
