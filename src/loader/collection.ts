import { camelCase } from '../btf/layout.js'
import { VeerError } from '../errors.js'
import type { MapDescriptor, MapsOf, ObjectDescriptor } from '../maps/descriptor.js'
import type { HasRaw } from '../maps/map-of-maps.js'
import type { NativeError, NativeMap, NativeObject } from '../native.js'
import { native } from '../native.js'
import type { CollectionSpec } from './collection-spec.js'
import { checkDescriptor, liveMapDifference } from './compare.js'
import { loadError } from './load-error.js'
import { makeMap, mapNameOf } from './make-map.js'
import type { MapSpec } from './map-spec.js'
import { Program } from './program.js'

export interface LoadOptions<D extends ObjectDescriptor> {
  /**
   * Live maps to use in place of the object's own, by the descriptor's names; for example all maps of another
   * collection. Names that this object does not have are passed over.
   */
  mapReplacements?: Partial<MapsOf<D>>
  /** Keep the verifier's log of programs that it accepted, too: {@link Collection.programLog}. Default: false. */
  verbose?: boolean
}

/** The programs of an object. */
export type ProgramsOf<D extends ObjectDescriptor> = { readonly [Name in keyof D['programs']]: Program }

/**
 * An object file loaded into the kernel: its maps and programs, typed by a descriptor.
 * Disposing it gives up the handles; what is pinned or attached lives on.
 */
export class Collection<D extends ObjectDescriptor> implements Disposable {
  readonly maps: MapsOf<D>
  readonly programs: ProgramsOf<D>
  readonly #logs: ReadonlyMap<string, string>

  private constructor(maps: MapsOf<D>, programs: ProgramsOf<D>, logs: ReadonlyMap<string, string>) {
    this.maps = maps
    this.programs = programs
    this.#logs = logs
  }

  /**
   * Loads an object, off the event loop. Needs CAP_BPF and, for network programs, CAP_NET_ADMIN.
   *
   * @throws {@link VerifierError} when the verifier refuses a program;
   *   VeerError `LB_ERR_OBJECT_MISMATCH` when descriptor, object and kernel disagree,
   *   `LB_ERR_MAP_INCOMPATIBLE` for a replacement that does not fit,
   *   `LB_ERR_KERNEL_TOO_OLD`, `LB_ERR_OBJECT_PERMISSION` or `LB_ERR_OBJECT_LOAD` for what else the kernel refuses.
   */
  static async load<D extends ObjectDescriptor>(
    spec: CollectionSpec,
    descriptor: D,
    options: LoadOptions<D> = {},
  ): Promise<Collection<D>> {
    checkDescriptor(spec, descriptor)
    const replacements = replacementsOf(spec, options.mapReplacements ?? {})
    const object = native().openObject(spec.bytes, spec.name)
    try {
      prepare(object, spec, replacements)
      await object.load({ logLevel: options.verbose === true ? 1 : 0 }).catch((error: unknown) => {
        throw loadError(spec, error as NativeError)
      })
      // libbpf renames a map whose place a live one takes.
      const nameOf = (map: string): string => replacements.get(map)?.raw.name ?? nameOfMade(spec, map)
      return Collection.open(object, spec, descriptor, nameOf, options.verbose ?? false)
    } finally {
      object.close()
    }
  }

  private static open<D extends ObjectDescriptor>(
    object: NativeObject,
    spec: CollectionSpec,
    descriptor: D,
    nameOf: (map: string) => string,
    verbose: boolean,
  ): Collection<D> {
    const opened: Disposable[] = []
    const keep = <T extends Disposable>(resource: T): T => {
      opened.push(resource)
      return resource
    }
    try {
      const maps = mapValues(descriptor.maps, (map) => {
        return keep(openMap(object.map(nameOf(map.name)), spec.map(map.name), map))
      })
      const programs = mapValues(descriptor.programs, ({ name }) => keep(new Program(object.program(name), name)))
      const names = verbose ? object.programNames() : []
      const logs = new Map(names.map((name) => [name, object.programLog(name)]))
      return new Collection<D>(maps as unknown as MapsOf<D>, programs as unknown as ProgramsOf<D>, logs)
    } catch (error) {
      for (const resource of opened) resource[Symbol.dispose]()
      throw error
    }
  }

  /** The verifier's log of a program, by its name in C; empty unless loaded with `verbose`. */
  programLog(name: string): string {
    return this.#logs.get(name) ?? ''
  }

  /** Gives up all handles. */
  close(): void {
    for (const map of Object.values(this.maps as Record<string, HasRaw>)) map.close()
    for (const program of Object.values<Program>(this.programs)) program.close()
  }

  [Symbol.dispose](): void {
    this.close()
  }
}

function mapValues<T, R>(record: Record<string, T>, change: (value: T) => R): Record<string, R> {
  return Object.fromEntries(Object.entries(record).map(([name, value]) => [name, change(value)]))
}

function nameOfMade(spec: CollectionSpec, map: string): string {
  return spec.map(map).definition.inner === undefined ? map : mapNameOf(map)
}

/** Replacements by the map's name in C, each checked against the declaration. */
function replacementsOf(spec: CollectionSpec, given: object): Map<string, HasRaw> {
  const byName = new Map(Object.entries(given) as [string, HasRaw][])
  const result = new Map<string, HasRaw>()
  for (const map of spec.maps.values()) {
    const live = byName.get(camelCase(map.name))
    if (live === undefined) continue
    const difference = liveMapDifference(expected(map), live.raw.info)
    if (difference !== undefined) {
      throw new VeerError(
        'LB_ERR_MAP_INCOMPATIBLE',
        `cannot use the live map ${live.raw.name} (id ${live.raw.id}) as ${map.name} of ${spec.name}: ${difference}`,
        { hint: 'it was made by another version; load without it, or remove what the other version pinned' },
      )
    }
    result.set(map.name, live)
  }
  return result
}

function expected(map: MapSpec) {
  const { name, type, keySize, valueSize, flags } = map.definition
  // The kernel sizes arrays of perf events and the like by itself when 0 is declared.
  return { name, type, keySize, valueSize, flags, maxEntries: map.maxEntries || undefined }
}

function prepare(object: NativeObject, spec: CollectionSpec, replacements: Map<string, HasRaw>): void {
  for (const map of spec.maps.values()) {
    const live = replacements.get(map.name)
    if (live !== undefined) object.reuseMap(map.name, live.raw.native)
    else if (map.definition.inner !== undefined) reuseMapOfMaps(object, map)
    else if (map.resized) object.setMapMaxEntries(map.name, map.maxEntries)
  }
  const constants = spec.constants.changedSection()
  if (constants !== undefined) object.setMapInitialValue('.rodata', constants)
}

/**
 * Linux before 6.3 takes an inner map only if it has BTF like the template or has none like it (`timer_off` in
 * bpf_map_meta_equal() in kernel/bpf/map_in_map.c). Those that are made later have none, the template that libbpf
 * would make has.
 */
function reuseMapOfMaps(object: NativeObject, map: MapSpec): void {
  const made = makeMap(map)
  try {
    object.reuseMap(map.name, made)
  } finally {
    made.close()
  }
}

function openMap(handle: NativeMap, map: MapSpec, descriptor: MapDescriptor): HasRaw {
  const difference = liveMapDifference(expected(map), handle.info())
  if (difference === undefined) return descriptor.open(handle)
  handle.close()
  throw new VeerError('LB_ERR_OBJECT_MISMATCH', `the kernel made the map ${map.name} differently: ${difference}`, {
    hint: 'the object and this code are of different versions: npm run build:bpf && npm run gen',
  })
}
