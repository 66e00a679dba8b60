/** A director in a namespace of its own, whose neighbours all have a MAC, for tests of what is attached. */
import { native } from '../../src/native.js'
import type { Plan } from '../../src/control/director.js'
import { Director } from '../../src/control/director.js'
import type { ReplyMechanism } from '../../src/control/reply-hooks.js'
import type { Config } from '../../src/config/schema.js'
import type { Hook } from '../../src/dataplane/hooks.js'
import { filterPlace, isTcHook, linkPinName } from '../../src/dataplane/hooks.js'
import type { InstanceLocation } from '../../src/dataplane/instance.js'
import { Instance, instancePins } from '../../src/dataplane/instance.js'
import type { PinDirectory } from '../../src/loader/pin.js'
import { neighbourKey } from '../../src/system/neighbour-prober.js'
import { NetworkNamespace } from '../../src/system/netns.js'
import { run, TemporaryBpffs, VethNamespace } from '../native/support.js'
import type { ServiceFields } from '../unit/control/support.js'
import { configOf, macOf } from '../unit/control/support.js'

let made = 0

/** Two interfaces, `va` (10.0.0.1/24, 2001:db8:10::1/64) and `vb`. */
export class AttachedDirector {
  readonly network = new VethNamespace(`attached-${made++}`)
  readonly bpffs = new TemporaryBpffs()
  readonly location: InstanceLocation
  readonly namespace: NetworkNamespace
  readonly director: Director

  constructor(replyMechanism: ReplyMechanism = 'auto') {
    this.ip('address', 'add', '10.0.0.1/24', 'dev', 'va')
    this.ip('address', 'add', '2001:db8:10::1/64', 'dev', 'va', 'nodad')
    this.location = { name: `test-${process.pid}-${made}`, bpffs: this.bpffs.path('.') }
    this.namespace = NetworkNamespace.open(this.network.name)
    this.director = new Director({
      ...this.location,
      namespace: this.namespace,
      replyMechanism,
      openNeighbours: () => ({
        resolve: (targets) => {
          return Promise.resolve(new Map(targets.map((target) => [neighbourKey(target), macOf(target.address)])))
        },
        announce: () => undefined,
        [Symbol.dispose]: () => undefined,
      }),
    })
  }

  /** On `va` unless `interfaces` says otherwise. */
  config(services: readonly ServiceFields[], interfaces: readonly unknown[] = ['va']): Config {
    return configOf(services, { interfaces, conns: { max: 1000 } })
  }

  ip(...args: string[]): void {
    run('ip', '-n', this.network.name, ...args)
  }

  tc(...args: string[]): string {
    return run('tc', '-n', this.network.name, ...args)
  }

  get pins(): PinDirectory {
    return instancePins(this.location)
  }

  /** Names of what is pinned, but for maps and programs. */
  get attachments(): string[] {
    return [...this.pins.list('links'), ...this.pins.list('filters')]
  }

  ifindex(name: string): number {
    return this.network.ifindex(name)
  }

  /** `add interfaces.va.reply` and the like. */
  async planned(config: Config): Promise<string[]> {
    return summary(await this.director.plan(config))
  }

  /** The id of the program that runs at a hook; 0 for none. */
  programAt(hook: Hook): number {
    if (this.pins.has('links', linkPinName(hook))) {
      using link = this.pins.openLink(linkPinName(hook))
      const { ifindex, programId } = link.info()
      return ifindex === 0 ? 0 : programId
    }
    if (!isTcHook(hook)) return this.network.enter(() => native().queryXdp(hook.ifindex)).programId
    const { ifindex, direction, handle, priority } = filterPlace(hook)
    return this.network.enter(() => native().queryClsact(ifindex, direction, handle, priority))
  }

  instance(): Instance {
    return Instance.open(this.location)
  }

  async remove(): Promise<void> {
    if (this.director.attached) await this.director.detach()
    this.bpffs.remove()
    this.network.remove()
  }
}

export const summary = ({ changes }: Plan): string[] => changes.map(({ action, object }) => `${action} ${object}`)
