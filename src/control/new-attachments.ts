import type { TcHook, Hook } from '../dataplane/hooks.js'
import { filterPinName, filterPlace, linkPinName, qdiscPinName } from '../dataplane/hooks.js'
import type { Pin } from '../dataplane/instance.js'
import { detachClsact } from '../loader/clsact.js'
import type { Link } from '../loader/link.js'
import type { PinDirectory } from '../loader/pin.js'
import type { Program } from '../loader/program.js'
import type { NetworkNamespace } from '../system/netns.js'
import { removeUnusedQdisc } from './qdisc.js'

/** What an apply has attached and not pinned yet. What is not pinned when this is disposed of is detached. */
export class NewAttachments implements Disposable {
  readonly #namespace: NetworkNamespace
  readonly #pins: Pin[] = []
  readonly #links: Link[] = []
  readonly #undoFilters: (() => void)[] = []

  constructor(namespace: NetworkNamespace) {
    this.#namespace = namespace
  }

  addLink(hook: Hook, link: Link): void {
    this.#links.push(link)
    this.#pins.push({ kind: 'links', name: linkPinName(hook), object: link })
  }

  /** @param madeQdisc - the interface had no clsact qdisc before */
  addFilter(hook: TcHook, program: Program, madeQdisc: boolean): void {
    this.#pins.push({ kind: 'filters', name: filterPinName(hook), object: program })
    if (madeQdisc) {
      this.#pins.push({ kind: 'filters', name: qdiscPinName(hook.ifindex), object: program })
      this.#undoFilters.push(() => removeUnusedQdisc(hook.ifindex))
    }
    this.#undoFilters.push(() => void detachClsact(filterPlace(hook)))
  }

  /** What keeps all of it once it is pinned. */
  get pins(): readonly Pin[] {
    return this.#pins
  }

  /** Pins all of it beside what is pinned already. */
  pinTo(pins: PinDirectory): void {
    for (const { kind, name, object } of this.#pins) pins.replace(kind, name, object)
    this.settle()
  }

  /** All of it is pinned: from here on it stays. */
  settle(): void {
    this.#undoFilters.length = 0
  }

  [Symbol.dispose](): void {
    // The last first: a qdisc goes after its filters.
    for (const undo of this.#undoFilters.reverse()) this.#namespace.run(undo)
    for (const link of this.#links) link.close()
  }
}
