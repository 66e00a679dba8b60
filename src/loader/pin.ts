import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, rmdirSync } from 'node:fs'
import { join } from 'node:path'
import { VeerError } from '../errors.js'
import type { MapDescriptor, MapsOf, ObjectDescriptor } from '../maps/descriptor.js'
import type { HasRaw } from '../maps/map-of-maps.js'
import { native } from '../native.js'
import { liveMapDifference } from './compare.js'
import { Link } from './link.js'
import { Program } from './program.js'

const KINDS = ['maps', 'programs', 'filters', 'links'] as const

export type PinKind = (typeof KINDS)[number]

/**
 * Maps, programs and links kept alive under one directory of a bpffs: `DIR/maps/NAME`, `DIR/programs/NAME`,
 * `DIR/links/NAME`. Maps have their names in C. `DIR/filters/NAME` are programs again, each a note of where one is
 * attached without a link.
 */
export class PinDirectory {
  readonly path: string

  constructor(path: string) {
    this.path = path
  }

  /** Where an object is, or would be, pinned. bpffs allows no dot in names. */
  pathOf(kind: PinKind, name: string): string {
    return join(this.path, kind, name)
  }

  has(kind: PinKind, name: string): boolean {
    return existsSync(this.pathOf(kind, name))
  }

  /** Names of what is pinned, sorted. */
  list(kind: PinKind): string[] {
    const directory = join(this.path, kind)
    return existsSync(directory) ? readdirSync(directory).sort() : []
  }

  /** Pins a map, program or link; throws `EEXIST` when the name is taken. */
  pin(kind: PinKind, name: string, object: { pin(path: string): void }): void {
    mkdirSync(join(this.path, kind), { recursive: true, mode: 0o700 })
    object.pin(this.pathOf(kind, name))
  }

  /** Pins an object under a name that may be taken by another, which is there until this one is. */
  replace(kind: PinKind, name: string, object: { pin(path: string): void }): void {
    const fresh = `${name}-new`
    this.remove(kind, fresh)
    this.pin(kind, fresh, object)
    renameSync(this.pathOf(kind, fresh), this.pathOf(kind, name))
  }

  /** Pins those maps of a collection that are not pinned here yet: all of them or, when it throws, none. */
  pinMaps<D extends ObjectDescriptor>(descriptor: D, maps: MapsOf<D>): void {
    const done: string[] = []
    try {
      for (const [key, { name }] of Object.entries(descriptor.maps)) {
        if (this.has('maps', name)) continue
        this.pin('maps', name, (maps[key as keyof MapsOf<D>] as HasRaw).raw)
        done.push(name)
      }
    } catch (error) {
      for (const name of done) this.remove('maps', name)
      throw error
    }
  }

  /**
   * All maps of an object, each checked against what the code was generated for.
   *
   * @throws VeerError `LB_ERR_PIN_MISSING` or `LB_ERR_MAP_INCOMPATIBLE`; nothing stays open then.
   */
  openMaps<D extends ObjectDescriptor>(descriptor: D): MapsOf<D> {
    const opened: [string, HasRaw][] = []
    try {
      for (const [name, map] of Object.entries(descriptor.maps)) opened.push([name, this.openMap(map)])
    } catch (error) {
      for (const [, map] of opened) map.close()
      throw error
    }
    return Object.fromEntries(opened) as unknown as MapsOf<D>
  }

  /** One pinned map, checked as in {@link openMaps}; its size may be any. */
  openMap<M extends HasRaw>(descriptor: MapDescriptor<M>): M {
    const { name, type, flags, key, value } = descriptor
    const handle = native().openPinnedMap(this.existing('maps', name))
    const difference = liveMapDifference({ name, type, flags, keySize: key.size, valueSize: value.size }, handle.info())
    if (difference === undefined) return descriptor.open(handle)
    handle.close()
    const message = `cannot use the map pinned as ${this.pathOf('maps', name)}: ${difference}`
    throw new VeerError('LB_ERR_MAP_INCOMPATIBLE', message, {
      hint: 'it was made by another version; detach that one first',
    })
  }

  openProgram(name: string): Program {
    return Program.openPinned(this.existing('programs', name))
  }

  /** The program behind a note of a filter. */
  openFilter(name: string): Program {
    return Program.openPinned(this.existing('filters', name))
  }

  openLink(name: string): Link {
    return Link.openPinned(this.existing('links', name))
  }

  /** Removes one pin; what nothing else holds goes with it. A pin that is not there is no error. */
  remove(kind: PinKind, name: string): void {
    rmSync(this.pathOf(kind, name), { force: true })
  }

  /** Removes all pins, links first so that no packet meets a half-removed program, and then the directories. */
  removeAll(): void {
    for (const kind of [...KINDS].reverse()) {
      for (const name of this.list(kind)) this.remove(kind, name)
      if (existsSync(join(this.path, kind))) rmdirSync(join(this.path, kind))
    }
    if (existsSync(this.path)) rmdirSync(this.path)
  }

  private existing(kind: PinKind, name: string): string {
    const path = this.pathOf(kind, name)
    if (existsSync(path)) return path
    throw new VeerError('LB_ERR_PIN_MISSING', `nothing is pinned as ${path}`, { hint: 'attach first' })
  }
}
