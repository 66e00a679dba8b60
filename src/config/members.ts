import { DEFAULTS } from './defaults.js'
import type { RealConfig, ServiceConfig } from './schema.js'

/** A destination of a service, as the file wants it: a real, or its sorry server. */
export interface Member extends RealConfig {
  sorry: boolean
}

/** The reals in canonical order, and behind them the sorry server, which has weight 1 while it serves. */
export function membersOf({ reals, sorryServer }: Pick<ServiceConfig, 'reals' | 'sorryServer'>): Member[] {
  const members = reals.map((real) => ({ ...real, sorry: false }))
  return sorryServer === false ? members : [...members, { ...DEFAULTS.real, ...sorryServer, sorry: true }]
}
