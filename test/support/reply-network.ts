/**
 * A network namespace in which a director has a way to its clients, for programs that ask the kernel's routes:
 * a test run in it comes in by its loopback interface.
 */
import { execFileSync } from 'node:child_process'
import { native } from '../../src/native.js'

/** Where packets to clients leave. */
const OUT = { name: 'out', ifindex: 4711 }

/** The way to clients of either family. */
const ROUTERS = ['192.0.2.254', '2001:db8:ff::fe'] as const

export interface ReplyNetworkOptions {
  /** The director's: a frame for another MAC is not for it. */
  mac: string
  /** Where clients are: an IPv4 and an IPv6 prefix. */
  clients: readonly [string, string]
}

const TESTS: ReplyNetworkOptions = { mac: '02:00:00:00:00:01', clients: ['198.51.100.0/24', '2001:db8:1::/64'] }

let made = 0

export class ReplyNetwork implements Disposable {
  readonly #name = `veer-reply-${process.pid}-${made++}`

  constructor(options = TESTS) {
    ip('netns', 'add', this.#name)
    try {
      this.#fill(options)
    } catch (error) {
      this.close()
      throw error
    }
  }

  #fill({ mac, clients }: ReplyNetworkOptions): void {
    const inside = this.ip.bind(this)
    inside('link', 'set', 'lo', 'address', mac, 'up')
    inside('link', 'add', OUT.name, 'index', String(OUT.ifindex), 'type', 'veth', 'peer', 'name', 'beyond')
    inside('link', 'set', 'beyond', 'up')
    inside('addr', 'add', '192.0.2.1/24', 'dev', OUT.name)
    inside('addr', 'add', '2001:db8:ff::1/64', 'dev', OUT.name, 'nodad')
    inside('link', 'set', OUT.name, 'up')
    for (const [index, router] of ROUTERS.entries()) inside('route', 'add', clients[index] ?? '', 'via', router)
    for (const key of ['net.ipv4.ip_forward', 'net.ipv6.conf.all.forwarding']) {
      ip('netns', 'exec', this.#name, 'sysctl', '-qw', `${key}=1`)
    }
  }

  /** Runs `ip` in the namespace. */
  ip(...args: string[]): void {
    ip('-n', this.#name, ...args)
  }

  /** Runs `callback` in the namespace. */
  enter<T>(callback: () => T): T {
    return native().withNetns(`/run/netns/${this.#name}`, callback)
  }

  close(): void {
    ip('netns', 'del', this.#name)
  }

  [Symbol.dispose](): void {
    this.close()
  }
}

function ip(...args: string[]): void {
  execFileSync('ip', args, { stdio: ['ignore', 'ignore', 'pipe'] })
}
