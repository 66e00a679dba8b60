/** A conntrack table that is full: the kernel drops what would need a new entry. */
import { readFileSync, writeFileSync } from 'node:fs'
import type { Lab } from '../../lab/topology.js'

const LIMIT = '/proc/sys/net/netfilter/nf_conntrack_max'
const COUNT = '/proc/sys/net/netfilter/nf_conntrack_count'

/** So many entries stay free for this machine's own connections: the limit is one for all network namespaces. */
const SPARE = 1024

/** Puts the kernel's limit back. */
export interface FullTable extends Disposable {
  limit: number
}

/** Fills the table of the director, whose rules must track UDP that it sends to 10.0.0.0/24. */
export function fillConntrack(lab: Lab): FullTable {
  const before = readFileSync(LIMIT, 'utf8')
  const limit = Number(readFileSync(COUNT, 'utf8')) + SPARE
  writeFileSync(LIMIT, `${limit}\n`)
  const restore = (): void => writeFileSync(LIMIT, before)
  try {
    // Longer than any test, so that it stays full.
    lab.director.shell('echo 3600 > /proc/sys/net/netfilter/nf_conntrack_udp_timeout')
    lab.director.shell(`node test/e2e/many-flows.mjs 10.0.0.11 ${limit + 64}`)
  } catch (error) {
    restore()
    throw error
  }
  return { limit, [Symbol.dispose]: restore }
}
