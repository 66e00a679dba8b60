/** The checker processes of an instance: one in the namespace of the probes, one in the host's for reals on this host. */
import { type ChildProcess, fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { Logger } from 'pino'
import type { InstanceLocation } from '../dataplane/instance.js'
import { CHECKER_EXEC_ARGV } from '../health/exec-argv.js'
import type { HealthChange, ProbeTarget } from '../health/protocol.js'
import { PACKAGE_ROOT } from '../package-root.js'
import type { NetworkNamespace } from '../system/netns.js'
import { openProbeNamespace } from '../system/probe-namespace.js'
import { CheckerSupervisor } from './checker-supervisor.js'

const SCRIPT = fileURLToPath(new URL('dist/health/checker.js', PACKAGE_ROOT))

export interface CheckersOptions {
  location: InstanceLocation
  /** Of the director's interfaces. */
  namespace: NetworkNamespace
  log: Logger
  onChanges: (changes: readonly HealthChange[]) => void
}

export class Checkers {
  readonly #options: CheckersOptions
  readonly #isolated: CheckerSupervisor
  readonly #local: CheckerSupervisor
  #maxInFlight = 1
  /** Of the namespace that the isolated one was started in. */
  #inode: bigint | undefined

  constructor(options: CheckersOptions) {
    this.#options = options
    const { log, onChanges, location, namespace } = options
    this.#isolated = new CheckerSupervisor({ name: 'isolated', start: () => this.#startIsolated(location), onChanges, log })
    this.#local = new CheckerSupervisor({ name: 'local', start: () => this.#fork(namespace, ['--local']), onChanges, log })
  }

  /** Whether all that have something to do are doing it. */
  get live(): boolean {
    return this.#isolated.lives && this.#local.lives
  }

  /** What is to be checked from now on. */
  check(targets: readonly ProbeTarget[], maxInFlight: number): void {
    const mustRestart = this.#maxInFlight !== maxInFlight
    this.#maxInFlight = maxInFlight
    for (const [checker, isLocal] of [[this.#isolated, false], [this.#local, true]] as const) {
      checker.check(targets.filter(({ source }) => (source === undefined) === isLocal))
      if (mustRestart) checker.restart()
    }
  }

  /** Starts the isolated one anew when the namespace that it is in is not the one of that name any more. */
  followNamespace(): void {
    const { location } = this.#options
    if (this.#inode !== undefined && this.#inode !== openProbeNamespace(location.name).inode()) this.#isolated.restart()
  }

  /** Resolves when each that has something to do has told that it is ready, or has failed to. */
  async settled(): Promise<void> {
    const busy = [this.#isolated, this.#local].filter(({ lives }) => !lives)
    await Promise.all(busy.map(({ settled }) => settled))
  }

  close(): void {
    this.#isolated.close()
    this.#local.close()
  }

  #startIsolated({ name }: InstanceLocation): ChildProcess {
    const namespace = openProbeNamespace(name)
    this.#inode = namespace.inode()
    return this.#fork(namespace, [])
  }

  #fork(namespace: NetworkNamespace, options: string[]): ChildProcess {
    const { name, bpffs } = this.#options.location
    const args = ['--instance', name, '--bpffs', bpffs, '--max-in-flight', `${this.#maxInFlight}`, ...options]
    return namespace.run(() => fork(SCRIPT, args, { execArgv: CHECKER_EXEC_ARGV, stdio: ['ignore', 'ignore', 'pipe', 'ipc'] }))
  }
}
