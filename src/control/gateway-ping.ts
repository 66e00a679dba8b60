/** Sends gateway pings side by side out of the namespace of the probes, and hears what comes back. */
import type { Instance } from '../dataplane/instance.js'
import { PROTOCOL_NUMBERS } from '../dataplane/lb-maps.js'
import { readLiveState } from '../dataplane/live-state.js'
import { VeerError } from '../errors.js'
import { DestFlag, Limit, ProbeKind } from '../maps/generated.js'
import { native, type NativePacketSocket } from '../native.js'
import { addressToWords } from '../net/address.js'
import { macBytes, macFromBytes } from '../net/mac.js'
import type { PingAnswer, PingSyn } from '../net/ping.js'
import { parsePingAnswer, pingReset, pingSyn } from '../net/ping.js'
import { pingAnswersOnly } from '../net/ping-filter.js'
import { readInterfaces } from '../system/interfaces.js'
import type { NetworkNamespace } from '../system/netns.js'
import type { PingOutcome } from './ping-outcome.js'
import { noAnswer, outcomeOf } from './ping-outcome.js'
import type { PingRoute, PingService } from './ping-route.js'

/** ETH_P_ALL of linux/if_ether.h. */
const ALL_PROTOCOLS = 0x0003

export interface GatewayPingOptions {
  instance: Instance
  /** Of the probes. */
  namespace: NetworkNamespace
  service: PingService
  /** The ports that they may leave by; nobody else must be using them. */
  ports: { first: number; count: number }
}

export interface PingResult extends PingOutcome {
  /** null: there was no answer. */
  rttMs: number | null
}

/** Directly on the network, so that a packet can be sent to its MAC. */
interface KnownReal {
  address: string
  ifindex: number
}

interface Waiting {
  syn: PingSyn
  answer: (answer: PingAnswer) => void
}

export class GatewayPing implements Disposable {
  readonly #options: GatewayPingOptions
  /** By MAC. */
  readonly #reals: ReadonlyMap<string, KnownReal>
  readonly #probeFirst: number
  readonly #socket: NativePacketSocket
  readonly #waiting = new Set<Waiting>()
  #used = 0
  readonly #start: number

  constructor(options: GatewayPingOptions) {
    const { instance, namespace, ports, service } = options
    this.#options = options
    const { services, settings } = readLiveState(instance.maps)
    const destinations = services.filter(({ vip }) => vip === service.vip).flatMap((each) => each.destinations)
    const near = destinations.filter(({ value }) => (value.flags & (DestFlag.gateway | DestFlag.local | DestFlag.neighbour)) === DestFlag.neighbour)
    this.#reals = new Map(near.map(({ address, value }) => [macFromBytes(value.mac), { address, ifindex: value.ifindex }]))
    this.#probeFirst = settings.probeFirst
    // The real may still hold what a ping before us began by the same port.
    this.#start = Math.floor(Math.random() * ports.count)
    const ifindex = innerIfindex(namespace, instance.name)
    const filter = pingAnswersOnly(ports.first, ports.first + ports.count - 1)
    const onFrame = (frame: Uint8Array): void => this.#onFrame(frame)
    this.#socket = namespace.run(() => native().openPacketSocket(ifindex, ALL_PROTOCOLS, onFrame, filter))
  }

  /** Pings by one way, and waits for the answer. */
  async ping(route: PingRoute, timeoutMs: number): Promise<PingResult> {
    const { mac } = route
    if (mac === undefined) return { ...noAnswer(route), rttMs: null }
    const syn = this.#next(route, mac)
    this.#allow(syn, route.ifindex)
    const sentAt = performance.now()
    const answer = await this.#sendAndWait(syn, timeoutMs)
    const rttMs = performance.now() - sentAt
    if (answer === undefined) return { ...noAnswer(route), rttMs: null }
    if (answer.kind === 'syn-ack') this.#reset(syn, answer)
    return { ...outcomeOf(answer, route, this.#options.service, (each) => this.#reals.get(each)?.address), rttMs }
  }

  close(): void {
    this.#socket.close()
  }

  [Symbol.dispose](): void {
    this.close()
  }

  #next({ source, sourceMac }: PingRoute, destinationMac: string): PingSyn {
    const { ports, service } = this.#options
    const sourcePort = ports.first + ((this.#start + this.#used++) % ports.count)
    const [sequence = 0] = crypto.getRandomValues(new Uint32Array(1))
    const { vip: destination, port: destinationPort } = service
    return { sourceMac, destinationMac, source, sourcePort, destination, destinationPort, sequence, mark: Limit.pingMagic }
  }

  /** Lets packets from the ping's port out, addressed as they are in `syn`. */
  #allow(syn: PingSyn, ifindex: number): void {
    this.#options.instance.maps.probes.set(syn.sourcePort - this.#probeFirst, {
      dst: addressToWords(syn.destination),
      dest: 0,
      generation: 0,
      port: syn.destinationPort,
      protocol: PROTOCOL_NUMBERS.tcp,
      kind: ProbeKind.ping,
      ifindex,
      mac: macBytes(syn.destinationMac),
    })
  }

  #sendAndWait(syn: PingSyn, timeoutMs: number): Promise<PingAnswer | undefined> {
    return new Promise((resolve) => {
      const end = (answer?: PingAnswer): void => {
        clearTimeout(timer)
        this.#waiting.delete(waiting)
        resolve(answer)
      }
      const timer = setTimeout(end, timeoutMs)
      const waiting = { syn, answer: end }
      this.#waiting.add(waiting)
      this.#socket.send(pingSyn(syn))
    })
  }

  #onFrame(frame: Uint8Array): void {
    for (const waiting of this.#waiting) {
      const answer = parsePingAnswer(frame, waiting.syn)
      if (answer !== undefined) waiting.answer(answer)
    }
  }

  /** Ends what the SYN began at a real: not by the director, which knows no conn of it. */
  #reset(syn: PingSyn, { mac, address, port }: PingAnswer & { kind: 'syn-ack' }): void {
    const real = this.#reals.get(mac)
    if (real === undefined) return
    this.#allow({ ...syn, destinationMac: mac, destination: address, destinationPort: port }, real.ifindex)
    this.#socket.send(pingReset(syn, { mac, address, port }))
  }
}

/** Of the one Ethernet device in the namespace. */
function innerIfindex(namespace: NetworkNamespace, instance: string): number {
  const device = readInterfaces(namespace).find(({ mac }) => mac !== undefined)
  if (device !== undefined) return device.ifindex
  throw new VeerError('LB_ERR_PROBE_PATH_MISSING', `the path for probes of instance ${instance} has no device inside`, {
    hint: 'mend it with: veer apply -f FILE',
  })
}
