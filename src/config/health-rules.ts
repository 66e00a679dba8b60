/** What must hold between the check of a service, what follows from it, and the rest of the service. */
import { familyOf, formatEndpoint } from '../net/address.js'
import type { Fault } from './problem.js'
import { fault, portOf, type Settled } from './rule.js'

export function healthFaults(service: Settled, index: number): Fault[] {
  const path = ['services', index]
  return [
    ...checkFaults(service, path),
    ...quorumFaults(service, path),
    ...sorryServerFaults(service, path),
    ...slowStartFaults(service, path),
  ]
}

type Path = readonly (string | number)[]

function checkFaults(service: Settled, path: Path): Fault[] {
  const { health } = service
  if (health === undefined || health.kind === 'none') return []
  const at = (key: string, code: Fault['code'], message: string): Fault => fault([...path, 'health', key], code, message)
  const portless = health.port === undefined ? portQuestion(health.kind, service) : undefined
  return [
    ...(health.timeout > health.interval
      ? [at('timeout', 'health_timeout', `${health.timeout}ms is longer than the interval of ${health.interval}ms`)]
      : []),
    ...(portless === undefined ? [] : [at('port', 'health_port', portless)]),
    ...('method' in health && health.method === 'HEAD' && health.body !== undefined
      ? [at('body', 'health_body', 'an answer to HEAD has no body')]
      : []),
  ]
}

/** Why a check without a port of its own cannot tell which one is meant. */
function portQuestion(kind: string, service: Settled): string | undefined {
  const { protocol } = service
  if (protocol === 'icmp') return 'is required: ICMP has no ports'
  if (portOf(service) === 0) return 'is required: the service is on every port'
  const isUdp = protocol === 'udp'
  if (protocol === undefined || kind === 'exec' || isUdp === (kind === 'udp')) return undefined
  return `is required: a check of kind ${kind} does not speak ${protocol}, which the port of the service is for`
}

function quorumFaults({ quorum = 1, hysteresis = 0, reals = [] }: Settled, path: Path): Fault[] {
  const sum = reals.reduce((total, real) => total + (real?.weight ?? 1), 0)
  const at = (key: string, message: string): Fault => fault([...path, key], 'quorum', message)
  if (quorum > Math.max(sum, 1)) return [at('quorum', `${quorum} is more than the sum of all weights, ${sum}`)]
  if (hysteresis >= quorum) return [at('hysteresis', `${hysteresis} is not below the quorum of ${quorum}`)]
  if (hysteresis === 0 || quorum + hysteresis <= sum) return []
  const message = `a quorum that was lost would need ${quorum + hysteresis}, more than the sum of all weights, ${sum}`
  return [at('hysteresis', message)]
}

function sorryServerFaults(service: Settled, path: Path): Fault[] {
  const { sorryServer, vip, allDown, reals = [] } = service
  if (sorryServer === undefined || sorryServer === false) return []
  const { address, port: own } = sorryServer
  const port = portOf(service)
  const at = (key: string[], code: Fault['code'], message: string): Fault =>
    fault([...path, 'sorryServer', ...key], code, message)
  const endpoint = (each: { address: string; port?: number | undefined }): string =>
    formatEndpoint(each.address, each.port ?? port ?? 0)
  const faults = sorryPortFaults(service, own).map(([code, message]) => at(['port'], code, message))
  if (vip !== undefined && familyOf(address) !== familyOf(vip)) {
    const message = `${address} is IPv${familyOf(address)}, but the VIP ${vip} is IPv${familyOf(vip)}`
    faults.push(at([], 'mixed_families', message))
  }
  const twin = reals.findIndex((real) => real !== undefined && endpoint(real) === endpoint(sorryServer))
  if (twin >= 0) faults.push(at([], 'sorry_server', `${endpoint(sorryServer)} is reals[${twin}]`))
  if (allDown === 'serve-all') {
    faults.push(at([], 'sorry_server', 'with `allDown: serve-all` the reals serve when none is up: say one of the two'))
  }
  return faults
}

/** A sorry server is addressed as reals are. */
function sorryPortFaults({ protocol, port, forward }: Settled, own: number | undefined): [Fault['code'], string][] {
  if (own === undefined) return []
  if (protocol === 'icmp') return [['icmp_port', 'ICMP has no ports: leave it out']]
  if (port === 0) return [['port_zero', 'the service is on every port, and packets keep theirs: leave it out']]
  if (port === undefined || forward !== 'dr' || own === port) return []
  return [['port_translated', `${own} is not the service's port ${port}, and dr translates no ports`]]
}

/** Why the weight of a real that has come up cannot grow by steps. */
const NO_SLOW_START: Readonly<Record<string, string>> = {
  rr: 'takes no notice of weights',
  lc: 'takes no notice of weights',
  dh: 'takes no notice of weights',
  sh: 'would move clients between the other reals at every step',
  fo: 'has all flows go to the highest weight',
  ovf: 'counts conns by weights',
  lblc: 'counts conns by weights',
  lblcr: 'counts conns by weights',
}

function slowStartFaults({ slowStart = 0, scheduler }: Settled, path: Path): Fault[] {
  const why = scheduler === undefined ? undefined : NO_SLOW_START[scheduler.name]
  if (slowStart === 0 || scheduler === undefined || why === undefined) return []
  const message = `${scheduler.name} ${why}; use mh, wrr, wlc, sed, nq or twos, or no slow start`
  return [fault([...path, 'slowStart'], 'slow_start', message)]
}
