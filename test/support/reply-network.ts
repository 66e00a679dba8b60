/**
 * A network namespace in which a director has a way to its clients, for programs that ask the kernel's routes:
 * a test run in it comes in by its loopback interface.
 */
import { execFileSync } from 'node:child_process'
import { native } from '../../src/native.js'

/** What reals address their replies to: a frame for another MAC is not the director's. */
const OUR_MAC = '02:00:00:00:00:01'

/** Where packets to clients leave. */
const OUT = { name: 'out', ifindex: 4711 }

const ROUTES = [
  ['198.51.100.0/24', 'via', '192.0.2.254'],
  ['2001:db8:1::/64', 'via', '2001:db8:ff::fe'],
]

let made = 0

export class ReplyNetwork {
  readonly #name = `veer-reply-${process.pid}-${made++}`

  constructor() {
    ip('netns', 'add', this.#name)
    try {
      this.#fill()
    } catch (error) {
      this.close()
      throw error
    }
  }

  #fill(): void {
    const inside = (...args: string[]): void => ip('-n', this.#name, ...args)
    inside('link', 'set', 'lo', 'address', OUR_MAC, 'up')
    inside('link', 'add', OUT.name, 'index', String(OUT.ifindex), 'type', 'veth', 'peer', 'name', 'beyond')
    inside('link', 'set', 'beyond', 'up')
    inside('addr', 'add', '192.0.2.1/24', 'dev', OUT.name)
    inside('addr', 'add', '2001:db8:ff::1/64', 'dev', OUT.name, 'nodad')
    inside('link', 'set', OUT.name, 'up')
    for (const route of ROUTES) inside('route', 'add', ...route)
    for (const key of ['net.ipv4.ip_forward', 'net.ipv6.conf.all.forwarding']) {
      ip('netns', 'exec', this.#name, 'sysctl', '-qw', `${key}=1`)
    }
  }

  /** Runs `callback` in the namespace. */
  enter<T>(callback: () => T): T {
    return native().withNetns(`/run/netns/${this.#name}`, callback)
  }

  close(): void {
    ip('netns', 'del', this.#name)
  }
}

function ip(...args: string[]): void {
  execFileSync('ip', args, { stdio: ['ignore', 'ignore', 'pipe'] })
}
