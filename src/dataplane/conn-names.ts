/** What the numbers in a conn stand for: its VIP, service and real. Each is read from the maps once, when first met. */
import type { Conn, Dest, Service, Settings } from '../maps/generated.js'
import { connKeyCodec, DestFlag, KeyKind } from '../maps/generated.js'
import { addressFromWords } from '../net/address.js'
import { secondsUntil } from './clock.js'
import type { LbMaps } from './lb-maps.js'

/** Of the scopes of templates: several services share it (struct lb_service.persistence_scope). */
const SCOPE_GROUP = 0x8000_0000

export interface KnownDest extends Dest {
  address: string
}

interface KnownService extends Service {
  vip: number
  protocol: number
  port: number
}

export interface Virtual {
  /** IANA number; 0: of several services. */
  protocol: number
  /** 0: every port. */
  port: number
}

export class ConnNames {
  readonly #maps: LbMaps
  readonly #settings: Settings
  readonly #services: Map<number, KnownService>
  readonly #dests = new Map<number, KnownDest>()
  readonly #vips = new Map<number, string>()

  constructor(maps: LbMaps) {
    const settings = maps.settings.get(0)
    if (settings === undefined) throw new Error('settings has no entry')
    this.#settings = settings
    this.#maps = maps
    const current = [...maps.services.entries()].filter(([{ era }]) => era === settings.era)
    this.#services = new Map(
      current.map(([{ vip, protocol, port }, service]) => [service.id, { ...service, vip, protocol, port }]),
    )
  }

  /** The address of a VIP's id. */
  vip(id: number): string {
    return remembered(this.#vips, id, () => {
      const vip = this.#maps.vips.get(id)
      return vip === undefined ? '::' : addressFromWords(vip.addr)
    })
  }

  /**
   * Whole seconds that a conn has left at tick `now`. A template whose time is over while conns of it live goes on for
   * periods of `rearm_ticks` (bpf/lib/template.h, template_rearmed()).
   */
  secondsLeft(expires: number, now: number): number {
    const { hz, rearmTicks } = this.#settings
    const late = (now - expires) | 0
    const periods = late < 0 ? 0 : Math.floor(late / rearmTicks) + 1
    return Math.floor(secondsUntil(expires + periods * rearmTicks, now, hz))
  }

  service(id: number): Service | undefined {
    return this.#services.get(id)
  }

  /** The id of the service of that name. */
  serviceId(name: string): number | undefined {
    return [...this.#services.values()].find((service) => service.name === name)?.id
  }

  /** The service of a destination in use; undefined when it is not, or not of that generation. */
  serviceOfDest(id: number, generation: number): number | undefined {
    const dest = this.dest(id, generation)
    return isOwn(dest, generation) ? dest.service : undefined
  }

  /** The service that a conn belongs to: its real's, or when that has gone the one of its port. */
  serviceOf(conn: Conn): Service | undefined {
    const id = this.serviceOfDest(conn.dest, conn.generation)
    if (id !== undefined) return this.#services.get(id)
    const { protocol, port } = this.virtualOf(conn)
    const same = [...this.#services.values()].filter((each) => each.vip === conn.key.vip && each.protocol === protocol)
    return same.find((each) => each.port === port) ?? same.find((each) => each.port === 0)
  }

  /** What a conn's client came for, and a template's came for first. */
  virtualOf({ key }: Conn): Virtual {
    if (key.kind !== KeyKind.template) return { protocol: key.protocol, port: key.port }
    const scope = scopeOf(key)
    return scope >= SCOPE_GROUP ? { protocol: 0, port: 0 } : { protocol: scope >>> 16, port: scope & 0xffff }
  }

  /**
   * Address and port of a conn's real. A destination that was taken out of the configuration keeps its address until
   * its id is given to another: then undefined. Port 0: the port that the client came for.
   */
  realOf({ dest: id, generation }: Conn): Pick<KnownDest, 'address' | 'port'> | undefined {
    const dest = this.dest(id, generation)
    const removed = (dest.flags & DestFlag.live) === 0 && dest.generation === (generation + 1) >>> 0
    return removed || isOwn(dest, generation) ? dest : undefined
  }

  /** A destination, in use or not, as it was when it was first met, or as it is when it is younger than that. */
  dest(id: number, generation?: number): KnownDest {
    const known = this.#dests.get(id)
    if (known !== undefined && (((generation ?? known.generation) - known.generation) | 0) <= 0) return known
    const dest = this.#maps.dests.get(id)
    if (dest === undefined) throw new RangeError(`dests has no entry ${id}`)
    const fresh = { ...dest, address: addressFromWords(dest.addr) }
    this.#dests.set(id, fresh)
    return fresh
  }
}

const isOwn = (dest: Dest, generation: number): boolean =>
  dest.generation === generation && (dest.flags & DestFlag.live) !== 0

/** A template has its scope, a word in the machine's order, in place of the ports. */
function scopeOf(key: Conn['key']): number {
  const bytes = Uint8Array.from(connKeyCodec.encode(key))
  return new Uint32Array(bytes.buffer).at(-1) as number
}

function remembered<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  const known = map.get(key)
  if (known !== undefined) return known
  const made = make()
  map.set(key, made)
  return made
}
