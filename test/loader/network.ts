/** A network namespace with a veth pair (native XDP); lo, as everywhere, has none. For tests of links. */
import { execFileSync } from 'node:child_process'
import { native } from '../../src/native.js'

let made = 0

export class TestNetwork {
  readonly name: string

  constructor() {
    this.name = `veer-loader-${process.pid}-${made++}`
    this.ip('netns', 'add', this.name)
    try {
      this.inside('link', 'add', 'veth0', 'type', 'veth', 'peer', 'name', 'veth1')
    } catch (error) {
      this.close()
      throw error
    }
  }

  /** Runs `callback` in the namespace. */
  enter<T>(callback: () => T): T {
    return native().withNetns(`/run/netns/${this.name}`, callback)
  }

  ifindex(name: string): number {
    return this.enter(() => native().interfaceIndex(name))
  }

  close(): void {
    this.ip('netns', 'del', this.name)
  }

  private inside(...args: string[]): void {
    this.ip('-n', this.name, ...args)
  }

  private ip(...args: string[]): void {
    execFileSync('ip', args, { stdio: ['ignore', 'ignore', 'pipe'] })
  }
}
