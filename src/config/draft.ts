/** What can be understood of a file, so that one bad value does not hide the problems of the others. */
import type { z } from 'zod'
import { faultsOf } from './issues.js'
import type { Fault } from './problem.js'
import {
  type DefaultsInput,
  type FileInput,
  fileSchema,
  type InterfaceConfig,
  interfaceSchema,
  type RealInput,
  type ServiceInput,
} from './schema.js'
import { defaultsSchema, realSchema, serviceSchema } from './service-schema.js'
import { hostMac, network } from './values.js'

/** A file of which any part may be missing; positions in lists are those of the file. */
export interface Draft {
  interfaces: (InterfaceConfig | undefined)[]
  peers: (string | undefined)[]
  /** Of pings. */
  sources: (string | undefined)[]
  defaults: DefaultsInput
  services: DraftService[]
}

export type DraftService = { [K in Exclude<keyof ServiceInput, 'reals'>]?: ServiceInput[K] | undefined } & {
  reals?: (RealInput | undefined)[]
  /** Keys whose values are wrong, and so not here. */
  wrong: ReadonlySet<string>
}

/** What checking each value by itself gives. */
export interface Checked {
  /** The whole file, when there are no faults. */
  file?: FileInput
  /** What of it is right. */
  draft: Draft
  faults: Fault[]
}

/** Checks each value of a file by itself. */
export function checkValues(raw: unknown): Checked {
  const result = fileSchema.safeParse(raw)
  if (result.success) {
    const { interfaces, peers = [], ping, defaults = {}, services } = result.data
    const sound = services.map((service) => ({ ...service, wrong: new Set<string>() }))
    return { file: result.data, draft: { interfaces, peers, sources: ping?.sources ?? [], defaults, services: sound }, faults: [] }
  }
  const faults = result.error.issues.flatMap((issue) => faultsOf(issue, [], raw, keysAt))
  return { draft: salvage(raw), faults }
}

/** The keys that the map at `path` may have, read from the schema. */
function keysAt(path: readonly (string | number)[]): string[] {
  let candidates: z.core.$ZodType[] = [fileSchema]
  for (const step of path) candidates = candidates.flatMap(alternatives).flatMap((schema) => child(schema, step))
  return candidates.flatMap(alternatives).flatMap((schema) => Object.keys(shapeOf(schema) ?? {}))
}

/** The schemas behind optional, default, transform and union. */
function alternatives(schema: z.core.$ZodType): z.core.$ZodType[] {
  const def = (schema as z.core.$ZodTypes)._zod.def
  switch (def.type) {
    case 'optional':
    case 'default':
      return alternatives(def.innerType)
    case 'pipe':
      return alternatives(def.in)
    case 'union':
      return def.options.flatMap(alternatives)
    default:
      return [schema]
  }
}

function shapeOf(schema: z.core.$ZodType): z.core.$ZodShape | undefined {
  const def = (schema as z.core.$ZodTypes)._zod.def
  return def.type === 'object' ? def.shape : undefined
}

function child(schema: z.core.$ZodType, step: string | number): z.core.$ZodType[] {
  const def = (schema as z.core.$ZodTypes)._zod.def
  if (def.type === 'array') return [def.element]
  const field = shapeOf(schema)?.[step]
  return field === undefined ? [] : [field]
}

function salvage(raw: unknown): Draft {
  return {
    interfaces: listIn(raw, 'interfaces').map((item) => interfaceSchema.safeParse(item).data),
    peers: listIn(raw, 'peers').map((item) => hostMac.safeParse(item).data),
    sources: listIn(fieldIn(raw, 'ping'), 'sources').map((item) => network.safeParse(item).data),
    defaults: fieldsOf(defaultsSchema.shape, fieldIn(raw, 'defaults')),
    services: listIn(raw, 'services').map(salvageService),
  }
}

function salvageService(raw: unknown): DraftService {
  const { reals: _, ...shape } = serviceSchema.shape
  const fields = fieldsOf(shape, raw)
  const wrong = Object.keys(shape).filter((key) => fieldIn(raw, key) !== undefined && !Object.hasOwn(fields, key))
  const reals = listIn(raw, 'reals').map((real) => realSchema.safeParse(real).data)
  return { ...fields, reals, wrong: new Set(wrong) }
}

function fieldsOf(shape: Record<string, z.ZodType>, raw: unknown): Record<string, unknown> {
  const right = Object.entries(shape).flatMap(([key, schema]) => {
    const value = fieldIn(raw, key)
    const result = schema.safeParse(value)
    return value !== undefined && result.success ? [[key, result.data] as const] : []
  })
  return Object.fromEntries(right)
}

function fieldIn(raw: unknown, key: string): unknown {
  return typeof raw === 'object' && raw !== null && Object.hasOwn(raw, key)
    ? (raw as Record<string, unknown>)[key]
    : undefined
}

function listIn(raw: unknown, key: string): unknown[] {
  const value = fieldIn(raw, key)
  return Array.isArray(value) ? value : []
}
