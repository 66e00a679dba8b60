/**
 * generator -> director -> sink: three network namespaces joined by two direct veth pairs, one such row for each path
 * that is compared. (A bridge in between would cost more than the balancer.)
 */
import { execFileSync } from 'node:child_process'
import type { Link } from '../src/loader/link.js'
import { NetworkNamespace } from '../src/system/netns.js'
import { DIRECTOR_MAC, WAY_OUT_MAC } from './director.js'

export const GENERATOR_MAC = '02:00:00:00:00:c1'
export const SINK_MAC = '02:00:00:00:00:e1'

export interface Row {
  index: number
  generator: NetworkNamespace
  director: NetworkNamespace
  sink: NetworkNamespace
  /** Names for `ip netns exec`. */
  directorName: string
  /** The generator's interface. */
  out: number
  /** The director's interfaces: towards the generator and towards the sink. */
  d0: number
  d1: number
  /** The sink's interface. */
  in: number
  /** What is attached: held here, since a link without a handle is detached. */
  links: Link[]
}

/** Runs a command; its output. Throws with what it wrote to stderr. */
export function run(command: string, args: readonly string[], input = ''): string {
  return execFileSync(command, args, { encoding: 'utf8', input, stdio: 'pipe' })
}

function ip(text: string): string {
  return run('ip', text.split(' '))
}

/** All namespaces of one run of the benchmark; disposing removes them, and with them the interfaces. */
export class BenchLab implements Disposable {
  readonly #prefix = `veer-bench-${process.pid}`
  readonly #namespaces: string[] = []
  readonly #links: Link[][] = []
  #rows = 0
  readonly #onSignal = (signal: NodeJS.Signals): void => {
    this[Symbol.dispose]()
    process.kill(process.pid, signal)
  }

  constructor() {
    process.once('SIGINT', this.#onSignal)
    process.once('SIGTERM', this.#onSignal)
  }

  /** A row of its own for one path. */
  addRow(path: string): Row {
    const [generator, director, sink] = ['gen', 'dir', 'sink'].map((role) => this.#addNamespace(`${path}-${role}`))
    if (generator === undefined || director === undefined || sink === undefined) throw new Error('no namespaces')
    ip(`-n ${director} link add d0 address ${DIRECTOR_MAC} type veth peer name out address ${GENERATOR_MAC} netns ${generator}`)
    ip(`-n ${director} link add d1 address ${WAY_OUT_MAC} type veth peer name in address ${SINK_MAC} netns ${sink}`)
    for (const link of [`${generator} link set out`, `${sink} link set in`]) ip(`-n ${link} up`)
    for (const link of ['d0', 'd1', 'lo']) ip(`-n ${director} link set ${link} up`)
    // Without an XDP program a veth device takes redirected frames only when GRO has switched NAPI on.
    run('ip', ['netns', 'exec', director, 'ethtool', '-K', 'd0', 'gro', 'on'])
    const links: Link[] = []
    this.#links.push(links)
    return {
      index: this.#rows++,
      generator: NetworkNamespace.open(generator),
      director: NetworkNamespace.open(director),
      sink: NetworkNamespace.open(sink),
      directorName: director,
      out: indexOf(generator, 'out'),
      d0: indexOf(director, 'd0'),
      d1: indexOf(director, 'd1'),
      in: indexOf(sink, 'in'),
      links,
    }
  }

  /** A namespace with its loopback alone. */
  addHost(name: string): NetworkNamespace {
    const host = this.#addNamespace(name)
    ip(`-n ${host} link set lo up`)
    return NetworkNamespace.open(host)
  }

  #addNamespace(name: string): string {
    const full = `${this.#prefix}-${name}`
    ip(`netns add ${full}`)
    this.#namespaces.push(full)
    run('ip', ['netns', 'exec', full, 'sysctl', '-qw', 'net.ipv6.conf.all.disable_ipv6=1', 'net.ipv4.conf.all.rp_filter=0'])
    return full
  }

  [Symbol.dispose](): void {
    process.off('SIGINT', this.#onSignal)
    process.off('SIGTERM', this.#onSignal)
    for (const link of this.#links.splice(0).flat()) link.close()
    for (const name of this.#namespaces.splice(0)) ip(`netns del ${name}`)
  }
}

function indexOf(namespace: string, device: string): number {
  const [link] = JSON.parse(ip(`-n ${namespace} -json link show dev ${device}`)) as { ifindex: number }[]
  if (link === undefined) throw new Error(`no ${device} in ${namespace}`)
  return link.ifindex
}
